"""The command line: one command a stage. Each reads its arguments, calls the library, shows what came back."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignfreeze.cli import lens, studies
from alignfreeze.cli import options as o
from alignfreeze.cli.advice import advise
from alignfreeze.cli.shown import complain, console, fact_text, json_text, show_facts, working
from alignfreeze.errors import AlignFreezeError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from alignfreeze.experiment.cards import CardFacts
    from alignfreeze.experiment.planning import Plan
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.report.links import Linked
    from alignfreeze.training.settings import ComputeSettings

app = typer.Typer(
    name="alignfreeze",
    help=__import__("alignfreeze").__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EMBEDDED = "embedded:e5-small"

VIEWED = 50
"""Sentence pairs on a page of links."""


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
        complain(str(error))
        sys.exit(2)


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
    task: Annotated[str, typer.Option(help="pos, ner, nli or qa.")] = "pos",
    out: Annotated[Path | None, typer.Option(help="Keep the records in this folder.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="File for the report; left out, report.html in --out, or demo-report.html here.")
    ] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    as_json: o.Json = False,
) -> None:
    """Run the main job on the embedded encoder and the embedded mini corpus: no download, a few minutes."""
    with ExitStack() as stack:
        with working():
            from alignfreeze.experiment.demo import DEMO_DATA, settings_of_demo
            from alignfreeze.experiment.planning import plan
            from alignfreeze.files import check_file

            if task not in DEMO_DATA:
                raise SettingsError(
                    f"--task {task!r}: the mini corpus has {', '.join(DEMO_DATA)}.{did_you_mean(task, DEMO_DATA)}"
                )
            folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            page = report or (out / "report.html" if out else Path("demo-report.html"))
            check_file(page)
            check = plan(_changed(settings_of_demo(task), seed, device, compute), base=Path.cwd())
        _run([check], folder, as_json)
        with working():
            _report_demo(folder, page, wanted=report is not None)


def _report_demo(folder: Path, page: Path, *, wanted: bool) -> None:
    """Write the report of the demo; without its extra only if it was asked for that is an error."""
    try:
        studies.write_report([folder], page, "html", "alignfreeze demo")
    except SettingsError as error:
        if wanted:
            raise
        typer.echo(f"no report is written: {error}", err=True)
    else:
        typer.echo(f"the report is {page}", err=True)


@app.command()
def run(
    experiments: Annotated[
        list[Path], typer.Argument(help="Experiment files, in TOML; what they have in common is done once.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the runs and the tables.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    changes: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("realignment.steps=200"))] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that share the runs.")] = None,
    ray: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster that does the runs: auto, ray://HOST:PORT, or local.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Do only the runs of this name, such as 'front-*'; may be repeated.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do runs again that failed before.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Do complete runs again; their records are removed.")] = False,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    log_to: o.LogTo = None,
    as_json: o.Json = False,
) -> None:
    """Realign, fine-tune and test as an experiment file says; complete runs are not repeated."""
    with working():
        from alignfreeze.experiment.planning import plan_all
        from alignfreeze.files import check_folder
        from alignfreeze.running.grid import read_grid

        changed = [o.named(text, "--set", "NAME=VALUE, such as realignment.steps=200") for text in changes or []]
        grid = [
            (path.parent, _changed(settings, seed, device, compute, log_to))
            for path in experiments
            for settings in read_grid(path, changes=changed)
        ]
        if out is not None:
            check_folder(out)
        planned = None if dry_run else plan_all(grid, elsewhere=ray is not None)
    if planned is None:
        _show_plans(grid, as_json)
    elif out is None:
        raise SettingsError("name a folder for the runs with --out DIR, or look at the plan with --dry-run")
    else:
        how = {"workers": workers, "ray": ray, "only": only, "retry_failed": retry_failed, "force": force}
        _run(planned, out, as_json, **how)


@app.command()
def bitext(
    source: o.Bitexts,
    out: Annotated[Path, typer.Option("--out", help="File for the pairs: .jsonl, or columns with a tab between.")],
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    keep_best_by: o.EncoderOption = EMBEDDED,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Read bitext of any form, choose sentence pairs, and write them as one file."""
    with working():
        from alignfreeze.cli import reading
        from alignfreeze.corpora.forms.writing import check_writable, write_bitext
        from alignfreeze.files import check_file

        check_file(out)
        check_writable(out)
        chosen = reading.choose_bitexts(
            source, form=form, columns=columns, select=_seeded(select, seed), outputs={"--out": out}
        )
        if len({bitext.reader.languages for bitext in chosen}) > 1:
            raise SettingsError("--bitext: one file holds one language pair; use a file for each")
        chosen = reading.keep_best(chosen, encoder=keep_best_by, device=device)
        texts = [pair for bitext in chosen for pair in bitext.selection.texts]
        write_bitext(out, texts, chosen[0].reader.languages)
    show_facts(_of_several([bitext.facts() for bitext in chosen]) | {"file": str(out)}, as_json)


