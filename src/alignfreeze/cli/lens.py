"""Commands for looking at a study together: note."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.errors import SettingsError


def note(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the runs.")],
    text: Annotated[str, typer.Argument(help="What there is to say, in plain text.")],
    language: Annotated[str | None, typer.Option(help="Say it of a language, such as tr.")] = None,
    run: Annotated[str | None, typer.Option(help="Say it of a run, by the name of its folder.")] = None,
    name: Annotated[str | None, typer.Option(help="Who says it; by default the user of this machine.")] = None,
) -> None:
    """Keep a note on a study, one of its languages or one of its runs; the pages of `report` show it."""
    from alignfreeze.experiment.notes import NOTES, STUDY, add_note, addresses, check_address

    if language is not None and run is not None:
        raise SettingsError("--language and --run exclude each other: a note is on one page")
    about = STUDY
    if language is not None:
        about = f"language/{language}"
    elif run is not None:
        about = f"run/{run}"
    check_address(about, addresses(out))
    kept = add_note(out, text, about=about, name=name)
    typer.echo(f"{out / NOTES}: a note by {kept.name} about {kept.about}")
