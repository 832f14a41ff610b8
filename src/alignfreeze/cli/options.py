"""The options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.errors import SettingsError
from alignfreeze.tasks.table import TASKS

if TYPE_CHECKING:
    from alignfreeze.registry import Table
    from alignfreeze.settings import Settings

    S = TypeVar("S", bound=Settings)


def list_names(names: Sequence[str]) -> str:
    """Return names as the help of an option lists them: `this, that or another.`."""
    return f"{', '.join(names[:-1])} or {names[-1]}."


class Command(TyperCommand):
    """A command whose help lists what other packages have registered, too; they are imported only for that."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and parameter.name in TABLES:
                parameter.help = list_names(list(TABLES[parameter.name]))
        super().format_help(ctx, formatter)


TABLES: Mapping[str, Table[Any]] = {"aligner": ALIGNERS}
"""The open tables that options take names of, by option."""

BITEXT_FORMS = "a file, a pattern, a folder, or hub:OWNER/NAME/CONFIG"
BITEXT_HELP = f"en-de=PLACE or en-de=SOURCE,TARGET; a place is {BITEXT_FORMS}."

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="The random start.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
EncoderName = Annotated[str, typer.Argument(help="embedded:e5-small, a folder, or a name on the hub.")]
EncoderOption = Annotated[
    str, typer.Option("--encoder", help="For aligners that go by similarity: embedded:e5-small, a folder, a hub name.")
]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the result.")]
Bitext = Annotated[str, typer.Option("--bitext", help=BITEXT_HELP)]
Bitexts = Annotated[list[str], typer.Option("--bitext", help=f"{BITEXT_HELP} May be repeated.")]
BitextForm = Annotated[
    str | None, typer.Option("--form", help="moses, tsv, bars, tmx, po or jsonl; left out, it is guessed.")
]
Columns = Annotated[
    str | None, typer.Option(help="SOURCE,TARGET: names or numbers of columns (tsv) or fields (jsonl).")
]
SELECT_HELP = "NAME=VALUE of which pairs are taken, such as sample=100000 or deduplicate=true; may be repeated."
Select = Annotated[list[str] | None, typer.Option("--select", help=SELECT_HELP)]
Pretokenized = Annotated[bool, typer.Option("--pretokenized", help="Words are already separated by spaces.")]
LINKS_HELP = "en-de=FILE in Pharaoh notation, instead of aligning; may be repeated."
Links = Annotated[list[str] | None, typer.Option("--links", help=LINKS_HELP)]
Aligner = Annotated[str, typer.Option(help=list_names(ALIGNERS.own))]
ALIGNMENT_HELP = "NAME=VALUE of the aligner, such as symmetrization=union or layer=6; may be repeated."
AlignmentOptions = Annotated[list[str] | None, typer.Option("--alignment", help=ALIGNMENT_HELP)]
DICTIONARY_HELP = "en-de=FILE: a bilingual word list, for the aligner dictionary; may be repeated."
Dictionaries = Annotated[list[str] | None, typer.Option("--dictionary", help=DICTIONARY_HELP)]
COMPUTE_HELP = "NAME=VALUE of how it is computed, such as precision=bf16 or micro_batch=8; may be repeated."
Compute = Annotated[list[str] | None, typer.Option("--compute", help=COMPUTE_HELP)]
LOG_TO_HELP = "A logger that follows the trainings: tensorboard, wandb, mlflow, trackio; may be repeated."
LogTo = Annotated[list[str] | None, typer.Option("--log-to", help=LOG_TO_HELP)]
RESULTS_HELP = "Folders of runs, and tables (CSV) in the layout of the paper's results."
Results = Annotated[list[Path], typer.Argument(help=RESULTS_HELP)]
Latex = Annotated[bool, typer.Option("--latex", help="Print LaTeX tables.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")]
PushToHub = Annotated[str | None, typer.Option(help="OWNER/NAME on the hub, to which the result is uploaded.")]
FREEZE_HELP = "full, front, back, embeddings, attention, feed-forward, 3, 3..7, random:4, or several joined by +."
Freeze = Annotated[str, typer.Option(help=FREEZE_HELP)]
TASK_HELP = f"{', '.join(TASKS)}; tagging takes any tags of words, classification any labels of texts."
TaskName = Annotated[str, typer.Option(help=TASK_HELP)]
SET_HELP = "NAME=VALUE of any other setting (docs/settings.md), such as {}; may be repeated."


def named(text: str, option: str, example: str) -> tuple[str, str]:
    """Split NAME=VALUE.

    Raises:
        SettingsError: It is not of this form.
    """
    name, _, value = text.partition("=")
    if not (name and value):
        raise SettingsError(f"{option} {text!r}: expected {example}")
    return name, value


def settings_of(kind: type[S], options: list[str] | None, option: str, example: str, **given: Any) -> S:
    """Return settings: what the options NAME=VALUE say, and what was given before they did.

    Raises:
        SettingsError: Some are wrong; all are named.
    """
    values = dict(named(text, option, f"NAME=VALUE, such as {example}") for text in options or [])
    return kind.from_values({**given, **values}, origin=option)


def weights(text: str | None, n: int) -> list[float]:
    """Read as many numbers as there are encoders to be averaged; none where all count alike.

    Raises:
        SettingsError: There are fewer than two encoders, or the numbers do not fit them.
    """
    if n < 2:
        raise SettingsError("an average is of at least two encoders; name another")
    try:
        found = [] if text is None else [float(number) for number in text.split(",")]
    except ValueError:
        found = None
    if found is None or len(found) not in {0, n}:
        raise SettingsError(f"--weights {text!r}: expected {n} numbers, one for each encoder, such as 0.25,0.75")
    return found


def language_pair(name: str, option: str) -> tuple[str, str]:
    """Read a language pair, such as `en-de` or `en-zh-Hant`.

    Raises:
        SettingsError: It is none.
    """
    from alignfreeze.languages import check_language

    parts = name.split("-")
    for end in range(1, len(parts)):
        codes = "-".join(parts[:end]), "-".join(parts[end:])
        try:
            return check_language(codes[0]), check_language(codes[1])
        except SettingsError:
            if len(parts) == 2:
                raise
    raise SettingsError(f"{option} {name!r}: expected two language codes, such as en-de")


def by_language_pair(options: list[str] | None, option: str) -> Mapping[tuple[str, str], str]:
    """Read options of the form en-de=FILE.

    Raises:
        SettingsError: One is not of this form, or a language pair comes twice.
    """
    found: dict[tuple[str, str], str] = {}
    for text in options or []:
        name, value = named(text, option, "en-de=FILE")
        languages = language_pair(name, option)
        if languages in found:
            raise SettingsError(f"{option}: one file a language pair; {name} is named twice")
        found[languages] = value
    return found


def places(value: str) -> tuple[str, ...]:
    """Split SOURCE,TARGET; a file whose name has a comma in it is one file."""
    return (value,) if Path(value).exists() else tuple(value.split(","))


def bitext_options(options: list[str]) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """Yield the languages and the places of each option --bitext.

    Raises:
        SettingsError: One is not of its form.
    """
    for option in options:
        name, value = named(option, "--bitext", "en-de=PLACE or en-de=SOURCE,TARGET")
        found = places(value)
        if len(found) > 2:
            raise SettingsError(f"--bitext {option!r}: expected one file or two, found {len(found)}")
        yield language_pair(name, "--bitext"), found
