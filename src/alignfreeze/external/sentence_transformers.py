"""sentence-transformers: the transformer inside a model, and folders that the library reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alignfreeze.errors import EncoderError, SettingsError, did_you_mean
from alignfreeze.extras import import_extra

POOLINGS = ("mean", "cls")
"""How the vector of a text is made: the mean of all subword vectors, or the vector of the first subword."""

MODULES = "modules.json"
"""The file in a folder that names the modules of a model: the library needs it to know the pooling."""


def check_pooling(pooling: str) -> None:
    """Check that a pooling is known.

    Raises:
        SettingsError: It is not.
    """
    if pooling not in POOLINGS:
        near = did_you_mean(pooling, POOLINGS) if isinstance(pooling, str) else ""
        raise SettingsError(f"unknown pooling {pooling!r}; choose one of {', '.join(POOLINGS)}.{near}")


def import_library() -> tuple[Any, Any]:
    """Import sentence-transformers; return the library and its modules.

    Raises:
        SettingsError: The library is not installed; the message names the extra.
    """
    how = {"extra": "sentence-transformers", "what": "folders for sentence-transformers"}
    library = import_extra("sentence_transformers", **how)
    return library, import_extra("sentence_transformers.sentence_transformer.modules", **how)


def parts_of(model: Any) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the transformer and the tokenizer inside a `SentenceTransformer`. The weights are not copied.

    Raises:
        EncoderError: No module of the model is a transformer with a tokenizer, as in models of static embeddings.
    """
    for module in _transformers_in(model):
        if isinstance(tokenizer := getattr(module, "tokenizer", None), PreTrainedTokenizerBase):
            return module.auto_model, tokenizer
    names = ", ".join(type(module).__name__ for module in model.children()) or "none"
    raise EncoderError(
        f"this {type(model).__name__} has no transformer with a tokenizer, but the modules {names}; give a "
        "SentenceTransformer that begins with the module Transformer"
    )


def open_sentence_transformer(folder: Path) -> Any:
    """Return the `SentenceTransformer` in a folder, on the CPU.

    Raises:
        SettingsError: The library is not installed.
        EncoderError: The folder cannot be read.
    """
    library, _ = import_library()
    try:
        return library.SentenceTransformer(
            str(folder), device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except Exception as error:  # a broken folder may raise anything
        raise EncoderError(f"{folder}: cannot be loaded as a SentenceTransformer: {error}") from error


def _transformers_in(model: Any) -> list[Any]:
    return [one for one in model.modules() if isinstance(getattr(one, "auto_model", None), PreTrainedModel)]


def check_one_transformer(model: Any) -> None:
    """Check that a `SentenceTransformer` has one transformer.

    Raises:
        EncoderError: It has several, as behind a router, or none.
    """
    if (n := len(_transformers_in(model))) != 1:
        raise EncoderError(f"this {type(model).__name__} has {n} transformers; expected one")


def save_with(model: Any, inner: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a `SentenceTransformer` with another transformer and tokenizer than its own. It stays unchanged."""
    (module,) = _transformers_in(model)
    own = module.model, module.processor
    try:
        module.model, module.processor = inner, tokenizer
        model.save(str(folder), create_model_card=False)
    finally:
        module.model, module.processor = own


def write_sentence_transformer(
    save: Callable[[Path], object], folder: Path, *, width: int, max_length: int, pooling: str, normalize: bool
) -> None:
    """Write a folder that `SentenceTransformer` reads, and transformers too.

    Args:
        save: Writes the transformer and its tokenizer into a folder.
        folder: The folder, which exists.
        width: The length of the vectors of subwords.
        max_length: The most subwords of a text, special ones included.
        pooling: A name in `POOLINGS`.
        normalize: Whether vectors get the length 1.

    Raises:
        SettingsError: The library is not installed, or the pooling is unknown.
    """
    check_pooling(pooling)
    library, kinds = import_library()
    save(folder)
    modules = [kinds.Transformer(str(folder), max_seq_length=max_length), kinds.Pooling(width, pooling)]
    if normalize:
        modules.append(kinds.Normalize())
    library.SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
