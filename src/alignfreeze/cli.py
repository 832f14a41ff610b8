"""The command line: one command a stage. Each reads its arguments, calls the library, shows what came back."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignfreeze.errors import AlignFreezeError, DataError, SettingsError

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from alignfreeze.alignment.links import WordAlignment
    from alignfreeze.corpora.bitext import SentencePair
    from alignfreeze.experiment import ExperimentSettings, Plan, Study
    from alignfreeze.progress import Display
    from alignfreeze.report.tables import Table
    from alignfreeze.training import TrainingHistory

app = typer.Typer(
    name="alignfreeze",
    help=__import__("alignfreeze").__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]
Seed = Annotated[int | None, typer.Option(help="The random start.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
EncoderName = Annotated[str, typer.Argument(help="embedded:e5-small, a folder, or a name on the hub.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the result.")]
Bitexts = Annotated[
    list[str],
    typer.Option("--bitext", help="en-de=FILE (tab or ' ||| ') or en-de=SOURCE,TARGET; may be repeated."),
]
Links = Annotated[
    list[str] | None,
    typer.Option("--links", help="en-de=FILE in Pharaoh notation, instead of aligning; may be repeated."),
]


def main() -> None:
    """Run the command line; a user's mistake becomes one message and exit code 2."""
    # Two threads a tokenizer beside torch's own help little, and forking warns about them.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except AlignFreezeError as error:
        _complain(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        _complain("interrupted; complete runs are kept, and the same command goes on from there")
        sys.exit(130)


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
    as_json: Json = False,
) -> None:
    """Run the main job on the embedded encoder and the embedded mini corpus: no download, a few minutes."""
    with _quiet(), _showing():
        from alignfreeze.experiment.demo import demo_settings

        settings = _changed(demo_settings(), seed, device)
        if out is not None:
            _run(settings, Path.cwd(), out, as_json)
            return
        with tempfile.TemporaryDirectory() as folder:
            _run(settings, Path.cwd(), Path(folder), as_json)


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="Experiment file, in TOML.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the runs and the table.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Realign, fine-tune and test as an experiment file says; complete runs are not repeated."""
    with _quiet(), _showing():
        from alignfreeze.experiment import ExperimentSettings, plan

        settings = _changed(ExperimentSettings.from_toml(experiment), seed, device)
        if dry_run:
            _show_plan(plan(settings, base=experiment.parent), as_json)
            return
        if out is None:
            raise SettingsError("name a folder for the runs with --out DIR, or look at the plan with --dry-run")
        _run(settings, experiment.parent, out, as_json)


@app.command()
def align(
    bitext: Bitexts,
    out: Annotated[Path, typer.Option("--out", help="File for the links, in Pharaoh notation.")],
    aligner: Annotated[str, typer.Option(help="Which aligner finds the links.")] = "fast-align",
    pretokenized: Annotated[bool, typer.Option(help="Words are already separated by spaces.")] = False,
    seed: Annotated[int | None, typer.Option(help="Taken for likeness; fast-align has no random start.")] = None,
    device: Annotated[str | None, typer.Option(help="Taken for likeness; fast-align runs on the CPU.")] = None,
    as_json: Json = False,
) -> None:
    """Find the word links of a bitext and write them in Pharaoh notation."""
    with _quiet(), _showing():
        from alignfreeze.alignment import align as find_links
        from alignfreeze.alignment.links import links_for_realignment, write_pharaoh
        from alignfreeze.files import make_folder

        if len(bitext) != 1:
            raise SettingsError("align takes one --bitext at a time; its links go into one file")
        make_folder(out.parent)
        pairs = _read_bitexts(bitext, pretokenized)
        alignments = find_links(pairs, aligner=aligner)
        write_pharaoh(out, alignments)
        links = sum(len(alignment.links) for alignment in alignments)
        usable = [links_for_realignment(*both) for both in zip(pairs, alignments, strict=True)]
    _show(
        {
            "sentence_pairs": len(pairs),
            "links": links,
            "links_for_realignment": sum(map(len, usable)),
            "pairs_without_links": sum(not kept for kept in usable),
            "aligner": aligner,
            "file": str(out),
        },
        as_json,
    )