@app.command(cls=o.Command)
def align(
    bitext: o.Bitext,
    out: Annotated[Path, typer.Option("--out", help="File for the links, in Pharaoh notation.")],
    aligner: o.Aligner = "fast-align",
    alignment: o.AlignmentOptions = None,
    encoder: o.EncoderOption = EMBEDDED,
    dictionary: o.Dictionaries = None,
    trained: Annotated[Path | None, typer.Option(help="Folder of a model trained before, instead of training.")] = None,
    save_trained: Annotated[Path | None, typer.Option(help="Keep the trained model in this folder.")] = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    kept: Annotated[Path | None, typer.Option(help="File for the pairs that --select takes; links fit it.")] = None,
    pretokenized: o.Pretokenized = False,
    show: Annotated[int, typer.Option(min=0, help="Show so many linked sentence pairs, in colour.")] = 0,
    view: Annotated[Path | None, typer.Option(help="File for an HTML page with matrices of links.")] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Find the word links of a bitext and write them in Pharaoh notation."""
    with working():
        from alignfreeze.alignment.links import write_pharaoh
        from alignfreeze.cli import reading
        from alignfreeze.corpora.forms.writing import check_writable, write_bitext
        from alignfreeze.files import check_apart, check_file, check_unused, write_lines
        from alignfreeze.report.links import spread, to_page

        for path in filter(None, (out, kept, view)):
            check_file(path)
        outputs = {"--out": out, "--kept": kept, "--view": view, "--save-trained": save_trained}
        check_apart(outputs, map(Path, o.by_language_pair(dictionary, "--dictionary").values()))
        if kept is not None:
            check_writable(kept)
        if save_trained is not None:
            check_unused(save_trained)
            if trained is not None:
                raise SettingsError("--save-trained keeps what is trained; with --trained nothing is; leave one out")
        began = time.perf_counter()
        settings = reading.alignment_settings(aligner, alignment)
        (chosen,) = reading.keep_best(
            reading.choose_bitexts([bitext], form=form, columns=columns, select=_seeded(select, seed), outputs=outputs),
            encoder=encoder,
            device=device,
        )
        if kept is None and not chosen.settings.keeps_lines:
            raise SettingsError(
                "--select leaves out pairs, so that links fit no file: name one for the pairs with --kept"
            )
        pairs = reading.in_words([chosen], pretokenized=pretokenized)
        resources = reading.resources(settings, encoder=encoder, dictionaries=dictionary, device=device)
        alignments = reading.find_links(pairs, settings, resources, trained=trained, save=save_trained)
        write_pharaoh(out, alignments)
        if kept is not None:
            write_bitext(kept, chosen.selection.texts, chosen.reader.languages)
        facts = chosen.facts() | reading.facts_of_links(pairs, alignments, settings, resources)
        facts |= {"seconds": round(time.perf_counter() - began, 3), "file": str(out)}
        if view is not None:
            page = to_page(
                spread(pairs, alignments, VIEWED),
                facts={name.replace("_", " "): fact_text(facts[name]) for name in facts},
            )
            write_lines(view, page.splitlines())
            facts["page"] = str(view)
    if show and not as_json:
        _show_links(spread(pairs, alignments, show))
    show_facts(facts, as_json)


@app.command()
def aer(
    predicted: Annotated[Path, typer.Argument(help="Links in Pharaoh notation.")],
    gold: Annotated[Path, typer.Argument(help="Links made by hand: 3-4 is sure, 3p4 possible.")],
    starts_at: Annotated[int, typer.Option(min=0, max=1, help="Number of the first word in PREDICTED.")] = 0,
    gold_starts_at: Annotated[int, typer.Option(min=0, max=1, help="Number of the first word in GOLD.")] = 0,
    as_json: o.Json = False,
) -> None:
    """Compare word links with those made by hand: precision, recall, alignment error rate."""
    from alignfreeze.alignment.agreement import agreement, read_gold, read_predicted

    by_hand = read_gold(gold, first=gold_starts_at)
    show_facts(asdict(agreement(read_predicted(predicted, by_hand, first=starts_at), by_hand)), as_json)


@app.command()
def layers(
    encoder: o.EncoderName,
    bitext: o.Bitext,
    gold: Annotated[Path, typer.Option(help="Links of the bitext made by hand: 3-4 is sure, 3p4 possible.")],
    gold_starts_at: Annotated[int, typer.Option(min=0, max=1, help="Number of the first word in GOLD.")] = 0,
    threshold: Annotated[list[float] | None, typer.Option(help="Of softmax; may be repeated.")] = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    pretokenized: o.Pretokenized = False,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Find the layer of an encoder, the threshold and the aligner whose links agree best with links made by hand."""
    with working():
        from alignfreeze.alignment.agreement import check_gold, read_gold
        from alignfreeze.alignment.similarity import MATCHINGS
        from alignfreeze.cli import reading
        from alignfreeze.encoding.encoder import load_encoder
        from alignfreeze.encoding.vectors import by_layer

        thresholds = threshold or [1e-3]
        for value in thresholds:
            if not 0 < value < 1:
                raise SettingsError(f"--threshold {value}: a probability between 0 and 1 is expected, neither of them")
        pairs = reading.in_words(
            reading.choose_bitexts([bitext], form=form, columns=columns), pretokenized=pretokenized
        )
        by_hand = read_gold(gold, first=gold_starts_at)
        check_gold(by_hand, pairs, path=gold, first=gold_starts_at)
        found = by_layer(load_encoder(encoder), pairs, by_hand, thresholds=thresholds, device=device or "auto")
    found.sort(key=lambda row: row.agreement.aer)
    if as_json:
        typer.echo(json_text([asdict(row) for row in found]))
        return
    typer.echo("   aer  precision  recall  aligner  layer  threshold  centred")
    for row in found:
        limit = f"{row.threshold:g}" if MATCHINGS[row.aligner].has_threshold else ""
        numbers = f"{row.agreement.aer:6.3f} {row.agreement.precision:10.3f} {row.agreement.recall:7.3f}"
        typer.echo(f"{numbers}  {row.aligner:<7} {row.layer:6}  {limit:>9}  {'yes' if row.centred else 'no'}")


@app.command(cls=o.Command)
def realign(
    encoder: o.EncoderName,
    bitext: o.Bitexts,
    out: o.OutFolder,
    freeze: Annotated[
        str,
        typer.Option(help="full, front, back, embeddings, attention, feed-forward, 3, 3..7, random:4, joined by +."),
    ] = "full",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Sentence pairs a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 2e-5,
    layer: Annotated[str, typer.Option(help="last, or reference (the last but one).")] = "last",
    aligner: o.Aligner = "fast-align",
    alignment: o.AlignmentOptions = None,
    dictionary: o.Dictionaries = None,
    links: o.Links = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    pretokenized: o.Pretokenized = False,
    freeze_embeddings: Annotated[bool, typer.Option("--freeze-embeddings", help="Freeze them too.")] = False,
    more: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("loss=sentence"))] = None,
    push_to_hub: o.PushToHub = None,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    log_to: o.LogTo = None,
    as_json: o.Json = False,
) -> None:
    """Realign an encoder on bitext and write it as an ordinary model folder."""
    with working():
        from alignfreeze.alignment.aligning import align as find_links
        from alignfreeze.cli import reading
        from alignfreeze.encoding.encoder import check_device, load_encoder
        from alignfreeze.experiment.cards import CardFacts, check_hub
        from alignfreeze.files import check_unused, digest_of_file
        from alignfreeze.realignment.freezing import FreezePolicy
        from alignfreeze.realignment.settings import RealignmentSettings
        from alignfreeze.realignment.trainer import realign as train

        values = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "layer": layer}
        values["freeze_embeddings"] = freeze_embeddings
        settings = o.settings_of(RealignmentSettings, more, "--set", "loss=sentence", **values)
        if settings.schedule != "before":
            raise SettingsError("--set schedule: there is no task here; `alignfreeze run` has the other schedules")
        how = {"compute": _compute(compute, log_to).logging_in(_beside(out, "logs")), "checkpoints": _beside(out)}
        start = {"seed": 31 if seed is None else seed, "device": check_device(device or "auto")}
        FreezePolicy.parse(freeze)
        check_unused(out)
        if push_to_hub is not None:
            check_hub(push_to_hub)
        how_to_align = reading.alignment_settings(aligner, alignment)
        chosen = reading.choose_bitexts(bitext, form=form, columns=columns, select=_seeded(select, seed))
        files = o.by_language_pair(links, "--links")
        digests = reading.digests_of(chosen) | {
            f"links {'-'.join(pair)}": [digest_of_file(Path(path))] for pair, path in files.items()
        }
        loaded = load_encoder(encoder)
        chosen = reading.keep_best(chosen, encoder=loaded, device=device)
        pairs = reading.in_words(chosen, pretokenized=pretokenized)
        if not settings.needs_links:
            alignments = find_links(pairs, aligner="sentence", cache=False)
        elif files:
            alignments = reading.read_links(files, pairs)
        else:
            resources = reading.resources(how_to_align, encoder=loaded, dictionaries=dictionary, device=device)
            alignments = find_links(pairs, aligner=how_to_align, resources=resources)
        history = train(loaded, pairs, alignments, freeze=freeze, settings=settings, **start, **how)
        facts = {"encoder": encoder, **asdict(history), "folder": str(out)}
        linked = settings.needs_links and not files
        inputs = {"alignment": how_to_align.model_dump() if linked else None, "digests": digests}
        inputs["bitext"] = [bitext.facts() for bitext in chosen]
        inputs["languages"] = list(dict.fromkeys(code for pair in pairs for code in pair.languages))
        record = {**facts, "settings": settings.model_dump(), **start, **inputs}
        flat = {role: digest for role, found in digests.items() for digest in found}
        card = CardFacts(
            encoder,
            inputs["languages"],
            strategy=freeze,
            freezing=history.frozen,
            aligner=how_to_align.aligner if linked else "read from files" if files else None,
            digests=flat,
        )
        facts |= _save(loaded, out, record, how, card=card, push_to=push_to_hub)
    show_facts(_with_short_training(facts), as_json)


