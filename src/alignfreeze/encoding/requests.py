"""Sentence pairs and links that a user requests. Choosing or aligning them may need an encoder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.auto import choose_learner, compares_vectors
from alignfreeze.alignment.chunks import Example
from alignfreeze.alignment.dictionary import read_dictionary
from alignfreeze.alignment.linking import align_with_model, link_facts, read_links
from alignfreeze.alignment.links import WordAlignment, write_pharaoh
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.alignment.streaming import align_long, most_words_of, sample_for
from alignfreeze.corpora import long
from alignfreeze.corpora.bitext import SentencePair, split_into_words
from alignfreeze.corpora.chosen import BitextRequest, ChosenBitext, sum_up
from alignfreeze.corpora.forms.writing import write_bitext
from alignfreeze.corpora.long import LongBitext, scan
from alignfreeze.corpora.selection import Selection, spread_evenly
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.encoding.quality import keep_most_alike
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import SettingsError
from alignfreeze.progress import without_remarks


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """How the links of a bitext are to be found.

    Attributes:
        settings: The aligner.
        dictionaries: Files of word lists, by language pair.
        files: Files of links, by language pair. If they are given, nothing is aligned.
    """

    settings: AlignmentSettings = field(default_factory=AlignmentSettings)
    dictionaries: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    files: Mapping[tuple[str, str], Path] = field(default_factory=dict)

    def load(self, pairs: Sequence[SentencePair], encoder: str | Encoder, *, device: str) -> Resources:
        """Load what the aligner needs besides the bitext. The encoder is loaded only if the aligner compares vectors.

        The aligner `auto` does without the embedded encoder if that is not installed.

        Raises:
            AlignFreezeError: Something that the aligner needs is missing or broken.
        """
        kind = ALIGNERS[self.settings.aligner]
        if kind.needs_dictionaries and not self.dictionaries:
            raise SettingsError(f"the aligner {self.settings.aligner} needs a word list: --dictionary en-de=FILE")
        dictionaries = {languages: read_dictionary(path) for languages, path in self.dictionaries.items()}
        does_without = kind.choose is not None and encoder == embedded.NAME and not embedded.is_installed()
        if does_without or not compares_vectors(self.settings, pairs):
            return Resources(None, dictionaries)
        return Resources(load_vectors(encoder, self.settings.layer, device=device), dictionaries)

    def find(self, pairs: Sequence[SentencePair], encoder: str | Encoder, *, device: str) -> Sequence[WordAlignment]:
        """Read the links of sentence pairs from files if these are given, or else align the pairs.

        Raises:
            AlignFreezeError: A file is missing or does not fit, or something that the aligner needs is missing.
        """
        if self.files:
            return read_links(self.files, pairs)
        return align(pairs, aligner=self.settings, resources=self.load(pairs, encoder, device=device))


def load_vectors(encoder: str | Encoder, layer: int | None = None, *, device: str = "auto") -> LayerVectors:
    """Return an encoder at a layer. An encoder that is given by name is loaded first."""
    loaded = load_encoder(encoder) if isinstance(encoder, str) else encoder
    return LayerVectors(loaded, layer=layer, device=device)


def keep_best(
    request: BitextRequest, chosen: list[ChosenBitext], *, encoder: str | Encoder, device: str
) -> list[ChosenBitext]:
    """Keep the requested share of the chosen sentence pairs: those with the most similar vectors.

    Raises:
        AlignFreezeError: The encoder cannot be loaded.
    """
    if request.selection.keep_best is None:
        return chosen
    vectors = load_vectors(encoder, device=device)
    kept = (keep_most_alike(bitext.selection, request.selection, vectors) for bitext in chosen)
    return [replace(bitext, selection=selection) for bitext, selection in zip(chosen, kept, strict=True)]


def choose_and_save(request: BitextRequest, out: Path, *, encoder: str | Encoder, device: str) -> dict[str, Any]:
    """Choose sentence pairs of one language pair, write them as one file, and return a summary.

    Raises:
        AlignFreezeError: A file or the encoder cannot be read, or the file cannot be written.
    """
    chosen = keep_best(request, request.choose(), encoder=encoder, device=device)
    _write(out, chosen)
    return sum_up(chosen) | {"file": str(out)}


def align_and_save(
    request: BitextRequest,
    links: LinkRequest,
    out: Path,
    *,
    kept: Path | None = None,
    trained: Path | None = None,
    save_trained: Path | None = None,
    examples: int = 0,
    encoder: str | Encoder,
    device: str,
) -> tuple[list[Example], dict[str, Any]]:
    """Find the links of one language pair and write them in Pharaoh notation.

    A bitext that is too long for memory is read twice, and aligned in chunks by several processes.

    Args:
        request: The sentence pairs, of one reader.
        links: How the links of these pairs are found.
        out: File for the links.
        kept: File for the sentence pairs, if a selection leaves some out.
        trained: Folder of a model trained before.
        save_trained: Folder in which a model trained now is kept.
        examples: The most sentence pairs that are returned with their links.
        encoder: The encoder for aligners and selections that compare vectors.
        device: Where the encoder runs.

    Returns:
        Some sentence pairs that have links, evenly spread, and a summary of all.

    Raises:
        AlignFreezeError: A file or the encoder cannot be read, or a file cannot be written.
    """
    began = time.perf_counter()
    if trained or save_trained:
        links = replace(links, settings=choose_learner(links.settings))
    first = _scan(request, links)
    models = {"trained": trained, "save": save_trained}
    if isinstance(first, LongBitext):
        learner = choose_learner(links.settings)
        found = align_long(first, learner, out, pretokenized=request.pretokenized, examples=examples, **models)
        if kept is not None:
            with without_remarks():  # they were made when the links were found
                write_bitext(kept, chain.from_iterable(first.chunks()), first.reader.languages)
        facts = ChosenBitext(first.reader, first.summary).facts() | {"sentence_pairs": first.summary.read}
        facts |= found.counts.facts() | {"aligner": learner.aligner}
        some = found.examples
    else:
        read = request.choose() if first is None else [ChosenBitext(request.readers[0], first)]
        chosen = keep_best(request, read, encoder=encoder, device=device)
        pairs = request.split(chosen)
        resources = links.load(pairs, encoder, device=device)
        alignments = align_with_model(pairs, links.settings, resources, **models)
        write_pharaoh(out, alignments)
        if kept is not None:
            _write(kept, chosen)
        facts = sum_up(chosen) | link_facts(pairs, alignments, links.settings, resources)
        places = [place for place, alignment in enumerate(alignments) if alignment.links] if examples else []
        some = [(place, pairs[place], alignments[place]) for place in spread_evenly(places, examples)]
    return some, facts | {"seconds": round(time.perf_counter() - began, 3), "file": str(out)}


def _scan(request: BitextRequest, links: LinkRequest) -> Selection | LongBitext | None:
    """Read a bitext once, if it may be aligned in chunks; return None for one that has to be held in memory."""
    (reader,) = request.readers
    learner = choose_learner(links.settings)
    is_apart = ALIGNERS[learner.aligner].aligns_apart and not links.dictionaries
    if not (is_apart and reader.reads_again and request.selection.keeps_lines):
        return None
    split = partial(split_into_words, languages=reader.languages, pretokenized=request.pretokenized)
    return scan(reader, held=long.HELD, sample=sample_for(learner), split=split, most_words=most_words_of(learner))


def _write(path: Path, chosen: Sequence[ChosenBitext]) -> None:
    texts = [pair for bitext in chosen for pair in bitext.selection.texts]
    write_bitext(path, texts, chosen[0].reader.languages)
