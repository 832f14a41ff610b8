"""The command line: the app, its entry point, and the list of its commands."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import alignfreeze
from alignfreeze.cli import labels, lens, models, runs, studies, text
from alignfreeze.cli.options import Command
from alignfreeze.cli.shown import complain
from alignfreeze.disk import writing
from alignfreeze.errors import AlignFreezeError, SettingsError
from alignfreeze.termination import TERMINATED, Terminated, clean_up_when_terminated

app = typer.Typer(
    name="alignfreeze",
    help=(alignfreeze.__doc__ or "").partition("\n")[0],
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    *(runs.demo, runs.init, runs.run, runs.reproduce),
    *(text.bitext, text.align, text.aer, text.layers),
    *(models.realign, models.average, models.swap, models.finetune, models.evaluate),
    *(models.predict, models.convert, models.shrink),
    *(runs.mark, runs.advise, runs.status),
    *(labels.label, labels.settle),
    *(studies.compare, studies.correlate, studies.export, studies.report, studies.probe),
    *(lens.note, lens.lens),
)
"""The commands in the order of the help. Each reads its arguments, calls the library, and shows the result."""

for command in COMMANDS:
    app.command(cls=Command)(command)


def main() -> None:
    """Run the command line; a user's mistake becomes one message and exit code 2."""
    # Two threads per tokenizer beside torch's own help little, and forking warns about them.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # `datasets` draws a bar for each split of each data set, over what is shown here. It tells a host beside the hub
    # what it loads, and waits three seconds each time where that host cannot be reached.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
    if int(os.environ.get("RANK", "0")) > 0:
        # Of several processes that train together, only one prints. Errors of the others go through the launcher.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - open as long as the process lives
    # Else the interpreter searches all objects of torch for cycles before it ends, which takes a second or more.
    atexit.register(gc.freeze)
    try:
        _check_arguments(sys.argv[1:])
        with clean_up_when_terminated(), writing(Path.cwd()):
            app()
    except AlignFreezeError as error:
        complain(str(error))
        sys.exit(2)
    except Terminated:
        complain("ended by SIGTERM; complete runs and checkpoints are kept, and the same command continues from there")
        sys.exit(TERMINATED)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Check that all arguments are UTF-8: records and pages hold the names of files.

    Raises:
        SettingsError: One is not.
    """
    for argument in arguments:
        shown = argument.encode("utf-8", "backslashreplace").decode()
        if shown != argument:
            raise SettingsError(f"{shown}: this name is not UTF-8; rename the file or folder")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(alignfreeze.__version__)
        raise typer.Exit


@app.callback()
def _read_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
