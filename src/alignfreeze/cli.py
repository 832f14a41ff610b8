"""The command line: one command a stage. Each reads its arguments, calls the library, shows what came back."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignfreeze.errors import AlignFreezeError, DataError, SettingsError

if TYPE_CHECKING:
    from alignfreeze.alignment.links import WordAlignment
    from alignfreeze.corpora.bitext import SentencePair
    from alignfreeze.experiment import ExperimentSettings, Plan
    from alignfreeze.tasks import Task
    from alignfreeze.training import ComputeSettings

app = typer.Typer(
    name="alignfreeze",
    help=__import__("alignfreeze").__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="The random start.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
EncoderName = Annotated[str, typer.Argument(help="embedded:e5-small, a folder, or a name on the hub.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the result.")]
BITEXT_HELP = "en-de=FILE (tab or ' ||| ') or en-de=SOURCE,TARGET"
Bitext = Annotated[str, typer.Option("--bitext", help=f"{BITEXT_HELP}.")]
Bitexts = Annotated[list[str], typer.Option("--bitext", help=f"{BITEXT_HELP}; may be repeated.")]
LINKS_HELP = "en-de=FILE in Pharaoh notation, instead of aligning; may be repeated."
Links = Annotated[list[str] | None, typer.Option("--links", help=LINKS_HELP)]
Aligner = Annotated[str, typer.Option(help="Which aligner finds the links.")]
Pretokenized = Annotated[bool, typer.Option("--pretokenized", help="Words are already separated by spaces.")]
COMPUTE_HELP = "NAME=VALUE of how it is computed, such as precision=bf16 or micro_batch=8; may be repeated."
Compute = Annotated[list[str] | None, typer.Option("--compute", help=COMPUTE_HELP)]
TaskName = Annotated[str, typer.Option(help="The task: pos.")]

WIDTH = 120
"""Of the table where no terminal tells how wide it is."""


def main() -> None:
    """Run the command line; a user's mistake becomes one message and exit code 2."""
    # Two threads a tokenizer beside torch's own help little, and forking warns about them.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if int(os.environ.get("RANK", "0")) > 0:
        # Of several processes that train together one speaks; errors of the others go through the launcher.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - open as long as the process lives
    try:
        app()
    except AlignFreezeError as error:
        _complain(str(error))
        sys.exit(2)


def _complain(message: str) -> None:
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)


def _version(wanted: bool) -> None:
    if wanted:
        from alignfreeze import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option(help="Keep the records in this folder.")] = None,
    seed: Seed = None,
    device: Device = None,
    compute: Compute = None,
    as_json: Json = False,
) -> None:
    """Run the main job on the embedded encoder and the embedded mini corpus: no download, a few minutes."""
    with ExitStack() as stack:
        with _working():
            from alignfreeze.experiment import plan
            from alignfreeze.experiment.demo import demo_settings

            folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            check = plan(_changed(demo_settings(), seed, device, compute), base=Path.cwd())
        _run(check, folder, as_json)


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="Experiment file, in TOML.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the runs and the table.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    seed: Seed = None,
    device: Device = None,
    compute: Compute = None,
    as_json: Json = False,
) -> None:
    """Realign, fine-tune and test as an experiment file says; complete runs are not repeated."""
    with _working():
        from alignfreeze.experiment import ExperimentSettings, plan
        from alignfreeze.files import check_folder
        from alignfreeze.report.plans import plan_facts, plan_text

        settings = _changed(ExperimentSettings.from_toml(experiment), seed, device, compute)
        if out is not None:
            check_folder(out)
        planned = plan(settings, base=experiment.parent)
    if dry_run:
        typer.echo(_json(plan_facts(planned)) if as_json else plan_text(planned))
    elif out is None:
        raise SettingsError("name a folder for the runs with --out DIR, or look at the plan with --dry-run")
    else:
        _run(planned, out, as_json)


