"""A model that has learnt a task: an encoder with a head, its tokenizer, and both on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.initialization import no_init_weights

from alignfreeze.encoding.checking import check_tokenizer, check_weights, settle
from alignfreeze.encoding.encoder import Encoder, most_subwords
from alignfreeze.encoding.given import model_of, to_encoder
from alignfreeze.errors import EncoderError, SettingsError, show_value
from alignfreeze.external.onnx import holds_onnx
from alignfreeze.external.peft import check_no_adapter_folder, merge_copy
from alignfreeze.registry import load_extensions
from alignfreeze.tasks.heads import HEADS, WORDS, Head, head_of, head_of_model
from alignfreeze.tasks.onnx_models import open_onnx

STRIDE = 32
"""Subwords that two windows of a long context share, as in the reference code."""


@dataclass(frozen=True, slots=True)
class TaskModel:
    """An encoder with a head, and its tokenizer.

    Attributes:
        model: An ordinary model of transformers.
        tokenizer: The encoder's tokenizer.
        max_length: The most subwords at once, special ones included.
        stride: Subwords that two windows of a long context share.
        in_bf16: Whether the model predicts with matrix products in half precision, as it was trained.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    max_length: int
    stride: int = STRIDE
    in_bf16: bool = False

    @property
    def labels(self) -> list[str]:
        """The labels, in the order of the head's outputs."""
        names: dict[int, str] = dict(self.model.config.id2label or {})  # type: ignore[arg-type]
        return [names[number] for number in range(len(names))]

    @property
    def padding(self) -> int:
        """The number of the padding subword."""
        number = self.tokenizer.pad_token_id
        assert isinstance(number, int)
        return number

    @property
    def has_types(self) -> bool:
        """Whether the model has an input that says to which of two texts a subword belongs."""
        names = self.tokenizer.model_input_names
        return "token_type_ids" in names and (getattr(self.model.config, "type_vocab_size", 0) or 0) > 1

    def save(self, folder: Path) -> None:
        """Write an ordinary Hugging Face folder, which loads without alignfreeze."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def add_head(
    encoder: Encoder, head: Head, labels: Sequence[str], *, max_length: int, stride: int = STRIDE
) -> TaskModel:
    """Put a new head on a copy of an encoder, and return the resulting model.

    The weights are copied, with adapters merged, so that training the model does not change the encoder. Only the table
    of word embeddings is shared: the model must be trained inside `compacting(..., shared=True)`, which makes a new
    table.

    Args:
        encoder: The encoder.
        head: The head.
        labels: The labels that the head can predict; empty for a task without labels.
        max_length: The most subwords at once.
        stride: Subwords that two windows of a long context share.

    Raises:
        EncoderError: transformers has no such head for this family.
    """
    config = type(encoder.model.config).from_dict(encoder.model.config.to_dict())
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
    else:
        config.num_labels = head.n_outputs
    with no_init_weights():  # a random table of 250,000 rows takes a second, and would be overwritten at once
        model = head.model_class(config)(config)
    with torch.no_grad():
        heads = [part for name, part in model.named_children() if name != model.base_model_prefix]
        with torch.random.fork_rng(devices=[]):
            _reset(heads)  # otherwise, parameters that the family does not initialise would be random memory
        for part in heads:
            part.apply(model._init_weights)
        model._init_weights(model)  # some families initialise their heads from outside
    theirs: Any = encoder.model.get_input_embeddings()
    ours: Any = model.get_input_embeddings()
    ours.weight = nn.Parameter(theirs.weight.detach())
    missing = model.base_model.load_state_dict(merge_copy(encoder.model).state_dict(), strict=False).missing_keys
    if missing:
        raise EncoderError(f"{encoder.name!r} lacks weights that its task model needs: {', '.join(missing)}")
    return TaskModel(model.eval(), encoder.tokenizer, min(max_length, encoder.max_length), stride)


def _reset(parts: Sequence[nn.Module]) -> None:
    """Give the parameters of modules the values that torch gives to new ones."""
    for part in parts:
        for module in part.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()


def load_task_model(folder: Path, head: Head = WORDS, *, max_length: int = 128, stride: int = STRIDE) -> TaskModel:
    """Load a fine-tuned model from its folder, weights as safetensors.

    Args:
        folder: The folder. A model in ONNX can be run, but not trained.
        head: The head that the model has.
        max_length: The most subwords at once.
        stride: Subwords that two windows of a long context share.

    Raises:
        SettingsError: The model is in ONNX, and onnxruntime is not installed.
        EncoderError: The folder holds no model with this head, or its weights, config and tokenizer do not fit.
    """
    check_no_adapter_folder(folder)
    if not (folder / "config.json").exists():
        raise EncoderError(f"{folder}: this folder holds no fine-tuned model (no config.json in it)")
    load_extensions()  # an extension may add a family to transformers
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if holds_onnx(folder):
            return _load_onnx(folder, config, head, max_length=max_length, stride=stride)
        model_class = head.model_class(config)
        model, loading = model_class.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (EncoderError, SettingsError):
        raise
    except Exception as error:  # a broken checkpoint may raise anything
        raise EncoderError(f"{folder}: cannot be loaded as a fine-tuned model: {error}") from error
    if loading["missing_keys"]:
        # transformers would continue with a random head.
        raise EncoderError(f"{folder}: this model has no head for {head.name}; fine-tune it first")
    check_weights(str(folder), model, loading, wanted="a fine-tuned model")
    check_tokenizer(str(folder), tokenizer, model)
    _check_labels(folder, dict(model.config.id2label or {}))
    return TaskModel(model, settle(tokenizer), min(max_length, most_subwords(model, tokenizer)), stride)


def _load_onnx(folder: Path, config: PreTrainedConfig, head: Head, *, max_length: int, stride: int) -> TaskModel:
    """Load a task model in ONNX, which can be run but not trained."""
    if head_of(config) is not head:
        raise EncoderError(f"{folder}: this model has no head for {head.name}; convert a fine-tuned model")
    _check_labels(folder, dict(config.id2label or {}))  # type: ignore[arg-type]
    model: Any = open_onnx(folder, config)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    check_tokenizer(str(folder), tokenizer, model)
    return TaskModel(model, settle(tokenizer), min(max_length, tokenizer.model_max_length), stride)


Given = str | Path | TaskModel | nn.Module
"""What can be turned into a task model."""


def to_task_model(
    given: Given,
    head: Head | None = None,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    max_length: int = 128,
    stride: int = STRIDE,
) -> TaskModel:
    """Return a task model; the model of an object is the caller's own, not a copy.

    Args:
        given: A task model, what `finetune` returns, a folder, or a model of transformers or peft with a head.
        head: The head that the model must have; None for any that is known.
        tokenizer: The tokenizer of a model. By default it is loaded from where the model comes from.
        max_length: The most subwords at once.
        stride: Subwords that two windows of a long context share.

    Raises:
        EncoderError: This is no task model, or it has another head.
    """
    given = getattr(given, "model", given) if isinstance(given, tuple) else given
    if isinstance(given, TaskModel):
        return given
    if isinstance(given, str | Path):
        folder = Path(given)
        return load_task_model(folder, head or _head_of_folder(folder), max_length=max_length, stride=stride)
    model = model_of(given)
    if not isinstance(model, PreTrainedModel):
        raise EncoderError(
            f"expected a fine-tuned model: what finetune returns, its folder, or a model of transformers with a head; "
            f"got {show_value(given)}"
        )
    if (found := head_of_model(model)) is None or found is not (head or found):
        names = " or ".join(one.name for one in ((head,) if head else HEADS))
        raise EncoderError(f"{type(model).__name__} has no head for {names}; fine-tune it first")
    encoder = to_encoder(model, tokenizer=tokenizer)
    _check_labels(encoder.name, dict(model.config.id2label or {}))  # type: ignore[arg-type]
    return TaskModel(model, encoder.tokenizer, min(max_length, encoder.max_length), stride)


def _head_of_folder(folder: Path) -> Head:
    """Return the head of the model in a folder, by its config.

    Raises:
        EncoderError: The folder holds no model, or one without a known head.
    """
    if not (folder / "config.json").exists():
        raise EncoderError(f"{folder}: this folder holds no fine-tuned model (no config.json in it)")
    head = head_of(AutoConfig.from_pretrained(folder, trust_remote_code=False))
    if head is None:
        raise EncoderError(f"{folder}: this model has no head for {' or '.join(head.name for head in HEADS)}")
    return head


def _check_labels(folder: Path | str, labels: dict[int, str]) -> None:
    """Check that the outputs of a model have one label each."""
    if sorted(labels) != list(range(len(labels))):
        numbers = ", ".join(map(str, sorted(labels)[:5]))
        raise EncoderError(
            f"{folder}: id2label in config.json numbers its {len(labels)} labels as {numbers}"
            f"{', ...' if len(labels) > 5 else ''}; number them from 0 to {len(labels) - 1}, in label2id too"
        )
    if len(set(labels.values())) < len(labels):
        twice = next(label for label in labels.values() if list(labels.values()).count(label) > 1)
        raise EncoderError(f"{folder}: id2label in config.json has the label {twice!r} twice; use it once")
