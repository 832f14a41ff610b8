"""Models of sentence-transformers: a model of transformers, and what makes one vector of a text."""

from __future__ import annotations

from typing import Any

from alignfreeze.errors import EncoderError


def parts_of(model: Any) -> tuple[Any, Any]:
    """Return the model of transformers inside a SentenceTransformer, and its tokenizer.

    Raises:
        EncoderError: There is none inside.
    """
    found = getattr(model, "transformers_model", None)
    if found is None:
        raise EncoderError(
            f"this {type(model).__name__} has no model of transformers inside, so it cannot be realigned"
        )
    return found, model.tokenizer
