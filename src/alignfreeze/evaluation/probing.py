"""Probes of encoders, given by name or loaded, on data in files or at hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.alignment.links import WordAlignment, check_links
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair, check_pairs, read_bitext
from alignfreeze.corpora.chosen import BitextRequest
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.requests import LinkRequest, keep_best
from alignfreeze.errors import EncoderError, SettingsError, show_value
from alignfreeze.evaluation.probe import Probe, load_once, look_into
from alignfreeze.evaluation.retrieval import MOST_WORDS
from alignfreeze.settings import check_known
from alignfreeze.tasks.models import TaskModel, load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source, Task, check_task

EncoderLike = str | os.PathLike[str] | Encoder
"""A folder, a name on the hub, or a loaded encoder."""


def probe(
    encoders: EncoderLike | Sequence[EncoderLike] | Mapping[str, EncoderLike],
    bitext: Sequence[SentencePair] | str | os.PathLike[str] | BitextRequest,
    *,
    languages: tuple[str, str] | None = None,
    alignments: Sequence[WordAlignment] | LinkRequest | None = None,
    aligner: str | AlignmentSettings = "fast-align",
    task: str | Task | None = None,
    train: str | os.PathLike[str] | Sequence[Any] | None = None,
    most_words: int = MOST_WORDS,
    device: str = "auto",
) -> Probe:
    """Look into encoders, layer by layer: how many words find their translation, how far the weights have moved.

    With `task` and `train`, also compare the gradients of the task with those of realignment.

    ```python
    probed = af.probe({"pretrained": "embedded:e5-small", "realigned": encoder}, bitext)
    probed.to_pandas()
    ```

    Args:
        encoders: Folders, names on the hub or loaded encoders; one, a list, or by short names. The other encoders were
            made from the first one.
        bitext: Sentence pairs that no encoder was realigned on, or a place that `read_bitext` reads.
        languages: Codes of the source and the target language, if `bitext` is a place.
        alignments: The word alignments of these pairs; by default, the aligner finds them.
        aligner: A name in `ALIGNERS`, or settings. An aligner that compares vectors uses the first encoder.
        task: What some of the encoders have learnt, by name or as a `Task`. These encoders are folders.
        train: Items of the task in the source language: a list, a file or `hub:OWNER/NAME/CONFIGURATION`.
        most_words: Most words of a language pair.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        AlignFreezeError: An encoder or a file cannot be read, none of the encoders has learnt the task, or something
            is not what is expected here.
    """
    named = _name_encoders(encoders)
    if (task is None) != (train is None):
        raise SettingsError("use --task and --train together: the gradients of a task are computed on training items")
    learnt = None if task is None else _to_task(task)
    links = alignments if isinstance(alignments, LinkRequest) else LinkRequest(_to_aligner(aligner))
    given = bitext if isinstance(bitext, BitextRequest) else _read_bitext(bitext, languages)
    base = load_once(next(iter(named.values())))
    if isinstance(given, BitextRequest):
        given = given.split(keep_best(given, given.choose(), encoder=base, device=device))
    if alignments is None or isinstance(alignments, LinkRequest):
        alignments = links.find(given, base, device=device)
    else:
        alignments = check_links(alignments, given)
    tuned = {} if learnt is None else _load_tuned(named, learnt)
    items = [] if learnt is None or train is None else _read_items(train, learnt, given[0].languages[0])
    how = {"most_words": most_words, "device": device}
    return look_into(named, base, given, alignments, tuned=tuned, task=learnt, items=items, **how)


def _name_encoders(encoders: Any) -> dict[str, str | Encoder]:
    """Return encoders by short names.

    Raises:
        SettingsError: Something is not an encoder, or an encoder is named twice.
    """
    expected = "a folder, a name on the hub, an encoder of load_encoder, or several of these"
    if isinstance(encoders, str | os.PathLike | Encoder):
        encoders = [encoders]
    if not isinstance(encoders, list | tuple | Mapping) or not encoders:
        raise SettingsError(f"encoders: expected {expected}; got {show_value(encoders)}")
    several = list(encoders.values()) if isinstance(encoders, Mapping) else list(encoders)
    for number, one in enumerate(several, start=1):
        if not isinstance(one, str | os.PathLike | Encoder):
            raise SettingsError(f"encoders: expected {expected}; item {number} is {show_value(one)}")
    loaded = [one if isinstance(one, Encoder) else os.fspath(one) for one in several]
    if isinstance(encoders, Mapping):
        return dict(zip(map(str, encoders), loaded, strict=True))
    names = shorten_names([one.name if isinstance(one, Encoder) else one for one in loaded])
    return dict(zip(names, loaded, strict=True))


def _to_aligner(aligner: str | AlignmentSettings) -> AlignmentSettings:
    if isinstance(aligner, str):
        return AlignmentSettings(aligner=check_known(aligner, ALIGNERS, "aligner"))
    if isinstance(aligner, AlignmentSettings):
        return aligner
    raise SettingsError(f"aligner: expected a name or AlignmentSettings, got {show_value(aligner)}")


def _to_task(task: str | Task) -> Task:
    if isinstance(task, str):
        return TASKS[check_known(task, TASKS, "task")]
    check_task(task)
    return task


def _read_bitext(bitext: Any, languages: tuple[str, str] | None) -> list[SentencePair]:
    """Return sentence pairs that are given as such, or by their place."""
    if isinstance(bitext, str | os.PathLike):
        if languages is None:
            raise SettingsError(f"languages: name the languages of {os.fspath(bitext)}, as in languages=('en', 'de')")
        return read_bitext(Path(bitext) if isinstance(bitext, os.PathLike) else bitext, languages=languages)
    check_pairs(bitext)
    return list(bitext)


def _read_items(train: str | os.PathLike[str] | Sequence[Any], task: Task, language: str) -> Sequence[Any]:
    """Return items of a task that are given as such, or by their place."""
    if isinstance(train, str | os.PathLike):
        return task.read(Source(os.fspath(train), language))
    task.check_items(train, name="training data")
    return train


def _load_tuned(encoders: Mapping[str, str | Encoder], task: Task) -> dict[str, TaskModel]:
    """Load the encoders that have learnt a task."""
    found: dict[str, TaskModel] = {}
    for name, place in encoders.items():
        if isinstance(place, Encoder):
            continue
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
