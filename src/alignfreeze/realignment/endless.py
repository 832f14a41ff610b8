"""The batches of a realignment that has no last step, because somebody else's loop decides how long it lasts."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alignfreeze.encoding.batches import AlignedBatch, EncodedBitext
from alignfreeze.encoding.order import sort_by_length, take_turns
from alignfreeze.files import digest_of_arrays


class EndlessBatches:
    """Draws batches of sentence pairs for ever; the order depends on the seed alone.

    Language pairs take turns, and pairs of similar length share a batch. A round visits each pair of the largest group
    once; each round has an order of its own.

    Attributes:
        drawn: How many batches have been drawn; another number continues there.
    """

    def __init__(self, pairs: EncodedBitext, batch_size: int, *, seed: int) -> None:
        self.pairs = pairs
        self.batch_size = batch_size
        self.seed = seed
        self.drawn = 0
        self._groups = pairs.positions()
        visits = len(self._groups) * max(map(len, self._groups))
        self._round_steps = -(-visits // batch_size)
        self._round, self._order = -1, np.empty((0, batch_size), dtype=np.int64)

    @cached_property
    def fingerprint(self) -> int:
        """A number that tells these batches from others."""
        texts = (self.pairs.arrays()[name] for name in ("subwords_values", "links_values"))
        how = np.array([self.batch_size, self.seed])
        return int(digest_of_arrays(*texts, how)[:15], 16)

    def draw(self) -> AlignedBatch:
        """Return the next batch."""
        number, step = divmod(self.drawn, self._round_steps)
        if number != self._round:
            self._round, self._order = number, self._shuffle(number)
        self.drawn += 1
        return self.pairs.batch(self._order[step])

    def _shuffle(self, number: int) -> NDArray[np.int64]:
        """Return the pairs of a round, [steps, batch size]."""
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0]) if number else self.seed
        visits = take_turns(self._groups, self._round_steps * self.batch_size, seed=seed)
        return sort_by_length(visits, self.pairs.lengths(), self.batch_size, seed=seed).reshape(-1, self.batch_size)
