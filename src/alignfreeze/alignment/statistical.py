"""Word alignment that is learnt from the bitext itself, by the models of sil-thot."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from thot.alignment import (
    EflomalAlignmentModel,
    FastAlignModel,
    HmmAlignmentModel,
    Ibm1AlignmentModel,
    SymmetrizationHeuristic,
    SymmetrizedAligner,
)

from alignfreeze.alignment.aligners import AlignerKind, Resources, TrainableAligner
from alignfreeze.alignment.links import Alignments, WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.alignment.spelling import WordNames
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.selection import spread_evenly
from alignfreeze.errors import DataError, OutputError
from alignfreeze.files import digest_of_file, new_folder, read_json, write_json, write_lines
from alignfreeze.progress import remark, stage
from alignfreeze.ragged import Ragged
from alignfreeze.stored import Stored

ITERATIONS = 5
"""Rounds of expectation maximisation per model: the default of fast_align, and of GIZA++ for IBM 1 and for HMM."""

PAIRS_AT_ONCE = 1_000

BYTES_PER_WORD = 400
"""The most memory that training needs per word of the bitext, counting both sides.

Training needed 240 to 380 bytes for sentences of 12 random words, where almost every pair of words occurs once. Real
text needs less.
"""

Cascade = list[tuple[Any, int | None]]
"""Models that are trained one after the other, with numbers of rounds; None for the number that the model plans."""


def fast_align() -> Cascade:
    """Return IBM 2 with a diagonal prior, optimised tension and variational Bayes (Dyer, Chahuneau and Smith 2013).

    These are the options `-d -o -v` of fast_align, as in the paper.
    """
    model = FastAlignModel()
    model.variational_bayes = True
    return [(model, ITERATIONS)]


def eflomal() -> Cascade:
    """Return IBM 1, HMM and fertilities by Gibbs sampling with a fixed seed (Östling and Tiedemann 2016)."""
    model = EflomalAlignmentModel()
    model.deterministic = True
    return [(model, None)]


def plan_rounds(pairs: int) -> float:
    """Return about how many rounds sil-thot plans for eflomal, such as 93 for 6,400 pairs and 46 for 25,600."""
    return max(2, 7_500 / math.sqrt(pairs))


def hmm() -> Cascade:
    """Return IBM 1 and a hidden Markov model over the positions of links (Vogel, Ney and Tillmann 1996)."""
    first = Ibm1AlignmentModel()
    return [(first, ITERATIONS), (HmmAlignmentModel(first), ITERATIONS)]


@dataclass(frozen=True, slots=True)
class Model:
    """A model of sil-thot.

    Attributes:
        make: Makes the models that are trained one after the other.
        most_words: The most words of a sentence. Pairs with a longer sentence on either side get no links.
        bytes_per_cell: The most memory that training in one direction needs, for each word of a source sentence and
            each word of its translation. It was measured on 5,000 to 100,000 pairs; more of them need less each.
        rounds: Returns about how many rounds a training on some number of pairs has.
        decoding: Returns about how many rounds the links of a pair take, after such a training.
    """

    make: Callable[[], Cascade]
    most_words: int
    bytes_per_cell: int
    rounds: Callable[[int], float] = lambda pairs: ITERATIONS
    decoding: Callable[[int], float] = lambda pairs: 1


MODELS = {
    "fast-align": Model(fast_align, 1_024, 28),
    "eflomal": Model(eflomal, 1_024, 44, plan_rounds, lambda pairs: max(40, plan_rounds(pairs))),
    "hmm": Model(hmm, 200, 36),
}
"""The models by name; a new one is a function, a line, and a line in the table of aligners."""

_FACTS = "aligner.json"

_WORDS = "words.json"
"""The file of a trained model that holds the words of both languages in the order of their numbers."""

_FORMAT = 2
"""Raise it when the files of a trained model change. Before 2, sil-thot was given the words themselves."""


@dataclass(frozen=True, slots=True)
class _ModelFacts:
    """What a trained model's folder says about it."""

    model: str
    languages: tuple[str, str]
    files: dict[str, str]
    format: int = 1


_STORED_FACTS = Stored[_ModelFacts](_ModelFacts, "the facts of a trained aligner")

