"""Files: read line by line, with the numbers of lines; written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from alignfreeze.compressed import COMPRESSED_NAMES, open_binary
from alignfreeze.decoding import BLOCK, LONGEST_LINE, NotTextError, Recoded, encoding_of, split_into_lines
from alignfreeze.disk import check_name, describe_refusal, sync, sync_names, writing
from alignfreeze.errors import DataError, EndsEarlyError, OutputError, SettingsError, show_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

THIS_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
"""This machine in names of half-written files: processes of two machines, or containers, may have the same number."""

_LEFTOVER = re.compile(rf"\..+\.([0-9]+)-{THIS_HOST}\.part")
_ANY_LEFTOVER = re.compile(r"\..+\.[0-9]+-[0-9a-f]{8}\.part")


@contextmanager
def open_text(path: Path) -> Iterator[tuple[BinaryIO, str | None]]:
    """Open a text file, plain or compressed, for reading. UTF-16 and UTF-32 are turned into UTF-8.

    Yields the file, and the encoding it was turned from. That is None if its bytes are as they were.

    Raises:
        EndsEarlyError: The compressed data end early or are damaged.
        DataError: The file cannot be read, is not in the encoding of its byte order mark, or is UTF-16 without one.
    """
    encoding = None
    try:
        with open_binary(path) as file:
            encoding = encoding_of(file.peek(BLOCK)[:BLOCK])  # type: ignore[attr-defined]
            yield (file if encoding is None else io.BufferedReader(Recoded(file, encoding))), encoding  # type: ignore[misc]
    except NotTextError as error:
        raise DataError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        if encoding is None:
            raise
        problem = f"not valid {encoding.upper()}, which its first bytes name; convert the file to UTF-8"
        raise DataError(f"{path}: {problem}") from error


def read_lines(path: Path, *, longest: int = LONGEST_LINE) -> Iterator[tuple[int, str]]:
    """Yield the number of each line, from 1, and the line without its end, of a text file, plain or compressed.

    The file is in UTF-8, or in UTF-16 or UTF-32 with a byte order mark. All its lines may end in a carriage return.
    A byte order mark at the beginning of a line is left out: files that were joined have one where each of them begins.

    Args:
        path: The file.
        longest: The most bytes of a line.

    Raises:
        EndsEarlyError: The compressed data end early or are damaged.
        DataError: The file cannot be read, or a line is not UTF-8 or too long; the message names the line.
    """
    number = 0
    try:
        with open_text(path) as (file, _):
            try:
                for number, raw in enumerate(split_into_lines(file, longest), start=1):
                    yield number, raw.rstrip(b"\r\n").decode().lstrip("\ufeff")
            except NotTextError as error:
                raise DataError.at(path, number + 1, str(error)) from error
    except UnicodeDecodeError as error:
        problem = f"not valid UTF-8 (byte {error.object[error.start]:#04x}); convert the file to UTF-8"
        raise DataError.at(path, number, problem) from error
    except EndsEarlyError as error:
        reason = f"the compressed data end early or are damaged ({error.__cause__})"
        raise EndsEarlyError.at(path, number + 1, reason) from error


def check_readable_again(path: Path, problem: str) -> None:
    """Check that a file can be read more than once: a pipe cannot.

    Raises:
        DataError: The file is a pipe; the message ends in `problem`.
    """
    if path.is_fifo() or path.is_char_device():
        raise DataError(f"{path}: a pipe can be read only once, {problem}")


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits.

    Raises:
        DataError: The file cannot be read, or only once.
    """
    check_readable_again(path, "and the record needs a digest of it, too; write it to a file first")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def digest_of_json(value: Any) -> str:
    """Return the SHA-256 of a value's JSON with sorted keys: the same content gives the same digest."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_arrays(*arrays: NDArray[Any]) -> str:
    """Return a digest of the contents, types and shapes of arrays."""
    digest = hashlib.blake2b(digest_size=32)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        # A large table is not copied.
        digest.update(array.data if array.flags.c_contiguous else array.tobytes())
    return digest.hexdigest()


def to_path(place: object, what: str) -> Path:
    """Return the path that a caller gives as a text or as a path.

    Args:
        place: What the caller gives.
        what: What the path is for, for the message.

    Raises:
        SettingsError: It is neither text nor path.
    """
    if isinstance(place, str | os.PathLike) and isinstance(name := os.fspath(place), str) and name:
        return Path(name)
    raise SettingsError(f"{what}: expected a path, as a text or a Path, got {show_value(place)}")


def to_paths(places: object, what: str) -> list[Path]:
    """Return the paths that a caller gives: one, or several.

    Args:
        places: What the caller gives.
        what: What the paths are for, for the message.

    Raises:
        SettingsError: Something is neither text nor path.
    """
    if isinstance(places, str | os.PathLike) or not isinstance(places, Iterable):
        return [to_path(places, what)]
    return [to_path(place, what) for place in places]


def check_folder(path: Path) -> None:
    """Check that a folder can be made and written at a path; the check leaves nothing there.

    Raises:
        OutputError: The folder cannot be made or written, or its name is not UTF-8.
    """
    check_name(path)
    try:
        nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        with tempfile.NamedTemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place for the output") from error


def check_file(path: Path) -> None:
    """Check that a file can be written at a path; the check leaves nothing there.

    Raises:
        OutputError: The file cannot be written.
    """
    check_folder(path.parent)
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; name a file for the output")


def check_apart(outputs: Mapping[str, Path | None], inputs: Iterable[Path] = ()) -> None:
    """Check that no output overwrites another output or a file that is read.

    Args:
        outputs: The places of the outputs by option; None for an option that was left out.
        inputs: The files that are read.

    Raises:
        OutputError: An output would overwrite something.
    """
    taken = {path.resolve(): "an input" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if (use := taken.get(path.resolve())) is not None:
            raise OutputError(f"{option} {path}: this file is also {use}; choose another name for the output")
        taken[path.resolve()] = f"the output of {option}"


def check_unused(path: Path) -> None:
    """Check that a path does not exist yet or is an empty folder, and that a folder can be written there.

    Raises:
        OutputError: The path exists and is not an empty folder, or the folder cannot be written.
    """
    check_folder(path.resolve().parent)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise OutputError(f"{path}: already exists and is not an empty folder; remove it or choose another name")


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, if they do not exist, and return the folder.

    Raises:
        OutputError: The folder cannot be created or written to.
    """
    check_folder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(describe_refusal(error, path)) from error
    return path


