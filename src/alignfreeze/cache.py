"""Arrays that are computed once and read from disk afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from alignfreeze.errors import OutputError
from alignfreeze.files import digest_of_json, new_folder, remove_folder, remove_leftovers
from alignfreeze.locks import hold_lock
from alignfreeze.seals import is_intact, seal

VARIABLE = "ALIGNFREEZE_CACHE"

FORMAT = 3
"""Increase this number when cached values change but their keys do not."""

Arrays = dict[str, NDArray[Any]]


def cache_folder() -> Path:
    """Return the folder for values that can be computed again: `$ALIGNFREEZE_CACHE`, or by default the user's cache."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("alignfreeze")


def load_or_compute(kind: str, key: Any, compute: Callable[[], Arrays]) -> Arrays:
    """Return arrays from the cache, mapped into memory; if they are not there, or not intact, compute and keep them.

    A folder of the cache is sealed: a changed, missing or exchanged file is seen (see `seals.is_intact`).

    Args:
        kind: The subfolder of the cache.
        key: Everything that the arrays depend on, except the version of alignfreeze, as plain values.
        compute: Computes the arrays. If several processes ask for the same arrays, one computes them while the others
            wait.
    """
    folder = _folder_of(kind, key)
    if (found := _read(folder)) is not None:
        return found
    with _lock(folder):
        if (found := _read(folder)) is not None:
            return found
        arrays = compute()
        # A cache that cannot be written costs only time.
        with suppress(OutputError, OSError):
            remove_leftovers(folder.parent)
            remove_folder(folder)  # it may hold damaged files
            with new_folder(folder) as unfinished:
                for name, values in arrays.items():
                    np.save(unfinished / f"{name}.npy", values, allow_pickle=False)
                seal(unfinished, name=f"{kind}/{folder.name}")
    # Read back from disk, which frees memory.
    return _read(folder) or arrays


def is_kept(kind: str, key: Any) -> bool:
    """Return whether arrays are in the cache and intact; the arguments are those of `load_or_compute`."""
    return _read(_folder_of(kind, key)) is not None


def _folder_of(kind: str, key: Any) -> Path:
    return cache_folder() / kind / digest_of_json([version("alignfreeze"), FORMAT, key])[:32]


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a cache folder inside the block. If the cache cannot be written, hold no lock."""
    with ExitStack() as stack:
        with suppress(OutputError):
            stack.enter_context(hold_lock(folder.with_suffix(".lock")))
        yield


def _read(folder: Path) -> Arrays | None:
    """Return the arrays in a folder; None if there are none, or they are not those that were kept there."""
    if not is_intact(folder, name=f"{folder.parent.name}/{folder.name}"):
        return None
    try:
        return {path.stem: _map_file(path) for path in folder.glob("*.npy")}
    except (OSError, ValueError):
        return None


def _map_file(path: Path) -> NDArray[Any]:
    values = np.load(path, mmap_mode="r" if path.stat().st_size > _HEADER else None, allow_pickle=False)
    # A plain array over the same memory: numpy's class for maps is slower.
    return np.asarray(values)


_HEADER = 128
"""The size in bytes of a file without values, which cannot be mapped into memory."""
