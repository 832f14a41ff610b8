"""Runs a model on sentences that lie end to end, so that nothing is computed for padding.

All but the attention works on each subword by itself and does not need to know where a sentence ends.
The attention does: `transformers` lets us register our own, which gives the sentences back their shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from alignfreeze.encoding.dropout import dropout as quick
from alignfreeze.encoding.encoder import family_of, first_position, running_layers

try:  # torch before 2.10 has none
    from torch.nn.attention.varlen import varlen_attn  # type: ignore[import-not-found]
except ImportError:
    varlen_attn = None

PACKED = "alignfreeze_packed"
"""The name of our attention among those that `transformers` knows."""


class Layout(NamedTuple):
    """Where the subwords of a packed batch stand when each sentence has a row.

    Attributes:
        place: Of each subword in the flattened rows, [subwords].
        mask: Whether there is a subword, [sentences, 1, 1, longest].
        ends: Where each sentence begins among the subwords, and at last the end, [sentences + 1].
    """

    place: Tensor
    mask: Tensor
    ends: Tensor

    @classmethod
    def of(cls, lengths: Tensor, longest: int, subwords: int) -> Layout:
        """Lay out sentences of the given lengths, [sentences], with so many subwords in all."""
        numbers = torch.arange(len(lengths), device=lengths.device)
        mask = torch.arange(longest, device=lengths.device) < lengths[:, None]  # [sentences, longest]
        ends = F.pad(lengths.cumsum(0), (1, 0))
        # What a subword's place in the rows is ahead of its place end to end; a GPU need not be waited for.
        ahead = (numbers * longest - ends[:-1]).repeat_interleave(lengths, output_size=subwords)
        place = torch.arange(subwords, device=lengths.device) + ahead  # [subwords]
        return cls(place, mask[:, None, None, :], ends.to(torch.int32))

    @property
    def shape(self) -> tuple[int, int]:
        """How many sentences there are, and how long the longest is."""
        return self.mask.shape[0], self.mask.shape[3]

    def rows(self, packed: Tensor) -> Tensor:
        """Give each sentence a row, filled up with zeros: [subwords, ...] to [sentences, longest, ...]."""
        n, longest = self.shape
        rows = packed.new_zeros(n * longest, *packed.shape[1:]).index_copy(0, self.place, packed)
        return rows.unflatten(0, (n, longest))

    def packed(self, rows: Tensor) -> Tensor:
        """Lay the rows end to end again: [sentences, longest, ...] to [subwords, ...]."""
        return rows.flatten(0, 1).index_select(0, self.place)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend within each sentence: query, key and value are [1, heads, subwords, width of a head]."""
    sides = [side.squeeze(0).transpose(0, 1) for side in (query, key, value)]  # [subwords, heads, width of a head]
    if _flashes(query) and not dropout:
        # Flash attention without padding; it has no dropout, so training takes the other way.
        longest = layout.shape[1]
        attended = varlen_attn(*sides, layout.ends, layout.ends, longest, longest, scale=scaling)  # type: ignore[call-issue]
        return attended.unsqueeze(0), None
    rows = [layout.rows(side).transpose(1, 2) for side in sides]  # [sentences, heads, longest, width of a head]
    if dropout and query.device.type == "cpu":
        attended = _with_dropout(*rows, mask=layout.mask, probability=dropout, scaling=scaling)
    else:
        attended = F.scaled_dot_product_attention(*rows, attn_mask=layout.mask, dropout_p=dropout, scale=scaling)
    return layout.packed(attended.transpose(1, 2)).unsqueeze(0), None  # [1, subwords, heads, width of a head]


def _flashes(query: Tensor) -> bool:
    """Tell whether flash attention takes a query, [1, heads, subwords, width of a head]."""
    if varlen_attn is None or not query.is_cuda or query.dtype.itemsize != 2:
        return False
    return query.shape[-1] % 8 == 0 and torch.cuda.get_device_capability(query.device) >= (8, 0)


def _with_dropout(
    query: Tensor, key: Tensor, value: Tensor, *, mask: Tensor, probability: float, scaling: float | None
) -> Tensor:
    """Attend with dropout, [sentences, heads, longest, width of a head]: torch's own is slow at it on a CPU."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = (query * scale) @ key.transpose(-1, -2)  # [sentences, heads, longest, longest]
    shares = scores.masked_fill_(~mask, -torch.inf).softmax(dim=-1)
    return quick(shares, probability) @ value


AttentionInterface.register(PACKED, _attention)
AttentionMaskInterface.register(PACKED, lambda *_, **__: None)


@contextmanager
def packing(model: PreTrainedModel) -> Iterator[None]:
    """Let a model take packed sentences inside the block, if its family can; others are padded as ever."""
    if not packs(model):
        yield
        return
    before: Any = model.config._attn_implementation
    model.set_attn_implementation(PACKED)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def packs(model: PreTrainedModel) -> bool:
    """Tell whether a model's family takes packed sentences."""
    family = family_of(model)
    return family is not None and family.packs


def encode(
    model: PreTrainedModel,
    subwords: Tensor,
    lengths: Tensor,
    *,
    longest: int,
    padding: int = 0,
    layers: range | None = None,
    hidden: Tensor | None = None,
    at_once: int | None = None,
) -> Tensor:
    """Run a model on sentences that lie end to end, and return its first output likewise.

    Args:
        model: An encoder (which returns its last hidden states), or one with a head on each subword.
        subwords: The sentences, end to end, [subwords].
        lengths: How many subwords each has, [sentences].
        longest: The greatest of them.
        padding: Number of the padding subword, for models that cannot pack.
        layers: Run only these; by default all.
        hidden: What the layers below `layers` would compute, [subwords, width].
        at_once: Sentences at once. What is computed for the others is forgotten and computed again for the
            gradients, which are the same but for rounding: memory for time (Gao et al. 2021, GradCache).

    Returns:
        One vector a subword, [subwords, width].
    """
    run = partial(_encode, model, padding=padding, layers=layers)
    if at_once is None or at_once >= len(lengths):
        return run(subwords, lengths, longest=longest, hidden=hidden)
    pieces = lengths.split(at_once)
    sizes = [int(piece.sum()) for piece in pieces]
    hiddens = [None] * len(pieces) if hidden is None else hidden.split(sizes)
    vectors = [
        checkpoint(run, words, piece, longest=int(piece.max()), hidden=states, use_reentrant=False)
        for words, piece, states in zip(subwords.split(sizes), pieces, hiddens, strict=True)
    ]
    return torch.cat(vectors)  # type: ignore[arg-type]


def _encode(
    model: PreTrainedModel,
    subwords: Tensor,
    lengths: Tensor,
    *,
    longest: int,
    padding: int,
    layers: range | None,
    hidden: Tensor | None,
) -> Tensor:
    layout = Layout.of(lengths, longest, len(subwords))
    if model.config._attn_implementation == PACKED:
        states = None if hidden is None else hidden[None]  # [1, subwords, width]
        positions = first_position(model) + torch.arange(longest, device=subwords.device).expand(layout.shape)
        with running_layers(model, layers, states):
            ids = {"input_ids": subwords[None], "position_ids": layout.packed(positions)[None]}  # [1, subwords]
            return model(**ids, layout=layout)[0].squeeze(0)
    states = None if hidden is None else layout.rows(hidden)
    mask = layout.mask[:, 0, 0]  # [sentences, longest]
    ids = layout.rows(subwords).masked_fill(~mask, padding)
    with running_layers(model, layers, states):
        return layout.packed(model(input_ids=ids, attention_mask=mask.long())[0])