@app.command()
def align(
    bitext: Bitext,
    out: Annotated[Path, typer.Option("--out", help="File for the links, in Pharaoh notation.")],
    aligner: Aligner = "fast-align",
    pretokenized: Pretokenized = False,
    seed: Annotated[int | None, typer.Option(help="Taken for likeness: fast-align has no random start.")] = None,
    device: Annotated[str | None, typer.Option(help="Taken for likeness: fast-align runs on the CPU.")] = None,
    as_json: Json = False,
) -> None:
    """Find the word links of a bitext and write them in Pharaoh notation."""
    with _working():
        from alignfreeze.alignment import align as find_links
        from alignfreeze.alignment.links import links_for_realignment, write_pharaoh
        from alignfreeze.files import check_file

        check_file(out)
        pairs = _read_bitexts([bitext], pretokenized)
        alignments = find_links(pairs, aligner=aligner)
        write_pharaoh(out, alignments)
        usable = [len(links_for_realignment(*both)) for both in zip(pairs, alignments, strict=True)]
    facts = {
        "sentence_pairs": len(pairs),
        "links": sum(len(alignment.links) for alignment in alignments),
        "links_for_realignment": sum(usable),
        "pairs_without_links": usable.count(0),
        "aligner": aligner,
        "file": str(out),
    }
    _show(facts, as_json)


@app.command()
def realign(
    encoder: EncoderName,
    bitext: Bitexts,
    out: OutFolder,
    freeze: Annotated[str, typer.Option(help="full, front or back.")] = "full",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Sentence pairs a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 2e-5,
    layer: Annotated[str, typer.Option(help="last, or reference (the last but one).")] = "last",
    aligner: Aligner = "fast-align",
    links: Links = None,
    pretokenized: Pretokenized = False,
    freeze_embeddings: Annotated[bool, typer.Option("--freeze-embeddings", help="Freeze them too.")] = False,
    seed: Seed = None,
    device: Device = None,
    compute: Compute = None,
    as_json: Json = False,
) -> None:
    """Realign an encoder on bitext and write it as an ordinary model folder."""
    with _working():
        from alignfreeze.alignment import align as find_links
        from alignfreeze.encoding.encoder import check_device, load_encoder
        from alignfreeze.files import check_unused
        from alignfreeze.realignment.trainer import RealignmentSettings, check_policy
        from alignfreeze.realignment.trainer import realign as train

        values = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "layer": layer}
        values["freeze_embeddings"] = freeze_embeddings
        settings = RealignmentSettings.checked(values, origin="the command")
        how = {"compute": _compute(compute), "checkpoints": _beside(out)}
        start = {"seed": 31 if seed is None else seed, "device": check_device(device or "auto")}
        check_policy(freeze)
        check_unused(out)
        digests = _digests(bitext=bitext, links=links or [])
        pairs = _read_bitexts(bitext, pretokenized)
        alignments = _read_links(links, pairs) if links else find_links(pairs, aligner=aligner)
        loaded = load_encoder(encoder)
        history = train(loaded, pairs, alignments, freeze=freeze, settings=settings, **start, **how)
        facts = {"encoder": encoder, **asdict(history), "folder": str(out)}
        inputs = {"aligner": None if links else aligner, "digests": digests}
        _save(loaded, out, {**facts, "settings": settings.model_dump(), **start, **inputs}, how)
    _show(_with_short_training(facts), as_json)


