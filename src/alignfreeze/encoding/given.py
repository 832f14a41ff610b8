"""Turns what a caller holds into an encoder: a name, a model of transformers, or a model that wraps one."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from alignfreeze.encoding.checking import check_finite, check_tokenizer, settle
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.encoding.families import layers_of
from alignfreeze.encoding.lending import check_trainable
from alignfreeze.errors import EncoderError, show_value
from alignfreeze.external import peft, sentence_transformers
from alignfreeze.extras import packages_of

Model = str | Path | Encoder | PreTrainedModel | nn.Module
"""What can be turned into an encoder; models of sentence-transformers and peft are modules of torch."""

_EXPECTED = (
    "expected an encoder: a name or a folder, what load_encoder returns, or a model of transformers, peft or "
    "sentence-transformers"
)


def to_encoder(given: Model, *, tokenizer: PreTrainedTokenizerBase | None = None) -> Encoder:
    """Return an encoder; the model of an object is the caller's own, not a copy.

    The encoder of a model with a head is used, and the adapters of a model of peft stay in it. The tokenizer is copied,
    because it must cut and pad at the end.

    Args:
        given: An encoder, its name or folder, or a model that is or holds one.
        tokenizer: The tokenizer of a model of transformers or peft. By default it is loaded from where the model comes
            from.

    Raises:
        EncoderError: This is no encoder, its tokenizer is missing or does not fit, or its weights cannot be trained.
    """
    if isinstance(given, Encoder):
        check_finite(given.name, given.model)
        return given
    if isinstance(given, str | Path):
        return load_encoder(given, tokenizer=_as_fast(tokenizer, str(given)))
    found, own_tokenizer = _unwrap(given)
    if not isinstance(found, PreTrainedModel):
        raise EncoderError(f"{_EXPECTED}; got {show_value(given)}")
    if found.config.is_encoder_decoder:
        raise EncoderError(
            f"{type(found).__name__} has an encoder and a decoder; give the encoder alone, model.get_encoder()"
        )
    name = found.name_or_path or type(found).__name__
    base: Any = found.base_model
    fast = _as_fast(tokenizer or own_tokenizer or _load_tokenizer(name, found), name)
    layers_of(base)
    check_trainable(base)
    check_finite(name, base)
    check_tokenizer(name, fast, base)
    return Encoder(name, base, settle(deepcopy(fast)))


def model_of(given: Any) -> Any:
    """Return the model of transformers inside a model of peft or sentence-transformers, or inside a compiled one.

    Raises:
        EncoderError: There is no such model inside.
    """
    return _unwrap(given)[0]


def _unwrap(given: Any) -> tuple[Any, Any]:
    """Return the model of transformers inside a model, and the tokenizer if the model has one."""
    packages, tokenizer = packages_of(given), None
    if "sentence_transformers" in packages:
        given, tokenizer = sentence_transformers.parts_of(given)
        packages = packages_of(given)
    if "peft" in packages:
        given = peft.model_in(given)
    return getattr(given, "_orig_mod", given), tokenizer  # a compiled model holds the plain one


def _load_tokenizer(name: str, model: PreTrainedModel) -> Any:
    """Load the tokenizer from where a model comes from."""
    try:
        return AutoTokenizer.from_pretrained(model.name_or_path, trust_remote_code=False)
    except Exception as error:  # transformers and the hub raise all kinds
        raise EncoderError(
            f"the tokenizer of {name!r} is needed and cannot be loaded from {model.name_or_path!r}; give it as in "
            "tokenizer=AutoTokenizer.from_pretrained(...)"
        ) from error


def _as_fast(tokenizer: Any, name: str) -> Any:
    """Return a fast tokenizer unchanged, or None.

    Raises:
        EncoderError: It is something else.
    """
    if tokenizer is not None and not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise EncoderError(
            f"the tokenizer of {name!r} is {show_value(tokenizer)}; expected a tokenizer of transformers"
        )
    return tokenizer
