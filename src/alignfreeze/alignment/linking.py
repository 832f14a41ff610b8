"""The links of a whole bitext: read from files, found with a trained model, summed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align, train_aligner
from alignfreeze.alignment.auto import choose_aligners
from alignfreeze.alignment.dictionary import measure_coverage
from alignfreeze.alignment.links import WordAlignment, read_pharaoh, select_links
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
    linked = [tuple(len({link[side] for link in alignment.links}) for side in (0, 1)) for alignment in alignments]
    words = [
        sum(len(side) for side in sides) for sides in zip(*((pair.source, pair.target) for pair in pairs), strict=True)
    ]
    usable = [len(select_links(*both)) for both in zip(pairs, alignments, strict=True)]
    n_links = sum(len(alignment.links) for alignment in alignments)
    facts: dict[str, Any] = {
        "links": n_links,
        "links_per_sentence_pair": round(n_links / len(pairs), 2),
        "source_words_linked": round(sum(source for source, _ in linked) / max(1, words[0]), 4),
        "target_words_linked": round(sum(target for _, target in linked) / max(1, words[1]), 4),
        "links_for_realignment": sum(usable),
        "pairs_without_links": sum(not alignment.links for alignment in alignments),
        "pairs_without_links_for_realignment": usable.count(0),
        "aligner": choose_aligners(settings, pairs, has_vectors=resources.vectors is not None)[languages].aligner,
    }
    if languages in resources.dictionaries:
        facts["source_words_in_dictionary"] = round(measure_coverage(resources.dictionaries[languages], pairs), 4)
    return facts
