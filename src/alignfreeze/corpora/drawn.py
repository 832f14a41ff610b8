"""Samples of large bitext, which are drawn once: all runs on a machine share them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alignfreeze.cache import load_or_compute
from alignfreeze.corpora.selection import Selection, SelectionSettings
from alignfreeze.corpora.words import describe_splitter
from alignfreeze.files import digest_of_file
from alignfreeze.progress import keeping_remarks, remark

LARGE = 2**24
"""The files of a bitext are large if they have at least this many bytes together."""

_SETTLED = 2 * 10**9
"""Nanoseconds after which a changed file has another time of change, also on coarse clocks."""

Arrays = dict[str, NDArray[Any]]


class LargeSource(Protocol):
    """A source of sentence pairs in files.

    Attributes:
        languages: Codes of the source and the target language.
        notes: What the user should know about the files.
    """

    languages: tuple[str, str]
    notes: list[str]

    @property
    def paths(self) -> list[Path]:
        """All files that are read."""
        ...


def digest_once(paths: Sequence[Path]) -> list[str]:
    """Return the digests of files, as `digest_of_file` does. Large files are read once, until one of them changes.

    Raises:
        DataError: A file cannot be read, or only once.
    """

    def digest() -> list[str]:
        return [digest_of_file(path) for path in paths]

    try:
        facts = [path.stat() for path in paths]
    except OSError:
        return digest()  # whose error says why
    latest = max((each.st_mtime_ns for each in facts), default=0)
    if sum(each.st_size for each in facts) < LARGE or time.time_ns() - latest < _SETTLED:
        return digest()
    places = [str(path.resolve()) for path in paths]
    key = [
        [place, each.st_size, each.st_mtime_ns, each.st_ctime_ns, each.st_ino]
        for place, each in zip(places, facts, strict=True)
    ]
    return _read_json(load_or_compute("digests", key, lambda: _to_arrays(digest())))


def draw_once(reader: LargeSource, how: Any, settings: SelectionSettings, draw: Callable[[], Selection]) -> Selection:
    """Return a sample from the cache, or draw it from large files and keep it there. Its remarks are said each time.

    Args:
        reader: The source of the pairs.
        how: What decides which pairs the reader gives, besides the content of its files, as plain values.
        settings: Which pairs are chosen.
        draw: Draws the sample. If several processes want it, one draws it while the others wait.
    """

    def compute() -> Arrays:
        with keeping_remarks() as remarks:
            drawn = draw()
        return _to_arrays({"selection": asdict(drawn), "remarks": remarks, "notes": reader.notes})

    libraries = [describe_splitter(code) for code in reader.languages], _version_of("py3langid")
    key = [digest_once(reader.paths), how, settings.model_dump(), reader.languages, *libraries]
    found = _read_json(load_or_compute("drawn", key, compute))
    reader.notes[:] = found["notes"]
    for text in found["remarks"]:
        remark(text)
    selection = found["selection"]
    return Selection(**selection | {"texts": [(source, target) for source, target in selection["texts"]]})


def is_large(paths: Sequence[Path]) -> bool:
    """Return whether files are so large that a sample of them is kept."""
    return sum(path.stat().st_size for path in paths) >= LARGE


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _to_arrays(value: Any) -> Arrays:
    # Everything but ASCII is escaped: half a character cannot be written otherwise.
    return {"json": np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)}


def _read_json(arrays: Arrays) -> Any:
    return json.loads(arrays["json"].tobytes())
