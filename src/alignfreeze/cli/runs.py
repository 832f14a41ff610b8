"""Commands on experiments: demo, init, run, reproduce, mark, status, advise."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli import values
from alignfreeze.cli.shown import (
    show_doubts,
    show_facts,
    show_json,
    show_lines,
    show_outcome,
    show_plans,
    show_sheets,
    show_status,
    working,
)
from alignfreeze.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from alignfreeze.experiment.planning import Plan
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.running.study import Outcome


def demo(
    task: Annotated[str, typer.Option(help="The task: pos, ner, nli or qa.")] = "pos",
    out: Annotated[Path | None, typer.Option(help="Keep the records in this folder.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="File for the report; by default report.html in --out, or demo-report.html here."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of each training: with 2, you see in seconds that all works.")
    ] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    as_json: o.Json = False,
) -> None:
    """Run a small experiment on the embedded encoder and mini corpus in little more than a minute; no downloads."""
    with ExitStack() as stack:
        with working():
            from alignfreeze.experiment.demo import DEMO_DATA, settings_of_demo
            from alignfreeze.experiment.planning import plan
            from alignfreeze.files import check_file
            from alignfreeze.reports.writing import report_demo

            if task not in DEMO_DATA:
                raise SettingsError(
                    f"--task {task!r}: the mini corpus has {', '.join(DEMO_DATA)}.{did_you_mean(task, DEMO_DATA)}"
                )
            folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            page = report or (out / "report.html" if out else Path("demo-report.html"))
            check_file(page)
            settings = values.change(settings_of_demo(task, steps=steps), seed=seed, device=device, compute=compute)
            planned = plan(settings, base=Path.cwd())
        _run([planned], folder, as_json)
        with working():
            show_lines([report_demo(folder, page, required=report is not None)], err=True)


def init(
    experiment: Annotated[Path, typer.Argument(help="The new experiment file.")],
    languages: Annotated[str, typer.Option(help="Target languages, such as sw,tr.")],
    task: o.TaskName = "pos",
    data: Annotated[
        Path, typer.Option(help="Folder in which training items, test items and bitext are found by their names.")
    ] = Path(),
    train: Annotated[str | None, typer.Option(help="Training items, if they are elsewhere.")] = None,
    test: Annotated[
        str | None, typer.Option(help="Test items, such as '{language}-test.conllu', if they are elsewhere.")
    ] = None,
    bitext: Annotated[
        str | None, typer.Option(help="Bitext, such as 'en-{language}.tsv', if it is elsewhere; or SOURCE,TARGET.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="The encoder: embedded:e5-small, a folder, or a name on the hub.")
    ] = o.EMBEDDED,
    source: Annotated[str, typer.Option("--source", help="Language of the training items.")] = "en",
    as_json: o.Json = False,
) -> None:
    """Write an experiment file with comments for your own data, which are found and read."""
    with working():
        from alignfreeze.experiment.presets import write_experiment

        codes = values.read_codes(languages)
        places = {"train": train, "test": test, "bitext": bitext, "folder": data}
        facts = write_experiment(
            experiment, task=task, languages=codes, encoder=encoder, source_language=source, **places
        )
    show_facts(facts, as_json)
    if not as_json:
        show_lines([f"look at the plan next: alignfreeze run {experiment} --dry-run"], err=True)


def run(
    experiments: Annotated[
        list[Path], typer.Argument(help="Experiment files, in TOML; runs that several have in common are done once.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the runs and the tables.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan, then its time and memory.")] = False,
    no_timing: Annotated[
        bool, typer.Option("--no-timing", help="With --dry-run: show the plan without timing any step.")
    ] = False,
    changes: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("realignment.steps=200"))] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that share the runs.")] = None,
    ray: Annotated[
        str | None, typer.Option(help="Do the runs on a Ray cluster; its address: auto, ray://HOST:PORT, or local.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Do only the runs with this name, such as 'front-*'; may be repeated.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do failed runs again.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Do complete runs again, and replace their records.")] = False,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    log_to: o.LogTo = None,
    as_json: o.Json = False,
) -> None:
    """Realign, fine-tune and test as experiment files say; complete runs are not repeated."""
    values.check_readable(experiments)
    with working():
        from alignfreeze.experiment.planning import plan_all
        from alignfreeze.files import check_folder

        grid = values.read_experiments(experiments, changes, seed=seed, device=device, compute=compute, log_to=log_to)
        if out is not None:
            check_folder(out)
        planned = None if dry_run else plan_all(grid, elsewhere=ray is not None)
    if planned is None:
        _preview(grid, as_json, timed=not no_timing)
    elif out is None:
        raise SettingsError("name a folder for the runs with --out DIR, or look at the plan with --dry-run")
    else:
        how = {"workers": workers, "ray": ray, "only": only, "retry_failed": retry_failed, "force": force}
        _run(planned, out, as_json, **how)


def reproduce(
    name: Annotated[
        str, typer.Argument(help="Experiment of the paper: pos, ner, nli or qa, with xlmr, mbert or distilmbert.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the runs and the tables.")] = None,
    fraction: Annotated[float, typer.Option(help="Share of each training's steps.")] = 1.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan, then its time and memory.")] = False,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help=o.SET_HELP.format("alignment.aligner=fast-align"))
    ] = None,
    device: o.Device = None,
    compute: o.Compute = None,
    as_json: o.Json = False,
) -> None:
    """Run an experiment of the paper, and compare it language by language with what the paper published."""
    with working():
        from alignfreeze.advice.pilots import shorten
        from alignfreeze.experiment.paper import PREFIX, experiment_path
        from alignfreeze.experiment.planning import outline, plan_all
        from alignfreeze.experiment.settings import ExperimentSettings
        from alignfreeze.files import check_folder
        from alignfreeze.studies.versus import check_repeatable

        settings = ExperimentSettings.from_toml(experiment_path(name), changes=values.read_changes(changes))
        settings = values.change(settings, device=device, compute=compute)
        if out is not None:
            check_folder(out)
        if fraction != 1:
            steps = outline(settings, base=Path.cwd()).finetuning_steps
            settings = shorten(settings, fraction, finetuning_steps=steps)
    if dry_run or out is None:
        if not dry_run:
            raise SettingsError("name a folder for the runs with --out DIR, or look at the plan with --dry-run")
        _preview([(Path.cwd(), settings)], as_json, timed=True)
        return
    with working():
        check_repeatable(settings, name)
        planned = plan_all([(Path.cwd(), settings)])
    outcome = _do_runs(planned, out)
    if not as_json:
        show_outcome(outcome, as_json)
    with working(needs_torch=False):
        from alignfreeze.studies.comparing import compare
        from alignfreeze.studies.tables import repetition_lines, versus_sheet

        found = compare(out, against=f"{PREFIX}{name}")
    if as_json:
        show_json(found.to_dict())
    else:
        show_doubts(found.doubts)
        for item in found.versus:
            show_lines(["", *repetition_lines(item)])
            show_sheets([versus_sheet(item)])
    _tell_failures(outcome, out)


def _preview(grid: Sequence[tuple[Path, ExperimentSettings]], as_json: bool, *, timed: bool) -> None:
    """Show the plans of experiments, and their cost. Each plan is shown before steps are timed, which takes memory."""
    from alignfreeze.reports.plans import estimate_sheet
    from alignfreeze.reports.previews import preview

    plans = []
    for base, settings in grid:
        with working():
            shown = preview(settings, base=base)
        if not as_json:
            show_sheets([shown.sheet])
        cost = None
        if timed:
            with working():
                cost = shown.estimate()
        plans.append({**shown.facts, "estimate": cost and asdict(cost)})
        if not as_json:
            show_sheets([estimate_sheet(cost)] if timed else [])
            show_lines([""] if len(grid) > 1 else [])
    show_plans(plans, as_json)


def _run(plans: Sequence[Plan], out: Path, as_json: bool, **how: Any) -> None:
    """Do runs, write the tables of their scores, and show them; failed runs give exit code 1."""
    outcome = _do_runs(plans, out, **how)
    show_outcome(outcome, as_json)
    _tell_failures(outcome, out)


def _do_runs(plans: Sequence[Plan], out: Path, **how: Any) -> Outcome:
    """Do runs, and write the tables of their scores."""
    with working(runs=out, only=how.get("only")):
        from alignfreeze.progress import stage
        from alignfreeze.reports.writing import write_outcome
        from alignfreeze.running.dispatch import run_experiments
        from alignfreeze.running.study import Outcome

        # Every training ends with collections of garbage. They need not look through all that was imported.
        gc.freeze()
        outcome = Outcome.of(run_experiments(plans, out=out, **how))
        with stage("writing tables and pictures"):
            write_outcome(outcome, out)
    return outcome


def _tell_failures(outcome: Outcome, out: Path) -> None:
    """End with exit code 1 if runs have failed."""
    if outcome.failures:
        show_lines([f"the errors are kept in {out / 'failed'}; --retry-failed does these runs again"], err=True)
        raise typer.Exit(1)


def mark(
    experiment: Annotated[Path, typer.Argument(help="Experiment file, in TOML; of its data, only data.train is read.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the lines, one per training item.")],
    changes: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("data.max_train=1000"))] = None,
    as_json: o.Json = False,
) -> None:
    """Write the training data as plain lines to translate, with entities marked, for translations.text."""
    with working():
        from alignfreeze.experiment.data import mark_training_data
        from alignfreeze.experiment.settings import ExperimentSettings
        from alignfreeze.files import check_apart, check_file, write_lines

        check_file(out)
        settings = ExperimentSettings.from_toml(experiment, changes=values.read_changes(changes))
        base = experiment.parent
        check_apart({"--out": out}, [experiment, base / settings.data.train])
        lines = mark_training_data(settings, base=base)
        write_lines(out, lines)
    show_facts({"lines": len(lines), "file": str(out)}, as_json)


def status(
    out: Annotated[Path, typer.Argument(help="The folder of the runs.")],
    watch: Annotated[bool, typer.Option("--watch", help="Refresh the table until no run is left.")] = False,
    as_json: o.Json = False,
) -> None:
    """Show the progress of an experiment from any terminal: its runs, their stage and speed, the time left."""
    from alignfreeze.reports.status import status_facts
    from alignfreeze.running.status import read_status

    if as_json:
        show_json(status_facts(read_status(out)))
    else:
        show_status(lambda: read_status(out), watch=watch)


def advise(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="Experiment file, in TOML; its test data are not read. Or a folder of complete runs with held-out "
            "sentence pairs (bitext.held_out): then the advice is which model to use for which language."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the advice; by default a folder beside the experiment file, named after that file. "
            "By default, advice on a folder of runs is only shown.",
        ),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(help="Share of each training's steps for the pilots.", show_default="0.25"),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Minutes for the pilots; --fraction shrinks to fit.")
    ] = None,
    held_out: Annotated[
        int | None,
        typer.Option("--held-out", min=1, help="Sentence pairs per language that are kept out of realignment."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the experiment's seeds the pilots use.", show_default="1"),
    ] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("realignment.steps=200"))] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Advise without labels, from short runs (pilots), whether to realign and what to freeze for each language."""
    pilots = values.keep_given({"fraction": fraction, "budget": budget, "held_out": held_out, "n_seeds": seeds})
    options = values.keep_given({"seeds": None if seed is None else [seed], "device": device})
    if not experiment.is_dir():
        values.check_readable([experiment])
    with working():
        from alignfreeze.advice.advice import advise as ask
        from alignfreeze.advice.advice import folder_of
        from alignfreeze.advice.choices import StrategyChoices, choice_lines
        from alignfreeze.advice.outcome import RECOMMENDED, advice_lines
        from alignfreeze.settings import parse_changes

        if fraction is not None and not 0 < fraction <= 1:
            raise SettingsError(f"--fraction {fraction:g}: expected a share of the steps, more than 0 and at most 1")
        changed = dict(parse_changes(values.read_changes(changes)))
    with working(runs=None if experiment.is_dir() else folder_of(experiment, out)):
        advised = ask(experiment, out=out, **pilots, **changed, **options)
    if as_json:
        show_json(advised.to_dict())
        return
    show_lines([*advised.warnings(), *advised.answers(), ""])
    show_sheets(advised.sheets())
    if isinstance(advised, StrategyChoices):
        show_lines(choice_lines(advised))
    else:
        recommended = f"the recommended run is alignfreeze run {advised.out / RECOMMENDED} --out DIR"
        show_lines([*advice_lines(advised), recommended])
