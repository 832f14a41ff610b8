"""Reads bitext: sentences of a source language with their translations."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import escape, glob, has_magic
from itertools import islice
from pathlib import Path
from typing import Protocol

from alignfreeze.corpora.forms import (
    FORMS,
    WITH_COLUMNS,
    Texts,
    Wanted,
    column_numbers,
    guessed,
    plain_name,
    read_hub,
)
from alignfreeze.corpora.hub import HUB
from alignfreeze.corpora.selection import Selection, SelectionSettings, select
from alignfreeze.corpora.words import split_on_spaces, word_splitter
from alignfreeze.errors import DataError, EndsEarlyError, SettingsError, did_you_mean
from alignfreeze.languages import check_language
from alignfreeze.progress import remark


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


def read_bitext(
    source: Path | str,
    target: Path | str | None = None,
    *,
    languages: tuple[str, str],
    form: str | None = None,
    columns: tuple[str, str] | None = None,
    pretokenized: bool = False,
    selection: SelectionSettings | None = None,
    max_pairs: int | None = None,
) -> list[SentencePair]:
    """Read the sentence pairs of one language pair.

    Args:
        source: The source side of two parallel files, or what holds both sides: a file, a pattern (`*.tmx`), a folder,
            the common beginning of two files that end in the language codes, or a data set (`hub:OWNER/NAME/CONFIG`).
        target: The target side; None when `source` holds both.
        languages: Codes of the source and the target language.
        form: A name in `FORMS`; None to tell it from name and content.
        columns: Names or numbers of the two columns or fields, where a form has several.
        pretokenized: The words are already separated by spaces; split nowhere else.
        selection: Which pairs to take.
        max_pairs: Read no more than the first so many pairs.

    Returns:
        One pair a line, in the order of the file, so that files of links fit, unless a selection
        leaves some out. An empty line gives an empty side, which gets no links and so is never trained on.

    Raises:
        DataError: A file cannot be read, is empty, or is not what its form demands.
        SettingsError: There is no such language or form, or the selection needs an encoder.
    """
    selection = selection or SelectionSettings()
    if selection.keep_best is not None:
        raise SettingsError(
            "keep_best needs an encoder: choose pairs first, then call `encoding.quality.keep_most_alike`"
        )
    reader = BitextReader(source, target, languages=languages, form=form, columns=columns)
    chosen = choose(reader, selection, max_pairs=max_pairs)
    return in_words(chosen.texts, languages=languages, pretokenized=pretokenized)


class BitextReader:
    """Streams the sentence pairs of one language pair as texts, from files of any form.

    Attributes:
        name: What was asked for.
        languages: Codes of the source and the target language.
        parts: The form of each part, and its files.
        left_out: How many entries of the files are no pair of sentences, by reason.
        notes: What the user should know of the files.
    """

    def __init__(
        self,
        source: Path | str,
        target: Path | str | None = None,
        *,
        languages: tuple[str, str],
        form: str | None = None,
        columns: tuple[str, str] | None = None,
    ) -> None:
        """Find the files; they are read when the pairs are asked for.

        Raises:
            DataError: There are no such files, or they cannot be told to be of a form.
            SettingsError: There is no such language or form, or the form has no such columns.
        """
        if form is not None and form not in FORMS:
            raise SettingsError(
                f"unknown form {form!r} of bitext; there are {', '.join(FORMS)}.{did_you_mean(form, FORMS)}"
            )
        self.name = str(source) if target is None else f"{source} and {target}"
        self.languages = (check_language(languages[0]), check_language(languages[1]))
        self.wanted = Wanted(languages, columns)
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self.parts: list[tuple[str, tuple[Path, ...]]] = []
        self.hub = str(source) if str(source).startswith(HUB) else None
        if self.hub is None:
            self.parts = [(_form(form, files), files) for files in _files(str(source), target, languages)]
        if columns is not None:
            _check_columns(columns, self.parts)

    def __iter__(self) -> Iterator[Texts]:
        if self.hub is not None:
            yield from read_hub(self.hub, self.wanted)
        for form, files in self.parts:
            try:
                yield from FORMS[form](files, self.wanted, self.left_out)
            except EndsEarlyError as error:
                # Half of a download is worth keeping, if it is said.
                note = f"{error}; the pairs before are used"
                self.notes.append(note)
                remark(note)


def _check_columns(columns: tuple[str, str], parts: Sequence[tuple[str, tuple[Path, ...]]]) -> None:
    """Refuse columns where there are none, and numbers that are none of a column."""
    for form, files in parts:
        if form not in WITH_COLUMNS:
            raise SettingsError(
                f"{files[0]}: the form {form} has no columns to choose from; {' and '.join(WITH_COLUMNS)} have"
            )
        if form == "tsv":
            column_numbers(columns)


def _form(form: str | None, files: tuple[Path, ...]) -> str:
    """Return the form of files, and say it where it was guessed."""
    if len(files) == 2:
        if form not in {None, "moses"}:
            raise SettingsError(f"two files are of the form moses, not {form!r}: {files[0]} and {files[1]}")
        return "moses"
    if form == "moses":
        raise SettingsError(f"the form moses has two files; {files[0]} is one")
    if form is None:
        form = guessed(files[0])
        remark(f"{files[0]}: read as {form}")
    return form


def _files(source: str, target: Path | str | None, languages: tuple[str, str]) -> Iterator[tuple[Path, ...]]:
    """Yield the files of each part: one, or a source and a target file."""
    if target is not None:
        sides = [_matching(source), _matching(str(target))]
        if len(sides[0]) != len(sides[1]):
            found = f"{len(sides[0]):,} files match {source} and {len(sides[1]):,} match {target}"
            raise DataError(f"{found}; each source file needs a target file")
        yield from zip(*sides, strict=True)
        return
    path = Path(source)
    if path.is_dir():
        paths = sorted(child for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
    else:
        beginnings = sorted(path.parent.glob(f"{escape(path.name)}.*")) if path.parent.is_dir() else []
        if not path.exists() and beginnings:
            yield from _beginning_so(path, beginnings, languages)
            return
        paths = _matching(source) if path.exists() or has_magic(source) else []
    parts = list(_paired(paths, languages))
    if not parts:
        raise DataError(
            f"{source}: cannot be read (no such file)" if not path.is_dir() else f"{source}: no bitext in it"
        )
    yield from parts


def _beginning_so(path: Path, paths: Sequence[Path], languages: tuple[str, str]) -> Sequence[tuple[Path, ...]]:
    """Return of the files with a common beginning the two that end in the language codes, else all that there are."""
    parts = list(_paired(paths, languages))
    # Lists of sentence numbers and files of links begin so too.
    pairs = [files for files in parts if len(files) == 2]
    named = [files for files in pairs if plain_name(files[0]).with_suffix("") == path]
    return named or pairs or parts


def _matching(pattern: str) -> list[Path]:
    """Return the file of a name, or the files of a pattern in order."""
    if not has_magic(pattern) or Path(pattern).exists():
        return [Path(pattern)]
    # Signs in the name of a folder that is there are not signs of the pattern.
    folder = next(parent for parent in Path(pattern).parents if parent.is_dir())
    found = sorted(glob(str(Path(pattern).relative_to(folder)), root_dir=folder, recursive=True))  # noqa: PTH207
    paths = [folder / name for name in found if (folder / name).is_file()]
    if not paths:
        raise DataError(f"{pattern}: no file matches this pattern")
    return paths


def _paired(paths: Sequence[Path], languages: tuple[str, str]) -> Iterator[tuple[Path, ...]]:
    """Put files together whose names differ in the ending, which is the code of a language; yield the others alone."""
    sources, targets = (
        {plain_name(path).with_suffix(""): path for path in paths if plain_name(path).suffix == f".{code}"}
        for code in languages
    )
    pairs = {stem: (path, targets[stem]) for stem, path in sources.items() if stem in targets}
    paired = {path for pair in pairs.values() for path in pair}
    yield from pairs.values()
    yield from ((path,) for path in paths if path not in paired)


def choose(reader: BitextReader, settings: SelectionSettings, *, max_pairs: int | None = None) -> Selection:
    """Take sentence pairs as the settings say; what the files hold beside pairs is counted too.

    Raises:
        DataError: A file cannot be read, or no pair is left.
    """
    texts = iter(reader)
    chosen = select(islice(texts, max_pairs), settings, languages=reader.languages)
    if max_pairs is not None and not reader.hub:
        for _ in texts:
            pass  # a slip further down would mean that the sides do not belong together from some line on
    left_out = {**reader.left_out, **chosen.left_out}
    if not any(source.strip() and target.strip() for source, target in chosen.texts):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        raise DataError(
            f"{reader.name}: no sentence pair found{f' ({reasons})' if reasons else ''}; is this the right file?"
        )
    return Selection(chosen.texts, chosen.read, left_out, chosen.distinct)


def in_words(texts: Iterable[Texts], *, languages: tuple[str, str], pretokenized: bool = False) -> list[SentencePair]:
    """Split sentence pairs into words.

    Args:
        texts: The pairs.
        languages: Codes of the source and the target language.
        pretokenized: The words are already separated by spaces; split nowhere else.
    """
    split = [split_on_spaces if pretokenized else word_splitter(check_language(code)) for code in languages]
    return [
        SentencePair(_interned(split[0](source)), _interned(split[1](target)), languages) for source, target in texts
    ]


def _interned(words: tuple[str, ...]) -> tuple[str, ...]:
    # Each word is kept once, however often it occurs.
    return tuple(map(sys.intern, words))


class HasLanguages(Protocol):
    """A sentence pair in whatever form, as long as it names its languages."""

    @property
    def languages(self) -> tuple[str, str]:
        """Codes of the source and the target language."""
        ...


def language_pairs(bitext: Sequence[HasLanguages]) -> dict[tuple[str, str], list[int]]:
    """Return the positions of the pairs of each language pair, in the order of first appearance."""
    positions: dict[tuple[str, str], list[int]] = {}
    for position, pair in enumerate(bitext):
        positions.setdefault(pair.languages, []).append(position)
    return positions


def digest_of(bitext: Sequence[SentencePair]) -> str:
    """Return a digest of the words and languages of a bitext, in their order."""
    digest = hashlib.blake2b(digest_size=32)
    for pair in bitext:
        # No word holds a line break, and the numbers tell where a side ends.
        sizes = (str(len(pair.source)), str(len(pair.target)))
        digest.update("\n".join((*pair.languages, *sizes, *pair.source, *pair.target, "")).encode())
    return digest.hexdigest()
