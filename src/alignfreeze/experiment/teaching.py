"""Trains models on target-language items too, whose labels come from a first model or are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

import numpy as np

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.evaluation.agreeing import agree_on
from alignfreeze.evaluation.guard import PROJECTED_LABELS, Guarded, find_evidence, judge_evidence
from alignfreeze.evaluation.predictions import Predictions, check_estimable, predict_pairs
from alignfreeze.evaluation.projection import (
    Projection,
    ProjectionSettings,
    carry_labels,
    predict_targets,
    project,
    targets_of,
)
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.held_out import takes_two_texts
from alignfreeze.experiment.names import PROJECTED, SELF_TRAINED, TAUGHT
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.taught import TaughtLanguage, Teaching
from alignfreeze.languages import name_of
from alignfreeze.progress import remark
from alignfreeze.tasks.finetuning import TITLE, Finetuned, Mixture
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Task
from alignfreeze.training.history import chain

FIRST, AGAIN = TITLE, f"{TITLE} again"
"""The titles of both trainings. Their checkpoints are in folders of these names."""

Tune = Callable[[str, Mixture | None, int], Finetuned]
"""Fine-tunes the encoder of a run; its arguments are the title of the training, what is learnt in addition, and the
seed."""


@dataclass(frozen=True, slots=True)
class Material:
    """The sentence pairs of a language that get labels.

    Attributes:
        language: The code of the target language.
        pairs: The sentence pairs.
        alignments: Their word alignments; empty if labels do not go over links.
        two_texts: Whether an item has two texts.
        device: Where the model runs.
    """

    language: str
    pairs: Sequence[SentencePair]
    alignments: Sequence[WordAlignment]
    two_texts: bool
    device: str


class Predict(Protocol):
    """Lets a model predict the sentence pairs of a language."""

    def __call__(self, model: TaskModel, task: Task, material: Material, targets: Sequence[Any]) -> Predictions:
        """Return predictions whose source sides have the labels that are carried to the target sides."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """A way to label target sides.

    Attributes:
        labels: What its labels are called in sentences.
        table: The table of the settings that say which labels are kept.
        predict: Predicts the labels that are carried.
        settings: Returns the settings that say which labels are kept.
    """

    labels: str
    table: str
    predict: Predict
    settings: Callable[[ExperimentSettings], ProjectionSettings]


def _predict_sources(model: TaskModel, task: Task, material: Material, targets: Sequence[Any]) -> Predictions:
    """Predict both sides of sentence pairs: the labels of the source sides go over the links."""
    how: dict[str, Any] = {"two_texts": material.two_texts, "device": material.device}
    (found,) = predict_pairs(model, task, material.pairs, material.alignments, title="labelling sentence pairs", **how)
    return found


def _predict_targets(model: TaskModel, task: Task, material: Material, targets: Sequence[Any]) -> Predictions:
    """Predict the target sides, which then carry labels to themselves."""
    return predict_targets(model, task, material.language, targets, device=material.device)


WAYS: Mapping[str, Way] = {
    PROJECTED: Way(PROJECTED_LABELS, "projection", _predict_sources, lambda settings: settings.projection),
    SELF_TRAINED: Way(
        "the model's own labels", "self_training", _predict_targets, lambda settings: settings.self_training
    ),
}
"""The ways to label target sides, by the word with which the names of strategies end."""


def teach(
    tune: Tune,
    taught: str,
    settings: ExperimentSettings,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    *,
    seed: int,
    first: Finetuned | None = None,
) -> tuple[Finetuned, Teaching]:
    """Fine-tune a model, let it label target sides of the bitext, and fine-tune another model on these too.

    Where labels are given, one model learns both kinds of items together.

    Both models begin with the same encoder and the same head. If no labels are left, the first model is the final one.
    Several first models, of different seeds, may label together.

    Args:
        tune: Fine-tunes the encoder.
        taught: A name in `TAUGHT`.
        settings: The experiment.
        data: The data to train on.
        alignments: The word alignments of the bitext; not used if labels do not go over links.
        seed: The seed of the run, which also draws sentence pairs.
        first: The first model, if another run has made it.
    """
    if TAUGHT[taught].has_labels:
        return _teach_given(tune, settings, data, seed=seed)
    first, *others = _tune_first_models(tune, settings, seed=seed, first=first)
    models = [one.model for one in (first, *others)]
    found = label_languages(models, taught, settings, data, alignments, seed=seed)
    history = chain([one.history for one in (first, *others)]) if others else first.history
    teaching = Teaching(history, tuple(one for one, _ in found))
    for sentence in teaching.warnings:
        remark(sentence)
    items = [item for _, several in found for item in several]
    if not items:
        remark(f"{taught}: no labels are left to learn from, so the model of the first training is the final one")
        return first, teaching
    remark(f"{taught}: {teaching.kept_text}")
    share, steps = settings.teaching.source_share, settings.teaching.total_steps(first.history.steps)
    del first, others, models  # on a GPU the second training needs the memory
    return tune(AGAIN, Mixture(items, share, steps), seed), teaching


def _teach_given(
    tune: Tune, settings: ExperimentSettings, data: ExperimentData, *, seed: int
) -> tuple[Finetuned, Teaching]:
    """Fine-tune a model on the training data and on their translations. No model labels anything."""
    assert settings.translations is not None
    labels_of = TASKS[settings.task].kind.labels
    done, items = [], []
    for language, translation in data.translations.items():
        n = len(translation.items)
        numbers = draw_some(range(n), settings.translations.max_items, seed=[seed, *language.encode()])
        learnt = [translation.items[number] for number in numbers]
        items += learnt
        shares = [fmean(label is not None for label in labels_of(item)) for item in learnt]
        facts = TaughtLanguage(
            language=language,
            pairs=translation.n_lines,
            labelled=n,
            items=len(learnt),
            coverage=fmean(shares),
            decision="keep",
            sentence=f"{name_of(language)}: translated training data are learnt.",
        )
        done.append(facts)
    mixture = Mixture(items, settings.teaching.source_share, settings.teaching.total_steps)
    return tune(FIRST, mixture, seed), Teaching(None, tuple(done))


def draw_some(numbers: Sequence[int], most: int | None, *, seed: list[int]) -> list[int]:
    """Draw at most some of several numbers; they stay in their order."""
    if most is None or len(numbers) <= most:
        return list(numbers)
    drawn = np.random.default_rng(seed).permutation(len(numbers))[:most]
    return [numbers[number] for number in sorted(drawn.tolist())]


def _tune_first_models(
    tune: Tune, settings: ExperimentSettings, *, seed: int, first: Finetuned | None
) -> list[Finetuned]:
    """Fine-tune the models that give labels, the first with the seed of the run. Their checkpoints lie apart."""
    found = [] if first is None else [first]
    seeds = settings.teaching.seeds_of(seed)
    for number, one in enumerate(seeds, start=1):
        if number <= len(found):
            continue
        if found:
            found[-1].model.model.to("cpu")  # type: ignore[arg-type] - on a GPU the next training needs the memory
        found.append(tune(FIRST if number == 1 else f"{FIRST} of model {number} of {len(seeds)}", None, one))
    return found


def label_languages(
    models: Sequence[TaskModel],
    taught: str,
    settings: ExperimentSettings,
    data: ExperimentData,
    alignments: Sequence[WordAlignment],
    *,
    seed: int,
) -> list[tuple[TaughtLanguage, Sequence[Any]]]:
    """Label target sides of the bitext. Return for each language what was done, and the items to learn.

    Args:
        models: The models that give the labels together.
        taught: A name in `WAYS`.
        settings: The experiment.
        data: Its data.
        alignments: The word alignments of the bitext.
        seed: The seed that draws sentence pairs.
    """
    task, way = TASKS[settings.task], WAYS[taught]
    chosen, two_texts = way.settings(settings), takes_two_texts(task, data)
    done: list[tuple[TaughtLanguage, Sequence[Any]]] = []
    for language, bitext, numbers in _find_texts(taught, settings, data):
        usable = [n for n in numbers if bitext[n].source and bitext[n].target]
        drawn = draw_some(usable, settings.teaching.max_pairs, seed=[seed, *language.encode()])
        if not drawn:
            continue
        pairs, links = [bitext[n] for n in drawn], [alignments[n] for n in drawn if alignments]
        material = Material(language, pairs, links, two_texts, settings.device)
        targets = targets_of(task, pairs, two_texts=two_texts)[language]
        predictions = agree_on([way.predict(model, task, material, targets) for model in models])
        projection = project(predictions, targets, check_estimable(task).relabel, chosen)
        if settings.teaching.guard:
            guarded = _judge(task, way, predictions, data, pairs, settings=chosen)
        else:
            sentence = f"{name_of(language)}: {way.labels} are not checked (teaching.guard = false)."
            guarded = Guarded(language, "keep", 1.0, 0.0, sentence)
        done.append(_use(projection, guarded))
    return done


def _find_texts(
    taught: str, settings: ExperimentSettings, data: ExperimentData
) -> Iterator[tuple[str, Sequence[SentencePair], Sequence[int]]]:
    """Yield each language with a bitext, and the positions of its sentence pairs there.

    Both sides of a plain sentence are this sentence: its labels are not carried anywhere.
    """
    if settings.labels_plain_text(taught):
        for language, sentences in data.plain.items():
            codes = (settings.source_language, language)
            yield language, [SentencePair(words, words, codes) for words in sentences], range(len(sentences))
    else:
        for (_, language), positions in group_by_languages(data.bitext).items():
            yield language, data.bitext, positions


def _judge(
    task: Task,
    way: Way,
    predictions: Predictions,
    data: ExperimentData,
    pairs: Sequence[SentencePair],
    *,
    settings: ProjectionSettings,
) -> Guarded:
    """Decide what happens to the labels of a language. Of its tests only the words are used, not the labels."""
    texts = [task.kind.texts(item)[0] for item in data.tests.get(predictions.language, [])]
    evidence = find_evidence(
        predictions,
        carry_labels(predictions, confidence=settings.confidence, surest=settings.surest),
        training=map(task.kind.labels, data.train),
        bitext=[pair.target for pair in pairs],
        # A text that is not cut into words is read by the model as it stands.
        texts=[text for text in texts if not isinstance(text, str)],
    )
    if evidence.agreement is None:
        sentence = (
            f"{name_of(predictions.language)}: {way.labels} are refused: there is none to use with a probability of "
            f"{settings.confidence:g} or more; lower {way.table}.confidence, or train for more steps."
        )
        return Guarded(predictions.language, "refuse", 0.0, 1.0, sentence)
    return judge_evidence(predictions.language, evidence, labels=way.labels)


def _use(projection: Projection, guarded: Guarded) -> tuple[TaughtLanguage, Sequence[Any]]:
    """Return what is done with the labels of a language, and the items that are learnt."""
    learnt = projection.thin(guarded.share)
    facts = TaughtLanguage(
        language=projection.language,
        pairs=projection.n_pairs,
        labelled=len(projection),
        items=len(learnt),
        coverage=projection.coverage,
        decision=guarded.decision,
        sentence=guarded.sentence,
    )
    return facts, learnt.items
