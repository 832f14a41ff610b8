"""Probes of encoders, given by name or loaded, on data in files or at hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from alignfreeze.alignment.links import to_alignments
from alignfreeze.alignment.settings import AlignmentSettings, to_alignment_settings
from alignfreeze.corpora.chosen import BitextRequest
from alignfreeze.corpora.given import to_bitext
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.encoding.requests import LinkRequest, keep_best
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.evaluation.probe import Probe, load_once, look_into
from alignfreeze.evaluation.retrieval import MOST_WORDS
from alignfreeze.tasks.given import to_items, to_task
from alignfreeze.tasks.models import TaskModel, load_task_model
from alignfreeze.tasks.task import Task


def probe(
    encoders: Model | Sequence[Model] | Mapping[str, Model],
    bitext: Any,
    *,
    languages: tuple[str, str] | None = None,
    alignments: Any = None,
    aligner: str | AlignmentSettings = "eflomal",
    task: str | Task | None = None,
    train: Any = None,
    most_words: int = MOST_WORDS,
    device: Device = "auto",
) -> Probe:
    """Look into encoders, layer by layer: how many words find their translation, how far the weights have moved.

    With `task` and `train`, also compare the gradients of the task with those of realignment.

    ```python
    probed = af.probe({"pretrained": "embedded:e5-small", "realigned": encoder}, bitext)
    probed.to_pandas()
    ```

    Args:
        encoders: Encoders, or their names or folders; one, a list, or by short names. The other encoders were
            made from the first one.
        bitext: Sentence pairs that no encoder was realigned on, in a form that `to_bitext` takes.
        languages: Codes of the source and the target language, if the bitext does not tell.
        alignments: The word alignments of these pairs; by default, the aligner finds them.
        aligner: A name in `ALIGNERS`, or settings. An aligner that compares vectors uses the first encoder, and the
            words that it links are those that this encoder finds: choose one that learns from the bitext.
        task: What some of the encoders have learnt, by name or as a `Task`. These encoders are folders.
        train: Items of the task in the source language: a list, a file or `hub:OWNER/NAME/CONFIGURATION`.
        most_words: Most words of a language pair.
        device: `auto`, or a device as torch names it.

    Raises:
        AlignFreezeError: An encoder or a file cannot be read, none of the encoders has learnt the task, or something
            is not what is expected here.
    """
    device = check_device(device)
    named = _name_encoders(encoders)
    if (task is None) != (train is None):
        raise SettingsError("use --task and --train together: the gradients of a task are computed on training items")
    learnt = None if task is None else to_task(task)
    links = alignments if isinstance(alignments, LinkRequest) else LinkRequest(to_alignment_settings(aligner))
    given = bitext if isinstance(bitext, BitextRequest) else to_bitext(bitext, languages=languages)
    base = load_once(next(iter(named.values())))
    if isinstance(given, BitextRequest):
        given = given.split(keep_best(given, given.choose(), encoder=base, device=device))
    if alignments is None or isinstance(alignments, LinkRequest):
        alignments = links.find(given, base, device=device)
    else:
        alignments = to_alignments(alignments, given)
    tuned = {} if learnt is None else _load_tuned(named, learnt)
    items = [] if learnt is None or train is None else to_items(learnt, train, language=given[0].languages[0])
    how = {"most_words": most_words, "device": device}
    return look_into(named, base, given, alignments, tuned=tuned, task=learnt, items=items, **how)


def _name_encoders(encoders: Any) -> dict[str, str | Encoder]:
    """Return encoders by short names; those that are given by name are not loaded yet.

    Raises:
        EncoderError: Something is not an encoder.
        SettingsError: None is given, or an encoder is named twice.
    """
    if not isinstance(encoders, list | tuple | Mapping):
        encoders = [encoders]
    if not encoders:
        raise SettingsError("encoders: none is given; name one or several")
    several = list(encoders.values()) if isinstance(encoders, Mapping) else list(encoders)
    found = [os.fspath(one) if isinstance(one, str | os.PathLike) else to_encoder(one) for one in several]
    if isinstance(encoders, Mapping):
        return dict(zip(map(str, encoders), found, strict=True))
    names = shorten_names([one.name if isinstance(one, Encoder) else one for one in found])
    return dict(zip(names, found, strict=True))


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