def remove_folder(path: Path) -> None:
    """Remove a folder with everything in it, if it is there.

    Raises:
        OutputError: It cannot be removed, for example because it is another user's.
    """
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"{error.filename or path}: cannot be removed ({error.strerror or error})") from error


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{THIS_HOST}.part")


def remove_leftovers(folder: Path, *, of: str = "*", is_ours: bool = False) -> None:
    """Remove files and folders that killed processes left half-written; those of running processes stay.

    Args:
        folder: Where to look.
        of: The final name of the files or folders; by default any name.
        is_ours: No other process can be writing them now, so remove them even if a process of that number runs. In a
            container, or on another machine, a running process may have the number of the killed one.
    """
    for path in folder.glob(f".{of}.*.part"):
        process = _LEFTOVER.fullmatch(path.name)
        if (process and not _is_running(int(process[1]))) or (is_ours and _ANY_LEFTOVER.fullmatch(path.name)):
            with suppress(OSError):  # another user's stays
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a UTF-8 text file. Readers of the path see either the old content or the whole new content.

    The file is compressed if its name ends in `.gz`, `.xz` or `.zst`.

    Raises:
        OutputError: The file cannot be written.
    """
    beside = _temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            file: Any = stack.enter_context(beside.open("wb"))
            if (compress := COMPRESSED_NAMES.get(path.suffix.lower())) is not None:
                file = stack.enter_context(compress(file))
            file.writelines(f"{line}\n".encode() for line in lines)
        _give_name(beside, path)
    except OSError as error:
        raise OutputError(describe_refusal(error, path)) from error
    except UnicodeEncodeError as error:
        raise OutputError(f"{path}: cannot be written: it would hold a name or text that is not UTF-8") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _give_name(beside: Path, path: Path, *, synced: bool = False) -> None:
    """Give a complete file or folder its name. Its data are on the disk before, and the name is afterwards."""
    if not synced:
        sync(beside)
    beside.replace(path)
    sync_names(path.parent)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a path to write a file to; it gets the name `path` when the block ends without an exception.

    Raises:
        OutputError: The file cannot be written, or there is no room on the disk.
    """
    beside = _temporary_name(path)
    make_folder(path.parent)
    try:
        with writing(path):
            yield beside
        try:
            _give_name(beside, path)
        except OSError as error:
            raise OutputError(describe_refusal(error, path)) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, whole or not at all."""
    write_lines(path, [json.dumps(value, indent=2, ensure_ascii=False)])


def read_json(path: Path) -> Any:
    """Return the value in a JSON file; None if there is no such file or its content is not JSON.

    The value may have any shape: `stored.Stored` reads files whose shape is known.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill; it gets the name `path` when the block ends without an exception.

    An empty folder of this name is replaced. If anything else has appeared at the path, it stays, and the filled folder
    keeps its temporary name.

    Raises:
        OutputError: The folder cannot be written, there is no room on the disk, or the folder cannot get its name.
    """
    path = path.resolve()
    beside = _temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
    except OSError as error:
        raise OutputError(describe_refusal(error, path)) from error
    try:
        with writing(path):
            yield beside
            sync(beside)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    try:
        if path.exists():
            path.rmdir()
        _give_name(beside, path, synced=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path}: cannot be written ({reason}); the result is kept in {beside}") from error