_DIRECTIONS = ("forward", "reverse")
"""The beginnings of the names of a trained model's files."""


class StatisticalAligner(TrainableAligner):
    """A model in each direction, whose links are symmetrised.

    sil-thot is given names instead of words: it has symbols of its own, such as `NULL`, which a text may contain.

    Args:
        model: A name in `MODELS`.
        symmetrization: A name in `settings.SYMMETRIZATIONS`.
        max_pairs: Train on at most this many sentence pairs, evenly spread; memory and time grow with them.
    """

    def __init__(
        self, model: str, *, symmetrization: str = "grow-diag-final-and", max_pairs: int | None = None
    ) -> None:
        self.name = model
        self.symmetrization = symmetrization
        self.max_pairs = max_pairs
        self.directions: list[Any] = []
        self.names = (WordNames(), WordNames())
        self.languages = ("und", "und")
        self.model = MODELS[model]
        self.limit = f"no links for sentences of more than {self.model.most_words:,} words"

    def fit(self, bitext: Sequence[SentencePair]) -> None:
        """Train one model per direction, unless trained models were loaded."""
        if self.directions or not bitext:
            return
        pairs = spread_evenly(bitext, self.max_pairs or len(bitext))
        if len(pairs) < len(bitext):
            remark(f"{self.name}: trained on {len(pairs):,} of {len(bitext):,} sentence pairs")
        words = sum(len(pair.source) + len(pair.target) for pair in pairs)
        if (gibibytes := words * BYTES_PER_WORD / 2**30) > 1:
            remark(f"{self.name}: training needs about {gibibytes:.1f} GiB of memory; max_training_pairs lowers this")
        self._name_words(pairs)
        self.directions += [self._train(pairs, is_forward=is_forward) for is_forward in (True, False)]

    def _name_words(self, pairs: Sequence[SentencePair]) -> None:
        self.languages = pairs[0].languages
        self.names = WordNames.of(pair.source for pair in pairs), WordNames.of(pair.target for pair in pairs)

    def _train(self, pairs: Sequence[SentencePair], *, is_forward: bool) -> Any:
        """Train and return the model of one direction."""
        named = (self._rename(pair)[:: 1 if is_forward else -1] for pair in pairs)
        with stage(f"{self.name} {'-'.join(self.languages)}", total=None) as bar:
            return _train(self.model.make(), named, lambda: bar.advance(len(pairs)))

    def _rename(self, pair: SentencePair) -> tuple[list[str], list[str]]:
        return self.names[0].rename(pair.source), self.names[1].rename(pair.target)

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment per pair, in the same order."""
        return list(Alignments(self.find_links(bitext)))

    def find_links(self, bitext: Sequence[SentencePair]) -> Ragged:
        """Return the links of each pair as (source word, target word), in ascending order, [links, 2]."""
        aligner = SymmetrizedAligner(*self.directions)
        aligner.heuristic = getattr(SymmetrizationHeuristic, self.symmetrization.upper().replace("-", "_"))
        rows = []
        for start in range(0, len(bitext), PAIRS_AT_ONCE):
            named = map(self._rename, bitext[start : start + PAIRS_AT_ONCE])
            found = aligner.get_best_alignments(*map(list, zip(*named, strict=True)))
            rows += [np.argwhere(matrix.to_numpy()) for _, matrix in found]
        most = self.model.most_words
        self.beyond += sum(max(len(pair.source), len(pair.target)) > most for pair in bitext)
        links = Ragged.of(rows)
        return Ragged(links.values.reshape(-1, 2), links.starts)

    def fit_and_save(self, bitext: Sequence[SentencePair], folder: Path) -> None:
        """Train on all sentence pairs and write the model. Only one direction is in memory at a time.

        Raises:
            OutputError: The folder cannot be written.
        """
        self._name_words(bitext)
        self._write(folder, (self._train(bitext, is_forward=is_forward) for is_forward in (True, False)))

    def save(self, folder: Path) -> None:
        """Write the trained model, for other text of the same languages.

        Raises:
            OutputError: The folder cannot be written.
        """
        self._write(folder, self.directions)

    def _write(self, folder: Path, directions: Iterable[Any]) -> None:
        with new_folder(folder) as unfinished:
            models = iter(directions)
            for name in _DIRECTIONS:  # no name for the model, which would keep it while the next is trained
                if not next(models).print(str(unfinished / name)):
                    raise OutputError(
                        f"{folder}: the trained {self.name} cannot be written; is there room on the disk?"
                    )
            # Everything but ASCII is escaped: half a character cannot be written otherwise.
            write_lines(unfinished / _WORDS, [json.dumps([list(side.names) for side in self.names])])
            facts = _ModelFacts(self.name, self.languages, _digest_files(unfinished), _FORMAT)
            write_json(unfinished / _FACTS, asdict(facts))

    def check(self, folder: Path, *, languages: tuple[str, str]) -> None:
        """Check that a folder has a trained model for these languages.

        Raises:
            DataError: The folder has no trained model, or the model is damaged or was made for another aligner or other
                languages.
        """
        facts = _read_facts(folder)
        if facts.model != self.name:
            raise DataError(
                f"{folder}: this folder holds a trained {facts.model}, not {self.name}; name another folder, or use "
                f"the aligner {facts.model}"
            )
        if facts.languages != languages:
            trained = "-".join(facts.languages)
            raise DataError(
                f"{folder}: this aligner was trained on {trained}, not on {'-'.join(languages)}; train another one"
            )
        if facts.files != _digest_files(folder):
            raise DataError(f"{folder}: the files of the trained aligner are missing or damaged; train it again")

    def load(self, folder: Path, *, languages: tuple[str, str]) -> None:
        """Read a trained model instead of training one.

        Raises:
            DataError: The folder has no such model (see `check`), or its files cannot be read.
        """
        self.check(folder, languages=languages)
        directions = []
        for name in _DIRECTIONS:
            model = self.model.make()[-1][0]
            if not model.load(str(folder / name)):
                raise DataError(f"{folder}: the files of the trained aligner cannot be read; train it again")
            directions.append(model)
        self.directions, self.names, self.languages = directions, _read_names(folder), languages


def _read_facts(folder: Path) -> _ModelFacts:
    """Return what a folder says about its trained model."""
    try:
        facts = _STORED_FACTS.read(folder / _FACTS)
    except DataError as error:
        raise DataError(f"{folder}: this folder holds no trained aligner (no {_FACTS} that can be read)") from error
    if facts.format != _FORMAT:
        raise DataError(f"{folder}: this aligner was trained by another version of alignfreeze; train it again")
    return facts


def _read_names(folder: Path) -> tuple[WordNames, WordNames]:
    """Return the names of the source and the target words that a trained model knows."""
    sides = read_json(folder / _WORDS)
    if not (isinstance(sides, list) and len(sides) == 2 and all(isinstance(side, list) for side in sides)):
        raise DataError(f"{folder}: the words of the trained aligner ({_WORDS}) cannot be read; train it again")
    source, target = ([str(word) for word in side] for side in sides)
    return WordNames(source), WordNames(target)


def _digest_files(folder: Path) -> dict[str, str]:
    """Return the digest of each file of a trained model, by its name."""
    files = (path for path in sorted(folder.iterdir()) if path.name.startswith((*_DIRECTIONS, _WORDS)))
    return {path.name: digest_of_file(path) for path in files}


def _train(cascade: Cascade, pairs: Iterable[Sequence[list[str]]], count: Callable[[], None]) -> Any:
    """Train the models of a cascade and return the last one; `count` is called after each round."""
    last = cascade[-1][0]
    for first, second in pairs:
        last.add_sentence_pair(first, second)
    for model, rounds in cascade:
        model.start_training()
        for _ in range(model.scheduled_iterations if rounds is None else rounds):
            model.train()
            count()
        model.end_training()
    return last


def _make(settings: AlignmentSettings, _: Resources, __: tuple[str, str]) -> StatisticalAligner:
    return StatisticalAligner(
        settings.aligner, symmetrization=settings.symmetrization, max_pairs=settings.max_training_pairs
    )


STATISTICAL = AlignerKind(_make, learns=True, libraries=("sil-thot",), aligns_apart=True)
