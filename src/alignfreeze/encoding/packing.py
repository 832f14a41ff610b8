"""Runs a model on sentences that lie end to end, so that nothing is computed for padding.

All but the attention works on each subword by itself and does not need to know where a sentence ends.
The attention does: `transformers` lets us register our own, which gives the sentences back their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from alignfreeze.encoding.dropout import dropout as quick
from alignfreeze.encoding.families import (
    detached,
    encoded,
    family_of,
    first_position,
    running_layers,
    watched_states,
)

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
    return family_of(model).packs


Read = Callable[[Any], Tensor]
"""Takes what is wanted out of a model's output: one value, or row of values, a subword."""


def first_output(output: Any) -> Tensor:
    """Return a model's first output: the states of an encoder, the logits of a model with a head."""
    return output[0]


def encode(
    model: PreTrainedModel,
    subwords: Tensor,
    lengths: Tensor,
    *,
    longest: int,
    types: Tensor | None = None,
    padding: int = 0,
    layers: range | None = None,
    at: Sequence[int] | None = None,
    hidden: Tensor | None = None,
    read: Read = first_output,
    at_once: int | None = None,
    untrained: Sequence[nn.Module] = (),
) -> Tensor:
    """Run a model on sentences that lie end to end, and return what it gives for each subword likewise.

    Args:
        model: An encoder (which returns its last hidden states), or one with a head on each subword.
        subwords: The sentences, end to end, [subwords].
        lengths: How many subwords each has, [sentences].
        longest: The greatest of them.
        types: Of each subword 1 if it belongs to the second of two texts, else 0, [subwords].
        padding: Number of the padding subword, for models that cannot pack.
        layers: Run only these; by default all.
        at: Return the hidden states above so many layers, one after the other, instead of the first output.
        hidden: What the layers below `layers` would compute, [subwords, width].
        read: What to return instead of the first output.
        at_once: Sentences at once. What is computed for the others is forgotten and computed again for the
            gradients, which are the same but for rounding: memory for time (Gao et al. 2021, GradCache).
        untrained: Parts whose parameters get no gradient from this.

    Returns:
        One vector a subword, [subwords, width]; with `at` [subwords, layers, width].
    """
    run = partial(_encode, model, padding=padding, layers=layers, at=at, read=read, untrained=untrained)
    return _in_pieces(run, subwords, lengths, types, hidden, longest=longest, at_once=at_once)


def classify(
    model: PreTrainedModel,
    subwords: Tensor,
    lengths: Tensor,
    *,
    longest: int,
    types: Tensor | None = None,
    padding: int = 0,
    at_once: int | None = None,
) -> Tensor:
    """Run a model with a head on whole sentences; the arguments are those of `encode`.

    Returns:
        What the head gives for each sentence, [sentences, labels].
    """
    run = partial(_classify, model, padding=padding)
    return _in_pieces(run, subwords, lengths, types, None, longest=longest, at_once=at_once)


def _in_pieces(
    run: Callable[..., Tensor],
    subwords: Tensor,
    lengths: Tensor,
    types: Tensor | None,
    hidden: Tensor | None,
    *,
    longest: int,
    at_once: int | None,
) -> Tensor:
    """Run a few sentences at a time, and put the results together."""
    if at_once is None or at_once >= len(lengths):
        return run(subwords, lengths, types, hidden, longest=longest)
    sizes = lengths.split(at_once)
    counts = [int(piece.sum()) for piece in sizes]
    parts = [subwords.split(counts), sizes]
    parts += [[None] * len(sizes) if values is None else values.split(counts) for values in (types, hidden)]
    results = [
        checkpoint(run, *piece, longest=int(piece[1].max()), use_reentrant=False) for piece in zip(*parts, strict=True)
    ]
    return torch.cat(results)  # type: ignore[arg-type]


