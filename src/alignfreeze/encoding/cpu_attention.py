"""Attention of packed sentences on a CPU, with few passes over memory.

With a small encoder, copies around the attention take longer than its products. So one gather brings the subwords of a
side into rows by sentence and head, and another one brings the gradients back. Nothing is filled with zeros: what
stands at the padding gets no weight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from alignfreeze.encoding.dropout import draw_factors
from alignfreeze.encoding.packed import Layout


def attend_on_cpu(
    query: Tensor, key: Tensor, value: Tensor, *, layout: Layout, mask: Tensor, scale: float, dropout: float
) -> Tensor:
    """Attend within each sentence.

    Args:
        query: The queries, [subwords, heads, width of a head].
        key: The keys; several heads in a row may share one, [subwords, heads or fewer, width of a head].
        value: The values, of the shape of the keys.
        layout: Where the subwords stand in rows.
        mask: Which places see which, [sentences, 1, longest or 1, longest].
        scale: The factor of the scores.
        dropout: The probability that a weight of the attention becomes zero.

    Returns:
        The mean of the values that each subword attends to, [subwords, heads, width of a head].
    """
    return _Attention.apply(query, key, value, layout, mask, scale, dropout)  # type: ignore[return-value]


class _Rows(NamedTuple):
    """Where the subwords of packed sentences stand if each sentence has a row for each head.

    Attributes:
        places: For each place its subword and head, [sentences * heads * longest]. Padding repeats some subword.
        subwords: For each subword and head its place, [subwords * heads].
        heads: The number of heads.
        longest: The length of a row.
    """

    places: Tensor
    subwords: Tensor
    heads: int
    longest: int

    @classmethod
    def of(cls, layout: Layout, heads: int) -> _Rows:
        n, longest = layout.shape
        numbers = torch.arange(heads)
        places = layout.subwords.view(n, 1, longest) * heads + numbers[:, None]  # [sentences, heads, longest]
        sentences, positions = layout.places // longest, layout.places % longest
        subwords = (sentences * (heads * longest) + positions)[:, None] + numbers * longest  # [subwords, heads]
        return cls(places.flatten(), subwords.flatten(), heads, longest)

    def spread(self, packed: Tensor) -> Tensor:
        """Bring [subwords, heads, width] into rows, [sentences * heads, longest, width].

        If there are fewer heads, several heads in a row share one.
        """
        _, heads, width = packed.shape
        places = self.places if heads == self.heads else self.places // (self.heads // heads)
        return packed.reshape(-1, width).index_select(0, places).view(-1, self.longest, width)

    def collect(self, rows: Tensor, *, heads: int) -> Tensor:
        """Bring rows back to [subwords, heads, width], with the sum over those heads that share one."""
        width = rows.shape[2]
        found = rows.view(-1, width).index_select(0, self.subwords).view(-1, heads, self.heads // heads, width)
        return found.squeeze(2) if self.heads == heads else found.sum(2)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - torch takes no keywords
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, layout: Layout, mask: Tensor, scale: float, dropout: float
    ) -> Tensor:
        rows = _Rows.of(layout, query.shape[1])
        queries, keys, values = map(rows.spread, (query, key, value))  # [sentences * heads, longest, width of a head]
        # To add is ten times as fast as to fill where a mask says so.
        barred = torch.zeros(mask.shape, dtype=queries.dtype).masked_fill_(~mask, -torch.inf)
        scores = _score(queries.mul_(scale), keys, barred)  # [sentences * heads, longest, longest]
        shares = scores.softmax(dim=-1).to(value.dtype)
        factors = draw_factors(shares, dropout) if dropout else None
        ctx.save_for_backward(queries, keys, values, shares, factors)
        ctx.rows, ctx.there, ctx.scale, ctx.key_heads = rows, layout.mask, scale, key.shape[1]
        return rows.collect(torch.bmm(_scale(shares, factors), values), heads=rows.heads)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, shares, factors = ctx.saved_tensors
        rows: _Rows = ctx.rows
        wanted = rows.spread(gradients[0])
        # No subword's result is at the padding. What was repeated there must reach no key and no value.
        wanted.view(len(ctx.there), -1, rows.longest, wanted.shape[2]).mul_(ctx.there.mT)
        of_values = torch.bmm(_scale(shares, factors).mT, wanted)
        of_shares = _scale(torch.bmm(wanted, values.mT), factors)
        of_scores = torch.ops.aten._softmax_backward_data(of_shares, shares, -1, shares.dtype)
        of_queries = torch.bmm(of_scores, keys).mul_(ctx.scale)
        of_keys = torch.bmm(of_scores.mT, queries)  # the queries were scaled
        heads = (rows.heads, ctx.key_heads, ctx.key_heads)
        found = [rows.collect(part, heads=n) for part, n in zip((of_queries, of_keys, of_values), heads, strict=True)]
        return *found, None, None, None, None


def _score(queries: Tensor, keys: Tensor, barred: Tensor) -> Tensor:
    """Return the products of queries and keys, plus what bars the places that are not seen."""
    if queries.dtype.itemsize < 4:  # torch adds half precision in place more slowly than it multiplies
        rows = barred.expand(-1, len(queries) // len(barred), -1, -1).flatten(0, 1)
        return torch.baddbmm(rows, queries, keys.mT)
    scores = torch.bmm(queries, keys.mT)
    scores.view(len(barred), -1, *scores.shape[1:]).add_(barred)
    return scores


def _scale(values: Tensor, factors: Tensor | None) -> Tensor:
    return values if factors is None else values * factors