@app.command()
def average(
    encoders: Annotated[
        list[str], typer.Argument(help="Encoders that were made from the same one: folders, or names on the hub.")
    ],
    out: o.OutFolder,
    weights: Annotated[
        str | None, typer.Option(help="How much each counts, such as 0.25,0.75; left out, all count alike.")
    ] = None,
    push_to_hub: o.PushToHub = None,
    as_json: o.Json = False,
) -> None:
    """Write the mean of the weights of encoders, such as realigned ones, as an ordinary model folder."""
    with working():
        from alignfreeze.encoding.encoder import load_encoder
        from alignfreeze.experiment.cards import averaged_record, check_hub, facts_of
        from alignfreeze.files import check_unused
        from alignfreeze.realignment.averaging import average_encoders
        from alignfreeze.training.settings import ComputeSettings

        shares = o.weights(weights, len(encoders))
        check_unused(out)
        if push_to_hub is not None:
            check_hub(push_to_hub)
        mean = average_encoders(map(load_encoder, encoders), weights=shares or None)
        record = averaged_record(encoders, shares)
        facts = {name: record[name] for name in ("encoders", "weights")} | {"folder": str(out)}
        how = {"compute": ComputeSettings(), "checkpoints": None}
        record |= {**facts, "device": "cpu"}
        facts |= _save(mean, out, record, how, card=facts_of(record), push_to=push_to_hub)
    show_facts(facts, as_json)