def _encode(
    model: PreTrainedModel,
    subwords: Tensor,
    lengths: Tensor,
    types: Tensor | None,
    hidden: Tensor | None,
    *,
    longest: int,
    padding: int,
    layers: range | None,
    at: Sequence[int] | None,
    read: Read,
    untrained: Sequence[nn.Module],
) -> Tensor:
    inputs = _Inputs.of(model, subwords, lengths, types, longest=longest, padding=padding)
    at_top = False
    if layers is not None and not _runs_alone(model, layers):
        # More has to run than is wanted, which is taken out.
        at_top = at is None
        at = at or (layers.stop,)
        layers = range(layers.start, layers.start + 1) if family_of(model).slices else None
    with ExitStack() as stack:
        seen = stack.enter_context(watched_states(model)) if at is not None else []
        stack.enter_context(detached(untrained))
        stack.enter_context(running_layers(model, layers, None if hidden is None else inputs.form(hidden)))
        output = model(**inputs.values)
    if at is None:
        return inputs.packed(read(output))
    below = layers.start if layers is not None else 0
    last = max(0, len(seen) - 1) + below
    # What the last layer gives may have passed a norm since.
    states = torch.stack([output[0] if number == last else seen[number - below] for number in at], dim=2)
    return inputs.packed(states[:, :, 0] if at_top else states)


def _runs_alone(model: PreTrainedModel, layers: range) -> bool:
    """Tell whether some layers of a model run without the others; not all models run without any."""
    family = family_of(model)
    return family.slices and (len(layers) > 0 or family.packs)


def _classify(
    model: PreTrainedModel,
    subwords: Tensor,
    lengths: Tensor,
    types: Tensor | None,
    _: None,
    *,
    longest: int,
    padding: int,
) -> Tensor:
    inputs = _Inputs.of(model, subwords, lengths, types, longest=longest, padding=padding)
    if not inputs.packs:
        return model(**inputs.values)[0]
    # The head looks at the first subword of each sentence, which packed sentences have in many places.
    base: Any = model.base_model
    states = inputs.packed(base(**inputs.values)[0])  # [subwords, width]
    firsts = states.index_select(0, inputs.rows.ends[:-1])[:, None]  # [sentences, 1, width]
    pooler = getattr(base, "pooler", None)
    output = BaseModelOutputWithPooling(
        last_hidden_state=firsts,  # type: ignore[arg-type]
        pooler_output=None if pooler is None else pooler(firsts),
    )
    with encoded(model, output):
        return model(inputs_embeds=firsts)[0]


class _Inputs(NamedTuple):
    """What a model is called with.

    Attributes:
        values: By name.
        rows: Gives each sentence a row.
        packs: Whether the sentences stay end to end.
    """

    values: dict[str, Any]
    rows: Layout
    packs: bool

    @classmethod
    def of(
        cls,
        model: PreTrainedModel,
        subwords: Tensor,
        lengths: Tensor,
        types: Tensor | None,
        *,
        longest: int,
        padding: int,
    ) -> _Inputs:
        """Put sentences into the form that a model takes."""
        rows = Layout.of(lengths, longest, len(subwords))
        inputs = cls({}, rows, model.config._attn_implementation == PACKED)
        inputs.values["input_ids"] = inputs.form(subwords)
        if inputs.packs:
            positions = first_position(model) + torch.arange(longest, device=subwords.device).expand(rows.shape)
            inputs.values.update(position_ids=inputs.form(rows.packed(positions)), layout=rows)
        else:
            mask = rows.mask[:, 0, 0]  # [sentences, longest]
            inputs.values["input_ids"].masked_fill_(~mask, padding)
            inputs.values["attention_mask"] = mask.long()
        if types is not None:
            inputs.values["token_type_ids"] = inputs.form(types)
        return inputs

    def form(self, values: Tensor) -> Tensor:
        """Return [subwords, ...] as [1, subwords, ...] or [sentences, longest, ...]."""
        return values[None] if self.packs else self.rows.rows(values)

    def packed(self, values: Tensor) -> Tensor:
        """Return what a model gives end to end, [subwords, ...]."""
        return values.squeeze(0) if self.packs else self.rows.packed(values)
