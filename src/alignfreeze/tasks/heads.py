"""Heads: the layers between the states of an encoder and predictions, as transformers has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
)
from transformers.modeling_layers import GenericForQuestionAnswering

from alignfreeze.errors import EncoderError


@dataclass(frozen=True, slots=True)
class Head:
    """A head, and how a model with it is used.

    Attributes:
        name: What it predicts for, in messages.
        auto_class: The class of transformers that knows the models with this head, family by family.
        pipeline: The hub's name for the use of such a model.
        has_pipeline: Whether transformers has a pipeline of this name; model cards show the class otherwise.
        n_outputs: Outputs of the head where a task has no labels.
        make_class: Makes a class of models from the configuration of a family for which transformers has none.
    """

    name: str
    auto_class: Any
    pipeline: str
    has_pipeline: bool = True
    n_outputs: int = 1
    make_class: Callable[[PreTrainedConfig], Any] | None = None

    def model_class(self, config: PreTrainedConfig) -> Any:
        """Return the class of a family's models with this head.

        Raises:
            EncoderError: There is none, and none can be made.
        """
        found = self.auto_class._model_mapping.get(type(config), None)
        if found is not None:
            return found
        if self.make_class is None:
            raise EncoderError(f"transformers has no head for {self.name} for the model family {config.model_type!r}")
        return self.make_class(config)


WORDS = Head("words", AutoModelForTokenClassification, "token-classification")
"""Labels words."""

TEXTS = Head("texts", AutoModelForSequenceClassification, "text-classification")
"""Labels whole texts."""


def _class_with_spans(config: PreTrainedConfig) -> Any:
    """Return a class of our own of models that find spans, for families without one (EuroBERT)."""
    words = WORDS.model_class(config)
    parent = next(base for base in words.__mro__ if base.__name__.endswith("PreTrainedModel"))
    name = words.__name__.replace("TokenClassification", "QuestionAnswering")
    made = type(name, (GenericForQuestionAnswering, parent), {"__module__": __name__, "base_model_prefix": "model"})
    AutoModelForQuestionAnswering.register(type(config), made, exist_ok=True)
    return made


SPANS = Head(
    *("spans", AutoModelForQuestionAnswering, "question-answering"),
    has_pipeline=False,  # transformers 5 has it no more
    n_outputs=2,  # a beginning and an end
    make_class=_class_with_spans,
)
"""Finds spans of a text."""
