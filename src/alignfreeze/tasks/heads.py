"""Heads: the layers between the states of an encoder and predictions, in the classes of transformers."""

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
        name: What the head labels, for messages.
        auto_class: The class of transformers that knows the models with this head, family by family.
        pipeline: The name that the hub gives to the use of such a model.
        has_pipeline: Whether transformers has a pipeline of this name. If not, model cards show the class.
        n_outputs: The number of outputs of the head for a task without labels.
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
            EncoderError: transformers has no such class, and none can be made.
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
    """Return our own class of models that find spans, for families without such a class (EuroBERT)."""
    words = WORDS.model_class(config)
    parent = next(base for base in words.__mro__ if base.__name__.endswith("PreTrainedModel"))
    name = words.__name__.replace("TokenClassification", "QuestionAnswering")
    made = type(name, (GenericForQuestionAnswering, parent), {"__module__": __name__, "base_model_prefix": "model"})
    AutoModelForQuestionAnswering.register(type(config), made, exist_ok=True)
    return made


SPANS = Head(
    *("spans", AutoModelForQuestionAnswering, "question-answering"),
    has_pipeline=False,  # transformers 5 has removed this pipeline
    n_outputs=2,  # a beginning and an end
    make_class=_class_with_spans,
)
"""Finds spans of a text."""

HEADS = (WORDS, TEXTS, SPANS)
"""All heads."""


def head_of_model(model: Any) -> Head | None:
    """Return the head of a loaded model, of transformers or in ONNX; None for an encoder, or another head."""
    return head_of(model.config, getattr(model, "class_name", type(model).__name__))


def head_of(config: PreTrainedConfig, class_name: str | None = None) -> Head | None:
    """Return the head of a model; None for an encoder, or another head.

    Args:
        config: The config of the model.
        class_name: The name of its class; by default, that of the class that the config was saved with.
    """
    names = set(config.architectures or []) if class_name is None else {class_name}
    for head in HEADS:
        try:
            if head.model_class(config).__name__ in names:
                return head
        except EncoderError:  # the family has no such head
            continue
    return None
