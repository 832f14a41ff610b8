"""Checks that weights, config and tokenizer of a loaded model belong together, and can be used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.encoding.families import family_of, layers_of
from alignfreeze.errors import EncoderError

_SHOWN = 5
"""The most subwords that a message names."""


def check_weights(name: str, model: PreTrainedModel, loading: Mapping[str, Any], *, wanted: str = "an encoder") -> None:
    """Check that the weights on disk fit the config of their model, and that all of them are finite.

    Args:
        name: The name of the model, for messages.
        model: The model.
        loading: What transformers says about the loading, with weights of other shapes ignored.
        wanted: What the model should be, for messages.

    Raises:
        EncoderError: Weights have other shapes than the config says, or belong to layers that the config does not have,
            or are not finite.
    """
    if wrong := sorted(loading["mismatched_keys"]):
        key, there, expected = wrong[0]
        problem = (
            f"{name!r} cannot be loaded as {wanted}: by its config.json {key} is {list(expected)}, but the weights "
            f"have {list(there)} ({len(wrong)} such)"
        )
        if there[1:] == expected[1:] and there[0] != expected[0] and expected[0] == model.config.vocab_size:
            problem += f"; set vocab_size to {there[0]} in config.json"
        raise EncoderError(f"{problem}; take config.json and weights from the same place")
    if (found := _first_layer_beyond(model, loading["unexpected_keys"])) is not None:
        n_layers = len(layers_of(model))
        raise EncoderError(
            f"{name!r} has weights of a layer {found} (counted from 0), but its config.json has {n_layers} layers; "
            "correct num_hidden_layers in config.json, or save a model without these layers"
        )
    check_finite(name, model)


def _first_layer_beyond(model: PreTrainedModel, keys: list[str]) -> int | None:
    """Return the lowest layer among the names of unused weights that a model does not have; None if there is none."""
    if not keys:
        return None
    pattern = re.compile(rf"(?:.*\.)?{re.escape(family_of(model).layers)}\.([0-9]+)\..*")
    numbers = [int(match[1]) for key in keys if (match := pattern.fullmatch(key))]
    return min(numbers, default=None)


def check_finite(name: str, model: nn.Module) -> None:
    """Check that all weights of a model are finite.

    Raises:
        EncoderError: A weight is infinite or not a number.
    """
    for path, weight in model.named_parameters():
        if weight.is_floating_point() and not is_finite(weight):
            wrong = int((~weight.detach().isfinite()).sum())
            raise EncoderError(
                f"{name!r} has weights that are not finite: {wrong:,} of {weight.numel():,} in {path}; the file is "
                "damaged, or its training diverged; take another copy or an earlier checkpoint"
            )


def is_finite(weight: Tensor) -> bool:
    """Return whether all numbers of a weight are finite."""
    # The sum is quick; it may overflow although all of its parts are finite.
    return bool(weight.detach().sum().isfinite() or weight.detach().isfinite().all())


def check_tokenizer(name: str, tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> None:
    """Check that a tokenizer belongs to its model and knows the word of each subword.

    Args:
        name: The name of the model, for messages.
        tokenizer: The tokenizer.
        model: The model. One that cannot show its table of word embeddings says in `n_rows` how many it has.

    Raises:
        EncoderError: The tokenizer belongs to another model, has no padding token, or does not know the word of each
            subword.
    """
    if not tokenizer.is_fast:
        raise EncoderError(f"the tokenizer of {name!r} has no fast version, which is needed to find words in subwords")
    n_rows = _count_rows(model)
    if len(tokenizer) < n_rows / 2:
        # Without tokenizer files, transformers makes a tokenizer that knows nothing.
        found = f"{len(tokenizer):,} subwords where the model has {n_rows:,}"
        raise EncoderError(f"the tokenizer of {name!r} has {found}; its files are missing or belong to another model")
    if _find_highest(tokenizer) >= n_rows:
        beyond = {number: subword for subword, number in tokenizer.get_vocab().items() if number >= n_rows}
        some = ", ".join(repr(beyond[number]) for number in sorted(beyond)[:_SHOWN])
        raise EncoderError(
            f"the tokenizer of {name!r} has {len(beyond):,} subwords without a row in the model's table of {n_rows:,}: "
            f"{some}{', ...' if len(beyond) > _SHOWN else ''}; save the model again after "
            "model.resize_token_embeddings(len(tokenizer)), or take the tokenizer that belongs to the model"
        )
    if tokenizer.pad_token_id is None:
        raise EncoderError(
            f"the tokenizer of {name!r} has no padding token; name one that it knows as pad_token in "
            "tokenizer_config.json, such as '[PAD]' or '<pad>'"
        )


def _count_rows(model: Any) -> int:
    """Return the number of word embeddings of a model."""
    own = getattr(model, "n_rows", None)
    return own if isinstance(own, int) else len(model.get_input_embeddings().weight)


_highest: WeakKeyDictionary[PreTrainedTokenizerFast, tuple[int, int]] = WeakKeyDictionary()
"""The size of a tokenizer, and the highest number of its subwords. To list a quarter of a million takes long."""


def _find_highest(tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the highest number of a subword."""
    size = len(tokenizer)
    if tokenizer not in _highest or _highest[tokenizer][0] != size:
        _highest[tokenizer] = (size, max(tokenizer.get_vocab().values(), default=0))
    return _highest[tokenizer][1]


def settle(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """Give a tokenizer the state that we depend on: it cuts and pads at the end, and only when it is asked to.

    The files of a tokenizer keep the state of whoever saved them.
    """
    tokenizer.truncation_side = tokenizer.padding_side = "right"
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


@contextmanager
def cutting_at_the_end(tokenizer: PreTrainedTokenizerFast) -> Iterator[PreTrainedTokenizerFast]:
    """Inside the block, let a tokenizer cut texts at their end, whatever the caller has set."""
    side = tokenizer.truncation_side
    try:
        tokenizer.truncation_side = "right"
        yield tokenizer
    finally:
        tokenizer.truncation_side = side
