"""Models that are made from other models without training: they inherit their record and their card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerBase

from alignfreeze.encoding.encoder import ORIGIN, Encoder, load_encoder
from alignfreeze.encoding.given import model_of, to_encoder
from alignfreeze.experiment.cards import CARD, CardFacts, renew_card, write_card
from alignfreeze.experiment.leaderboards import ENTRIES
from alignfreeze.experiment.single import card_of_encoder, card_of_record, record_of_model
from alignfreeze.experiment.uses import uses_of
from alignfreeze.external.onnx import check_no_onnx
from alignfreeze.files import write_json, write_lines
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.realignment.trainer import Realigned
from alignfreeze.tasks.finetuning import Finetuned
from alignfreeze.tasks.heads import Head, head_of, head_of_model
from alignfreeze.tasks.models import Given, TaskModel, load_task_model, to_task_model
from alignfreeze.tasks.table import TASKS

Source = Given | Encoder
"""What another model can be made from, besides the outcome of a training."""


def split_outcome(
    model: Source | Realigned | Finetuned, history: RealignmentHistory | None
) -> tuple[Source, RealignmentHistory | None]:
    """Return the model of the outcome of a training, and the history of its realignment."""
    if isinstance(model, Realigned):
        return model.encoder, history or model.history
    return (model.model if isinstance(model, Finetuned) else model), history


def load_given(model: Source, *, keeps_head: bool, tokenizer: PreTrainedTokenizerBase | None) -> Encoder | TaskModel:
    """Return a model with its head, if that is kept, or else its encoder.

    Raises:
        EncoderError: There is no such model, or it is in ONNX.
    """
    if isinstance(model, TaskModel):
        return model if keeps_head else Encoder(name_of_model(model), model.model.base_model, model.tokenizer)  # type: ignore[arg-type]
    if isinstance(model, str | Path):
        check_no_onnx(_path_of(model))
        head = _head_in(_path_of(model)) if keeps_head else None
        return load_encoder(model) if head is None else load_task_model(_path_of(model), head)
    inside = None if isinstance(model, Encoder) else model_of(model)
    if keeps_head and isinstance(inside, PreTrainedModel) and head_of_model(inside):
        return to_task_model(model, tokenizer=tokenizer)  # type: ignore[arg-type] - it is no Encoder
    return to_encoder(model, tokenizer=tokenizer)


def inherit(
    folder: Path,
    given: Source,
    loaded: Encoder | TaskModel,
    *,
    history: RealignmentHistory | None = None,
    note: str | None = None,
    **what: Any,
) -> None:
    """Write record and card of a model that was made from another one.

    The card of a folder is renewed, with all that the user has written into it, unless there is a note.

    Args:
        folder: The folder of the new model, complete except for these two.
        given: What the model was made from.
        loaded: The same, loaded.
        history: How the encoder was realigned in this process.
        note: A sentence for the card on what makes outputs differ from those of the other model, so that its scores do
            not hold; None if the outputs are the same.
        what: What was done, for the record.
    """
    record = _record_of(given, loaded, history)
    write_json(folder / ORIGIN, {**record, **what})
    head = head_of_model(loaded.model) if isinstance(loaded, TaskModel) else None
    source = _path_of(given) if isinstance(given, str | Path) and history is None and note is None else None
    if source is None or not _renew_card(source, folder, head):
        facts = _describe(record, head, name_of_model(loaded), history)
        write_card(folder, facts if note is None else replace(facts, notes=[note]))


def _path_of(model: str | Path) -> Path:
    return Path(os.path.expanduser(model))  # noqa: PTH111 - expanduser leaves an unknown ~user unchanged


def _head_in(folder: Path) -> Head | None:
    """Return the head of the model in a folder; None for an encoder, or without a model."""
    try:
        return head_of(AutoConfig.from_pretrained(folder, trust_remote_code=False)) if folder.is_dir() else None
    except Exception:  # what is wrong is said when the model is loaded
        return None


def name_of_model(model: Encoder | TaskModel) -> str:
    """Return the name that an encoder or a task model goes by."""
    if isinstance(model, Encoder):
        return model.name
    return getattr(model.model, "name_or_path", "") or model.model.config.model_type


def _record_of(model: Source, loaded: Encoder | TaskModel, history: RealignmentHistory | None) -> dict[str, Any]:
    """Return how a model was made: what its folder tells, or the history of its realignment."""
    name = name_of_model(loaded)
    if history is not None:
        return {"encoder": name, **asdict(history), "alignment": None, "languages": [], "digests": {}}
    return record_of_model(_path_of(model if isinstance(model, str | Path) else name)) or {"encoder": name}


def _describe(record: Mapping[str, Any], head: Head | None, name: str, history: RealignmentHistory | None) -> CardFacts:
    """Return the facts for the card of a model whose folder has none."""
    facts = card_of_encoder(name) if history is None else card_of_record(record)
    if head is None:
        return facts
    task = str(record.get("task"))
    return replace(facts, head=head, task=task if task in TASKS and TASKS[task].kind.head is head else None)


def _renew_card(source: Path, folder: Path, head: Head | None) -> bool:
    """Write the card of a model for another form of its folder, with its scores; return whether there is one.

    Args:
        source: The folder of the model.
        folder: The new folder.
        head: The head of the model in the new folder. The scores of a model with another head are not its own.
    """
    try:
        text = (source / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    renewed = renew_card(text, uses_of(folder, head, record_of_model(source).get("task")))
    if renewed is None or _head_in(source) != head:
        return False
    write_lines(folder / CARD, renewed.splitlines())
    for path in source.glob("*.svg"):  # pictures in the card
        shutil.copy(path, folder)
    if (source / ENTRIES).is_dir():
        shutil.copytree(source / ENTRIES, folder / ENTRIES)
    return True
