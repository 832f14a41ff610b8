"""The disk: what goes wrong there, as a message for users, and data that outlast a loss of power."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alignfreeze.errors import OutputError

_FULL = "the disk is full; make room"
_TOO_LARGE = "a file grows larger than this process may write; raise the limit (ulimit -f)"

_REASONS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the user's share of the disk (quota) is used up; make room",
    errno.EFBIG: _TOO_LARGE,
}
"""What the user is told, by the number of an error."""

_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}

_WORDS = {
    # Libraries written in other languages report it in words only.
    r"No space left|os error 28\b": _FULL,
    r"File too large|os error 27\b": _TOO_LARGE,
    r"quota exceeded|os error 122\b": _REASONS[errno.EDQUOT],
    # numpy; torch's writer, which loses the reason.
    r"requested and \d+ written|inline_container\.cc|PytorchStreamWriter|iostream error": (
        "a file cannot be written to its end: the disk is full, or a file grows larger than this process may write; "
        "make room, or raise the limit (ulimit -f)"
    ),
}
"""What the user is told, by what an error says."""


def explain_lack_of_room(error: BaseException) -> str | None:
    """Return what a user is told if an error, or one of its causes, is a lack of room on the disk; else None."""
    causes = list(causes_of(error))
    numbers = (_REASONS.get(getattr(one, "errno", None) or 0) for one in causes)
    texts = (reason for words, reason in _WORDS.items() for one in causes if re.search(words, str(one)))
    return next(filter(None, numbers), None) or next(texts, None)


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what has caused it, the last cause at the end."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a lack of room or of permission inside the block into an error of the user, whatever library has met it.

    Raises:
        OutputError: Something could not be written. It names the path, or the file in it.
    """
    try:
        yield
    except OutputError:
        raise
    except Exception as error:
        if (reason := explain_lack_of_room(error)) is not None:
            raise OutputError(f"{path}: cannot be written: {reason}") from error
        if isinstance(error, OSError) and error.errno in _FORBIDDEN:
            place = error.filename or path
            raise OutputError(f"{place}: {error.strerror}; choose a folder that you may write to") from error
        raise


def describe_refusal(error: OSError, path: Path) -> str:
    """Return a message for an error of the operating system about a file or folder that was to be written."""
    return f"{path}: cannot be written ({explain_lack_of_room(error) or error.strerror or error})"


def check_name(path: Path, error: type[Exception] = OutputError) -> None:
    """Check that the whole name of a file or folder is UTF-8: records and pages hold it.

    Raises:
        OutputError: It is not. Another class of errors may be named.
    """
    whole = str(path.absolute())
    try:
        whole.encode()
    except UnicodeEncodeError:
        shown = whole.encode("utf-8", "backslashreplace").decode()
        raise error(f"{shown}: this name is not UTF-8; rename the file or folder, or name another place") from None


def sync(path: Path) -> None:
    """Wait until a file, or a folder with everything in it, is on the disk; a name given then is never an empty one.

    Raises:
        OSError: It cannot be written there.
    """
    if path.is_dir():
        for inner in path.iterdir():
            sync(inner)
        sync_names(path)
    elif path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the file system can do that."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
