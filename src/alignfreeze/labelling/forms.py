"""Files to label: CoNLL-U and IOB2 for words, JSON lines and TSV for texts. A `?` stands where a label is missing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.corpora.annotated import UNTAGGED
from alignfreeze.corpora.json_lines import parse_object
from alignfreeze.corpora.tab_lines import parse_rows
from alignfreeze.corpora.word_lines import CONLLU_COLUMNS
from alignfreeze.errors import DataError, SettingsError, show_value
from alignfreeze.files import check_file, read_lines, write_lines
from alignfreeze.labelling.drawing import Drawing, to_entity_labels
from alignfreeze.tasks.task import Task

MISSING = "?"
"""Stands where a label is asked for."""

UNKNOWN = UNTAGGED
"""The label of whoever cannot tell."""

NAME, LABEL, PROPOSAL = "id", "label", "proposal"
"""The fields of an item with texts that are not texts."""

_ID = re.compile(r"#\s*sent_id\s*=\s*(\S+)")
_COMMENT = re.compile(r"#\s*text\s*=")


@dataclass(frozen=True, slots=True)
class Item:
    """An item to label.

    Attributes:
        name: Its name.
        row: Its texts, or its words, by field.
        labels: What stands at each unit before it is labelled.
        proposals: What is proposed at units that are asked for; empty without proposals.
    """

    name: str
    row: Mapping[str, Any]
    labels: tuple[str, ...]
    proposals: Mapping[int, str]


def check_form(task: Task, item: Any, path: Path) -> None:
    """Check that the name of a file to label is that of the form that is written.

    Args:
        task: What the models have learnt.
        item: An item of the text.
        path: The file.

    Raises:
        SettingsError: It ends like the name of another form.
    """
    if not isinstance(task.kind.texts(item)[0], str):
        form, usual = ("IOB2", ".iob2") if task.marks_entities else ("CoNLL-U", ".conllu")
        wrong = {".jsonl", ".tsv", ".txt", ".html", *({".conllu"} if task.marks_entities else {".iob2"})}
    else:
        form, usual = "JSON lines or TSV", ".jsonl"
        wrong = {".conllu", ".iob2", ".txt", ".html"}
    if path.suffix in wrong:
        raise SettingsError(
            f"out: {path}: items of the task {task.name!r} are written as {form}; name the file {path.stem}{usual}"
        )


def write_items(drawing: Drawing, draws: Sequence[int], path: Path, *, with_proposals: bool = False) -> None:
    """Write drawn items to label.

    Args:
        drawing: What was drawn.
        draws: The numbers of the draws, counted from 0.
        path: The file. Texts are written as TSV if its name ends in `.tsv`, else as JSON lines.
        with_proposals: Whether the commonest prediction of the models stands beside each `?`. It saves time, and may
            lead whoever labels to agree with it.

    Raises:
        OutputError: The file cannot be written.
    """
    check_file(path)
    write_lines(path, to_lines(drawing, to_items(drawing, draws, with_proposals=with_proposals), path))


def to_items(drawing: Drawing, draws: Sequence[int], *, with_proposals: bool = False) -> list[Item]:
    """Return drawn items as they stand in a file before anybody labels; the arguments are those of `write_items`."""
    return [_to_item(drawing, draw, with_proposals=with_proposals) for draw in draws]


def to_lines(drawing: Drawing, items: Sequence[Item], path: Path) -> Iterator[str]:
    """Return the lines of a file with items; its form depends on the task and on the ending of its name."""
    if not drawing.labels_words:
        return _write_table(items) if path.suffix == ".tsv" else _write_objects(items)
    return _write_entities(items) if drawing.marks_entities else _write_conllu(items)


def _to_item(drawing: Drawing, draw: int, *, with_proposals: bool) -> Item:
    place, questions = drawing.sampling.order[draw], drawing.questions(draw)
    agreed = next(iter(drawing.predictions.values()))[place]
    labels = [UNKNOWN] * len(agreed)
    for unit in drawing.asked(draw):
        labels[unit] = MISSING if unit in questions else str(agreed[unit])
    columns = zip(*(several[place] for several in drawing.predictions.values()), strict=True)
    commonest = [str(Counter(unit).most_common(1)[0][0]) for unit in columns]
    if drawing.marks_entities:
        commonest = [*map(str, to_entity_labels(commonest))]
    proposals = {unit: commonest[unit] for unit in questions} if with_proposals else {}
    return Item(name_of_item(drawing, draw), drawing.rows[place], tuple(labels), proposals)


def name_of_item(drawing: Drawing, draw: int) -> str:
    """Return the name of a drawn item: `sw-1a2b3c4d-0001` is the first."""
    return f"{drawing.name}-{draw + 1:04}"


def _write_conllu(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        yield f"# sent_id = {item.name}"
        yield f"# text = {' '.join(item.row['words'])}"
        for unit, (word, label) in enumerate(zip(item.row["words"], item.labels, strict=True)):
            extra = f"Proposal={item.proposals[unit]}" if unit in item.proposals else "_"
            yield "\t".join([str(unit + 1), word, "_", label, *"_____", extra])
        yield ""


def _write_entities(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        yield f"# sent_id = {item.name}"
        for unit, (word, label) in enumerate(zip(item.row["words"], item.labels, strict=True)):
            yield f"{word}\t{label}{item.proposals.get(unit, '')}"
        yield ""


def _write_table(items: Sequence[Item]) -> Iterator[str]:
    proposed = [PROPOSAL] if items[0].proposals else []
    yield "\t".join([NAME, *items[0].row, LABEL, *proposed])
    for item in items:
        cells = (re.sub(r"\s", " ", str(value)) for value in item.row.values())
        yield "\t".join([item.name, *cells, MISSING, *(item.proposals.get(0, "") for _ in proposed)])


def _write_objects(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        proposed = {PROPOSAL: item.proposals[0]} if item.proposals else {}
        yield json.dumps({NAME: item.name, **item.row, LABEL: MISSING, **proposed}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Filled:
    """An item of a file, with what stands where its labels belong.

    Attributes:
        name: The name of the item.
        texts: The words of the item; or its texts by field, and whatever else stands there.
        labels: What stands at each unit; whether a label is among the known ones is not checked.
        lines: The line of each unit.
    """

    name: str
    texts: tuple[str, ...] | Mapping[str, str]
    labels: tuple[str, ...]
    lines: tuple[int, ...]

    def is_missing(self, unit: int) -> bool:
        """Return whether the label of a unit is still asked for."""
        return self.labels[unit].startswith(MISSING)


def read_filled(path: Path) -> list[Filled]:
    """Read a file to label, in whatever state it is.

    Raises:
        DataError: The file cannot be read, or is none that `alignfreeze label` wrote; the message names the line.
    """
    lines = [(number, line) for number, line in read_lines(path)]
    first = next((line for _, line in lines if line.strip()), "")
    if first.lower().startswith("<!doctype"):
        raise DataError(f"{path}: this is the page; open it in a browser, and save the file with the labels from there")
    if first.startswith("{"):
        return _read_objects(path, lines)
    return _read_table(path, lines) if first.startswith("id\t") else _read_words(path, lines)


def _read_objects(path: Path, lines: Iterable[tuple[int, str]]) -> list[Filled]:
    found = []
    for number, line in lines:
        row = parse_object(path, number, line) if line.strip() else None
        if row is None:
            continue
        found.append(_to_filled(path, number, row))
    return found


def _read_table(path: Path, lines: Iterable[tuple[int, str]]) -> list[Filled]:
    return [_to_filled(path, number, row) for number, row in parse_rows(path, lines)]


def _to_filled(path: Path, number: int, row: Mapping[str, Any]) -> Filled:
    """Return the item of a row with named fields; fields that nobody wrote may stand there too."""
    named = {name: row.get(name) for name in (NAME, LABEL)}
    for name, value in named.items():
        if not isinstance(value, str):
            problem = " is missing" if value is None else f": expected a text, got {show_value(value)}"
            raise DataError.at(path, number, f"{name!r}{problem}; keep the fields as they were written")
    return Filled(str(named[NAME]), row, (str(named[LABEL]).strip(),), (number,))


def _read_words(path: Path, lines: Iterable[tuple[int, str]]) -> list[Filled]:
    found: list[Filled] = []
    name, rows = "", list[tuple[int, str, str]]()
    for number, line in [*lines, (0, "")]:
        if match := _ID.match(line):
            if rows:
                raise DataError.at(path, number, "the empty line after the sentence before is missing; insert it")
            name = match[1]
        elif line.startswith("#") and (_COMMENT.match(line) or "\t" not in line):
            continue
        elif line.strip():
            rows.append((number, *_split_columns(path, number, line)))
        elif rows:
            if not name:
                problem = "the comment '# sent_id = ...' before the sentence is missing; keep it as it was written"
                raise DataError.at(path, rows[0][0], problem)
            numbers, words, labels = zip(*rows, strict=True)
            found.append(Filled(name, words, labels, numbers))
            name, rows = "", []
    return found


def _split_columns(path: Path, number: int, line: str) -> tuple[str, str]:
    """Return the word and the label in a line."""
    columns = line.split("\t")
    if len(columns) not in {2, CONLLU_COLUMNS}:
        problem = (
            f"expected {CONLLU_COLUMNS} columns (CoNLL-U), or a word and its label, separated by tabs; "
            f"found {len(columns)}"
        )
        if line.startswith(('"', "'")):
            problem += ". Was the file saved by a spreadsheet? Save it as plain text with tabs and without quotes"
        raise DataError.at(path, number, problem)
    place = 3 if len(columns) == CONLLU_COLUMNS else 1
    return columns[1 if place == 3 else 0], columns[place].strip()
