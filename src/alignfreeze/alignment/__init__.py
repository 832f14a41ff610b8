"""Stage 2: which words translate each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from alignfreeze.alignment.dictionary import Dictionary, DictionaryAligner
from alignfreeze.alignment.links import Alignments, WordAlignment
from alignfreeze.alignment.similarity import MATCHINGS, SimilarityAligner, WordVectors
from alignfreeze.alignment.statistical import MODELS, SYMMETRIZATIONS, StatisticalAligner
from alignfreeze.cache import cached_arrays
from alignfreeze.corpora.bitext import SentencePair, digest_of, language_pairs
from alignfreeze.errors import SettingsError, did_you_mean
from alignfreeze.files import digest_of_file, digest_of_json
from alignfreeze.progress import remark, stage
from alignfreeze.ragged import Ragged
from alignfreeze.settings import Settings, known

CHUNK = 5_000
"""Sentence pairs whose links are found and kept together: what is done when the work is interrupted is not lost."""


class WordAligner(Protocol):
    """Finds the links of every sentence pair of a bitext of one language pair.

    Attributes:
        limit: What becomes of sentences that are too long for it.
        beyond: How many of the pairs that it has aligned have such a sentence.
    """

    limit: str
    beyond: int

    def fit(self, bitext: Sequence[SentencePair]) -> None:
        """Learn what is to be learnt from the bitext; called once, before `align`."""
        ...

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment a pair, in the same order, source word first; called for one part after the other."""
        ...


