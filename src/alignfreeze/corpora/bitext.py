"""Reads bitext: sentences of a source language with their translations."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from alignfreeze.corpora.checks import check_max_pairs, check_two_languages, check_words
from alignfreeze.corpora.cleaning import Cleaner
from alignfreeze.corpora.drawn import draw_once, is_large
from alignfreeze.corpora.forms.form import Sides, Texts
from alignfreeze.corpora.forms.hub import read_hub
from alignfreeze.corpora.forms.table import FORMS
from alignfreeze.corpora.hub import HUB
from alignfreeze.corpora.places import Files, find_parts
from alignfreeze.corpora.selection import Selection, SelectionSettings, select
from alignfreeze.corpora.words import find_splitter, split_on_spaces
from alignfreeze.errors import DataError, EndsEarlyError, SettingsError, did_you_mean, show_value
from alignfreeze.languages import check_language
from alignfreeze.progress import remark
from alignfreeze.settings import to_settings


@dataclass(frozen=True, slots=True)
class SentencePair:
    """A sentence and its translation, split into words.

    Attributes:
        source: The words of the source sentence.
        target: The words of the target sentence.
        languages: Codes of the source and the target language.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    languages: tuple[str, str]

    def __post_init__(self) -> None:
        """Refuse a text in the place of its words: it would be read letter by letter.

        Raises:
            DataError: A side is not a sequence of words.
        """
        check_words(self.source, "the source of a sentence pair")
        check_words(self.target, "the target of a sentence pair")


def read_bitext(
    source: Path | str,
    target: Path | str | None = None,
    *,
    languages: tuple[str, str],
    form: str | None = None,
    columns: tuple[str, str] | None = None,
    pretokenized: bool = False,
    unescape: bool = False,
    selection: SelectionSettings | Mapping[str, Any] | None = None,
    max_pairs: int | None = None,
) -> list[SentencePair]:
    """Read the sentence pairs of one language pair.

    Args:
        source: The source side of two parallel files, or a place with both sides. Such a place is a file, a pattern
            (`*.tmx`), a folder, or a data set (`hub:OWNER/NAME/CONFIG`). It may also be the common beginning of two
            file names that end in the language codes.
        target: The target side; None if `source` holds both sides.
        languages: Codes of the source and the target language.
        form: A name in `FORMS`; None to guess it from name and content.
        columns: Names or numbers of the two columns or fields, if the form has several.
        pretokenized: The words are already separated by spaces; split nowhere else.
        unescape: Turn escapes such as `&apos;` into the characters that they stand for.
        selection: Which pairs to use.
        max_pairs: Read at most this many pairs.

    Returns:
        One pair per line, in the order of the file. So files of links fit, unless the selection leaves pairs out. An
        empty line gives an empty side; its pair gets no links and is never trained on.

    Raises:
        DataError: A file cannot be read, is empty, or does not fit its form.
        SettingsError: There is no such language or form, or the selection needs an encoder.
    """
    selection = to_settings(SelectionSettings, selection, "selection")
    if selection.keep_best is not None:
        raise SettingsError("keep_best needs an encoder: read without it, then call `encoding.quality.keep_most_alike`")
    check_max_pairs(max_pairs)
    reader = BitextReader(
        source,
        target,
        languages=languages,
        form=form,
        columns=columns,
        pretokenized=pretokenized,
        unescape=unescape,
    )
    chosen = choose_pairs(reader, selection, max_pairs=max_pairs)
    return split_into_words(chosen.texts, languages=languages, pretokenized=pretokenized)


MANY = 1_000_000
"""When so many pairs are held in memory, a remark says so."""


