"""Finds the links of a bitext, one language pair after the other, and keeps them in the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.alignment.aligners import ALIGNERS, Resources, TrainableAligner, WordAligner
from alignfreeze.alignment.auto import choose_aligners, describe_choice
from alignfreeze.alignment.links import Alignments, to_alignments
from alignfreeze.alignment.settings import AlignmentSettings, to_alignment_settings
from alignfreeze.cache import load_or_compute
from alignfreeze.corpora.bitext import SentencePair, digest_of, group_by_languages
from alignfreeze.corpora.given import to_bitext
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import digest_of_file, digest_of_json
from alignfreeze.progress import remark, stage
from alignfreeze.ragged import Ragged

CHUNK = 5_000
"""Sentence pairs whose links are found and kept together: an interruption loses no finished chunk."""


def align(
    bitext: Any,
    *,
    aligner: str | Mapping[str, Any] | AlignmentSettings = "auto",
    languages: tuple[str, str] | None = None,
    pretokenized: bool = False,
    resources: Resources | None = None,
    cache: bool = True,
    **settings: Any,
) -> Alignments:
    """Find the links of every sentence pair; each language pair is aligned by itself.

    Args:
        bitext: Sentence pairs of one or several language pairs, in anything that `to_bitext` takes, such as a list of
            pairs of texts.
        aligner: A name in `ALIGNERS`, or settings.
        languages: Codes of the source and the target language, if the bitext does not tell them.
        pretokenized: The words of texts are already separated by spaces.
        resources: An encoder or word lists, for the aligners that need them.
        cache: Read links that were found before for the same bitext, and keep new ones (cache.py says where).
        **settings: Settings of `AlignmentSettings` by name, such as `symmetrization="union"`.

    Returns:
        One alignment per pair, in the order of the bitext.

    Raises:
        SettingsError: There is no such aligner or setting, or something that the aligner needs is missing.
        DataError: Something in the bitext is not a sentence pair, its languages are not known, or an aligner returns
            links that fit no pair.
    """
    chosen = to_alignment_settings(aligner, **settings)
    bitext = to_bitext(bitext, languages=languages, pretokenized=pretokenized)
    resources = resources or Resources()
    groups = group_by_languages(bitext)
    has_vectors = resources.vectors is not None and not resources.trained
    by_pair = choose_aligners(chosen, bitext, has_vectors=has_vectors)
    # All aligners are made before the first begins its work, so that an error about missing resources comes at once.
    aligners = {codes: _make_aligner(by_pair[codes], resources, codes) for codes in groups}
    if groups and ALIGNERS[chosen.aligner].choose is not None:
        remark(f"links {describe_choice(chosen, bitext, has_vectors=has_vectors)}")
    rows = []
    identity = once(lambda: None if resources.vectors is None else resources.vectors.identity)  # it reads all weights
    for codes, positions in groups.items():
        pairs = [bitext[position] for position in positions]
        key = _key_of(by_pair[codes], resources, codes, pairs, identity) if cache else None
        rows.append(_find_links(aligners[codes], pairs, key))
    return Alignments(_put_in_order(rows, list(groups.values())))


def train_aligner(bitext: Sequence[SentencePair], settings: AlignmentSettings, folder: Path) -> None:
    """Train an aligner on a bitext of one language pair, and write its model.

    Args:
        bitext: The sentence pairs.
        settings: The settings of an aligner that learns.
        folder: Where the model is written, for `Resources.trained`.

    Raises:
        OutputError: The folder cannot be written.
        DataError: There is no sentence pair.
    """
    bitext = to_bitext(bitext)
    if not bitext:
        raise DataError("there is no sentence pair to train an aligner on")
    aligner = ALIGNERS[settings.aligner].make(settings, Resources(), bitext[0].languages)
    assert isinstance(aligner, TrainableAligner)
    aligner.fit(bitext)
    aligner.save(folder)


def _make_aligner(settings: AlignmentSettings, resources: Resources, languages: tuple[str, str]) -> WordAligner:
    """Make an aligner for a language pair, with its trained model if there is one.

    Raises:
        SettingsError: Something that the aligner needs is missing.
    """
    kind = ALIGNERS[settings.aligner]
    if kind.needs_vectors and resources.vectors is None:
        raise SettingsError(f"the aligner {settings.aligner!r} needs the vectors of an encoder; give it an encoder")
    if kind.needs_dictionaries and languages not in resources.dictionaries:
        raise SettingsError(
            f"the aligner {settings.aligner!r} has no word list for {'-'.join(languages)}; give it a word list"
        )
    aligner = kind.make(settings, resources, languages)
    if kind.learns and languages in resources.trained:
        assert isinstance(aligner, TrainableAligner)
        aligner.load(resources.trained[languages], languages=languages)
    return aligner


def _key_of(
    settings: AlignmentSettings,
    resources: Resources,
    languages: tuple[str, str],
    pairs: Sequence[SentencePair],
    identify_vectors: Callable[[], dict[str, Any] | None],
) -> dict[str, Any] | None:
    """Return everything that the links of a language pair depend on; None for links that are not kept."""
    kind = ALIGNERS[settings.aligner]
    if not kind.libraries:
        return None
    key: dict[str, Any] = {"settings": settings.model_dump(), "bitext": digest_of(pairs)}
    key["libraries"] = {library: version(library) for library in kind.libraries}
    if kind.learns and languages in resources.trained:
        files = sorted(resources.trained[languages].iterdir())
        key["trained"] = {path.name: digest_of_file(path) for path in files}
    if kind.needs_vectors:
        key["vectors"] = identify_vectors()
    if kind.needs_dictionaries:
        words = resources.dictionaries[languages]
        key["dictionary"] = digest_of_json({word: sorted(words[word]) for word in words})
    return key


def _find_links(aligner: WordAligner, pairs: Sequence[SentencePair], key: dict[str, Any] | None) -> Ragged:
    """Return the links of a language pair's sentence pairs; those found before are read."""
    fit = once(lambda: aligner.fit(pairs))  # not at all if all links were found before
    rows = []
    beyond = 0
    with stage(f"aligning {'-'.join(pairs[0].languages)}", total=len(pairs)) as bar:
        for start in range(0, len(pairs), CHUNK):
            chunk = pairs[start : start + CHUNK]

            def find(chunk: Sequence[SentencePair] = chunk) -> dict[str, NDArray[Any]]:
                fit()
                return _align_chunk(aligner, chunk)

            arrays = find() if key is None else load_or_compute("alignments", {**key, "start": start}, find)
            rows.append(Ragged(arrays["values"], arrays["starts"]))
            beyond += int(arrays["beyond"][0])
            bar.advance(len(chunk))
    tell_of_long_pairs(aligner, pairs, beyond)
    return _concatenate(rows)