@app.command()
def finetune(
    encoder: o.EncoderName,
    train: Annotated[
        str, typer.Option(help="Training items of the source language: a file, or hub:OWNER/NAME/CONFIG.")
    ],
    out: o.OutFolder,
    task: o.TaskName = "pos",
    epochs: Annotated[int, typer.Option(help="Passes over the training sentences.")] = 5,
    batch_size: Annotated[int, typer.Option(help="Sentences a step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Of Adam, at its highest.")] = 2e-5,
    language: Annotated[str, typer.Option(help="Of the training items.")] = "en",
    more: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("max_length=384"))] = None,
    push_to_hub: o.PushToHub = None,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    log_to: o.LogTo = None,
    as_json: o.Json = False,
) -> None:
    """Fine-tune an encoder on a task and write it as an ordinary model folder."""
    with working():
        from alignfreeze.cli import reading
        from alignfreeze.encoding.encoder import check_device, load_encoder
        from alignfreeze.experiment.cards import check_hub, realigned_facts, realignment_record
        from alignfreeze.files import check_unused, digest_of_file, digest_of_json
        from alignfreeze.languages import check_language
        from alignfreeze.tasks.finetuning import FinetuningSettings
        from alignfreeze.tasks.finetuning import finetune as learn
        from alignfreeze.tasks.task import Source

        values = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        settings = o.settings_of(FinetuningSettings, more, "--set", "max_length=384", **values)
        how = {"compute": _compute(compute, log_to).logging_in(_beside(out, "logs")), "checkpoints": _beside(out)}
        start = {"seed": 31 if seed is None else seed, "device": check_device(device or "auto")}
        chosen = reading.task_named(task)
        check_unused(out)
        if push_to_hub is not None:
            check_hub(push_to_hub)
        source = Source(train, check_language(language))
        items = chosen.read(source)
        digests = {
            "train": digest_of_json([asdict(i) for i in items]) if source.on_hub else digest_of_file(Path(train))
        }
        model, history = learn(load_encoder(encoder), chosen, items, settings=settings, **start, **how)
        facts = {"encoder": encoder, "task": task, "items": len(items), "training": asdict(history)}
        facts["folder"] = str(out)
        before = realigned_facts(encoder)
        record = {**facts, "settings": settings.model_dump(), **start, "digests": digests}
        record["realigned"] = realignment_record(encoder)
        card = replace(before, languages=list(dict.fromkeys([language, *before.languages])), task=task)
        card = replace(card, digests={**card.digests, **digests})
        facts |= _save(model, out, record, how, card=card, push_to=push_to_hub)
    show_facts(_with_short_training(facts), as_json)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model.")],
    test: Annotated[list[str], typer.Option("--test", help="de=FILE of test items, or de=hub:...; may be repeated.")],
    task: o.TaskName = "pos",
    max_length: Annotated[int, typer.Option(min=3, help="Most subwords at once.")] = 128,
    stride: Annotated[int, typer.Option(min=0, help="Of qa: subwords that windows of a context share.")] = 32,
    seed: Annotated[int | None, typer.Option(help="Taken for likeness: testing has no random start.")] = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Test a fine-tuned model, language by language."""
    with working():
        from alignfreeze.cli import reading
        from alignfreeze.evaluation.zero_shot import assess
        from alignfreeze.languages import check_language
        from alignfreeze.progress import remark
        from alignfreeze.tasks.models import load_task_model
        from alignfreeze.tasks.task import Source

        chosen = reading.task_named(task)
        files = [o.named(text, "--test", "de=FILE") for text in test]
        tests = {check_language(code): chosen.read(Source(path, code, "test")) for code, path in files}
        if len(tests) < len(files):
            raise SettingsError("--test: one file a language; a language is named twice")
        loaded = load_task_model(model, chosen.kind.head, max_length=max_length, stride=stride)
        outcome = assess(loaded, chosen, tests, device=device or "auto")
        for doubt in outcome.doubts:
            remark(doubt)
    if as_json:
        typer.echo(json_text([asdict(score) for score in outcome.scores]))
        return
    for score in outcome.scores:
        typer.echo(f"{score.language}  {score.metric} {100 * score.value:.1f}%  of {score.n:,} {score.unit}")


for command in (
    advise,
    studies.status,
    studies.compare,
    studies.correlate,
    studies.export,
    studies.report,
    studies.probe,
    lens.note,
    lens.lens,
):
    app.command(cls=o.Command)(command)


# --- what several commands need ---------------------------------------------


def _show_plans(grid: Sequence[tuple[Path, ExperimentSettings]], as_json: bool) -> None:
    """Show what experiments are going to do, and what they take; nothing is fetched only to be looked at."""
    shown = []
    for base, settings in grid:
        with working():
            facts, text = _plan_of(settings, base)
        shown.append(facts)
        if not as_json:
            typer.echo(f"{text}\n" if len(grid) > 1 else text)
    if as_json:
        typer.echo(json_text(shown[0] if len(grid) == 1 else {"experiments": shown}))
    elif len(grid) > 1:
        runs = {run.get("folder", str(run)) for facts in shown for run in facts["runs"]}
        typer.echo(f"{len(grid)} experiments, {len(runs)} different runs")


def _plan_of(settings: ExperimentSettings, base: Path) -> tuple[dict[str, Any], str]:
    """Return the plan of an experiment as plain values, and as text."""
    from alignfreeze.experiment.cost import Lengths, estimate_cost
    from alignfreeze.experiment.planning import is_remote, outline, plan
    from alignfreeze.report.plans import estimate_text, outline_facts, outline_text, plan_facts, plan_text

    if is_remote(settings):
        outlined = outline(settings, base=base)
        guess = estimate_cost(outlined.settings, finetuning_steps=outlined.finetuning_steps)
        facts, text = outline_facts(outlined), outline_text(outlined)
    else:
        planned = plan(settings, base=base)
        guess = estimate_cost(planned.settings, finetuning_steps=planned.finetuning_steps, lengths=Lengths.of(planned))
        facts, text = plan_facts(planned), plan_text(planned)
    facts["estimate"] = None if guess is None else asdict(guess)
    return facts, f"{text}\n{estimate_text(guess)}"


def _changed(
    settings: ExperimentSettings,
    seed: int | None,
    device: str | None,
    compute: list[str] | None,
    log_to: list[str] | None = None,
) -> ExperimentSettings:
    """Return the settings with what the command line says instead."""
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seeds"] = [seed]
    if device is not None:
        changes["device"] = device
    if compute or log_to:
        changes["compute"] = _compute(compute, log_to, **settings.compute.model_dump())
    return settings.model_copy(update=changes)


def _compute(options: list[str] | None, loggers: list[str] | None = None, **given: Any) -> ComputeSettings:
    """Return how it is computed: what the options say, and what was given before they did."""
    from alignfreeze.training.settings import ComputeSettings

    given |= {"log_to": loggers} if loggers else {}
    return o.settings_of(ComputeSettings, options, "--compute", "precision=bf16", **given)


def _beside(out: Path, what: str = "checkpoints") -> Path:
    """Return the folder of what a training leaves beside its result, which goes to `out`."""
    return out.with_name(f"{out.name}.{what}")


def _run(plans: Sequence[Plan], out: Path, as_json: bool, **how: Any) -> None:
    with working(runs=out):
        from alignfreeze.files import write_json, write_lines
        from alignfreeze.processes import process_number
        from alignfreeze.report.pictures import illustrate
        from alignfreeze.report.sheets import to_markdown, to_rich
        from alignfreeze.report.tables import score_tables, sheet_of
        from alignfreeze.running.dispatch import run_experiments

        studies = run_experiments(plans, out=out, **how)
        tables = [table for study in studies if study.records for table in score_tables(study)]
        if process_number() == 0:
            write_lines(out / "table.md", "\n\n".join(to_markdown(sheet_of(table)) for table in tables).splitlines())
            write_json(out / "table.json", [asdict(table) for table in tables])
            illustrate([record for study in studies for record in study.records], out / "runs")
    # What several experiments have in common was done once.
    records = list({record.digest: record for study in studies for record in study.records}.values())
    failures = list(dict.fromkeys(failure for study in studies for failure in study.failures))
    if as_json:
        facts = {"tables": tables, "runs": records, "failures": failures}
        typer.echo(json_text({name: list(map(asdict, values)) for name, values in facts.items()}))
    else:
        out_there = console()
        for table in tables:
            out_there.print(to_rich(sheet_of(table)))
        seconds = sum(sum(record.seconds.values()) for record in records)
        stages = [bytes_of for record in records for bytes_of in record.memory.values()]
        peak = max((most for bytes_of in stages for most in bytes_of.values()), default=0)
        out_there.print(f"{len(records)} runs, {seconds:,.0f} seconds, peak memory {peak / 2**30:.1f} GiB")
    if how.get("ray") or (how.get("workers") or 1) > 1:  # they were said in other processes
        for record in records:
            for doubt in record.doubts:
                typer.echo(f"{record.strategy}, seed {record.seed}: {doubt}", err=True)
    for failure in failures:
        complain(f"{failure.strategy}, seed {failure.seed} failed: {failure.error}")
    if failures:
        typer.echo(f"what went wrong is kept in {out / 'failed'}; --retry-failed does these runs again", err=True)
        raise typer.Exit(1)


def _save(
    saved: Any, out: Path, record: dict[str, Any], how: dict[str, Any], *, card: CardFacts, push_to: str | None
) -> dict[str, str]:
    """Write a model folder, with its card and a record of how it came about, and upload it if wanted."""
    from alignfreeze.experiment.cards import RECORD, push, write_card
    from alignfreeze.experiment.records import describe_environment
    from alignfreeze.files import new_folder, write_json
    from alignfreeze.processes import process_number
    from alignfreeze.training.checkpoints import remove_checkpoints

    if process_number() > 0:
        return {}
    with new_folder(out) as folder:
        saved.save(folder)
        facts = describe_environment(record["device"], how["compute"])
        write_json(folder / RECORD, {**record, "environment": facts})
        write_card(folder, card)
    if how["checkpoints"] is not None:
        remove_checkpoints(how["checkpoints"])  # they have served their turn
    return {} if push_to is None else {"hub": push(out, push_to)}


def _with_short_training(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the ends of the loss curve instead of the whole."""
    training = facts["training"]
    ends = {"first_loss": training["losses"][0][1], "last_loss": training["losses"][-1][1]}
    short = {"steps": training["steps"], "seconds": training["seconds"], **ends}
    return {**{name: value for name, value in facts.items() if name != "training"}, **short}


def _seeded(select: list[str] | None, seed: int | None) -> list[str] | None:
    """Return the options of the selection, with the seed of the command among them."""
    return select if seed is None else [f"seed={seed}", *(select or [])]


def _of_several(facts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one summary of several files of one language pair."""
    together = dict(facts[0])
    for more in facts[1:]:
        for name, value in more.items():
            if isinstance(value, int):
                together[name] = together.get(name, 0) + value
            elif isinstance(value, dict):
                together[name] = dict(Counter(together.get(name, {})) + Counter(value))
            elif isinstance(value, list):
                together[name] = list(dict.fromkeys([*together.get(name, []), *value]))
    return together


def _show_links(sample: Sequence[Linked]) -> None:
    from alignfreeze.report.links import to_terminal

    for linked in sample:
        console().print(to_terminal(linked))
