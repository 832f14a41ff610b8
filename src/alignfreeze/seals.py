"""Seals of folders: the digest of each file, written when a folder is complete and compared when it is read."""

from __future__ import annotations

import time
from pathlib import Path

from alignfreeze.errors import DataError
from alignfreeze.files import digest_of_file, write_json
from alignfreeze.stored import Stored

SEAL = ".seal"
"""The file with the digests. It has no ending, so that nobody takes it for a file of a model."""

_FRESH_SECONDS = 2
"""A file that is younger is read again each time: a change within the same tick of the clock would not be seen."""

_SEAL = Stored[dict[str, str]](dict[str, str], "the seal of a folder")

_intact: set[tuple[object, ...]] = set()
"""The files that this process has found intact, each with its number, size, time and digest."""


def seal(folder: Path, *, name: str | None = None) -> None:
    """Write the digest of each file in a folder, as the last file in it.

    Args:
        folder: The folder; the files of folders in it count too.
        name: What the folder holds: a copy under another name is not intact. By default its name does not count.
    """
    digests = {str(path.relative_to(folder).as_posix()): digest_of_file(path) for path in _files_in(folder)}
    write_json(folder / SEAL, digests | ({} if name is None else {SEAL: name}))


def is_sealed(folder: Path) -> bool:
    """Tell whether a folder was sealed, so that it was complete once."""
    return (folder / SEAL).exists()


def is_intact(folder: Path, *, name: str | None = None) -> bool:
    """Tell whether the files in a sealed folder are those of its seal, all of them and no others, unchanged.

    A process reads each file once for its digest, and again only if its size or time has changed since. This takes
    about a second per gigabyte, so mapped arrays are as fast as without a seal afterwards.
    """
    digests = _SEAL.find(folder / SEAL)
    if digests is None or digests.pop(SEAL, None) != name:
        return False
    try:
        paths = {path.relative_to(folder).as_posix(): path for path in _files_in(folder)}
        return paths.keys() == digests.keys() and all(_has_digest(paths[one], digests[one]) for one in digests)
    except (OSError, DataError):
        return False


def _files_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / SEAL]


def _has_digest(path: Path, digest: str) -> bool:
    """Tell whether a file has a digest; a file that had it before and was not written since is not read again."""
    found = path.stat()
    key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, digest)
    if key in _intact:
        return True
    if digest_of_file(path) != digest:
        return False
    if time.time() - found.st_mtime > _FRESH_SECONDS:
        _intact.add(key)
    return True
