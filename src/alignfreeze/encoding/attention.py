"""The attention of packed sentences, registered with `transformers`: it puts each sentence into a row again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface

from alignfreeze.encoding.cpu_attention import attend_on_cpu
from alignfreeze.encoding.packed import Layout

try:  # torch before 2.10 has none
    from torch.nn.attention.varlen import varlen_attn  # type: ignore[import-not-found]
except ImportError:
    varlen_attn = None

PACKED = "alignfreeze_packed"
"""The name of our attention among those that `transformers` knows."""

LONGEST_ROW = 128
"""Without dropout, torch's own attention is faster on a CPU for sentences that are longer than this many subwords."""


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
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend within each sentence.

    Args:
        module: The attention of a layer; not used.
        query: The queries, [1, heads, subwords, width of a head].
        key: The keys; several heads in a row may share one, [1, heads or fewer, subwords, width of a head].
        value: The values, of the shape of the keys.
        attention_mask: Not used: the layout says where sentences end.
        layout: Where the subwords stand in rows.
        dropout: The probability that a weight of the attention becomes zero.
        scaling: The factor of the scores; by default one over the root of the width of a head.
        sliding_window: Subwords at this distance, or further away, do not see each other; None if all do.
    """
    sides = [side.squeeze(0).transpose(0, 1) for side in (query, key, value)]  # [subwords, heads, width of a head]
    longest = layout.shape[1]
    window = sliding_window if sliding_window is not None and sliding_window < longest else None
    if takes_flash(query) and not dropout:
        # Flash attention needs no padding. It has no dropout, so training uses the padded rows below.
        reach = (-1, -1) if window is None else (window - 1, window - 1)
        how: dict[str, Any] = {"scale": scaling, "window_size": reach, "enable_gqa": key.shape[1] < query.shape[1]}
        return varlen_attn(*sides, layout.ends, layout.ends, longest, longest, **how).unsqueeze(0), None  # type: ignore
    mask = layout.mask if window is None else _see_near(layout, window)
    if query.device.type == "cpu" and (dropout or longest <= LONGEST_ROW):
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        attended = attend_on_cpu(*sides, layout=layout, mask=mask, scale=scale, dropout=dropout)
        return attended.unsqueeze(0), None
    rows = [layout.unpack(side).transpose(1, 2) for side in sides]  # [sentences, heads, longest, width of a head]
    if (sharing := query.shape[1] // key.shape[1]) > 1:
        rows[1:] = [side.repeat_interleave(sharing, dim=1) for side in rows[1:]]
    attended = F.scaled_dot_product_attention(*rows, attn_mask=mask, dropout_p=dropout, scale=scaling)
    return layout.pack(attended.transpose(1, 2)).unsqueeze(0), None  # [1, subwords, heads, width of a head]


def _see_near(layout: Layout, window: int) -> Tensor:
    """Return whether the places of a row see each other, [sentences, 1, longest, longest].

    Those do that are nearer than the window. Each place sees itself, also one that holds no subword: if it saw none,
    its weights were no numbers, and neither were gradients.
    """
    numbers = torch.arange(layout.shape[1], device=layout.mask.device)
    distances = (numbers[:, None] - numbers).abs()
    return (layout.mask & (distances < window)) | (distances == 0)


def takes_flash(query: Tensor) -> bool:
    """Return whether flash attention can compute a query, [1, heads, subwords, width of a head]."""
    if varlen_attn is None or not query.is_cuda or query.dtype.itemsize != 2:
        return False
    return query.shape[-1] % 8 == 0 and torch.cuda.get_device_capability(query.device) >= (8, 0)


AttentionInterface.register(PACKED, attend)
AttentionMaskInterface.register(PACKED, lambda *_, **__: None)
