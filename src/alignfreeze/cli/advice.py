"""The command that advises what to do, before it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import console, json_text, working
from alignfreeze.errors import SettingsError

RECOMMENDED = "recommended.toml"


def advise(
    experiment: Annotated[Path, typer.Argument(help="Experiment file, in TOML; its test data are not read.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the advice; left out, one named after the file, beside it."),
    ] = None,
    fraction: Annotated[float, typer.Option(help="Of the steps of either training, that the pilots take.")] = 0.25,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Minutes for the pilots; their fraction of the steps shrinks to fit.")
    ] = None,
    held_out: Annotated[
        int | None, typer.Option("--held-out", min=1, help="Sentence pairs a language that nothing is realigned on.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many of the experiment's seeds the pilots have.")] = 1,
    changes: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("realignment.steps=200"))] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Advise without labels, by short runs: whether to realign, and what to freeze, for each language."""
    with working():
        from alignfreeze.experiment import ExperimentSettings
        from alignfreeze.experiment.advice import advise as ask
        from alignfreeze.files import check_folder, write_json, write_lines
        from alignfreeze.report.advice import advice_facts, advice_lines, advice_sheet
        from alignfreeze.report.sheets import to_markdown, to_rich
        from alignfreeze.settings import to_toml

        if not 0 < fraction <= 1:
            raise SettingsError(f"--fraction {fraction:g}: it is of the steps, more than 0 and at most 1")
        changed = [o.named(text, "--set", "NAME=VALUE, such as realignment.steps=200") for text in changes or []]
        settings = ExperimentSettings.from_toml(experiment, changes=changed)
        given = {"seeds": None if seed is None else [seed], "device": device}
        settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
        folder = out or experiment.with_name(f"{experiment.stem}-advice")
        check_folder(folder)
        how: dict[str, Any] = {"fraction": fraction, "budget": budget, "held_out": held_out, "n_seeds": seeds}
        advised = ask(settings, base=experiment.parent, out=folder, **how)
        values = advised.recommended.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        write_lines(folder / RECOMMENDED, to_toml(values))
        sheet, lines, facts = advice_sheet(advised), list(advice_lines(advised)), advice_facts(advised)
        facts["recommended"] = str(folder / RECOMMENDED)
        write_json(folder / "advice.json", facts)
        write_lines(folder / "advice.md", [*to_markdown(sheet).splitlines(), "", *(f"- {line}" for line in lines)])
    if as_json:
        typer.echo(json_text(facts))
        return
    console().print(to_rich(sheet))
    for line in [*lines, f"the recommended run is alignfreeze run {folder / RECOMMENDED} --out DIR"]:
        console().print(line, highlight=False, markup=False)
