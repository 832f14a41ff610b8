"""Trains the chosen model on the labels that chose it, and says by cross-validation what that gains."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.predicting import label_items
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.files import check_unused, new_folder, to_path, to_paths, write_json
from alignfreeze.labelling.asking import load_model
from alignfreeze.labelling.counting import compare_on_labels
from alignfreeze.labelling.drawing import Drawing, Labels, to_labels
from alignfreeze.labelling.estimates import Estimate
from alignfreeze.labelling.matching import read_labels
from alignfreeze.labelling.outcome import Settlement
from alignfreeze.labelling.settling import settle_labels
from alignfreeze.languages import name_of
from alignfreeze.progress import remark
from alignfreeze.running.verdicts import interval_text, points_text
from alignfreeze.tasks.finetuning import FinetuningSettings, train_further
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.table import TASKS

FEWEST = 10
"""With fewer labelled items, nothing is trained."""

FOLDS = 5
"""In how many parts the labelled items are cut: each is predicted by a model that has learnt the others."""

EPOCHS, BATCH = 10, 8
"""Passes over the labelled items, and items per step."""

SHARE_OF_RATE = 0.2
"""The learning rate, as a share of that with which the model was fine-tuned."""

FEW_SHOT = "few_shot.json"
"""The file in the folder of the trained model that says what it was made from."""


@dataclass(frozen=True, slots=True)
class FewShot:
    """What training the chosen model on the labels gains.

    Attributes:
        language: Code of the language.
        strategy: The strategy of the model.
        n_items: Number of labelled items.
        n_labels: Number of labels.
        gain: The gain over the chosen model on the whole text, estimated by cross-validation: with that many fewer
            items as one of the parts has.
        choice: How much the chosen model is above the second best one, from labels alone.
        folder: Where the trained model is; None if it was not kept.
    """

    language: str
    strategy: str
    n_items: int
    n_labels: int
    gain: Estimate
    choice: float
    folder: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return {**asdict(self), "folder": None if self.folder is None else str(self.folder)}

    def lines(self) -> list[str]:
        """Return what the training gains as sentences, the answer first."""
        within = "" if self.gain.interval is None else f" ({interval_text(self.gain.interval)})"
        gains = (
            f"{name_of(self.language)}: training the model of {self.strategy} on these {self.n_labels:,} labels gains "
            f"{points_text(self.gain.value)} points{within}, by cross-validation."
        )
        low, high = self.gain.interval or (-1.0, 1.0)
        if low > 0:
            advice = "It helps: use the trained model."
        elif high <= 0:
            advice = "It does not help: use the model as it is."
        else:
            advice = (
                "It cannot be told yet whether it helps; more labels would tell. Until then, use the model as it is."
            )
        more = self.gain.value > self.choice
        compared = (
            f"That is {'more' if more else 'less'} than the choice of the strategy: {self.strategy} is "
            f"{points_text(self.choice)} points above the next one."
        )
        written = [] if self.folder is None else [f"The trained model was written to {self.folder}."]
        return [gains, advice, compared, *written]


def train_on_labels(
    study: str | os.PathLike[str],
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    out: str | os.PathLike[str] | None = None,
    settled: Settlement | None = None,
    seed: int = 31,
    device: Device = "auto",
    **options: Any,
) -> FewShot:
    """Train the model that labels have chosen on the same labels, and estimate by cross-validation what that gains.

    Args:
        study: The folder of the study, or what `run_experiment` returned.
        files: A file that `label` wrote, or several for one language.
        out: A new folder for the model that has learnt all labels; by default it is not kept.
        settled: What `settle` returned for these files, if it is known: the model to train.
        seed: The seed of the trainings.
        device: Where they run.
        options: Settings of the fine-tuning, such as `epochs=5`; they replace those that are made for few items.

    Raises:
        DataError: A file does not fit the study, or there are too few labelled items.
        SettingsError: A setting or the device does not exist.
        OutputError: The folder exists, or cannot be written.
    """
    study, out = to_path(study, "study"), None if out is None else to_path(out, "out")
    labelled = read_labels(study, to_paths(files, "files"))
    settled = settled or settle_labels(labelled)
    drawing, truths = labelled.drawing, labelled.truths
    if settled.drawing != drawing.name:
        raise SettingsError(
            f"settled: this is about the drawing {settled.drawing}, but the files are of {drawing.name}"
        )
    told = sum(any(label is not None for label in truth) for truth in truths)
    if told < FEWEST:
        raise DataError(f"{told} items have a label, and at least {FEWEST} are needed to train on them")
    if out is not None:
        check_unused(out)
    strategy = settled.chosen
    folder = study / drawing.models[strategy]
    record = RunRecord.read(folder.parent / RECORD)
    settings = settings_for(record, options)
    items = [_to_item(drawing, number, truth) for number, truth in enumerate(truths)]
    if left_out := sum(item is None for item in items):
        remark(f"{left_out:,} items are not learnt: they have no label, or their answer is not in the context")

    def train_on(places: Sequence[int], title: str) -> TaskModel:
        model = load_model(folder, record)
        chosen = [item for place in places if (item := items[place]) is not None]
        train_further(model, TASKS[drawing.task], chosen, settings=settings, seed=seed, device=device, title=title)
        return model

    guesses = _cross_validate(drawing, items, train_on, seed=seed, device=device)
    gain = compare_on_labels(drawing, truths, drawing.predictions[strategy], guesses)
    if out is not None:
        model = train_on(range(len(items)), "training on all labels")
        facts = {"drawing": drawing.name, "strategy": strategy, "gain": asdict(gain)}
        with new_folder(out) as made:
            model.save(made)
            write_json(made / FEW_SHOT, {**facts, "settings": settings.model_dump(mode="json")})
    n_labels = sum(label is not None for truth in truths for label in truth)
    choice = min(one.behind.value for one in settled.standings if one.behind is not None)
    return FewShot(drawing.language, strategy, len(truths), n_labels, gain, choice, out)


def settings_for(record: RunRecord, options: dict[str, Any]) -> FinetuningSettings:
    """Return the settings of the fine-tuning, changed for few items.

    Raises:
        SettingsError: A setting is wrong.
    """
    known = FinetuningSettings.model_validate(record.settings["finetuning"])
    few = {
        "epochs": EPOCHS,
        "steps": None,
        "batch_size": BATCH,
        "learning_rate": SHARE_OF_RATE * known.learning_rate,
        "head_learning_rate": None,
        "average_last": None,
        "adapter": None,
    }
    return FinetuningSettings.from_values({**known.model_dump(), **few, **options}, origin="options")


def _to_item(drawing: Drawing, number: int, truth: Labels) -> Any:
    """Return a drawn item with its labels; None if it has none, or an answer that is not a part of the context."""
    task, item = TASKS[drawing.task], drawing.items[drawing.sampling.order[number]]
    if all(label is None for label in truth):
        return None
    if task.kind.pair_labeller is not None:
        return task.kind.pair_labeller.relabel(item, truth)
    # In a file with tabs, a space stands for a line break.
    words = map(re.escape, str(truth[0]).split())
    found = re.search(r"\s+".join(words), item.context)
    return None if found is None else replace(item, answers=(found[0],), starts=(found.start(),))


def _cross_validate(
    drawing: Drawing, items: Sequence[Any], train_on: Any, *, seed: int, device: Device
) -> list[Labels]:
    """Return what models predict for the labelled items that have learnt the other parts of these."""
    task = TASKS[drawing.task]
    parts = np.array_split(np.random.default_rng(seed).permutation(len(items)), FOLDS)
    guesses: list[Labels] = [()] * len(items)
    for number, part in enumerate(parts, start=1):
        others = sorted(set(range(len(items))) - set(part.tolist()))
        model = train_on(others, f"cross-validation, part {number} of {FOLDS}")
        held = [drawing.items[drawing.sampling.order[place]] for place in part.tolist()]
        found = label_items(model, task, held, device=check_device(device))
        for place, prediction in zip(part.tolist(), found, strict=True):
            guesses[place] = to_labels(prediction)
    return guesses