@app.command()
def realign(
    encoder: EncoderName,
    bitext: Bitexts,
    out: OutFolder,
    freeze: Annotated[str, typer.Option(help="full, front or back.")] = "full",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 1000,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentence pairs a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 2e-5,
    layer: Annotated[str, typer.Option(help="last, or reference (the last but one).")] = "last",
    aligner: Annotated[str, typer.Option(help="Which aligner finds the links.")] = "fast-align",
    links: Links = None,
    pretokenized: Annotated[bool, typer.Option(help="Words are already separated by spaces.")] = False,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Realign an encoder on bitext and write it as an ordinary model folder."""
    with _quiet(), _showing():
        from alignfreeze.alignment import align as find_links
        from alignfreeze.encoding.encoder import check_device, load_encoder
        from alignfreeze.files import make_folder, new_folder
        from alignfreeze.realignment.trainer import RealignmentSettings
        from alignfreeze.realignment.trainer import realign as train

        values = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "layer": layer}
        settings = RealignmentSettings.checked(values, origin="the command")
        check_device(device or "auto")
        make_folder(out.parent)
        pairs = _read_bitexts(bitext, pretokenized)
        alignments = _read_links(links, pairs) if links else find_links(pairs, aligner=aligner)
        loaded = load_encoder(encoder)
        history = train(
            loaded,
            pairs,
            alignments,
            freeze=freeze,
            settings=settings,
            seed=31 if seed is None else seed,
            device=device or "auto",
        )
        with new_folder(out) as folder:
            loaded.save(folder)
    _show(
        {
            "encoder": encoder,
            "freeze": freeze,
            "frozen_parameters": history.frozen_parameters,
            "parameters": history.parameters,
            "pairs": history.pairs,
            "pairs_without_links": history.pairs_without_links,
            **_training_facts(history.training),
            "folder": str(out),
        },
        as_json,
    )


@app.command()
def finetune(
    encoder: EncoderName,
    train: Annotated[Path, typer.Option(help="Training sentences of the source language.")],
    out: OutFolder,
    task: Annotated[str, typer.Option(help="What to learn: pos.")] = "pos",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training sentences.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Of Adam, at its highest.")] = 2e-5,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Fine-tune an encoder on a task and write it as an ordinary model folder."""
    with _quiet(), _showing():
        from alignfreeze.encoding.encoder import check_device, load_encoder
        from alignfreeze.files import make_folder, new_folder
        from alignfreeze.tasks.finetuning import FinetuningSettings
        from alignfreeze.tasks.finetuning import finetune as learn

        values = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        settings = FinetuningSettings.checked(values, origin="the command")
        check_device(device or "auto")
        make_folder(out.parent)
        chosen = _task(task)
        sentences = chosen.read(train, None)
        model, history = learn(
            load_encoder(encoder),
            chosen,
            sentences,
            settings=settings,
            seed=31 if seed is None else seed,
            device=device or "auto",
        )
        with new_folder(out) as folder:
            model.save(folder)
    facts = {"encoder": encoder, "task": task, "sentences": len(sentences), **_training_facts(history)}
    _show({**facts, "folder": str(out)}, as_json)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model.")],
    test: Annotated[list[str], typer.Option("--test", help="de=FILE of test sentences; may be repeated.")],
    task: Annotated[str, typer.Option(help="What it learnt: pos.")] = "pos",
    seed: Annotated[int | None, typer.Option(help="Taken for likeness; testing has no random start.")] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Test a fine-tuned model, language by language."""
    with _quiet(), _showing():
        from alignfreeze.evaluation.zero_shot import evaluate as score
        from alignfreeze.languages import check_language
        from alignfreeze.tasks.tagging import load_task_model

        chosen = _task(task)
        named = [_named(text, "--test", "de=FILE") for text in test]
        tests = {check_language(code): chosen.read(Path(path), None) for code, path in named}
        scores = score(load_task_model(model), chosen, tests, device=device or "auto")
    if as_json:
        _print_json([asdict(result) for result in scores])
        return
    for result in scores:
        typer.echo(f"{result.language}  {result.metric} {100 * result.value:.1f}%  of {result.n:,} words")


# --- what several commands need ---------------------------------------------


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the remarks of other libraries out of the way of ours."""
    import warnings

    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"torch|transformers|accelerate")
        yield


