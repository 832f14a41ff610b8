"""Compressed files: opened by their content, written by their names."""

from __future__ import annotations

import gzip
import lzma
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from alignfreeze.errors import DataError, EndsEarlyError

COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": zstd.open,
}
"""The function that opens a compressed file, by the first bytes of the file."""

COMPRESSED_NAMES: dict[str, Callable[[BinaryIO], Any]] = {
    # Without the time and the name of the file, so that the same content gives the same bytes.
    ".gz": lambda file: gzip.GzipFile("", "wb", fileobj=file, mtime=0),
    ".xz": partial(lzma.open, mode="wb"),
    ".zst": partial(zstd.open, mode="wb"),
}
"""The function that compresses a file, by the ending of its name."""

_OTHER_COMPRESSIONS = {
    "bzip2": b"BZh[1-9]1AY&SY",
    "zip": b"PK\x03\x04",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "lzma": b"\\]\0\0.\0",
    "lz4": b"\x04\x22M\x18",
}
"""Compressions that are not supported, with patterns of their first bytes."""

OTHER_COMPRESSED_NAMES = {".bz2", ".zip", ".7z", ".lz4", ".lzma", ".rar", ".br"}
"""Endings of compressions that are neither read nor written."""

_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstd.ZstdError)


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading: plain, or compressed by gzip, xz or zstd. The content decides, not the name.

    Raises:
        EndsEarlyError: The compressed data end early or are damaged.
        DataError: There is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            beginning = file.peek(10)[:10]
            for name, pattern in _OTHER_COMPRESSIONS.items():
                if re.match(pattern, beginning):
                    raise DataError(
                        f"{path}: compressed by {name}, which is not supported; unpack it, or use gzip, xz or zstd"
                    )
            opened = next((opened for magic, opened in COMPRESSIONS.items() if beginning.startswith(magic)), None)
            if opened is None:
                yield file
                return
            with opened(file, "rb") as content:
                yield content
    except _BROKEN as error:
        raise EndsEarlyError(f"{path}: the compressed data end early or are damaged ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def strip_compression(path: Path) -> Path:
    """Return a path without the ending of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED_NAMES else path