def _align_chunk(aligner: WordAligner, chunk: Sequence[SentencePair]) -> dict[str, NDArray[Any]]:
    """Return the links of sentence pairs, and how many of the pairs are too long, as arrays for the cache."""
    before = aligner.beyond
    links = to_alignments(aligner.align(chunk), chunk).links
    return {"values": links.values, "starts": links.starts, "beyond": np.array([aligner.beyond - before])}


def tell_of_long_pairs(aligner: WordAligner, pairs: Sequence[SentencePair], beyond: int) -> None:
    """Say how many pairs of a language pair are too long for an aligner, if any are."""
    if beyond:
        languages = "-".join(pairs[0].languages)
        remark(f"{languages}: {beyond:,} of {len(pairs):,} sentence pairs are long: {aligner.limit}")


def _concatenate(rows: Sequence[Ragged]) -> Ragged:
    if len(rows) == 1:
        return rows[0]
    lengths = np.concatenate([np.zeros(1, dtype=np.int64), *(part.lengths() for part in rows)])
    empty = np.empty((0, 2), dtype=np.int32)
    return Ragged(np.concatenate([empty, *(part.values for part in rows)]), lengths.cumsum())


def _put_in_order(rows: Sequence[Ragged], positions: Sequence[list[int]]) -> Ragged:
    """Put the rows of several groups at their positions."""
    together = _concatenate(rows)
    if len(rows) <= 1:
        return together
    order = np.argsort(np.concatenate(positions))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), together.lengths(order).cumsum()])
    return Ragged(together.take(order), starts)
