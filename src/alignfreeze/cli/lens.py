"""Commands to look at a study together: lens, note."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli.shown import show_lines, working
from alignfreeze.errors import AlignFreezeError, SettingsError


def note(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the runs.")],
    text: Annotated[str, typer.Argument(help="The text of the note, in plain text.")],
    language: Annotated[str | None, typer.Option(help="The language that the note is about, such as tr.")] = None,
    run: Annotated[str | None, typer.Option(help="The run that the note is about: the name of its folder.")] = None,
    name: Annotated[str | None, typer.Option(help="The writer; by default the user of this machine.")] = None,
) -> None:
    """Keep a note about a study, a language or a run; the pages of `report` and `lens` show it."""
    from alignfreeze.addresses import STUDY, address_of_language, address_of_run
    from alignfreeze.languages import check_language
    from alignfreeze.reports.notes import NOTES, add_note, check_address, list_addresses

    if language is not None and run is not None:
        raise SettingsError("--language and --run cannot be used together: a note belongs to one page")
    about = STUDY
    if language is not None:
        about = address_of_language(check_language(language))
    elif run is not None:
        about = address_of_run(run)
    check_address(about, list_addresses(out))
    entry = add_note(out, text, about=about, name=name)
    show_lines([f"{out / NOTES}: a note by {entry.name} about {entry.about}"])


def lens(
    paths: o.Results,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any free port.")] = 8765,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
) -> None:
    """Show the page of a study to browsers on this machine. The page follows the runs, and notes can be added to it."""
    with working():
        try:
            from alignfreeze.reports.server import Lens
        except ModuleNotFoundError as error:
            raise SettingsError(f'lens needs the extra `report`: pip install "alignfreeze[report]" ({error})') from None

        server = Lens(paths, port=port)
        with suppress(AlignFreezeError):  # the page shows the reason until a study exists
            server.page.build()
    with server, suppress(KeyboardInterrupt):
        show_lines([f"the lens is at {server.address} and shows {', '.join(map(str, paths))}; Ctrl-C stops the lens"])
        if open_page:
            webbrowser.open(server.address)
        server.serve_forever()
