"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.registry import Table
from alignfreeze.tasks.table import TASKS


def list_names(names: Sequence[str]) -> str:
    """Return names as the help of an option lists them: `this, that or another.`."""
    return f"{', '.join(names[:-1])} or {names[-1]}."


class Command(TyperCommand):
    """A command whose help also lists the choices of other packages. Only the help imports these packages."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in self.params:
            subject, colon, _ = (getattr(parameter, "help", None) or "").partition(": ")
            if isinstance(parameter, TyperOption) and colon and subject in TABLES:
                parameter.help = f"{subject}: {list_names(list(TABLES[subject]))}"
        super().format_help(ctx, formatter)


HOW_ALIGNED, THE_TASK = "How words are aligned", "The task"

TABLES: Mapping[str, Table[Any]] = {HOW_ALIGNED: ALIGNERS, THE_TASK: TASKS}
"""The open tables whose names an option accepts, by the first words of the option's help."""

EMBEDDED = "embedded:e5-small"
"""The encoder of commands for which the user names none."""

BITEXT_FORMS = "a file, a pattern, a folder, or hub:OWNER/NAME/CONFIG"
BITEXT_HELP = f"en-de=PLACE or en-de=SOURCE,TARGET; a place is {BITEXT_FORMS}."

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")]
Device = Annotated[str | None, typer.Option(help="The device: auto, cpu, cuda or mps.")]
EncoderName = Annotated[str, typer.Argument(help="The encoder: embedded:e5-small, a folder, or a name on the hub.")]
ENCODER_HELP = "Encoder for aligners, and selections, that compare vectors: embedded:e5-small, a folder, or a hub name."
EncoderOption = Annotated[str, typer.Option("--encoder", help=ENCODER_HELP)]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the result.")]
Bitext = Annotated[str, typer.Option("--bitext", help=BITEXT_HELP)]
Bitexts = Annotated[list[str], typer.Option("--bitext", help=f"{BITEXT_HELP} May be repeated.")]
BitextForm = Annotated[
    str | None,
    typer.Option(
        "--form", help="Form of the bitext: moses, tsv, bars, tmx, po or jsonl; by default guessed from the files."
    ),
]
Columns = Annotated[
    str | None, typer.Option(help="SOURCE,TARGET: names or numbers of columns (tsv) or fields (jsonl).")
]
SELECT_HELP = "NAME=VALUE: which sentence pairs are used, such as sample=100000 or deduplicate=true; may be repeated."
Select = Annotated[list[str] | None, typer.Option("--select", help=SELECT_HELP)]
Pretokenized = Annotated[bool, typer.Option("--pretokenized", help="Words are already separated by spaces.")]
UNESCAPE_HELP = "Turn escapes such as &apos; and &#124; into the characters that they stand for."
Unescape = Annotated[bool, typer.Option("--unescape", help=UNESCAPE_HELP)]
LINKS_HELP = "en-de=FILE: links in Pharaoh notation, instead of aligning; may be repeated."
Links = Annotated[list[str] | None, typer.Option("--links", help=LINKS_HELP)]
Aligner = Annotated[str, typer.Option(help=f"{HOW_ALIGNED}: {list_names(ALIGNERS.own)}")]
ALIGNMENT_HELP = "NAME=VALUE: a setting of the aligner, such as symmetrization=union or layer=6; may be repeated."
AlignmentOptions = Annotated[list[str] | None, typer.Option("--alignment", help=ALIGNMENT_HELP)]
DICTIONARY_HELP = "en-de=FILE: a bilingual word list, for the aligner dictionary; may be repeated."
Dictionaries = Annotated[list[str] | None, typer.Option("--dictionary", help=DICTIONARY_HELP)]
COMPUTE_HELP = "NAME=VALUE: a setting of the computation, such as precision=bf16 or micro_batch=8; may be repeated."
Compute = Annotated[list[str] | None, typer.Option("--compute", help=COMPUTE_HELP)]
LOG_TO_HELP = "A logger that follows the trainings: tensorboard, wandb, mlflow, trackio; may be repeated."
LogTo = Annotated[list[str] | None, typer.Option("--log-to", help=LOG_TO_HELP)]
RESULTS_HELP = "Folders of runs, and tables (CSV) in the layout of the paper's results."
Results = Annotated[list[Path], typer.Argument(help=RESULTS_HELP)]
MARGIN_HELP = "Points: a gain or loss within them is no difference worth having."
Margin = Annotated[float, typer.Option("--margin", help=MARGIN_HELP)]
Latex = Annotated[bool, typer.Option("--latex", help="Print LaTeX tables.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")]
PushToHub = Annotated[str | None, typer.Option(help="Upload the result to OWNER/NAME on the hub.")]
POLICIES = "full, front, back, embeddings, attention, feed-forward, 3, 3..7, random:4, lora, lora:16"
FREEZE_HELP = f"What stays frozen: {POLICIES}, or several joined by +."
Freeze = Annotated[str, typer.Option(help=FREEZE_HELP)]
ADAPTER_HELP = "Write only the adapter, as peft reads it, and not the model into which it is merged."
AdapterOnly = Annotated[bool, typer.Option("--adapter", help=ADAPTER_HELP)]
TaskName = Annotated[str, typer.Option(help=f"{THE_TASK}: {list_names(TASKS.own)}")]
SET_HELP = "NAME=VALUE: any other setting (docs/settings.md), such as {}; may be repeated."
