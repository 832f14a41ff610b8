"""Arrays that are computed once and read from disk afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from alignfreeze.errors import OutputError
from alignfreeze.files import digest_of_json, new_folder, remove_leftovers

VARIABLE = "ALIGNFREEZE_CACHE"

Arrays = dict[str, NDArray[Any]]


def cache_folder() -> Path:
    """Return the folder of what can be computed again: `$ALIGNFREEZE_CACHE`, else the user's cache."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("alignfreeze")


def cached_arrays(kind: str, key: Any, compute: Callable[[], Arrays]) -> Arrays:
    """Return arrays by name: memory-mapped if they were computed before, else computed and kept.

    Args:
        kind: The subfolder of the cache.
        key: Everything that the arrays depend on, but for the version of alignfreeze; as plain values.
        compute: Computes them.
    """
    folder = cache_folder() / kind / digest_of_json([version("alignfreeze"), key])[:32]
    if (found := _read(folder)) is not None:
        return found
    arrays = compute()
    try:
        remove_leftovers(folder.parent)
        with new_folder(folder) as unfinished:
            for name, values in arrays.items():
                np.save(unfinished / f"{name}.npy", values, allow_pickle=False)
    except (OutputError, OSError):
        pass  # a cache that cannot be written costs time and nothing else
    # Read back, so that memory is given free.
    return _read(folder) or arrays


def _read(folder: Path) -> Arrays | None:
    """Return the arrays in a folder, None if there are none or they cannot be read."""
    try:
        found = {path.stem: _mapped(path) for path in folder.glob("*.npy")}
    except (OSError, ValueError):
        return None
    return found or None


def _mapped(path: Path) -> NDArray[Any]:
    values = np.load(path, mmap_mode="r" if path.stat().st_size > _HEADER else None, allow_pickle=False)
    # A plain array over the same memory: numpy is slower with its own class for maps.
    return np.asarray(values)


_HEADER = 128
"""Bytes of a file without values, which cannot be mapped."""
