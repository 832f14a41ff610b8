"""How well a fine-tuned model does in a language without labels, from sentence pairs that it was not realigned on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.corpora.columns import OUTSIDE
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.encoding.encoder import check_device
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation.gradients import GradientCosine
from alignfreeze.evaluation.retrieval import Drift, Retrieval
from alignfreeze.languages import has_spaces
from alignfreeze.progress import stage
from alignfreeze.ragged import Ragged
from alignfreeze.tasks import Task
from alignfreeze.tasks.metrics import of_entities
from alignfreeze.tasks.models import TaskModel

Counts = NDArray[np.float64]
"""What each sentence pair adds to an estimate above and below its line, [pairs, 2], as test items do to a score."""

Span = tuple[str, int, int]
"""An entity: its kind, its first and its last word."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of both sides of the sentence pairs of one language.

    A unit is what has a label: a word, or a text. All estimates of this module are functions of this value.

    Attributes:
        language: Code of the target language.
        labels: What the model tells apart.
        source: Probabilities of the labels for the units of each source side, [units, labels]; NaN where a word has no
            subword that the model sees.
        target: The same of each target side.
        links: Which units translate each other and no others, [links, 2] a pair.
        are_entities: Whether labels are IOB2, so that spans of words count.
    """

    language: str
    labels: tuple[str, ...]
    source: Ragged
    target: Ragged
    links: Ragged
    are_entities: bool = False

    def __len__(self) -> int:
        return len(self.links)


def predict_pairs(
    task_model: TaskModel,
    task: Task,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    two_texts: bool = True,
    device: str = "auto",
) -> list[Predictions]:
    """Run a model once over both sides of a bitext; one value a language pair, in the order of the bitext.

    Of a task on words the units are words, and their links those that are one to one. Of one on texts an item is a
    sentence, or two neighbouring ones, and the item of the one side translates that of the other.

    Args:
        task_model: A fine-tuned model.
        task: What it has learnt.
        bitext: Sentence pairs that it was not realigned on, of one or several language pairs.
        alignments: Their word alignments, in the same order; not used for texts.
        two_texts: Whether items of a task on texts are pairs of texts, as in NLI.
        device: Where the model runs.

    Raises:
        SettingsError: The task has no labels to carry over, or the device does not exist.
        DataError: There is no sentence pair.
    """
    check_estimable(task)
    if not bitext:
        raise DataError("there is no sentence pair to estimate from")
    probabilities = task.kind.probabilities
    assert probabilities is not None
    task_model.model.to(check_device(device))  # type: ignore[arg-type]
    groups = group_by_languages(bitext)
    by_words = task.kind.head == "words"
    made = {languages: [bitext[number] for number in numbers] for languages, numbers in groups.items()}
    items = [item for pairs in made.values() for item in (_sentences(pairs) if by_words else _texts(pairs, two_texts))]
    with stage("predicting for held-out pairs", total=len(items)) as bar:
        found = probabilities(task_model, items, bar=bar)
    several, start = [], 0
    for languages, numbers in groups.items():
        n = len(numbers)
        source, target = (_rows(found, range(first, first + n)) for first in (start, start + n))
        links = [alignments[number].one_to_one() for number in numbers] if by_words else [_WHOLE] * n
        rows = [np.array(sorted(one.links), dtype=np.int32).reshape(-1, 2) for one in links]
        are_entities = task.metrics is of_entities
        several.append(
            Predictions(languages[1], tuple(task_model.labels), source, target, Ragged.of(rows), are_entities)
        )
        start += 2 * n
    return several


_WHOLE = WordAlignment(frozenset({(0, 0)}))


def check_estimable(task: Task) -> None:
    """Check that a task has labels that can be carried from one side of a sentence pair to the other.

    Raises:
        SettingsError: It has not.
    """
    if task.kind.probabilities is None:
        raise SettingsError(
            f"the task {task.name!r} cannot be estimated without labels: an answer is a span of a context, and a "
            "sentence pair has neither question nor context; advice is for tasks that label words or texts"
        )


def _sentences(pairs: Sequence[SentencePair]) -> list[TaggedSentence]:
    """Return all source sides, then all target sides."""
    sides = [pair.source for pair in pairs] + [pair.target for pair in pairs]
    return [TaggedSentence(words, (None,) * len(words)) for words in sides]


def _texts(pairs: Sequence[SentencePair], two_texts: bool) -> list[LabelledText]:
    """Return each sentence, with the next one if wanted, source sides first; the next of the last is the first."""
    items = []
    for side, code in enumerate(pairs[0].languages):
        space = " " if has_spaces(code) else ""
        texts = [space.join((pair.source, pair.target)[side]) for pair in pairs]
        following = [*texts[1:], texts[0]] if two_texts else [None] * len(texts)
        items += [LabelledText(text, second, "") for text, second in zip(texts, following, strict=True)]
    return items


def _rows(found: Ragged, rows: range) -> Ragged:
    return Ragged.of([found[row] for row in rows], dtype=found.values.dtype)


# --- estimates, each from predictions to what every sentence pair adds to it ---


def projection_agreement(
    predictions: Predictions,
    reference: Predictions | None = None,
    *,
    weights: NDArray[np.float64] | None = None,
    counted: Ragged | None = None,
) -> Counts:
    """Return how far the labels of the target side are those of the source side, carried over the links.

    Between 0 and 1, and 1 for identical sides. Each unit counts as much as the source side's label is probable; of
    entities it is the F1 of whole spans. Annotation projection of Yarowsky et al. (2001), as a yardstick instead of
    training data. It cannot see an error that a model makes on both sides alike, which realignment makes likelier.

    Args:
        predictions: Of the model in question.
        reference: Whose source side is carried over: that of a better judge, such as the `consensus` of several models,
            which makes the yardstick the same for all of them; by default the model's own.
        weights: Of each label of the source side, such as `label_weights`, [labels]; of entities none.
        counted: Of the links those that count, such as `new_words`; of entities those with a word in them count.
    """
    reference = reference or predictions
    if predictions.are_entities:
        return _spans_agree(predictions, reference, counted)
    rows = []
    for source, target, links in _pairs(predictions, reference, counted):
        carried = source[links[:, 0]]
        amounts = carried.max(axis=1, initial=0.0) * (1 if weights is None else weights[carried.argmax(axis=1)])
        same = carried.argmax(axis=1) == target.argmax(axis=1)[links[:, 1]]
        rows.append((float(amounts @ same), float(amounts.sum())))
    return np.array(rows, dtype=np.float64)


def label_weights(predictions: Predictions, frequencies: Mapping[str, float]) -> NDArray[np.float64]:
    """Return what links have to count so that labels are as frequent as in other text, [labels].

    Sentence pairs are seldom of the kind that the task is about: with the labels of the training data as `frequencies`
    the estimate is for text like that. Importance weights against a shift of labels (Lipton et al. 2018), at most
    `MOST_WEIGHT`, lest a label that hardly occurs decides.

    Args:
        predictions: Whose source side is carried over.
        frequencies: Of labels in that other text; those left out do not occur there.
    """
    found = np.zeros(len(predictions.labels))
    for source, _, links in _pairs(predictions, predictions):
        carried = source[links[:, 0]]
        np.add.at(found, carried.argmax(axis=1), carried.max(axis=1, initial=0.0))
    wanted = np.array([frequencies.get(label, 0.0) for label in predictions.labels])
    shares = [side / max(side.sum(), 1e-12) for side in (wanted, found)]
    ratios = np.divide(shares[0], shares[1], out=np.ones_like(found), where=shares[1] > 0)
    return np.minimum(ratios, MOST_WEIGHT)


MOST_WEIGHT = 5.0


def soft_agreement(predictions: Predictions, reference: Predictions | None = None) -> Counts:
    """Return how probable it is that labels drawn for two linked units are the same.

    Between 0 and 1; for identical sides it is 1 only where the model is sure. Other than `projection_agreement` it
    changes with every probability, not only where the most probable label changes.
    """
    rows = []
    for source, target, links in _pairs(predictions, reference or predictions):
        same = (source[links[:, 0]] * target[links[:, 1]]).sum(axis=1)
        rows.append((float(same.sum()), len(links)))
    return np.array(rows, dtype=np.float64)


def entropy(predictions: Predictions) -> Counts:
    """Return how undecided the model is on the target side: mean entropy of a unit, by that of even odds.

    Between 0 (sure of every label) and 1 (all labels alike).
    """
    rows = []
    for probabilities in _target(predictions):
        logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
        rows.append((float(-(probabilities * logarithms).sum()), len(probabilities)))
    return np.array(rows, dtype=np.float64) / (np.log(max(2, len(predictions.labels))), 1)


def confidence(predictions: Predictions) -> Counts:
    """Return the mean probability of the most probable label on the target side.

    Between 1 / labels and 1. What a calibrated model would get right; abroad models are too sure (Guo et al. 2017).
    """
    rows = [(float(side.max(axis=1, initial=0.0).sum()), len(side)) for side in _target(predictions)]
    return np.array(rows, dtype=np.float64)


def confidence_shift(predictions: Predictions) -> Counts:
    """Return how much surer the model is on the source side than on the target side, over linked units.

    Between -1 and 1, and 0 for identical sides. A difference of confidences (Guillory et al. 2021).
    """
    rows = []
    for source, target, links in _pairs(predictions, predictions):
        sure = [side.max(axis=1, initial=0.0)[links[:, n]] for n, side in enumerate((source, target))]
        rows.append((float((sure[0] - sure[1]).sum()), len(links)))
    return np.array(rows, dtype=np.float64)


def consensus_agreement(predictions: Predictions, reference: Predictions) -> Counts:
    """Return how far the labels of the target side are those that several models together give it.

    Between 0 and 1. Every unit counts as much as the reference's label is probable. It needs no links, but a majority
    that errs alike is believed.

    Args:
        predictions: Of the model in question.
        reference: The `consensus` of several models on the same pairs.
    """
    rows = []
    for ours, theirs in zip(_target(predictions), _target(reference), strict=True):
        weights = theirs.max(axis=1, initial=0.0)
        same = ours.argmax(axis=1) == theirs.argmax(axis=1)
        rows.append((float(weights @ same), float(weights.sum())))
    return np.array(rows, dtype=np.float64)


def label_distance(predictions: Predictions) -> float:
    """Return how unlike the shares of labels on the two sides are: the Jensen-Shannon divergence, to base 2.

    Between 0 (the same shares) and 1 (no label in common). Languages differ in it by themselves: not every one has
    articles. Lin (1991).
    """
    shares: list[NDArray[np.float64]] = [
        np.asarray(np.nanmean(side.values, axis=0, dtype=np.float64))
        for side in (predictions.source, predictions.target)
    ]
    middle = (shares[0] + shares[1]) / 2

    def divergence(share: NDArray[np.float64]) -> float:
        there = share > 0
        return float((share[there] * np.log2(share[there] / middle[there])).sum())

    return min(1.0, max(0.0, sum(map(divergence, shares)) / 2))


ESTIMATES: Mapping[str, Callable[[Predictions], Counts]] = {
    "projection agreement": projection_agreement,
    "soft agreement": soft_agreement,
    "entropy": entropy,
    "confidence": confidence,
    "confidence shift": confidence_shift,
}
"""The estimates that sentence pairs add up to, by name."""


def linked_share(predictions: Predictions) -> float:
    """Return the share of units of the target side that have a link; between 0 and 1.

    The same for all strategies: it says how near a language is to the source language for the encoder as it was.
    """
    return len(predictions.links.values) / max(1, len(predictions.target.values))


def value_of(counts: Counts) -> float | None:
    """Return an estimate from what sentence pairs add to it; None where none adds anything."""
    above, below = counts.sum(axis=0).tolist()
    return above / below if below else None


def consensus(several: Sequence[Predictions]) -> Predictions:
    """Return the mean of what several models say of the same sentence pairs.

    Args:
        several: At least one; all of the same pairs and labels.

    Raises:
        ValueError: They are of other pairs or labels.
    """
    first = several[0]
    if any((len(other), other.labels) != (len(first), first.labels) for other in several):
        raise ValueError("a consensus is of models with the same labels, on the same sentence pairs")
    return replace(
        first,
        source=_mean([one.source for one in several]),
        target=_mean([one.target for one in several]),
    )


def new_words(links: Ragged, pairs: Sequence[SentencePair], realigned: Sequence[SentencePair]) -> Ragged:
    """Return those links whose two words occur nowhere in the bitext of a realignment.

    Realignment does most for the very words that it sees, of which other text has few: on all links its gain is
    overestimated, on those of new words less so (benchmarks/results/advice_quality.json).

    Args:
        links: Of words, [links, 2] a pair.
        pairs: The sentence pairs that they are of.
        realigned: Those that were realigned on, of the same language pair.
    """
    sources = {word.lower() for pair in realigned for word in pair.source}
    targets = {word.lower() for pair in realigned for word in pair.target}
    rows = []
    for row, pair in enumerate(pairs):
        kept = [
            (source, target)
            for source, target in links[row].tolist()
            if pair.source[source].lower() not in sources and pair.target[target].lower() not in targets
        ]
        rows.append(np.array(kept, dtype=np.int32).reshape(-1, 2))
    return Ragged.of(rows)


def _mean(sides: Sequence[Ragged]) -> Ragged:
    return Ragged(np.mean([side.values for side in sides], axis=0), sides[0].starts)


# --- estimates that look into layers instead of labels -----------------------------


def best_layer(before: Sequence[Retrieval], *, method: str = "csls") -> int:
    """Return the layer at which most words find their translation, in the mean over languages; the lowest of equals.

    It is looked for in the model that was fine-tuned without realignment, and then taken for all strategies: the
    task's best layer of each would be compared with another layer of the next.

    Args:
        before: Of that model, at all layers.
        method: A name in `retrieval.METHODS`.
    """
    found: dict[int, list[float]] = {}
    for item in before:
        if item.method == method:
            found.setdefault(item.layer, []).append(item.mean)
    return max(sorted(found), key=lambda layer: sum(found[layer]) / len(found[layer]))


def word_retrieval(found: Sequence[Retrieval], layer: int, *, method: str = "csls") -> dict[str, float]:
    """Return the share of words that find their translation at a layer, by language; mean of both directions.

    Between 0 and 1. Realignment trains for this very thing, so that it says little of how well the task is done.
    """
    return {item.language: item.mean for item in found if (item.layer, item.method) == (layer, method)}


def gradient_agreement(found: Sequence[GradientCosine]) -> float:
    """Return the mean cosine of the gradients of task and realignment over the layers, without the embeddings.

    Between -1 and 1; around 0 the two have nothing to do with each other (arXiv 2603.18863).
    """
    layers = [item.mean for item in found if item.layer > 0]
    return sum(layers) / len(layers)


def mean_drift(found: Sequence[Drift]) -> float:
    """Return how far the layers of an encoder have moved in the mean, by the length of their weights; 0 or more.

    It is the same for all languages, and so can tell strategies apart but not languages.
    """
    layers = [item.distance for item in found if item.layer > 0]
    return sum(layers) / len(layers)


# --- what the estimates share ----------------------------------------------------


def _sides(side: Ragged) -> Iterator[NDArray[np.float64]]:
    return (side[row].astype(np.float64) for row in range(len(side)))


def _target(predictions: Predictions) -> Iterator[NDArray[np.float64]]:
    """Yield the probabilities of each target side, without the words that the model does not see, [units, labels]."""
    for side in _sides(predictions.target):
        yield side[~np.isnan(side).any(axis=1)]


def _pairs(
    predictions: Predictions, reference: Predictions, counted: Ragged | None = None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]]:
    """Yield the source side of a reference, the target side, and the links whose both ends the models see."""
    sides = zip(_sides(reference.source), _sides(predictions.target), strict=True)
    for row, (source, target) in enumerate(sides):
        links = (predictions.links if counted is None else counted)[row]
        seen = ~np.isnan(source[links[:, 0], 0]) & ~np.isnan(target[links[:, 1], 0])
        yield np.nan_to_num(source), np.nan_to_num(target), links[seen]


def _spans_agree(predictions: Predictions, reference: Predictions, counted: Ragged | None) -> Counts:
    """Return the parts of the F1 of the target side's entities against those of the source side, carried over."""
    rows = []
    for row, (source, target, links) in enumerate(_pairs(predictions, reference)):
        sure = source.max(axis=1, initial=0.0)
        # A span of the target side is as sure as the source side is of the words that it is linked to.
        weight_of: dict[int, float] = {
            int(t): float(sure[s]) for s, t in (predictions.links if counted is None else counted)[row]
        }
        found = {span: _mean_weight(span, weight_of) for span in spans(predictions.labels, target)}
        expected = {
            carried: _mean_weight(carried, weight_of)
            for span in spans(reference.labels, source)
            if (carried := carried_over(span, links)) is not None
        }
        both = sum(found[span] + expected[span] for span in found.keys() & expected.keys())
        rows.append((both, sum(found.values()) + sum(expected.values())))
    return np.array(rows, dtype=np.float64)


def spans(labels: Sequence[str], probabilities: NDArray[np.float64]) -> list[Span]:
    """Return the entities among the most probable labels of words, as seqeval finds them.

    Args:
        labels: In IOB2.
        probabilities: [words, labels]; all zero for a word that is outside because the model does not see it.
    """
    from seqeval.metrics.sequence_labeling import get_entities

    best = probabilities.argmax(axis=1) if len(probabilities) else []
    tags = [labels[label] if row.any() else OUTSIDE for label, row in zip(best, probabilities, strict=True)]
    return [(str(kind), int(start), int(end)) for kind, start, end in get_entities(tags)]


def carried_over(span: Span, links: NDArray[Any]) -> Span | None:
    """Return what a span of the source side covers on the target side: from its first to its last linked word.

    None where none of its words has a link.
    """
    kind, start, end = span
    places = [int(target) for source, target in links if start <= source <= end]
    return (kind, min(places), max(places)) if places else None


def _mean_weight(span: Span, weight_of: Mapping[int, float]) -> float:
    """Return the mean weight of the linked words of a span; 0 where none has a link, which says nothing."""
    weights = [weight_of[word] for word in range(span[1], span[2] + 1) if word in weight_of]
    return sum(weights) / len(weights) if weights else 0.0
