"""Commands for looking at a study together: lens, note."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import working
from alignfreeze.errors import AlignFreezeError, SettingsError


def note(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the runs.")],
    text: Annotated[str, typer.Argument(help="What there is to say, in plain text.")],
    language: Annotated[str | None, typer.Option(help="Say it of a language, such as tr.")] = None,
    run: Annotated[str | None, typer.Option(help="Say it of a run, by the name of its folder.")] = None,
    name: Annotated[str | None, typer.Option(help="Who says it; by default the user of this machine.")] = None,
) -> None:
    """Keep a note on a study, one of its languages or one of its runs; the pages of `report` and `lens` show it."""
    from alignfreeze.languages import check_language
    from alignfreeze.report.addresses import STUDY, language_address, run_address
    from alignfreeze.report.notes import NOTES, add_note, addresses, check_address

    if language is not None and run is not None:
        raise SettingsError("--language and --run exclude each other: a note is on one page")
    about = STUDY
    if language is not None:
        about = language_address(check_language(language))
    elif run is not None:
        about = run_address(run)
    check_address(about, addresses(out))
    kept = add_note(out, text, about=about, name=name)
    typer.echo(f"{out / NOTES}: a note by {kept.name} about {kept.about}")


def lens(
    paths: o.Results,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0 for any port that is free.")] = 8765,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
) -> None:
    """Show the page of a study to browsers on this machine, as it is while runs go on, with a form for notes."""
    with working():
        try:
            from alignfreeze.report.server import Lens
        except ModuleNotFoundError as error:
            raise SettingsError(f'lens needs the extra `report`: pip install "alignfreeze[report]" ({error})') from None

        server = Lens(paths, port=port)
        with suppress(AlignFreezeError):  # the page says it, until there is something to show
            server.page.build()
    with server, suppress(KeyboardInterrupt):
        typer.echo(f"the lens is at {server.address} and shows {', '.join(map(str, paths))}; Ctrl-C ends it")
        if open_page:
            webbrowser.open(server.address)
        server.serve_forever()
