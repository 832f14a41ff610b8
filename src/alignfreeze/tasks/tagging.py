"""A label for each word: examples for training, predictions, and the model on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.batches import encode_words
from alignfreeze.encoding.encoder import Encoder, check_tokenizer, most_subwords
from alignfreeze.errors import EncoderError
from alignfreeze.progress import Bar

IGNORED = -100
"""The label that torch's cross-entropy passes over."""


@dataclass(frozen=True, slots=True)
class TaskModel:
    """An encoder with a head that labels words, and its tokenizer.

    Attributes:
        model: An ordinary `AutoModelForTokenClassification`.
        tokenizer: The encoder's tokenizer.
        max_length: Most subwords at once, special ones included; longer sentences go through in windows.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    max_length: int

    @property
    def labels(self) -> list[str]:
        """The labels in the order of the head's outputs."""
        names: dict[int, str] = dict(self.model.config.id2label or {})  # type: ignore[arg-type]
        return [names[number] for number in range(len(names))]

    def save(self, folder: Path) -> None:
        """Write an ordinary Hugging Face folder, which loads without alignfreeze."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def with_head(encoder: Encoder, labels: Sequence[str], *, max_length: int) -> TaskModel:
    """Return a model with the encoder's weights and a new head.

    The encoder's weights are copied: it stays as it is when the model is trained.
    """
    config = type(encoder.model.config).from_dict(encoder.model.config.to_dict())
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    model = AutoModelForTokenClassification.from_config(config)
    missing = model.base_model.load_state_dict(encoder.model.state_dict(), strict=False).missing_keys
    if missing:
        raise EncoderError(f"{encoder.name!r} lacks weights that its task model needs: {', '.join(missing)}")
    return TaskModel(model, encoder.tokenizer, min(max_length, encoder.max_length))


def load_task_model(folder: Path, *, max_length: int = 128) -> TaskModel:
    """Load a fine-tuned model from its folder, weights as safetensors.

    Raises:
        EncoderError: The folder holds no such model.
    """
    if not (folder / "config.json").exists():
        raise EncoderError(f"{folder}: this folder holds no fine-tuned model (no config.json in it)")
    try:
        model, loading = AutoModelForTokenClassification.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # what a broken checkpoint raises is not to be foreseen
        raise EncoderError(f"{folder}: cannot be loaded as a fine-tuned model: {error}") from error
    if loading["missing_keys"]:
        # transformers would give it a random head and go on.
        raise EncoderError(f"{folder}: this model has no head for labelling words; fine-tune it first")
    check_tokenizer(str(folder), tokenizer, model)
    return TaskModel(model, tokenizer, min(max_length, most_subwords(model, tokenizer)))


def training_examples(task_model: TaskModel, sentences: Sequence[TaggedSentence]) -> list[dict[str, list[int]]]:
    """Return model inputs whose labels stand on the first subword of each tagged word."""
    numbers = {label: number for number, label in enumerate(task_model.labels)}
    examples = []
    words = [sentence.words for sentence in sentences]
    for item in encode_words(task_model.tokenizer, words, max_length=task_model.max_length, windows=True):
        tags = sentences[item.sentence].tags
        labels = np.full(len(item.subwords), IGNORED)
        labels[item.first] = [IGNORED if (tag := tags[word]) is None else numbers[tag] for word in item.words]
        if (labels != IGNORED).any():
            examples.append({"input_ids": item.subwords.tolist(), "labels": labels.tolist()})
    return examples


def collator(task_model: TaskModel) -> DataCollatorForTokenClassification:
    """Return the function that pads examples to a batch."""
    return DataCollatorForTokenClassification(task_model.tokenizer, label_pad_token_id=IGNORED)


def predict(
    task_model: TaskModel, sentences: Sequence[Sequence[str]], *, batch_size: int = 32, bar: Bar | None = None
) -> list[list[str | None]]:
    """Label every word of every sentence, None for a word without a subword.

    Args:
        task_model: The fine-tuned model.
        sentences: Words of each sentence.
        batch_size: Sentences at once.
        bar: Counts the sentences done.
    """
    labels = task_model.labels
    predicted: list[list[str | None]] = [[None] * len(sentence) for sentence in sentences]
    encoded = list(encode_words(task_model.tokenizer, sentences, max_length=task_model.max_length, windows=True))
    encoded.sort(key=lambda item: len(item.subwords))  # sentences of like length waste no padding
    model = task_model.model.eval()
    for start in range(0, len(encoded), batch_size):
        chunk = encoded[start : start + batch_size]
        batch = task_model.tokenizer.pad({"input_ids": [item.subwords.tolist() for item in chunk]}, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**batch.to(model.device)).logits  # [batch, subwords, labels]
        best = logits.argmax(dim=-1).cpu().numpy()  # [batch, subwords]
        for row, item in enumerate(chunk):
            for word, number in zip(item.words, best[row, item.first], strict=True):
                predicted[item.sentence][word] = labels[number]
        if bar is not None:
            bar.advance(len(chunk))
    return predicted
