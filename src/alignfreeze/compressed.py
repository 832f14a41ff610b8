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

_EXPORT = "which is not read; export it as text with tabs between its columns (.tsv)"
_DOCUMENTS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), f"this is a spreadsheet, {_EXPORT}"),
    **dict.fromkeys((".docx", ".doc", ".odt"), f"this is a text document, {_EXPORT}"),
}
"""What to say about documents of office programs, which are zip files, by the ending of their names."""

_NO_TEXTS = {
    b"PAR1": f"this is a Parquet file, {_EXPORT}, or open it as a data frame in Python",
    b"SQLite format 3\0": f"this is a database (SQLite), as memories of Trados (.sdltm) are, {_EXPORT} or as TMX",
    b"Rar!\x1a\x07": "compressed by rar, which is not supported; unpack it, or use gzip, xz or zstd",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": f"this is a document of an older office program, {_EXPORT}",
}
"""What to say about files that are no text, by their first bytes."""

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
            beginning = file.peek(16)[:16]
            _refuse_other_formats(path, beginning)
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


def _refuse_other_formats(path: Path, beginning: bytes) -> None:
    """Refuse documents and databases by their first bytes, which are no text to unpack.

    Raises:
        DataError: The file is one.
    """
    problem = next((text for magic, text in _NO_TEXTS.items() if beginning.startswith(magic)), None)
    if beginning.startswith(b"PK\x03\x04"):
        problem = _DOCUMENTS.get(path.suffix.lower())
    if problem is not None:
        raise DataError(f"{path}: {problem}")


def strip_compression(path: Path) -> Path:
    """Return a path without the ending of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED_NAMES else path
