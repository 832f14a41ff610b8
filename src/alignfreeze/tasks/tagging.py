"""A label for each word: examples for training, predictions, and the model on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModelForTokenClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast
from transformers.initialization import no_init_weights

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.batches import encode_words, sentence_batch
from alignfreeze.encoding.encoder import Encoder, check_tokenizer, most_subwords, moved
from alignfreeze.encoding.order import by_budget
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.errors import EncoderError
from alignfreeze.processes import n_processes, total
from alignfreeze.progress import Bar
from alignfreeze.ragged import Ragged
from alignfreeze.training import LossModel

IGNORED = -100
"""The label that torch's cross-entropy passes over."""

SUBWORDS_AT_ONCE = 4_096
"""Of a prediction; the states of so many fit into some 100 MB with a base encoder."""


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

    The encoder's weights are copied, so that it stays as it is when the model is trained; only the table of word
    embeddings is shared until `compacted(..., shared=True)`, in which the model is to be trained, makes a new one.
    """
    config = type(encoder.model.config).from_dict(encoder.model.config.to_dict())
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    with no_init_weights():  # a random table of 250,000 rows takes a second, and is overwritten at once
        model = AutoModelForTokenClassification.from_config(config)
    for name, part in model.named_children():
        if name != model.base_model_prefix:
            part.apply(model._init_weights)  # type: ignore[operator]
    state = encoder.model.state_dict()
    theirs: Any = encoder.model.get_input_embeddings()
    ours: Any = model.get_input_embeddings()
    ours.weight = nn.Parameter(theirs.weight.detach())
    missing = model.base_model.load_state_dict(state, strict=False).missing_keys
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


@dataclass(frozen=True, slots=True)
class Examples:
    """Training sentences, or windows of long ones, in a few flat arrays.

    Attributes:
        subwords: Of each sentence.
        labels: Of each subword: that of the word whose first subword it is, else `IGNORED`.
    """

    subwords: Ragged
    labels: Ragged

    def __len__(self) -> int:
        return len(self.subwords)

    def batch(self, sentences: Sequence[int] | NDArray[np.int64]) -> dict[str, Any]:
        """Put sentences into one batch, as `TaggingModel` takes it."""
        numbers = np.asarray(sentences, dtype=np.int64)
        return sentence_batch(self.subwords, numbers) | {
            "labels": torch.from_numpy(self.labels.take(numbers).astype(np.int64))
        }


def training_examples(task_model: TaskModel, sentences: Sequence[TaggedSentence]) -> Examples:
    """Return model inputs whose labels stand on the first subword of each tagged word."""
    numbers = {label: number for number, label in enumerate(task_model.labels)}
    subwords, labels = [], []
    words = [sentence.words for sentence in sentences]
    for item in encode_words(task_model.tokenizer, words, max_length=task_model.max_length, windows=True):
        tags = sentences[item.sentence].tags
        row = np.full(len(item.subwords), IGNORED)
        row[item.first] = [IGNORED if (tag := tags[word]) is None else numbers[tag] for word in item.words]
        if (row != IGNORED).any():
            subwords.append(item.subwords)
            labels.append(row)
    return Examples(Ragged.of(subwords), Ragged.of(labels))


class TaggingModel(LossModel):
    """A task model whose output is the mean loss of a batch's labelled words."""

    def __init__(self, model: PreTrainedModel, *, padding: int = 0) -> None:
        super().__init__()
        self.model = model
        self.padding = padding

    @property
    def network(self) -> PreTrainedModel:
        """The model with its head."""
        return self.model

    def forward(self, subwords: Tensor, lengths: Tensor, longest: int, labels: Tensor) -> dict[str, Tensor]:
        """Return the loss of a batch of `Examples`."""
        logits = encode(
            self.model, subwords, lengths, longest=longest, padding=self.padding, at_once=self.at_once
        )  # [subwords, labels]
        loss = F.cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
        # The mean over the words of all processes, whose gradients are averaged afterwards.
        return {"loss": loss * n_processes() / total((labels != IGNORED).sum())}


def predict(
    task_model: TaskModel,
    sentences: Sequence[Sequence[str]],
    *,
    at_once: int = SUBWORDS_AT_ONCE,
    bar: Bar | None = None,
) -> list[list[str | None]]:
    """Label every word of every sentence, None for a word without a subword.

    Args:
        task_model: The fine-tuned model.
        sentences: Words of each sentence, in whatever languages.
        at_once: Most subwords at once; memory grows with it, and on a GPU speed.
        bar: Counts the sentences done.
    """
    labels = task_model.labels
    predicted: list[list[str | None]] = [[None] * len(sentence) for sentence in sentences]
    encoded = list(encode_words(task_model.tokenizer, sentences, max_length=task_model.max_length, windows=True))
    encoded.sort(key=lambda item: len(item.subwords))  # sentences of like length waste no padding
    model = task_model.model.eval()
    padding = task_model.tokenizer.pad_token_id
    assert isinstance(padding, int)
    rows = Ragged.of([item.subwords for item in encoded])
    with packing(model), torch.inference_mode():
        for numbers in by_budget(rows.lengths(), at_once):
            batch = {name: moved(value, model.device) for name, value in sentence_batch(rows, numbers).items()}
            logits = encode(model, **batch, padding=padding)  # [subwords, labels]
            best = logits.argmax(dim=-1).cpu().numpy()  # [subwords]
            ends = rows.starts[numbers] - rows.starts[numbers[0]]
            for number, start in zip(numbers.tolist(), ends.tolist(), strict=True):
                item = encoded[number]
                for word, label in zip(item.words.tolist(), best[start + item.first].tolist(), strict=True):
                    predicted[item.sentence][word] = labels[label]
            if bar is not None:
                bar.advance(len(numbers))
    return predicted
