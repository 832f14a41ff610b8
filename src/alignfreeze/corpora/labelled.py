"""Reads texts, or pairs of texts, with one label each: NLI in XNLI's form, and any other classification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from alignfreeze.corpora.hub import find_field
from alignfreeze.corpora.json_lines import check_no_csv, parse_object
from alignfreeze.corpora.labels import check_characters, parse_label
from alignfreeze.corpora.quotes import check_quotes, describe_quotes
from alignfreeze.corpora.tab_lines import parse_row
from alignfreeze.errors import DataError, UnlabelledError, did_you_mean
from alignfreeze.files import read_lines
from alignfreeze.languages import tag_fits
from alignfreeze.progress import remark

NLI = ("entailment", "neutral", "contradiction")
"""The labels of natural language inference, in the order of XNLI's numbers."""

FIRST = ("sentence1", "premise", "text", "sentence")
SECOND = ("sentence2", "hypothesis", "hypo", "text2")
LABEL = ("gold_label", "label")
LANGUAGE = "language"
_OTHER_SPELLINGS = {"contradictory": "contradiction"}  # XNLI's translated training data
_NO_LABEL = ("-", "")
_DOUBTFUL_LABELS = ("none", "n/a", "na")


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, or a pair of texts, with its label.

    Attributes:
        text: The text; for NLI the premise.
        second: The second text, for NLI the hypothesis; None if there is none.
        label: The label.
        place: Its line or row, for messages; empty if it was not read.
    """

    text: str
    second: str | None
    label: str
    place: str = field(default="", compare=False, repr=False)


def read_labelled(
    path: Path | str,
    *,
    labels: Sequence[str] | None = None,
    pairs: bool = False,
    language: str | None = None,
    several: bool = False,
    max_texts: int | None = None,
) -> list[LabelledText]:
    """Read the labelled texts of a file: JSON lines, or columns separated by tabs with their names in the first line.

    The text is in the field `sentence1` (or `premise`, `text`, `sentence`), the label in `gold_label` (or `label`). The
    second text of a pair is in `sentence2` (or `hypothesis`, `hypo`, `text2`). Three kinds of rows are skipped. A field
    or column `language` may name another language, by any code. The labels `-`, -1 and null mean that there is none. A
    text may be null or empty, a line null. A whole number is one label in all spellings: `1.0` is `1`.

    Args:
        path: The file.
        labels: The possible labels; None for any.
        pairs: Whether each row must be a pair of texts, as in NLI.
        language: The language to read from a file of several languages.
        several: Whether the file is for several languages, so that each row must name its own.
        max_texts: Read at most this many texts.

    Raises:
        DataError: The file cannot be read or holds no text, or a line is wrong; the message names the line.
    """
    path = Path(path)
    rows = ((f"{path}, line {number}", row) for number, row in _read_rows(path))
    how: dict[str, Any] = {"labels": labels, "pairs": pairs, "language": language, "several": several}
    return parse_labelled(rows, name=str(path), **how, most=max_texts)


def parse_labelled(
    rows: Iterator[tuple[str, Mapping[str, Any] | None]],
    *,
    name: str,
    labels: Sequence[str] | None,
    pairs: bool,
    language: str | None,
    several: bool = False,
    most: int | None,
) -> list[LabelledText]:
    """Turn rows into labelled texts.

    Args:
        rows: The place of each row, for messages, and its fields; None for a row that is null.
        name: The name of the data, for messages.
        labels: The possible labels; None for any.
        pairs: Whether each row must be a pair of texts.
        language: Skip rows of another language; None for all.
        several: Whether the data are for several languages, so that each row must name its own.
        most: Stop after this many texts; None for all.

    Raises:
        DataError: A row is wrong, or no row has a label.
    """
    texts: list[LabelledText] = []
    skipped: dict[str, list[str]] = {"label": [], "text": []}
    others: set[str] = set()
    for where, row in rows:
        if row is None:
            skipped["text"].append(where)
            continue
        if several and LANGUAGE not in row:
            raise DataError(
                f"{where}: the file is for several languages, so each row needs a field {LANGUAGE!r} with the code of "
                f"its language; found {', '.join(map(str, row))}"
            )
        if language is not None and not is_of_language(own := row.get(LANGUAGE, language), language):
            others.add(str(own))
            continue
        label = _find_label(row, labels, where=where)
        if label is None:
            skipped["label"].append(where)
            continue
        first, second = find_texts(row, pairs=pairs, where=where)
        if first is None or not first.strip() or (pairs and not (second or "").strip()):
            skipped["text"].append(where)
            continue
        texts.append(LabelledText(first, second, label, where.removeprefix(f"{name}, ")))
        if len(texts) == most:
            break
    for what, places in skipped.items():
        if places:
            remark(f"{name}: {len(places):,} rows without a {what} are skipped, first {_shorten(places[0], name)}")
    odd = [text.label for text in texts if text.label.casefold() in _DOUBTFUL_LABELS]
    if odd:
        remark(f"{name}: {len(odd):,} rows have the label {odd[0]!r}; if it means that there is none, leave it empty")
    if not texts:
        of_language = f" of the language {language!r}" if language is not None else ""
        of_language += f" (the rows name {', '.join(sorted(others)[:10])})" if others else ""
        missing = f"; {skipped['text'][0]}: a {'second ' * pairs}text is missing" if skipped["text"] else ""
        kind = UnlabelledError if skipped["label"] else DataError
        raise kind(f"{name}: no labelled text{of_language} found{missing}")
    return texts


def is_of_language(value: Any, language: str) -> bool:
    """Tell whether the value of a field names a language, by any code: `zh_CN` is `zh`."""
    return value == language or (isinstance(value, str) and tag_fits(value.strip(), language))


def _shorten(where: str, name: str) -> str:
    return where.removeprefix(f"{name}, ")


def _find_label(row: Mapping[str, Any], labels: Sequence[str] | None, *, where: str) -> str | None:
    """Return the label of a row; None if it has none."""
    label = parse_label(find_field(dict(row), LABEL, where=where), where=where)
    if label is None or label in _NO_LABEL:
        return None
    label = _OTHER_SPELLINGS.get(label, label)
    if labels is not None and label not in labels:
        number = "; write the names of the labels instead of numbers" if label.isdecimal() else ""
        proposal = did_you_mean(label, labels)
        raise DataError(f"{where}: the label {label!r} is none of {', '.join(labels)}{number}.{proposal}")
    if label in LABEL:
        raise DataError(
            f"{where}: the label is {label!r}, the name of its column; "
            "if files were joined, remove the line with the names of the columns here"
        )
    return label


def find_texts(row: Mapping[str, Any], *, pairs: bool, where: str) -> tuple[str | None, str | None]:
    """Return the texts of a row; None for a text that is null, and for a second text where there is none.

    Raises:
        DataError: The row has no field for a text, or something else in it; or a pair is wanted and there is none.
    """
    first = find_field(dict(row), FIRST, where=where)
    name = next((name for name in SECOND if name in row), None)
    second = None if name is None else row[name]
    if not isinstance(first, str | None) or not isinstance(second, str | None):
        raise DataError(f"{where}: expected text, found {type(first).__name__} and {type(second).__name__}")
    if pairs and name is None:
        raise DataError(f"{where}: a second text is missing: expected a field {' or '.join(SECOND[:2])}")
    for text in (first, second):
        check_characters(text or "", where=where)
    return first, second


def _read_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    lines = ((number, line) for number, line in read_lines(path) if line.strip())
    first = next(lines, None)
    if first is None:
        return
    lines = chain([first], lines)
    is_json = first[1].lstrip()[0] in "{[" or first[1].strip() == "null"
    yield from (_read_json_rows if is_json else _read_tab_rows)(path, lines)


def _read_json_rows(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Mapping[str, Any] | None]]:
    for number, line in lines:
        yield number, parse_object(path, number, line)


def _read_tab_rows(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    number, header = next(lines)
    names = header.split("\t")
    check_no_csv(path, number, header, {*LABEL, *FIRST, *SECOND})
    for name in (*LABEL, *FIRST, *SECOND):
        if names.count(name) > 1:
            raise DataError.at(path, number, f"{names.count(name)} columns are named {name!r}; keep one of them")
    if not set(LABEL) & set(names) or not set(FIRST) & set(names):
        problem = (
            f"the first line must name the columns, {'/'.join(LABEL)} and {'/'.join(FIRST)} among them; "
            f"found {', '.join(names[:8])}"
        )
        raise DataError.at(path, number, problem)
    label = next(name for name in LABEL if name in names)
    texts, said = [name for name in (*FIRST, *SECOND) if name in names], ""
    for number, line in lines:
        row = parse_row(path, number, line, names)
        check_quotes(row[label].strip(), where=f"{path}, line {number}")
        if not said and (said := next(filter(None, (describe_quotes(row[name].strip()) for name in texts)), "")):
            remark(f"{path}, line {number}: {said}")
        yield number, row
