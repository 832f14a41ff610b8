"""The frozen embeddings and lowest layers of an encoder, whose output for a sentence is always the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alignfreeze.errors import SettingsError
from alignfreeze.ragged import Ragged, expand_ranges

Keep = Literal["no", "memory", "disk"]


class Prefix:
    """Runs the frozen part of an encoder without gradients, in evaluation mode, and may keep its output.

    Attributes:
        embeddings: The frozen embeddings.
        layers: The frozen layers above the embeddings.
        store: Keeps the output; None to keep nothing.
    """

    def __init__(self, embeddings: nn.Module, layers: Sequence[nn.Module], store: Store | None = None) -> None:
        self.embeddings = embeddings
        self.layers = layers
        self.store = store

    def eval(self) -> None:
        """Turn dropout off."""
        for module in (self.embeddings, *self.layers):
            module.eval()

    def states(self, sentences: Tensor, encode: Callable[..., Tensor]) -> Tensor:
        """Return the output of the prefix for the sentences of a batch, [subwords, width].

        Args:
            sentences: The numbers of the sentences, [sentences].
            encode: Runs the encoder on the batch.
        """
        if self.store is None:
            return self._run(encode)
        numbers = sentences.cpu().numpy()
        if not self.store.known[numbers].all():
            self.store.write(numbers, self._run(encode).float().cpu().numpy())
        return torch.from_numpy(self.store.read(numbers)).to(sentences.device)

    def _run(self, encode: Callable[..., Tensor]) -> Tensor:
        with torch.no_grad():
            return encode(layers=range(len(self.layers)))


class Store:
    """Keeps the vectors of the subwords of sentences.

    Attributes:
        known: Whether the store has the vectors of a sentence, [sentences].
    """

    def __init__(self, vectors: NDArray[np.float32], starts: NDArray[np.int64]) -> None:
        self.rows = Ragged(vectors, starts)
        self.known = np.zeros(len(self.rows), dtype=bool)

    def write(self, sentences: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Write the vectors of sentences, [subwords, width]."""
        self.rows.values[expand_ranges(self.rows.starts[sentences], self.rows.lengths(sentences))] = vectors
        self.known[sentences] = True

    def read(self, sentences: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read the vectors of sentences, [subwords, width]."""
        return self.rows.take(sentences)


@contextmanager
def storing(keep: Keep, subwords: Ragged, width: int) -> Iterator[Store | None]:
    """Yield a store for the vectors of all sentences, in memory or in a temporary file; None to keep nothing."""
    shape: Any = (len(subwords.values), width)
    with ExitStack() as stack:
        if keep == "no":
            yield None
        elif keep == "memory":
            yield Store(np.empty(shape, dtype=np.float32), subwords.starts)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alignfreeze-")))
            _check_room(folder, needed=4 * shape[0] * shape[1])
            file = folder / "states.f4"
            # The file is sparse: only its filled parts need space on the disk.
            vectors = np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
            with suppress(OSError):  # Windows keeps the name of a file in use
                file.unlink()  # the space is free again when the process ends, even if it is killed
            yield Store(vectors, subwords.starts)


def _check_room(folder: Path, *, needed: int) -> None:
    """Check that this many bytes fit on the disk. On a full disk, the process would end without a message."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SettingsError(
            f"keep_prefix = 'disk' needs {needed / 1e9:,.1f} GB in {folder.parent}, where {free / 1e9:,.1f} GB are "
            "free; set TMPDIR to a folder with more space, or use keep_prefix = 'memory' or 'no'"
        )