@dataclass(frozen=True, slots=True)
class Resources:
    """What aligners need beside the bitext.

    Attributes:
        vectors: An encoder at a layer, for those that go by similarity.
        dictionaries: A bilingual word list for each language pair, for `dictionary`.
        trained: A folder with a trained model for a language pair, for those that learn from the bitext.
    """

    vectors: WordVectors | None = None
    dictionaries: Mapping[tuple[str, str], Dictionary] = field(default_factory=dict)
    trained: Mapping[tuple[str, str], Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of aligner.

    Attributes:
        make: Makes one for a language pair.
        vectors: Whether it needs an encoder.
        dictionaries: Whether it needs a word list.
    """

    make: Callable[[AlignmentSettings, Resources, tuple[str, str]], WordAligner]
    vectors: bool = False
    dictionaries: bool = False


class NoAligner:
    """Finds no links: for losses that take whole sentences."""

    limit = ""
    beyond = 0

    def fit(self, bitext: Sequence[SentencePair]) -> None:
        """Learn nothing."""

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return an alignment without a link for each pair."""
        return [WordAlignment(frozenset())] * len(bitext)


def _statistical(settings: AlignmentSettings, resources: Resources, languages: tuple[str, str]) -> StatisticalAligner:
    aligner = StatisticalAligner(
        settings.aligner, symmetrization=settings.symmetrization, max_pairs=settings.max_training_pairs
    )
    if languages in resources.trained:
        aligner.load(resources.trained[languages], languages=languages)
    return aligner


def _similarity(settings: AlignmentSettings, resources: Resources, _: tuple[str, str]) -> WordAligner:
    if resources.vectors is None:
        raise SettingsError(f"the aligner {settings.aligner!r} goes by the vectors of an encoder; give it one")
    return SimilarityAligner(
        resources.vectors, matching=settings.aligner, threshold=settings.threshold, centred=settings.centred
    )


def _dictionary(_: AlignmentSettings, resources: Resources, languages: tuple[str, str]) -> WordAligner:
    if languages not in resources.dictionaries:
        raise SettingsError(f"the aligner 'dictionary' has no word list for {'-'.join(languages)}")
    return DictionaryAligner(resources.dictionaries[languages])


ALIGNERS: dict[str, Family] = {
    **dict.fromkeys(MODELS, Family(_statistical)),
    **dict.fromkeys(MATCHINGS, Family(_similarity, vectors=True)),
    "dictionary": Family(_dictionary, dictionaries=True),
    "sentence": Family(lambda *_: NoAligner()),
}
"""The aligners by name: those that learn from the bitext, those that go by an encoder's vectors, the others."""


class AlignmentSettings(Settings):
    """How words are aligned."""

    aligner: Annotated[str, AfterValidator(lambda name: known(name, ALIGNERS, "aligner"))] = "fast-align"
    """`fast-align`, `eflomal`, `hmm` learn from the bitext; `softmax` (AWESOME-align), `argmax`, `itermax` (SimAlign)
    go by an encoder's vectors; `dictionary` by word lists; `sentence` finds no links."""
    symmetrization: Annotated[str, AfterValidator(lambda name: known(name, SYMMETRIZATIONS, "symmetrization"))] = (
        "grow-diag-final-and"
    )
    """Of aligners that learn from the bitext: `intersection`, `union`, `grow-diag`, `grow-diag-final`,
    `grow-diag-final-and`."""
    max_training_pairs: int | None = Field(default=1_000_000, gt=0)
    """Of aligners that learn from the bitext: most sentence pairs a language that they are trained on, evenly spread;
    all are aligned."""
    layer: int | None = Field(default=None, ge=0)
    """Of aligners that go by vectors: the layer, 0 for the embeddings; left out, two thirds of the way up."""
    threshold: float = Field(default=1e-3, gt=0, lt=1)
    """Of `softmax`: the least probability, in both directions, that makes a link."""
    centred: bool = False
    """Of aligners that go by vectors: subtract the mean vector of each language first."""


def needs_vectors(aligner: str) -> bool:
    """Tell whether an aligner goes by an encoder's vectors."""
    return ALIGNERS[aligner].vectors


def needs_dictionaries(aligner: str) -> bool:
    """Tell whether an aligner goes by word lists."""
    return ALIGNERS[aligner].dictionaries


def align(
    bitext: Sequence[SentencePair],
    *,
    aligner: str | AlignmentSettings = "fast-align",
    resources: Resources | None = None,
    cache: bool = True,
) -> Alignments:
    """Find the links of every sentence pair; each language pair is aligned by itself.

    Args:
        bitext: Sentence pairs, of one or several language pairs.
        aligner: A name in `ALIGNERS`, or settings.
        resources: An encoder or word lists, for the aligners that need them.
        cache: Read what was found before for the same bitext, and keep what is found (cache.py says where).

    Returns:
        One alignment a pair, in the order of the bitext.

    Raises:
        SettingsError: There is no such aligner, or it lacks what it needs.
    """
    if isinstance(aligner, str):
        if aligner not in ALIGNERS:
            proposal = did_you_mean(aligner, ALIGNERS)
            raise SettingsError(f"unknown aligner {aligner!r}; there are {', '.join(ALIGNERS)}.{proposal}")
        aligner = AlignmentSettings(aligner=aligner)
    resources = resources or Resources()
    groups = language_pairs(bitext)
    # All are made before the first begins its work: what one lacks is said at once.
    aligners = {languages: ALIGNERS[aligner.aligner].make(aligner, resources, languages) for languages in groups}
    rows = []
    for languages, positions in groups.items():
        pairs = [bitext[position] for position in positions]
        key = _key(aligner, resources, languages, pairs) if cache else None
        rows.append(_links(aligners[languages], pairs, key))
    return Alignments(_in_order(rows, list(groups.values())))


def _key(
    settings: AlignmentSettings, resources: Resources, languages: tuple[str, str], pairs: Sequence[SentencePair]
) -> dict[str, Any]:
    """Return all that the links of a language pair depend on."""
    key: dict[str, Any] = {"settings": settings.model_dump(), "bitext": digest_of(pairs)}
    if settings.aligner in MODELS:
        key["sil-thot"] = version("sil-thot")
        if languages in resources.trained:
            folder = resources.trained[languages]
            key["trained"] = {path.name: digest_of_file(path) for path in sorted(folder.iterdir())}
    if needs_vectors(settings.aligner) and resources.vectors is not None:
        key["vectors"] = resources.vectors.identity
    if needs_dictionaries(settings.aligner):
        words = resources.dictionaries[languages]
        key["dictionary"] = digest_of_json({word: sorted(words[word]) for word in words})
    return key


def _links(aligner: WordAligner, pairs: Sequence[SentencePair], key: dict[str, Any] | None) -> Ragged:
    """Return the links of a language pair's sentence pairs; what was found before is read."""
    fitted = False
    rows = []
    beyond = 0
    with stage(f"aligning {'-'.join(pairs[0].languages)}", total=len(pairs)) as bar:
        for start in range(0, len(pairs), CHUNK):
            chunk = pairs[start : start + CHUNK]

            def find(chunk: Sequence[SentencePair] = chunk) -> dict[str, NDArray[Any]]:
                nonlocal fitted
                if not fitted:
                    aligner.fit(pairs)
                    fitted = True
                before = aligner.beyond
                links = Alignments.of(aligner.align(chunk)).links
                return {
                    "values": links.values,
                    "starts": links.starts,
                    "beyond": np.array([aligner.beyond - before]),
                }

            arrays = find() if key is None else cached_arrays("alignments", {**key, "start": start}, find)
            rows.append(Ragged(arrays["values"], arrays["starts"]))
            beyond += int(arrays["beyond"][0])
            bar.advance(len(chunk))
    tell_of_long_pairs(aligner, pairs, beyond)
    return _joined(rows)


def tell_of_long_pairs(aligner: WordAligner, pairs: Sequence[SentencePair], beyond: int) -> None:
    """Say how many pairs of a language pair are too long for an aligner, if any are."""
    if beyond:
        languages = "-".join(pairs[0].languages)
        remark(f"{languages}: {beyond:,} of {len(pairs):,} sentence pairs are long: {aligner.limit}")


def _joined(rows: Sequence[Ragged]) -> Ragged:
    """Put rows end to end."""
    if len(rows) == 1:
        return rows[0]
    lengths = np.concatenate([np.zeros(1, dtype=np.int64), *(part.lengths() for part in rows)])
    empty = np.empty((0, 2), dtype=np.int32)
    return Ragged(np.concatenate([empty, *(part.values for part in rows)]), lengths.cumsum())


def _in_order(rows: Sequence[Ragged], positions: Sequence[list[int]]) -> Ragged:
    """Put the rows of several groups at their positions."""
    together = _joined(rows)
    if len(rows) <= 1:
        return together
    order = np.argsort(np.concatenate(positions))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), together.lengths(order).cumsum()])
    return Ragged(together.take(order), starts)