@contextmanager
def _showing() -> Iterator[None]:
    """Show progress on standard error, with the time left, when a person is looking."""
    from alignfreeze.progress import showing

    with _display() as display, showing(display):
        yield


@contextmanager
def _display() -> Iterator[Display]:
    from alignfreeze.progress_bars import ProgressBars

    with ProgressBars() as bars:
        yield bars


def _changed(settings: ExperimentSettings, seed: int | None, device: str | None) -> ExperimentSettings:
    """Return the settings with what the command line says instead."""
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seeds"] = [seed]
    if device is not None:
        changes["device"] = device
    return settings.model_copy(update=changes)


def _run(settings: ExperimentSettings, base: Path, out: Path, as_json: bool) -> None:
    from alignfreeze.experiment import plan, run_experiment
    from alignfreeze.files import make_folder, write_json, write_lines
    from alignfreeze.report.tables import score_table, to_markdown

    make_folder(out)  # an output folder that cannot be written is said before minutes of reading
    study = run_experiment(plan(settings, base=base), out=out)
    table = score_table(study)
    write_lines(out / "table.md", to_markdown(table).splitlines())
    write_json(out / "table.json", asdict(table))
    if as_json:
        _print_json({"table": asdict(table), "runs": [asdict(record) for record in study.records]})
    else:
        _print_table(table, study)


def _print_table(table: Table, study: Study) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(_rich_table(table))
    seconds = sum(sum(record.seconds.values()) for record in study.records)
    peak = max(record.environment["peak_memory_bytes"] for record in study.records)
    console.print(f"{len(study.records)} runs, {seconds:,.0f} seconds, peak memory {peak / 2**30:.1f} GiB")