class BitextReader:
    """Streams the sentence pairs of one language pair as texts, from files of any form.

    Attributes:
        name: The source that the user named, or both sides.
        languages: Codes of the source and the target language.
        parts: The form and the files of each part.
        left_out: How many entries of the files are not pairs of sentences, by reason.
        notes: What the user should know about the files.
    """

    def __init__(
        self,
        source: Path | str,
        target: Path | str | None = None,
        *,
        languages: tuple[str, str],
        form: str | None = None,
        columns: tuple[str, str] | None = None,
        pretokenized: bool = False,
        unescape: bool = False,
    ) -> None:
        """Find the files; they are read when the pairs are asked for.

        Args:
            source: The source side of two parallel files, or a place with both sides.
            target: The target side; None if `source` holds both sides.
            languages: Codes of the source and the target language.
            form: A name in `FORMS`; None to guess it from name and content.
            columns: Names or numbers of the two columns or fields, if the form has several.
            pretokenized: The words are already separated by spaces; no character becomes another space.
            unescape: Turn escapes such as `&apos;` into the characters that they stand for.

        Raises:
            DataError: The files do not exist, or their form cannot be recognised.
            SettingsError: There is no such language or form, or the form has no such columns.
        """
        if form is not None and not isinstance(form, str):
            raise SettingsError(f"form: expected one of {', '.join(FORMS)}, got {show_value(form)}")
        if form is not None and form not in FORMS:
            raise SettingsError(
                f"unknown form {form!r} of bitext; choose one of {', '.join(FORMS)}.{did_you_mean(form, FORMS)}"
            )
        check_two_languages(languages, str(source))
        if columns is not None and (not isinstance(columns, tuple | list) or list(map(type, columns)) != [str, str]):
            raise SettingsError(f"columns: expected two names or numbers as texts, as in ('1', '2'); got {columns!r}")
        self.name = str(source) if target is None else f"{source} and {target}"
        self.languages = (check_language(languages[0]), check_language(languages[1]))
        self.sides = Sides(languages, columns)
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self.cleaner = Cleaner(pretokenized=pretokenized, unescape=unescape)
        self.hub = str(source) if str(source).startswith(HUB) else None
        self.parts = [] if self.hub else find_parts(str(source), target, languages=languages, form=form)
        if columns is not None:
            _check_columns(columns, self.parts)

    def __iter__(self) -> Iterator[Texts]:
        return map(self.cleaner.clean, self._read())

    def _read(self) -> Iterator[Texts]:
        if self.hub is not None:
            yield from read_hub(self.hub, self.sides, self.left_out)
        for form, files in self.parts:
            try:
                yield from FORMS[form].read(files, self.sides, self.left_out)
            except EndsEarlyError as error:
                # Half of a download is worth using, with a note.
                self._note(f"{error}; the pairs before that are used")

    def again(self) -> BitextReader:
        """Return a reader of the same files that counts from the beginning and has no notes."""
        other = copy(self)
        other.left_out, other.notes = Counter(), []
        other.cleaner = Cleaner(pretokenized=self.cleaner.pretokenized, unescape=self.cleaner.unescape)
        return other

    @property
    def paths(self) -> list[Path]:
        """All files that are read."""
        return [path for _, files in self.parts for path in files]

    @property
    def reads_again(self) -> bool:
        """Whether the pairs are in files that can be read twice: no pipe, and nothing on the hub."""
        return self.hub is None and not any(path.is_fifo() or path.is_char_device() for path in self.paths)

    def note_oddities(self) -> None:
        """Tell the user about odd characters in what has been read."""
        for oddity in self.cleaner.oddities():
            self._note(f"{self.name}: {oddity}")

    def _note(self, text: str) -> None:
        self.notes.append(text)
        remark(text)


def _check_columns(columns: tuple[str, str], parts: Sequence[tuple[str, Files]]) -> None:
    """Refuse columns for a form without columns, and columns that are impossible."""
    for form, files in parts:
        check = FORMS[form].check_columns
        if check is None:
            others = " and ".join(name for name, known in FORMS.items() if known.check_columns)
            raise SettingsError(
                f"{files[0]}: the form {form} has no columns to choose from; only {others} have columns"
            )
        check(columns)


