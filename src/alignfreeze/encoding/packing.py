"""Runs a model on sentences that lie end to end, so that nothing is computed for padding.

Most parts of a model work on each subword alone and do not need to know where a sentence ends. The attention needs
this, so packed sentences get an attention of our own (attention.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from alignfreeze.encoding.attention import PACKED
from alignfreeze.encoding.families import base_of, family_of, first_position, is_known
from alignfreeze.encoding.modes import evaluating, without_reports
from alignfreeze.encoding.overrides import detaching, replacing_encoder, running_layers, watching_states
from alignfreeze.encoding.packed import Layout, Packed
from alignfreeze.encoding.rotary import quick_rotary


@contextmanager
def packing(model: PreTrainedModel) -> Iterator[None]:
    """Inside the block, let a model accept packed sentences if it can; other models keep padding."""
    if not (family_of(model).packs or _passes_trial(model)):
        yield
        return
    with _with_our_attention(model):
        yield


@contextmanager
def _with_our_attention(model: PreTrainedModel) -> Iterator[None]:
    before: Any = model.config._attn_implementation
    model.set_attn_implementation(PACKED)
    try:
        with quick_rotary(model):
            yield
    finally:
        model.set_attn_implementation(before)


Read = Callable[[Any], Tensor]
"""Takes the wanted values out of a model's output: one value, or one row of values, per subword."""


def first_output(output: Any) -> Tensor:
    """Return a model's first output: the states of an encoder, the logits of a model with a head."""
    return output[0]


def encode(
    model: PreTrainedModel,
    sentences: Packed,
    *,
    padding: int = 0,
    layers: range | None = None,
    at: Sequence[int] | None = None,
    hidden: Tensor | None = None,
    read: Read = first_output,
    at_once: int | None = None,
    untrained: Sequence[nn.Module] = (),
) -> Tensor:
    """Run a model on sentences that lie end to end. The result has a vector for each subword, in the same order.

    Args:
        model: An encoder, which returns its last hidden states, or a model with a head on each subword.
        sentences: The sentences.
        padding: Number of the padding subword, for models that cannot pack.
        layers: Run only these layers; by default all.
        at: Return the hidden states above these numbers of layers, in this order, instead of the first output.
        hidden: The output of the layers below `layers`, [subwords, width]; by default the output of the embeddings.
        read: Takes the wanted values out of the model's output; by default the first output.
        at_once: Run this many sentences at a time. The results inside the model are then not kept, but computed again
            for the gradients. This needs less memory and more time. Gradients stay the same except for rounding (Gao et
            al. 2021, GradCache).
        untrained: Modules whose parameters get no gradient from this computation.

    Returns:
        Vectors, [subwords, width]; with `at` [subwords, layers, width].
    """
    if layers is None or _runs_alone(model, layers):
        part = _Part(layers, at, read, untrained)
    else:
        # More layers run than are wanted, so the wanted output is not the model's.
        part = _Part(_layers_around(model, layers), at or (layers.stop,), read, untrained)
    run = partial(_encode, model, part=part, padding=padding)
    vectors = _run_in_pieces(run, sentences, hidden, at_once=at_once)
    return vectors.squeeze(1) if at is None and part.at is not None else vectors


def classify(model: PreTrainedModel, sentences: Packed, *, padding: int = 0, at_once: int | None = None) -> Tensor:
    """Run a model with a head on whole sentences.

    Args:
        model: The model.
        sentences: The sentences.
        padding: Number of the padding subword, for models that cannot pack.
        at_once: Run this many sentences at a time, as in `encode`.

    Returns:
        The output of the head for each sentence, [sentences, labels].
    """
    run = partial(_classify, model, padding=padding)
    return _run_in_pieces(run, sentences, None, at_once=at_once)


def _run_in_pieces(
    run: Callable[[Packed, Tensor | None], Tensor], sentences: Packed, hidden: Tensor | None, *, at_once: int | None
) -> Tensor:
    """Run a few sentences at a time, and put the results together."""
    if at_once is None or at_once >= sentences.n_sentences:
        return run(sentences, hidden)
    pieces = sentences.split(at_once)
    sizes = [len(piece.subwords) for piece in pieces]
    below = [None] * len(pieces) if hidden is None else hidden.split(sizes)
    results = [checkpoint(run, *each, use_reentrant=False) for each in zip(pieces, below, strict=True)]
    return torch.cat(results)  # type: ignore[arg-type]


class _Part(NamedTuple):
    """Which part of a model runs, and which of its results are wanted.

    Attributes:
        layers: The layers that run; None for all.
        at: States above these numbers of layers are wanted; None for the output.
        read: Takes the wanted values out of the output.
        untrained: Modules whose parameters get no gradient.
    """

    layers: range | None
    at: Sequence[int] | None
    read: Read
    untrained: Sequence[nn.Module]

    def choose_states(self, seen: Sequence[Tensor], output: Tensor) -> Tensor:
        """Return the wanted states, [..., layers, width], of those that were seen from the lowest layer on."""
        lowest = 0 if self.layers is None else self.layers.start
        states = dict(enumerate(seen, start=lowest))
        # A norm may have changed the last layer's states since they were seen.
        states[max(states, default=lowest)] = output
        assert self.at is not None
        return torch.stack([states[number] for number in self.at], dim=2)