@app.command()
def finetune(
    encoder: EncoderName,
    train: Annotated[Path, typer.Option(help="Training sentences of the source language.")],
    out: OutFolder,
    task: TaskName = "pos",
    epochs: Annotated[int, typer.Option(help="Passes over the training sentences.")] = 5,
    batch_size: Annotated[int, typer.Option(help="Sentences a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Of Adam, at its highest.")] = 2e-5,
    seed: Seed = None,
    device: Device = None,
    compute: Compute = None,
    as_json: Json = False,
) -> None:
    """Fine-tune an encoder on a task and write it as an ordinary model folder."""
    with _working():
        from alignfreeze.encoding.encoder import check_device, load_encoder
        from alignfreeze.files import check_unused, digest_of_file
        from alignfreeze.tasks.finetuning import FinetuningSettings
        from alignfreeze.tasks.finetuning import finetune as learn

        values = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        settings = FinetuningSettings.checked(values, origin="the command")
        how = {"compute": _compute(compute), "checkpoints": _beside(out)}
        start = {"seed": 31 if seed is None else seed, "device": check_device(device or "auto")}
        chosen = _task(task)
        check_unused(out)
        digests = {"train": digest_of_file(train)}
        sentences = chosen.read(train, None)
        model, history = learn(load_encoder(encoder), chosen, sentences, settings=settings, **start, **how)
        facts = {"encoder": encoder, "task": task, "sentences": len(sentences), "training": asdict(history)}
        facts["folder"] = str(out)
        _save(model, out, {**facts, "settings": settings.model_dump(), **start, "digests": digests}, how)
    _show(_with_short_training(facts), as_json)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model.")],
    test: Annotated[list[str], typer.Option("--test", help="de=FILE of test sentences; may be repeated.")],
    task: TaskName = "pos",
    seed: Annotated[int | None, typer.Option(help="Taken for likeness: testing has no random start.")] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Test a fine-tuned model, language by language."""
    with _working():
        from alignfreeze.evaluation.zero_shot import evaluate as score
        from alignfreeze.languages import check_language
        from alignfreeze.tasks.tagging import load_task_model

        chosen = _task(task)
        files = [_named(text, "--test", "de=FILE") for text in test]
        tests = {check_language(code): chosen.read(Path(path), None) for code, path in files}
        if len(tests) < len(files):
            raise SettingsError("--test: one file a language; a language is named twice")
        scores = score(load_task_model(model), chosen, tests, device=device or "auto")
    if as_json:
        typer.echo(_json([asdict(result) for result in scores]))
        return
    for result in scores:
        typer.echo(f"{result.language}  {result.metric} {100 * result.value:.1f}%  of {result.n:,} words")


# --- what several commands need ---------------------------------------------


@contextmanager
def _working() -> Iterator[None]:
    """Show progress on standard error; keep the remarks of other libraries out of the way of ours."""
    from transformers.utils import logging

    from alignfreeze.progress import showing
    from alignfreeze.progress_bars import ProgressBars

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with warnings.catch_warnings(), ProgressBars() as bars, showing(bars):
        warnings.filterwarnings("ignore", module=r"torch|transformers|accelerate")
        try:
            yield
        except KeyboardInterrupt:
            _complain("interrupted; complete runs and checkpoints are kept, and the same command goes on from there")
            raise typer.Exit(130) from None


def _changed(
    settings: ExperimentSettings, seed: int | None, device: str | None, compute: list[str] | None
) -> ExperimentSettings:
    """Return the settings with what the command line says instead."""
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seeds"] = [seed]
    if device is not None:
        changes["device"] = device
    if compute:
        changes["compute"] = _compute(compute, **settings.compute.model_dump())
    return settings.model_copy(update=changes)


def _compute(options: list[str] | None, **given: Any) -> ComputeSettings:
    """Return how it is computed: what the options say, and what was given before they did."""
    from alignfreeze.training import ComputeSettings

    named = dict(_named(option, "--compute", "NAME=VALUE, such as precision=bf16") for option in options or [])
    return ComputeSettings.checked({**given, **named}, origin="--compute")


def _beside(out: Path) -> Path:
    """Return the folder of the checkpoints of a training whose result goes to `out`."""
    return out.with_name(f"{out.name}.checkpoints")


def _run(planned: Plan, out: Path, as_json: bool) -> None:
    with _working():
        from alignfreeze.experiment import run_experiment
        from alignfreeze.files import write_json, write_lines
        from alignfreeze.processes import process_number
        from alignfreeze.report.tables import score_table, to_markdown, to_rich

        study = run_experiment(planned, out=out)
        table = score_table(study)
        if process_number() == 0:
            write_lines(out / "table.md", to_markdown(table).splitlines())
            write_json(out / "table.json", asdict(table))
    if as_json:
        typer.echo(_json({"table": asdict(table), "runs": [asdict(record) for record in study.records]}))
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(to_rich(table))
    seconds = sum(sum(record.seconds.values()) for record in study.records)
    peak = max(record.environment["peak_memory_bytes"] for record in study.records)
    console.print(f"{len(study.records)} runs, {seconds:,.0f} seconds, peak memory {peak / 2**30:.1f} GiB")


def _save(saved: Any, out: Path, record: dict[str, Any], how: dict[str, Any]) -> None:
    """Write a model folder, with a record of how the model came about; its checkpoints have served their turn."""
    from alignfreeze.experiment.records import environment
    from alignfreeze.files import new_folder, write_json
    from alignfreeze.processes import process_number
    from alignfreeze.training import remove_checkpoints

    if process_number() > 0:
        return
    with new_folder(out) as folder:
        saved.save(folder)
        facts = environment(record["device"], how["compute"])
        write_json(folder / "alignfreeze.json", {**record, "environment": facts})
    remove_checkpoints(how["checkpoints"])


def _task(name: str) -> Task:
    from alignfreeze.settings import known
    from alignfreeze.tasks import TASKS

    try:
        return TASKS[known(name, TASKS, "task")]
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _named(text: str, option: str, example: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not (name and value):
        raise SettingsError(f"{option} {text!r}: expected {example}")
    return name, value


def _languages(name: str, option: str) -> tuple[str, str]:
    from alignfreeze.languages import check_language

    parts = name.split("-")
    if len(parts) != 2:
        raise SettingsError(f"{option} {name!r}: expected two language codes, such as en-de")
    return check_language(parts[0]), check_language(parts[1])


def _files(value: str) -> list[str]:
    """Split SOURCE,TARGET; a file whose name has a comma in it is one file."""
    return [value] if Path(value).exists() else value.split(",")


def _digests(**options: list[str]) -> dict[str, list[str]]:
    """Return the digests of the files that options of the form en-de=FILE name."""
    from alignfreeze.files import digest_of_file

    named = [
        (role, *_named(option, f"--{role}", "en-de=FILE")) for role, values in options.items() for option in values
    ]
    return {f"{role} {name}": [digest_of_file(Path(file)) for file in _files(value)] for role, name, value in named}


def _read_bitexts(options: list[str], pretokenized: bool) -> list[SentencePair]:
    from alignfreeze.corpora.bitext import read_bitext

    pairs = []
    for option in options:
        name, value = _named(option, "--bitext", "en-de=FILE or en-de=SOURCE,TARGET")
        files = _files(value)
        if len(files) > 2:
            raise SettingsError(f"--bitext {option!r}: expected one file or two, found {len(files)}")
        pairs += read_bitext(*files, languages=_languages(name, "--bitext"), pretokenized=pretokenized)
    return pairs


def _read_links(options: list[str], pairs: list[SentencePair]) -> list[WordAlignment]:
    """Read the links of each language pair, and return them in the order of the sentence pairs."""
    from alignfreeze.alignment.links import read_pharaoh
    from alignfreeze.corpora.bitext import language_pairs

    named = [_named(option, "--links", "en-de=FILE") for option in options]
    files = {_languages(name, "--links"): path for name, path in named}
    found: dict[int, WordAlignment] = {}
    for languages, positions in language_pairs(pairs).items():
        if languages not in files:
            raise DataError(f"--links: no file for {'-'.join(languages)}")
        links = read_pharaoh(files[languages], [pairs[position] for position in positions])
        found |= dict(zip(positions, links, strict=True))
    return [found[position] for position in range(len(pairs))]


def _with_short_training(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the ends of the loss curve instead of the whole."""
    training = facts["training"]
    ends = {"first_loss": training["losses"][0][1], "last_loss": training["losses"][-1][1]}
    short = {"steps": training["steps"], "seconds": training["seconds"], **ends}
    return {**{name: value for name, value in facts.items() if name != "training"}, **short}


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(_json(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else value
        typer.echo(f"{name.replace('_', ' '):<{width}}  {shown}")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
