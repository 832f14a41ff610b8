"""The attention of packed sentences, registered with `transformers`: it puts each sentence into a row again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface

from alignfreeze.encoding.dropout import dropout as quick
from alignfreeze.encoding.packed import Layout

try:  # torch before 2.10 has none
    from torch.nn.attention.varlen import varlen_attn  # type: ignore[import-not-found]
except ImportError:
    varlen_attn = None

PACKED = "alignfreeze_packed"
"""The name of our attention among those that `transformers` knows."""


def attend(
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
    if takes_flash(query) and not dropout:
        # Flash attention needs no padding. It has no dropout, so training uses the padded rows below.
        longest = layout.shape[1]
        attended = varlen_attn(*sides, layout.ends, layout.ends, longest, longest, scale=scaling)  # type: ignore[call-issue]
        return attended.unsqueeze(0), None
    rows = [layout.unpack(side).transpose(1, 2) for side in sides]  # [sentences, heads, longest, width of a head]
    if dropout and query.device.type == "cpu":
        attended = _attend_with_dropout(*rows, mask=layout.mask, probability=dropout, scaling=scaling)
    else:
        attended = F.scaled_dot_product_attention(*rows, attn_mask=layout.mask, dropout_p=dropout, scale=scaling)
    return layout.pack(attended.transpose(1, 2)).unsqueeze(0), None  # [1, subwords, heads, width of a head]


def takes_flash(query: Tensor) -> bool:
    """Return whether flash attention can compute a query, [1, heads, subwords, width of a head]."""
    if varlen_attn is None or not query.is_cuda or query.dtype.itemsize != 2:
        return False
    return query.shape[-1] % 8 == 0 and torch.cuda.get_device_capability(query.device) >= (8, 0)


def _attend_with_dropout(
    query: Tensor, key: Tensor, value: Tensor, *, mask: Tensor, probability: float, scaling: float | None
) -> Tensor:
    """Attend with dropout, [sentences, heads, longest, width of a head]; torch's own dropout is slow on a CPU."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = (query * scale) @ key.transpose(-1, -2)  # [sentences, heads, longest, longest]
    shares = scores.masked_fill_(~mask, -torch.inf).softmax(dim=-1)
    return quick(shares, probability) @ value


AttentionInterface.register(PACKED, attend)
AttentionMaskInterface.register(PACKED, lambda *_, **__: None)
