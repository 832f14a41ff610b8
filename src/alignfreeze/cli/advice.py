"""The command that advises what to do, before it is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import console, json_text, working
from alignfreeze.errors import SettingsError

if TYPE_CHECKING:
    from alignfreeze.report.sheets import Sheet

RECOMMENDED = "recommended.toml"


def advise(
    experiment: Annotated[
        Path,
        typer.Argument(
            help="Experiment file, in TOML; its test data are not read. Or a folder of complete runs whose experiment "
            "holds pairs out (bitext.held_out): which of their models to take for which language."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the advice; left out, of a file one named after it, beside it, and of a folder of runs "
            "none.",
        ),
    ] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Of the steps of either training, that the pilots take.", show_default="0.25")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Minutes for the pilots; their fraction of the steps shrinks to fit.")
    ] = None,
    held_out: Annotated[
        int | None, typer.Option("--held-out", min=1, help="Sentence pairs a language that nothing is realigned on.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the experiment's seeds the pilots have.", show_default="1"),
    ] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("realignment.steps=200"))] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Advise without labels, by short runs: whether to realign, and what to freeze, for each language."""
    pilots: dict[str, Any] = {"fraction": fraction, "budget": budget, "held_out": held_out, "n_seeds": seeds}
    if experiment.is_dir():
        _choose(experiment, out, {**pilots, "set": changes or None, "seed": seed, "device": device}, as_json=as_json)
        return
    with working():
        from alignfreeze.advice.advice import advise as ask
        from alignfreeze.experiment.settings import ExperimentSettings
        from alignfreeze.files import check_folder, write_lines
        from alignfreeze.report.advice import advice_facts, advice_lines, advice_sheet
        from alignfreeze.settings import to_toml

        if fraction is not None and not 0 < fraction <= 1:
            raise SettingsError(f"--fraction {fraction:g}: it is of the steps, more than 0 and at most 1")
        changed = [o.named(text, "--set", "NAME=VALUE, such as realignment.steps=200") for text in changes or []]
        settings = ExperimentSettings.from_toml(experiment, changes=changed)
        settings = settings.model_copy(update=_given({"seeds": None if seed is None else [seed], "device": device}))
        folder = out or experiment.with_name(f"{experiment.stem}-advice")
        check_folder(folder)
        advised = ask(settings, base=experiment.parent, out=folder, **_given(pilots))
        values = advised.recommended.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        write_lines(folder / RECOMMENDED, to_toml(values))
        sheet, lines, facts = advice_sheet(advised), list(advice_lines(advised)), advice_facts(advised)
        facts["recommended"] = str(folder / RECOMMENDED)
        _keep(folder, "advice", sheet, lines, facts)
    if as_json:
        typer.echo(json_text(facts))
        return
    _show(sheet, [*lines, f"the recommended run is alignfreeze run {folder / RECOMMENDED} --out DIR"])


def _choose(runs: Path, out: Path | None, options: dict[str, Any], *, as_json: bool) -> None:
    """Say which of the models of complete runs to take for which language."""
    with working():
        from alignfreeze.advice.per_language import choose_strategies
        from alignfreeze.files import check_folder
        from alignfreeze.report.advice import choice_facts, choice_lines, choice_sheet

        if given := _given(options):
            names = ", ".join(f"--{name.removeprefix('n_').replace('_', '-')}" for name in given)
            raise SettingsError(f"{names}: only pilots have that, and {runs} is a folder of complete runs")
        if out is not None:
            check_folder(out)
        choices = choose_strategies(runs)
        sheet, lines, facts = choice_sheet(choices), list(choice_lines(choices)), choice_facts(choices)
        if out is not None:
            _keep(out, "choice", sheet, lines, facts)
    if as_json:
        typer.echo(json_text(facts))
        return
    _show(sheet, lines)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _keep(folder: Path, name: str, sheet: Sheet, lines: list[str], facts: dict[str, Any]) -> None:
    from alignfreeze.files import write_json, write_lines
    from alignfreeze.report.sheets import to_markdown

    write_json(folder / f"{name}.json", facts)
    write_lines(folder / f"{name}.md", [*to_markdown(sheet).splitlines(), "", *(f"- {line}" for line in lines)])


def _show(sheet: Sheet, lines: list[str]) -> None:
    from alignfreeze.report.sheets import to_rich

    console().print(to_rich(sheet))
    for line in lines:
        console().print(line, highlight=False, markup=False)