def _rich_table(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    from alignfreeze.report.tables import cell_text

    shown = RichTable(title=table.title, caption=table.note, box=box.SIMPLE_HEAD, title_justify="left")
    shown.add_column("")
    shown.add_column("language")
    for strategy in table.strategies:
        shown.add_column(strategy, justify="right")
    for row in table.rows:
        cells = []
        for strategy in table.strategies:
            summary = row.cells[strategy]
            style = "" if not summary.gain else "green" if summary.gain > 0 else "red"
            cells.append(Text(cell_text(summary), style=style))
        if row is table.rows[-1]:
            shown.add_section()
        shown.add_row(row.name, row.title, *cells)
    return shown


def _show_plan(plan: Plan, as_json: bool) -> None:
    facts = _plan_facts(plan)
    if as_json:
        _print_json(facts)
        return
    settings = plan.settings
    typer.echo(f"experiment  {settings.name}: {settings.task} with {settings.encoder} on {settings.device}")
    typer.echo(f"runs        {len(plan.specs)}: {' '.join(spec.folder for spec in plan.specs)}")
    typer.echo(
        f"fine-tuning {plan.finetuning_steps:,} steps over {len(plan.data.train):,} sentences "
        f"({settings.source_language})"
    )
    if plan.freezing:
        realignment = settings.realignment
        pairs = (realignment.steps or 0) * realignment.batch_size
        typer.echo(
            f"realignment {realignment.steps:,} steps of {realignment.batch_size} sentence pairs: {pairs:,} in all"
        )
        for pair, count in facts["sentence_pairs"].items():
            typer.echo(f"            {pair} {count:,} sentence pairs")
    for strategy, frozen in facts["frozen"].items():
        typer.echo(f"frozen      {strategy}: {frozen['text']}")
    for language, sentences in plan.data.tests.items():
        typer.echo(f"test        {language} {len(sentences):,} sentences")
    for file in plan.data.files:
        typer.echo(f"file        {file.role}: {file.path} (sha256 {file.digest[:12]})")


def _plan_facts(plan: Plan) -> dict[str, Any]:
    from alignfreeze.corpora.bitext import language_pairs

    frozen = {}
    for strategy, freezing in plan.freezing.items():
        share = freezing.parameters / freezing.n_parameters
        layers = f"layers {freezing.layers[0]} to {freezing.layers[-1]}" if freezing.layers else "no layer"
        parameters = f"{freezing.parameters:,} of {freezing.n_parameters:,} parameters ({share:.1%})"
        text = f"{layers} of {freezing.n_layers}, {parameters}"
        frozen[strategy] = {**asdict(freezing), "layers": list(freezing.layers), "text": text}
    return {
        "settings": plan.settings.model_dump(mode="json"),
        "runs": [{"strategy": s.strategy, "seed": s.seed, "folder": s.folder} for s in plan.specs],
        "finetuning_steps": plan.finetuning_steps,
        "training_sentences": len(plan.data.train),
        "realignment_steps": plan.settings.realignment.steps if plan.freezing else 0,
        "sentence_pairs": {"-".join(k): len(v) for k, v in language_pairs(plan.data.bitext).items()},
        "frozen": frozen,
        "test_sentences": {language: len(sentences) for language, sentences in plan.data.tests.items()},
        "files": [{**asdict(file), "path": str(file.path)} for file in plan.data.files],
    }


def _task(name: str) -> Any:
    from alignfreeze.settings import known
    from alignfreeze.tasks import TASKS

    try:
        return TASKS[known(name, TASKS, "task")]
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _named(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise SettingsError(f"{option} {text!r}: expected {example}")
    return name, value


def _languages(name: str, option: str) -> tuple[str, str]:
    from alignfreeze.languages import check_language

    parts = name.split("-")
    if len(parts) != 2:
        raise SettingsError(f"{option} {name!r}: expected two language codes, such as en-de")
    return check_language(parts[0]), check_language(parts[1])


def _read_bitexts(options: list[str], pretokenized: bool) -> list[SentencePair]:
    from alignfreeze.corpora.bitext import read_bitext

    pairs = []
    for option in options:
        name, value = _named(option, "--bitext", "en-de=FILE or en-de=SOURCE,TARGET")
        languages = _languages(name, "--bitext")
        files = [value] if Path(value).exists() else value.split(",")
        if len(files) > 2:
            raise SettingsError(f"--bitext {option!r}: expected one file or two, found {len(files)}")
        pairs += read_bitext(*files, languages=languages, pretokenized=pretokenized)
    return pairs


def _read_links(options: list[str], pairs: list[SentencePair]) -> list[WordAlignment]:
    """Read the links of each language pair, and return them in the order of the sentence pairs."""
    from alignfreeze.alignment.links import read_pharaoh
    from alignfreeze.corpora.bitext import language_pairs

    files = {_languages(name, "--links"): path for name, path in (_named(o, "--links", "en-de=FILE") for o in options)}
    found: dict[int, WordAlignment] = {}
    for languages, positions in language_pairs(pairs).items():
        if languages not in files:
            raise DataError(f"--links: no file for {'-'.join(languages)}")
        links = read_pharaoh(files[languages], [pairs[position] for position in positions])
        found |= dict(zip(positions, links, strict=True))
    return [found[position] for position in range(len(pairs))]


def _training_facts(history: TrainingHistory) -> dict[str, Any]:
    return {
        "steps": history.steps,
        "seconds": round(history.seconds, 1),
        "first_loss": history.losses[0][1],
        "last_loss": history.losses[-1][1],
    }


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else value
        typer.echo(f"{name.replace('_', ' '):<{width}}  {shown}")


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