def _runs_alone(model: PreTrainedModel, layers: range) -> bool:
    """Return whether some layers of a model can run without the others. Not all models can run without layers."""
    family = family_of(model)
    return family.slices and (len(layers) > 0 or family.packs)


def _layers_around(model: PreTrainedModel, wanted: range) -> range | None:
    """Return the layers that have to run in order to run the wanted ones; None for all layers."""
    return range(wanted.start, wanted.start + 1) if family_of(model).slices else None


def _encode(model: PreTrainedModel, sentences: Packed, hidden: Tensor | None, *, part: _Part, padding: int) -> Tensor:
    inputs = _Inputs.of(model, sentences, padding)
    below = None if hidden is None else inputs.arrange(hidden)
    with detaching(part.untrained), running_layers(model, part.layers, below):
        if part.at is None:
            return inputs.pack(part.read(model(**inputs.values)))
        with watching_states(model) as seen:
            output = model(**inputs.values)
    return inputs.pack(part.choose_states(seen, output[0]))


def _classify(model: PreTrainedModel, sentences: Packed, _: Tensor | None, *, padding: int) -> Tensor:
    inputs = _Inputs.of(model, sentences, padding)
    if not inputs.is_packed:
        return model(**inputs.values)[0]
    # The head expects one row for each sentence, but packed sentences all lie in one row.
    base: Any = model.base_model
    rows = inputs.layout.unpack(inputs.pack(base(**inputs.values)[0]))  # [sentences, longest, width]
    pooler = getattr(base, "pooler", None)
    output = BaseModelOutputWithPooling(
        last_hidden_state=rows,  # type: ignore[arg-type]
        pooler_output=None if pooler is None else pooler(rows),
    )
    with replacing_encoder(model, output):
        return model(inputs_embeds=rows, attention_mask=inputs.layout.mask[:, 0, 0].long())[0]


class _Inputs(NamedTuple):
    """The inputs of a model.

    Attributes:
        values: The inputs by name.
        layout: Where the subwords stand in rows.
        is_packed: Whether the model takes the sentences end to end.
    """

    values: dict[str, Any]
    layout: Layout
    is_packed: bool

    @classmethod
    def of(cls, model: PreTrainedModel, sentences: Packed, padding: int) -> _Inputs:
        """Bring sentences into the form that a model accepts."""
        layout = Layout.of(sentences.lengths, sentences.longest, len(sentences.subwords))
        inputs = cls({}, layout, model.config._attn_implementation == PACKED)
        inputs.values["input_ids"] = inputs.arrange(sentences.subwords)
        if inputs.is_packed:
            numbers = torch.arange(sentences.longest, device=sentences.subwords.device)
            positions = layout.pack(first_position(model) + numbers.expand(layout.shape))
            inputs.values.update(position_ids=inputs.arrange(positions), layout=layout)
        else:
            mask = layout.mask[:, 0, 0]  # [sentences, longest]
            inputs.values["input_ids"].masked_fill_(~mask, padding)
            inputs.values["attention_mask"] = mask.long()
        if sentences.types is not None:
            inputs.values["token_type_ids"] = inputs.arrange(sentences.types)
        return inputs

    def arrange(self, values: Tensor) -> Tensor:
        """Bring [subwords, ...] into the model's form, [1, subwords, ...] or [sentences, longest, ...]."""
        return values[None] if self.is_packed else self.layout.unpack(values)

    def pack(self, values: Tensor) -> Tensor:
        """Lay a model's output end to end, [subwords, ...]."""
        return values.squeeze(0) if self.is_packed else self.layout.pack(values)


# --- families that are not in the table --------------------------------------------------

_TRIED = (1, 37, 12)
"""Lengths of the sentences of a trial."""

_LIMITS = ("window", "chunk", "block")
"""Parts of the names of settings that keep subwords of a long sentence from seeing each other, which a trial with short
sentences does not show."""

_passed: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()
"""Whether models that are not in the table gave the same for sentences end to end."""


def _passes_trial(model: PreTrainedModel) -> bool:
    """Return whether a model of a family that is not in the table gives the same with padding and end to end.

    Each model is tried once. In half precision nothing could be told, so that it is not packed.
    """
    base: Any = base_of(model)
    if is_known(base) or base.dtype.itemsize < 4:
        return False
    if base not in _passed:
        limited = [name for name, value in vars(base.config).items() if value and any(part in name for part in _LIMITS)]
        _passed[base] = not limited and _try(base)
    return _passed[base]


def _try(base: Any) -> bool:
    """Run a few sentences with padding and end to end, and return whether the vectors are the same."""
    longest = min(max(_TRIED), getattr(base.config, "max_position_embeddings", None) or max(_TRIED))
    lengths = torch.tensor(_TRIED).clamp(max=longest)
    with evaluating(base), torch.no_grad(), without_reports():  # of an attention that cannot be chosen
        try:
            n_subwords = len(base.get_input_embeddings().weight)
            subwords = torch.arange(int(lengths.sum())) * 7919 % n_subwords
            sentences = Packed(subwords, lengths, longest).to(base.device)
            padded = encode(base, sentences)
            with _with_our_attention(base):
                if base.config._attn_implementation != PACKED:
                    return False
                packed = encode(base, sentences)
        except Exception:  # a model that takes no such input may raise anything
            return False
    return packed.shape == padded.shape and bool((packed - padded).abs().max() <= 1e-4 * padded.abs().max())
