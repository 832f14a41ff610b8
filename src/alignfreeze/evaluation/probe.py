"""A probe of encoders, kept for reports: retrieval by layer, drift, gradients, and which languages lie together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.checking import check_finite
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.errors import DataError
from alignfreeze.evaluation.drift import Drift, measure_drift
from alignfreeze.evaluation.gradients import GradientCosine, compare_gradients
from alignfreeze.evaluation.probe_tables import drift_sheet, gradient_sheet, retrieval_sheet
from alignfreeze.evaluation.retrieval import MOST_WORDS, Retrieval, measure_retrieval, retrieve, word_vectors
from alignfreeze.files import write_json
from alignfreeze.sheets import Sheet
from alignfreeze.stored import Stored
from alignfreeze.tabular import Tabular
from alignfreeze.tasks.models import TaskModel
from alignfreeze.tasks.task import Task

PROBE = "probe.json"
"""The file with the probe in the folder of a study, where a report looks for it."""


@dataclass(frozen=True, slots=True)
class Probe(Tabular):
    """The results of a probe of encoders.

    Attributes:
        encoders: Folders or names on the hub, by short names. The other encoders were made from the first one.
        retrieval: How many words find their translation, by encoder.
        drift: How far the other encoders are from the first, by encoder.
        gradients: How far the gradients of the task and of realignment agree, by fine-tuned model.
        alike: Pairs of target languages with the cosine of their places (see `place_of`) in the first encoder.
    """

    encoders: Mapping[str, str]
    retrieval: Mapping[str, Sequence[Retrieval]]
    drift: Mapping[str, Sequence[Drift]] = field(default_factory=dict)
    gradients: Mapping[str, Sequence[GradientCosine]] = field(default_factory=dict)
    alike: Sequence[tuple[str, str, float]] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per encoder, language and layer: the shares of words found by method, and the drift."""
        found: dict[tuple[str, str, int], dict[str, Any]] = {}
        moved = {(name, item.layer): item.distance for name, items in self.drift.items() for item in items}
        for name, items in self.retrieval.items():
            for item in items:
                row = {"encoder": name, "language": item.language, "layer": item.layer, "words": item.n}
                row = found.setdefault((name, item.language, item.layer), row)
                row[item.method] = item.mean
        return [{**row, "drift": moved.get((row["encoder"], row["layer"]))} for row in found.values()]

    def to_dict(self) -> dict[str, Any]:
        """Return the probe as plain values, as `alignfreeze probe --json` prints them."""
        return asdict(self)

    def sheets(self) -> list[Sheet]:
        """Return the findings as tables: retrieval by language and on average, drift, gradients."""
        first = next(iter(self.encoders))
        languages: list[str | None] = list(dict.fromkeys(item.language for item in self.retrieval[first]))
        shown = [*languages, *([None] if len(languages) > 1 else [])]
        return [
            *(retrieval_sheet(self.retrieval, language) for language in shown),
            *([drift_sheet(self.drift, first)] if self.drift else []),
            *([gradient_sheet(self.gradients)] if self.gradients else []),
        ]

    def write(self, path: Path) -> None:
        """Write the probe as JSON.

        Raises:
            OutputError: The file cannot be written.
        """
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Probe:
        """Read a probe that `write` wrote.

        Raises:
            DataError: The file is missing, or not a probe of this version.
        """
        return _PROBE.read(path)


_PROBE = Stored[Probe](Probe, "what `alignfreeze probe --out` of this version wrote")


def look_into(
    encoders: Mapping[str, str | Encoder],
    base: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    *,
    tuned: Mapping[str, TaskModel] | None = None,
    task: Task | None = None,
    items: Sequence[Any] = (),
    most_words: int = MOST_WORDS,
    device: str = "auto",
) -> Probe:
    """Probe encoders: retrieval by layer, drift from the first encoder, gradients of models that have learnt a task.

    Args:
        encoders: Folders, names on the hub or loaded encoders, by short names. The other encoders were made from the
            first one. Those that are not loaded are loaded one after the other.
        base: The first encoder, loaded.
        bitext: Sentence pairs that no encoder was realigned on.
        alignments: The word alignments of these pairs, in the same order.
        tuned: Models that have learnt the task, by the short names of their encoders.
        task: What the models have learnt.
        items: Items of the task, in the source language.
        most_words: The most words of a language pair.
        device: Where everything is computed.

    Raises:
        EncoderError: An encoder cannot be loaded, or its shape differs from that of the first encoder.
        DataError: A language pair has fewer than two usable links.
        SettingsError: The device does not exist.
    """
    how: dict[str, Any] = {"most_words": most_words, "device": device}
    first, *others = encoders
    found: dict[str, list[Retrieval]] = {first: []}
    moved: dict[str, list[Drift]] = {}
    places: dict[str, Tensor] = {}
    for language, source, target in word_vectors(base, bitext, alignments, **how):
        found[first] += retrieve(language, source, target)
        places[language] = place_of(source, target)
    if not places:
        raise DataError("no sentence pair has a usable link")
    for name in others:
        encoder = load_once(encoders[name])
        moved[name] = measure_drift(base, encoder)
        found[name] = measure_retrieval(encoder, bitext, alignments, **how)
    pulls: dict[str, list[GradientCosine]] = {}
    if task is not None:
        for name, model in (tuned or {}).items():
            pulls[name] = compare_gradients(model, task, items, bitext, alignments, device=device)
    named = {name: encoder.name if isinstance(encoder, Encoder) else encoder for name, encoder in encoders.items()}
    return Probe(named, found, moved, pulls, compare_places(places))


def load_once(encoder: str | Encoder) -> Encoder:
    """Return an encoder, loaded if it is given by name."""
    if isinstance(encoder, str):
        return load_encoder(encoder)
    check_finite(encoder.name, encoder.model)
    return encoder


def place_of(source: Tensor, target: Tensor) -> Tensor:
    """Return where a language lies, seen from the source language, [width].

    This is the mean difference between the vectors of linked target and source words in the last layer. The meaning
    cancels out, because both words have the same meaning.

    Args:
        source: States of the source words, [words, layers, width].
        target: States of their translations, [words, layers, width].
    """
    sides = [F.normalize(side[:, -1].float(), dim=-1) for side in (source, target)]  # [words, width]
    return (sides[1] - sides[0]).mean(dim=0)


def compare_places(places: Mapping[str, Tensor]) -> list[tuple[str, str, float]]:
    """Return how similar languages are: pairs of codes with the cosine of their places, between -1 and 1."""
    return [
        (one, other, F.cosine_similarity(places[one], places[other], dim=0).item())
        for one, other in combinations(places, 2)
    ]
