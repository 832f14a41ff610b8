"""Probes of encoders that are given by name, on data that are given as files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from alignfreeze.corpora.chosen import BitextRequest
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.requests import LinkRequest, keep_best
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.evaluation.probe import Probe, look_into
from alignfreeze.evaluation.retrieval import MOST_WORDS
from alignfreeze.tasks.models import TaskModel, load_task_model
from alignfreeze.tasks.task import Source, Task


def probe_encoders(
    encoders: Sequence[str],
    bitext: BitextRequest,
    links: LinkRequest,
    *,
    task: Task | None = None,
    train: str | None = None,
    most_words: int = MOST_WORDS,
    device: str = "auto",
) -> Probe:
    """Probe encoders layer by layer, and the gradients of those that have learnt a task.

    Args:
        encoders: Folders or names on the hub. The other encoders were made from the first one.
        bitext: Sentence pairs that no encoder was realigned on.
        links: How the word links of these pairs are found. An aligner that compares vectors uses the first encoder.
        task: What some of the encoders have learnt.
        train: Items of the task in the source language: a file or `hub:OWNER/NAME/CONFIGURATION`.
        most_words: Most words of a language pair.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        AlignFreezeError: An encoder or a file cannot be read, or none of the encoders has learnt the task.
    """
    named = dict(zip(shorten_names(encoders), encoders, strict=True))
    chosen = bitext.choose()
    base = load_encoder(encoders[0])
    pairs = bitext.split(keep_best(bitext, chosen, encoder=base, device=device))
    alignments = links.find(pairs, base, device=device)
    tuned = {} if task is None else _load_tuned(named, task)
    items = [] if task is None else task.read(Source(str(train), pairs[0].languages[0]))
    how = {"most_words": most_words, "device": device}
    return look_into(named, base, pairs, alignments, tuned=tuned, task=task, items=items, **how)


def _load_tuned(encoders: dict[str, str], task: Task) -> dict[str, TaskModel]:
    """Load the encoders that have learnt a task."""
    found: dict[str, TaskModel] = {}
    for name, place in encoders.items():
        with suppress(EncoderError):  # this encoder has learnt no task
            found[name] = load_task_model(Path(place), task.kind.head)
    if not found:
        raise SettingsError(
            f"--task {task.name}: none of the encoders named is a folder with a model fine-tuned for this task"
        )
    return found


def shorten_names(encoders: Sequence[str]) -> list[str]:
    """Return the last parts of the names of encoders: as many parts as are needed to distinguish the encoders.

    Raises:
        SettingsError: An encoder is named twice.
    """
    if len(set(encoders)) < len(encoders):
        twice = next(name for name in encoders if encoders.count(name) > 1)
        raise SettingsError(f"the encoder {twice} is named twice; name each encoder once")
    for n_parts in range(1, 1 + max(len(Path(name).parts) for name in encoders)):
        short = ["/".join(Path(name).parts[-n_parts:]) for name in encoders]
        if len(set(short)) == len(short):
            return short
    return list(encoders)