def choose_pairs(reader: BitextReader, settings: SelectionSettings, *, max_pairs: int | None = None) -> Selection:
    """Choose sentence pairs.

    Args:
        reader: The source of the pairs. The reader counts the entries that are not pairs.
        settings: Which pairs to use.
        max_pairs: Choose among at most this many pairs.

    Raises:
        DataError: A file cannot be read, or no pair is left.
    """
    if settings.sample is None or not reader.reads_again or not is_large(reader.paths):
        return _choose(reader, settings, max_pairs)
    how = [asdict(reader.sides), [form for form, _ in reader.parts], reader.cleaner.options, max_pairs, reader.name]
    return draw_once(reader, how, settings, lambda: _choose(reader, settings, max_pairs))


def _choose(reader: BitextReader, settings: SelectionSettings, max_pairs: int | None) -> Selection:
    texts = iter(reader)
    wanted = islice(texts, max_pairs)
    chosen = select(wanted if settings.sample else _tell_of_many(reader, wanted), settings, languages=reader.languages)
    if max_pairs is not None and not reader.hub:
        for _ in texts:
            pass  # read on, so that an error further down (the sides stop matching at some line) is found
    return complete_selection(reader, chosen)


def _tell_of_many(reader: BitextReader, texts: Iterable[Texts]) -> Iterator[Texts]:
    """Pass texts on, and say when so many are held that a sample would do."""
    for number, pair in enumerate(texts):
        if number == MANY:
            remark(
                f"{reader.name}: more than {MANY:,} sentence pairs, and all are held in memory; a sample is drawn in "
                "little memory (--select sample=100000; in an experiment file: bitext.selection.sample)"
            )
        yield pair


def complete_selection(reader: BitextReader, chosen: Selection) -> Selection:
    """Tell of oddities in what was read, and add what the files themselves leave out to what was chosen.

    Raises:
        DataError: No pair is left.
    """
    reader.note_oddities()
    left_out = {**reader.left_out, **chosen.left_out}
    if not any(source.strip() and target.strip() for source, target in chosen.texts):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise DataError(
            f"{reader.name}: no sentence pair found{f' ({reasons})' if reasons else ''}; is this the right file?"
        )
    return Selection(chosen.texts, chosen.read, left_out, chosen.distinct)


def split_into_words(
    texts: Iterable[Texts], *, languages: tuple[str, str], pretokenized: bool = False
) -> list[SentencePair]:
    """Split sentence pairs into words.

    Args:
        texts: The pairs.
        languages: Codes of the source and the target language.
        pretokenized: The words are already separated by spaces; split nowhere else.
    """
    split = [split_on_spaces if pretokenized else find_splitter(check_language(code)) for code in languages]
    return [
        SentencePair(intern_words(split[0](source)), intern_words(split[1](target)), languages)
        for source, target in texts
    ]


def intern_words(words: Iterable[str]) -> tuple[str, ...]:
    """Return words that are held in memory once each, however often they occur."""
    return tuple(map(sys.intern, words))


class HasLanguages(Protocol):
    """Anything that names its two languages, such as a sentence pair."""

    @property
    def languages(self) -> tuple[str, str]:
        """Codes of the source and the target language."""
        ...


def group_by_languages(bitext: Sequence[HasLanguages]) -> dict[tuple[str, str], list[int]]:
    """Return the positions of the sentence pairs of each language pair, in the order of first appearance."""
    positions: dict[tuple[str, str], list[int]] = {}
    for position, pair in enumerate(bitext):
        positions.setdefault(pair.languages, []).append(position)
    return positions


def digest_of(bitext: Sequence[SentencePair]) -> str:
    """Return a digest of the words and languages of a bitext, in order."""
    digest = hashlib.blake2b(digest_size=32)
    for pair in bitext:
        # No word holds a line break, and the sizes mark where a side ends.
        sizes = (str(len(pair.source)), str(len(pair.target)))
        digest.update("\n".join((*pair.languages, *sizes, *pair.source, *pair.target, "")).encode())
    return digest.hexdigest()
