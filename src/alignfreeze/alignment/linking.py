"""The links of a whole bitext: read from files, found with a trained model, summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align, train_aligner
from alignfreeze.alignment.auto import choose_aligners
from alignfreeze.alignment.counts import LinkCounts
from alignfreeze.alignment.dictionary import measure_coverage
from alignfreeze.alignment.links import WordAlignment, read_pharaoh, to_alignments
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair, group_by_languages
from alignfreeze.errors import DataError, SettingsError


def read_links(files: Mapping[tuple[str, str], Path], pairs: Sequence[SentencePair]) -> list[WordAlignment]:
    """Read the links of each language pair, and return them in the order of the sentence pairs.

    Raises:
        DataError: A language pair has no file, or the links in its file do not fit the sentence pairs.
    """
    found: dict[int, WordAlignment] = {}
    for languages, positions in group_by_languages(pairs).items():
        if languages not in files:
            raise DataError(f"--links: no file for {'-'.join(languages)}")
        links = read_pharaoh(files[languages], [pairs[position] for position in positions])
        found |= dict(zip(positions, links, strict=True))
    return [found[position] for position in range(len(pairs))]


def align_with_model(
    pairs: Sequence[SentencePair],
    settings: AlignmentSettings,
    resources: Resources,
    *,
    trained: Path | None = None,
    save: Path | None = None,
) -> Sequence[WordAlignment]:
    """Find the links of one language pair, with a model that was trained before, or that may be kept afterwards.

    Args:
        pairs: The sentence pairs.
        settings: The aligner.
        resources: What the aligner needs besides the bitext.
        trained: Folder of a trained model; None to train one.
        save: Folder in which a model trained now is kept.

    Raises:
        SettingsError: The aligner has no model to be trained.
    """
    if (trained or save) and not ALIGNERS[settings.aligner].learns:
        learners = ", ".join(name for name, kind in ALIGNERS.items() if kind.learns)
        raise SettingsError(f"--trained and --save-trained are for {learners}; {settings.aligner} learns nothing")
    if save is not None and trained is None:
        train_aligner(pairs, settings, save)
        trained = save
    if trained is not None:
        resources = replace(resources, trained={pairs[0].languages: trained})
    return align(pairs, aligner=settings, resources=resources)


def link_facts(
    pairs: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    settings: AlignmentSettings,
    resources: Resources,
) -> dict[str, Any]:
    """Return the facts for a summary about the links of one language pair."""
    languages = pairs[0].languages
    chosen = choose_aligners(settings, pairs, has_vectors=resources.vectors is not None)[languages].aligner
    facts = LinkCounts.of(pairs, to_alignments(alignments, pairs).links).facts() | {"aligner": chosen}
    if languages in resources.dictionaries:
        facts["source_words_in_dictionary"] = round(measure_coverage(resources.dictionaries[languages], pairs), 4)
    return facts
