"""Reads texts that a model is to label, in many forms and without holding a whole file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from alignfreeze.corpora.annotated import split_columns
from alignfreeze.corpora.columns import read_columns
from alignfreeze.corpora.json_lines import ARRAY, is_array, parse_json, parse_object
from alignfreeze.corpora.labelled import FIRST, SECOND
from alignfreeze.corpora.questions import read_articles
from alignfreeze.corpora.tab_lines import parse_rows
from alignfreeze.corpora.word_lines import CONLLU_COLUMNS, split_at_empty
from alignfreeze.decoding import LONGEST_DOCUMENT
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines
from alignfreeze.settings import check_known

_WORDS = ("words", "tokens")
"""The fields of words."""

QUESTION = ("question", "context")
"""The fields of a question and of the text that holds its answer."""

_FORM_OF_ENDING = {
    ".conllu": "conllu",
    ".jsonl": "jsonl",
    **dict.fromkeys((".iob2", ".iob", ".bio", ".conll"), "words"),
}
"""The form of files by the ending of their names."""

_LOOKED_AT = 50
"""Lines at the beginning of a file that tell its form."""

Line = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A text to be labelled.

    Attributes:
        value: The text, its words, two texts, or a row with named fields.
        place: The file and the line, for messages.
        lines: The lines of a sentence in CoNLL-U, so that they can be written again.
    """

    value: Any
    place: str
    lines: tuple[str, ...] = ()


def read_unlabelled(path: Path, *, form: str | None = None, pairs: bool = True) -> Iterator[Unlabelled]:
    """Yield the texts of a file. What labels it has are not read.

    Args:
        path: The file, plain or compressed.
        form: A name in `FORMS`; None to tell it by the name of the file and its first lines.
        pairs: Whether a line of plain text with a tab in it is two texts.

    Raises:
        SettingsError: There is no such form.
        DataError: The file cannot be read or is empty, or a line is wrong; the message names the line.
    """
    if form is not None:
        check_known(form, FORMS, "form of texts")
    lines = read_lines(path, longest=LONGEST_DOCUMENT)  # SQuAD may be one line
    filled = ((number, line) for number, line in lines if line.strip())
    begin = next(filled, None)
    if begin is None:
        raise DataError(f"{path}: no text found; the file is empty")
    first = [begin, *islice(lines, _LOOKED_AT)]
    chosen = form or _guess_form(path, first)
    found = FORMS[chosen](path, chain(first, lines))
    return found if pairs or chosen != "text" else _without_pairs(found)


def texts_in(item: Unlabelled) -> list[str]:
    """Return the texts of an item of any form; words are joined by spaces.

    Raises:
        DataError: A row has no field with a text or with words.
    """
    if not isinstance(item.value, Mapping):
        return [item.value] if isinstance(item.value, str) else _join(item.value)
    found = [item.value[name] for name in (*FIRST, *SECOND, *QUESTION, *_WORDS) if item.value.get(name)]
    if not found:
        known = ", ".join((*FIRST, *QUESTION, *_WORDS))
        raise DataError(f"{item.place}: no text; expected a field {known}, found {', '.join(map(str, item.value))}")
    return [value if isinstance(value, str) else " ".join(map(str, value)) for value in found]


def _join(parts: Sequence[str]) -> list[str]:
    """Return two texts as they are, and words as one text."""
    return list(parts) if isinstance(parts, tuple) else [" ".join(parts)]


def _without_pairs(texts: Iterator[Unlabelled]) -> Iterator[Unlabelled]:
    for text in texts:
        yield text if isinstance(text.value, str) else replace(text, value=" ".join(text.value))


def _guess_form(path: Path, lines: list[Line]) -> str:
    """Return the form of a file by its name and its first lines.

    Raises:
        DataError: The file is a JSON array.
    """
    endings = [form for ending, form in _FORM_OF_ENDING.items() if ending in map(str.lower, path.suffixes)]
    filled = [line for _, line in lines if line.strip()]
    if is_array(filled[0]):
        raise DataError(f"{path}: {ARRAY}")
    if endings:
        return endings[0]
    if filled[0].lstrip().startswith("{") and (found := _guess_json(filled[0])):
        return found
    rows = [line for line in filled if not line.startswith("#")] or filled
    if all(line.count("\t") == CONLLU_COLUMNS - 1 for line in rows):
        return "conllu"
    names = set(filled[0].split("\t"))
    return "tsv" if names & set(FIRST) or names.issuperset(QUESTION) else "text"


def _guess_json(line: str) -> str | None:
    """Return the form of a file that begins with a brace; None if it is no JSON."""
    try:
        value = parse_json(line)
    except ValueError:
        return "squad" if line.strip() == "{" or '"data"' in line else None
    return "squad" if isinstance(value, dict) and isinstance(value.get("data"), list) else "jsonl"


def _read_text(path: Path, lines: Iterator[Line]) -> Iterator[Unlabelled]:
    """Yield one text per line, or two texts with a tab between them; empty lines are skipped."""
    for number, line in lines:
        if line.strip():
            parts = line.split("\t")
            yield Unlabelled(tuple(parts) if len(parts) == 2 else line, f"{path}, line {number}")


def _read_words(path: Path, lines: Iterator[Line]) -> Iterator[Unlabelled]:
    """Yield sentences with one word per line; an empty line ends a sentence.

    A file with more columns is read as `read_columns` reads it, which decides by the whole file.
    """
    first = list(islice(lines, _LOOKED_AT))
    if any(len(line.split()) > 1 for _, line in first):
        for sentence in read_columns(path):
            yield Unlabelled(list(sentence.words), f"{path}, line {sentence.lines[0]}")
        return
    for block in split_at_empty(chain(first, lines)):
        for number, line in block:
            if len(line.split()) > 1:
                raise DataError.at(path, number, "expected one word, as in the lines above")
        yield Unlabelled([line.strip() for _, line in block], f"{path}, line {block[0][0]}")


def _read_conllu(path: Path, lines: Iterator[Line]) -> Iterator[Unlabelled]:
    """Yield the syntactic words of sentences in CoNLL-U."""
    for block in split_at_empty(lines):
        words = []
        for number, line in block:
            if line.startswith("#"):
                continue
            columns = split_columns(path, number, line)
            if columns[0].isdecimal():  # no token of several words, and no empty node
                words.append(columns[1])
        if words:
            yield Unlabelled(words, f"{path}, line {block[0][0]}", tuple(line for _, line in block))


def _read_json(path: Path, lines: Iterator[Line]) -> Iterator[Unlabelled]:
    """Yield one row per line of JSON."""
    for number, line in lines:
        if line.strip():
            row = parse_object(path, number, line)
            if row is None:
                raise DataError.at(path, number, "null is no text")
            yield Unlabelled(row, f"{path}, line {number}")


def _read_tsv(path: Path, lines: Iterator[Line]) -> Iterator[Unlabelled]:
    """Yield one row per line; the first line names the columns."""
    for number, row in parse_rows(path, lines):
        yield Unlabelled(row, f"{path}, line {number}")


def _read_squad(path: Path, lines: Iterator[Line]) -> Iterator[Unlabelled]:
    """Yield the questions of one JSON document."""
    for where, row in read_articles(path, lines, labelled=False):
        yield Unlabelled(row, where)


FORMS: dict[str, Callable[[Path, Iterator[Line]], Iterator[Unlabelled]]] = {
    "text": _read_text,
    "words": _read_words,
    "conllu": _read_conllu,
    "jsonl": _read_json,
    "tsv": _read_tsv,
    "squad": _read_squad,
}
"""Readers by the form of a file."""
