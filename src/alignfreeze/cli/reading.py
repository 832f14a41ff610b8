"""Turns the options of commands into sentence pairs and links, by way of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignfreeze.cli.options import bitext_options, by_language_pair, settings_of
from alignfreeze.errors import DataError, SettingsError

if TYPE_CHECKING:
    from alignfreeze.alignment.aligners import Resources
    from alignfreeze.alignment.links import WordAlignment
    from alignfreeze.alignment.settings import AlignmentSettings
    from alignfreeze.corpora.bitext import BitextReader, SentencePair
    from alignfreeze.corpora.selection import Selection, SelectionSettings
    from alignfreeze.encoding.encoder import Encoder
    from alignfreeze.encoding.vectors import LayerVectors
    from alignfreeze.tasks.task import Task


@dataclass(frozen=True, slots=True)
class ChosenBitext:
    """The sentence pairs of one language pair, as the options ask for them.

    Attributes:
        reader: Where they come from.
        selection: Which were taken, as texts.
        settings: How they were chosen.
    """

    reader: BitextReader
    selection: Selection
    settings: SelectionSettings

    def facts(self) -> dict[str, Any]:
        """Return what a summary says of them."""
        reader, selection = self.reader, self.selection
        facts: dict[str, Any] = {
            "languages": "-".join(reader.languages),
            "forms": sorted({form for form, _ in reader.parts}) or ["hub"],
            "sentence_pairs_read": selection.read,
            "sentence_pairs": len(selection.texts),
            "left_out": selection.left_out,
        }
        if selection.distinct is not None:
            facts["unlike_sentence_pairs_about"] = selection.distinct
        return facts | ({"notes": reader.notes} if reader.notes else {})


def choose_bitexts(
    options: list[str],
    *,
    form: str | None = None,
    columns: str | None = None,
    select: list[str] | None = None,
    outputs: Mapping[str, Path | None] | None = None,
) -> list[ChosenBitext]:
    """Read the sentence pairs that the options name, one language pair an option.

    Args:
        options: Values of --bitext.
        form: Value of --form.
        columns: Value of --columns.
        select: Values of --select.
        outputs: Files to be written, by option; none may be one that is read.

    Raises:
        AlignFreezeError: An option or a file is wrong.
    """
    from alignfreeze.corpora.bitext import BitextReader, choose_pairs
    from alignfreeze.corpora.selection import SelectionSettings
    from alignfreeze.files import check_apart

    settings = settings_of(SelectionSettings, select, "--select", "sample=100000")
    wanted = _columns(columns)
    readers = [
        BitextReader(*places, languages=languages, form=form, columns=wanted)
        for languages, places in bitext_options(options)
    ]
    check_apart(outputs or {}, (path for reader in readers for _, files in reader.parts for path in files))
    return [ChosenBitext(reader, choose_pairs(reader, settings), settings) for reader in readers]


def _columns(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    parts = tuple(text.split(","))
    if len(parts) != 2 or not all(parts):
        raise SettingsError(f"--columns {text!r}: expected two names or numbers, such as 1,2 or en,de")
    return parts


def in_words(chosen: Sequence[ChosenBitext], *, pretokenized: bool) -> list[SentencePair]:
    """Split the sentence pairs into words, one language pair after the other."""
    from alignfreeze.corpora.bitext import split_into_words as split

    return [
        pair
        for bitext in chosen
        for pair in split(bitext.selection.texts, languages=bitext.reader.languages, pretokenized=pretokenized)
    ]


def digests_of(chosen: Sequence[ChosenBitext]) -> dict[str, list[str]]:
    """Return the digests of the files that sentence pairs come from."""
    from alignfreeze.files import digest_of_file

    return {
        f"bitext {'-'.join(bitext.reader.languages)}": [
            digest_of_file(path) for _, files in bitext.reader.parts for path in files
        ]
        for bitext in chosen
    }


def alignment_settings(aligner: str, options: list[str] | None) -> AlignmentSettings:
    """Return the settings of an aligner.

    Raises:
        SettingsError: Some are wrong; all are named.
    """
    from alignfreeze.alignment.settings import AlignmentSettings

    return settings_of(AlignmentSettings, options, "--alignment", "symmetrization=union", aligner=aligner)


def keep_best(chosen: Sequence[ChosenBitext], *, encoder: str | Encoder, device: str | None) -> list[ChosenBitext]:
    """Keep the share of the pairs that the settings ask for, by the likeness of their sentence vectors.

    Raises:
        AlignFreezeError: The encoder cannot be loaded.
    """
    if not any(bitext.settings.keep_best for bitext in chosen):
        return list(chosen)
    from alignfreeze.encoding.quality import keep_most_alike

    vectors = _vectors(encoder, None, device)
    kept = [keep_most_alike(bitext.selection, bitext.settings, vectors) for bitext in chosen]
    return [replace(bitext, selection=selection) for bitext, selection in zip(chosen, kept, strict=True)]


def _vectors(encoder: str | Encoder, layer: int | None, device: str | None) -> LayerVectors:
    from alignfreeze.encoding.encoder import load_encoder
    from alignfreeze.encoding.vectors import LayerVectors

    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    return LayerVectors(loaded, layer=layer, device=device or "auto")


def resources(
    settings: AlignmentSettings, *, encoder: str | Encoder, dictionaries: list[str] | None, device: str | None
) -> Resources:
    """Load what an aligner needs beside the bitext.

    Raises:
        AlignFreezeError: It is not there.
    """
    from alignfreeze.alignment.aligners import ALIGNERS, Resources
    from alignfreeze.alignment.dictionary import read_dictionary

    files = by_language_pair(dictionaries, "--dictionary")
    kind = ALIGNERS[settings.aligner]
    if kind.needs_dictionaries and not files:
        raise SettingsError(f"the aligner {settings.aligner} needs a word list: --dictionary en-de=FILE")
    found = {languages: read_dictionary(path) for languages, path in files.items()}
    vectors = _vectors(encoder, settings.layer, device) if kind.needs_vectors else None
    return Resources(vectors, found)


def find_links(
    pairs: Sequence[SentencePair],
    settings: AlignmentSettings,
    resources: Resources,
    *,
    trained: Path | None,
    save: Path | None,
) -> Sequence[WordAlignment]:
    """Find the links of one language pair, with a model trained before, or keeping the one that is trained.

    Raises:
        SettingsError: The aligner has no model to be trained.
    """
    from alignfreeze.alignment.aligners import ALIGNERS
    from alignfreeze.alignment.aligning import align, train_aligner

    languages = pairs[0].languages
    if (trained or save) and not ALIGNERS[settings.aligner].learns:
        learners = ", ".join(name for name, kind in ALIGNERS.items() if kind.learns)
        raise SettingsError(f"--trained and --save-trained are for {learners}; {settings.aligner} learns nothing")
    if save is not None and trained is None:
        train_aligner(pairs, settings, save)
        trained = save
    if trained is not None:
        resources = replace(resources, trained={languages: trained})
    return align(pairs, aligner=settings, resources=resources)


def facts_of_links(
    pairs: Sequence[SentencePair],
    alignments: Sequence[WordAlignment],
    settings: AlignmentSettings,
    resources: Resources,
) -> dict[str, Any]:
    """Return what a summary says of links."""
    from alignfreeze.alignment.dictionary import measure_coverage
    from alignfreeze.alignment.links import select_links

    linked = [tuple(len({link[side] for link in alignment.links}) for side in (0, 1)) for alignment in alignments]
    words = [
        sum(len(side) for side in sides) for sides in zip(*((pair.source, pair.target) for pair in pairs), strict=True)
    ]
    usable = [len(select_links(*both)) for both in zip(pairs, alignments, strict=True)]
    n_links = sum(len(alignment.links) for alignment in alignments)
    facts: dict[str, Any] = {
        "links": n_links,
        "links_a_sentence_pair": round(n_links / len(pairs), 2),
        "source_words_linked": round(sum(found for found, _ in linked) / max(1, words[0]), 4),
        "target_words_linked": round(sum(found for _, found in linked) / max(1, words[1]), 4),
        "links_for_realignment": sum(usable),
        "pairs_without_links": sum(not alignment.links for alignment in alignments),
        "pairs_without_links_for_realignment": usable.count(0),
        "aligner": settings.aligner,
    }
    languages = pairs[0].languages
    if languages in resources.dictionaries:
        facts["source_words_in_dictionary"] = round(measure_coverage(resources.dictionaries[languages], pairs), 4)
    return facts


def read_links(files: Mapping[tuple[str, str], str], pairs: list[SentencePair]) -> list[WordAlignment]:
    """Read the links of each language pair, and return them in the order of the sentence pairs.

    Raises:
        DataError: A language pair has none, or they do not fit.
    """
    from alignfreeze.alignment.links import read_pharaoh
    from alignfreeze.corpora.bitext import group_by_languages

    found: dict[int, WordAlignment] = {}
    for languages, positions in group_by_languages(pairs).items():
        if languages not in files:
            raise DataError(f"--links: no file for {'-'.join(languages)}")
        links = read_pharaoh(files[languages], [pairs[position] for position in positions])
        found |= dict(zip(positions, links, strict=True))
    return [found[position] for position in range(len(pairs))]


def task_named(name: str) -> Task:
    """Return the task of a name.

    Raises:
        SettingsError: There is none.
    """
    from alignfreeze.settings import check_known
    from alignfreeze.tasks.table import TASKS

    return TASKS[check_known(name, TASKS, "task")]
