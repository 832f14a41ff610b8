"""Finds the labels of drawn items in a file, and checks that they belong to these items."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignfreeze.corpora.columns import check_iob2
from alignfreeze.errors import DataError, counted, did_you_mean
from alignfreeze.labelling.drawing import Drawing, Labels, read_drawing
from alignfreeze.labelling.forms import UNKNOWN, Filled, name_of_item, read_filled
from alignfreeze.progress import remark

DRAWINGS = "labelling"
"""The folder of a study with its drawings."""

_NAME = re.compile(r"(.+-[0-9a-f]{8})-([0-9]{4,})")


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of drawn items.

    Attributes:
        drawing: What was drawn.
        draws: The numbers of all draws that stand in the files.
        truths: The labels of the first drawn items, without a gap: of each unit, None where nobody could tell.
        gap: The first item without all its labels, and where it stands; None if all that were written are labelled.
        waiting: How many labelled items come after the gap, and do not count before it is closed.
        study: The folder of the study.
    """

    drawing: Drawing
    draws: frozenset[int]
    truths: tuple[Labels, ...]
    gap: str | None = None
    waiting: int = 0
    study: Path = Path()


def place_of(study: Path, name: str) -> Path:
    """Return the file of a drawing in the folder of a study."""
    return study / DRAWINGS / f"{name}.json"


def read_labels(study: Path, paths: Sequence[Path]) -> Labelled:
    """Read the labels of one drawing, from one or several files.

    Args:
        study: The folder of the study.
        paths: Files of `alignfreeze label`, in whatever state they are.

    Raises:
        DataError: A file is of another study, its words or texts were changed, an item stands there twice with
            different labels, or a label is unknown; the message names the file and the line.
    """
    found = [(path, item) for path in paths for item in read_filled(path)]
    if not found:
        raise DataError(f"{', '.join(map(str, paths))}: no item found; is this a file of `alignfreeze label`?")
    drawing = _find_drawing(study, found)
    labels: dict[int, tuple[Path, Filled, Labels | None]] = {}
    for path, item in found:
        draw = _find_draw(drawing, path, item)
        _check_texts(drawing, draw, path, item)
        read = _parse_labels(drawing, draw, path, item)
        if draw in labels:
            _check_same(labels[draw], path, item, read)
            read = read or labels[draw][2]
        labels[draw] = (path, item, read)
    _say_ignored(drawing, labels)
    done = {draw for draw, (_, _, read) in labels.items() if read is not None}
    n = next(draw for draw in range(len(done) + 1) if draw not in done)
    truths = tuple(read for draw in range(n) for read in [labels[draw][2]] if read is not None)
    missing = {*range(n, max(done, default=-1) + 1)} - done | (labels.keys() - done)
    gap = _describe_gap(drawing, min(missing), labels) if missing else None
    return Labelled(drawing, frozenset(labels), truths, gap, len(done) - n, study)


def _say_ignored(drawing: Drawing, labels: Mapping[int, tuple[Path, Filled, Labels | None]]) -> None:
    """Say how many labels stand where none was asked for."""
    n = sum(
        label is not None and unit not in drawing.asked(draw)
        for draw, (_, _, read) in labels.items()
        for unit, label in enumerate(read or ())
    )
    if n:
        remark(f"{counted(n, 'label')} at words that were not asked for do not count")


def _describe_gap(drawing: Drawing, draw: int, labels: Mapping[int, tuple[Path, Filled, Labels | None]]) -> str:
    """Return the name of an item without all its labels, and where the first one is missing."""
    name = name_of_item(drawing, draw)
    if draw not in labels:
        return f"{name}, which is not in the files"
    path, item, _ = labels[draw]
    unit = next(unit for unit in drawing.asked(draw) if item.is_missing(unit) or not item.labels[unit])
    return f"{name} ({path}, line {item.lines[unit]})"


def languages_of(paths: Sequence[Path]) -> list[str]:
    """Return the codes of the languages whose items stand in files, each once.

    Raises:
        DataError: A file has no item.
    """
    return list(dict.fromkeys(_find_name(path).rpartition("-")[0] for path in paths))


def group_by_drawing(paths: Sequence[Path]) -> list[list[Path]]:
    """Return files together that hold items of the same drawing, by the first item of each.

    Raises:
        DataError: A file has no item.
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_find_name(path), []).append(path)
    return list(groups.values())


def _find_name(path: Path) -> str:
    """Return the name of the drawing from which the first item of a file is."""
    items = read_filled(path)
    if not items:
        raise DataError(f"{path}: no item found; is this a file of `alignfreeze label`?")
    return items[0].name.rpartition("-")[0]


def _find_drawing(study: Path, found: Sequence[tuple[Path, Filled]]) -> Drawing:
    """Return the drawing that all items come from.

    Raises:
        DataError: It is not in the study, or there are several.
    """
    names = {}
    for path, item in found:
        match = _NAME.fullmatch(item.name)
        if match is None:
            problem = f"{item.name!r} is no name of an item, such as sw-1a2b3c4d-0001; keep names as they were written"
            raise DataError.at(path, item.lines[0], problem)
        names.setdefault(match[1], (path, item))
    if len(names) > 1:
        (first, (path, item)), (second, (other, later)), *_ = names.items()
        raise DataError(
            f"{other}, line {later.lines[0]}: this item was drawn with {second}, but {path}, line {item.lines[0]}, "
            f"with {first}; settle the files of each drawing alone, since each has an answer of its own"
        )
    ((name, (path, item)),) = names.items()
    place = place_of(study, name)
    if not place.is_file():
        if not study.is_dir():
            raise DataError(f"{study}: no such folder; name the folder of the study from which the items were drawn")
        known = sorted(one.stem for one in place.parent.glob("*.json") if "." not in one.stem)
        drawn = f"this study has {', '.join(known)}" if known else "this study has no drawing"
        raise DataError.at(path, item.lines[0], f"{item.name!r} was drawn for another study than {study}; {drawn}")
    return read_drawing(place)


def _find_draw(drawing: Drawing, path: Path, item: Filled) -> int:
    draw = int(item.name.rpartition("-")[2]) - 1
    if not 0 <= draw < len(drawing.sampling.order) or item.name != name_of_item(drawing, draw):
        n = len(drawing.sampling.order)
        problem = f"there is no item {item.name!r}; the last one of this drawing is {name_of_item(drawing, n - 1)}"
        raise DataError.at(path, item.lines[0], problem)
    return draw


def _check_texts(drawing: Drawing, draw: int, path: Path, item: Filled) -> None:
    """Check that the words or texts of an item are those that were drawn."""
    row = drawing.rows[drawing.sampling.order[draw]]
    if isinstance(item.texts, Mapping) == drawing.labels_words:
        raise DataError.at(path, item.lines[0], f"{item.name} was not written in this form; keep the form of the file")
    if isinstance(item.texts, Mapping):
        for name, text in row.items():
            before, now = (re.sub(r"\s+", " ", str(one)).strip() for one in (text, item.texts.get(name, "")))
            if before != now:
                problem = f"the {name} of {item.name} was {before!r:.60}, and is {now!r:.60}; change labels alone"
                raise DataError.at(path, item.lines[0], problem)
        return
    words = tuple(row["words"])
    for number, (before, now) in enumerate(zip(words, item.texts, strict=False)):
        if before != now:
            problem = (
                f"word {number + 1} of {item.name} was {before!r}, and is {now!r}; keep the words as they were "
                "written, because the models have labelled these"
            )
            raise DataError.at(path, item.lines[number], problem)
    if len(words) != len(item.texts):
        problem = f"{item.name} had {len(words)} words, and has {len(item.texts)}; keep the words as they were written"
        raise DataError.at(path, item.lines[-1], problem)


def _parse_labels(drawing: Drawing, draw: int, path: Path, item: Filled) -> Labels | None:
    """Return the labels of an item; None if one that was asked for is missing.

    Raises:
        DataError: A label is unknown; the message names the line.
    """
    asked = drawing.asked(draw)
    labels: list[str | None] = [None] * len(item.labels)
    for unit, label in enumerate(item.labels):
        if item.is_missing(unit) or label in {"", UNKNOWN}:
            if label[1:] in drawing.labels and not drawing.marks_entities:
                problem = f"{label!r}: remove the question mark, if {label[1:]!r} is your label"
                raise DataError.at(path, item.lines[unit], problem)
            continue
        if drawing.labels and label not in drawing.labels:
            _refuse_label(drawing, path, item, unit)
        labels[unit] = label
    if any(item.is_missing(unit) or not item.labels[unit] for unit in asked):
        return None
    if drawing.marks_entities:
        places = (f"{path}, line {line}" for line in item.lines)
        check_iob2(zip(places, drawing.rows[drawing.sampling.order[draw]]["words"], labels, strict=True))
    return tuple(labels)


def _refuse_label(drawing: Drawing, path: Path, item: Filled, unit: int) -> None:
    label, known = item.labels[unit], drawing.labels
    of = "" if isinstance(item.texts, Mapping) else f" of {item.texts[unit]!r}"
    near = did_you_mean(label.upper() if all(one == one.upper() for one in known) else label, known)
    problem = (
        f"the label {label!r}{of} is none of those of the models ({' '.join(known)}).{near} "
        f"Write {UNKNOWN} where you cannot tell"
    )
    raise DataError.at(path, item.lines[unit], problem)


def _check_same(before: tuple[Path, Filled, Labels | None], path: Path, item: Filled, read: Labels | None) -> None:
    """Check that an item that stands in files twice has the same labels, or none in one place."""
    other, first, labels = before
    if labels is not None and read is not None and labels != read:
        raise DataError(
            f"{path}, line {item.lines[0]}: {item.name} is labelled twice, and differently; "
            f"the first time is {other}, line {first.lines[0]}. Keep one of them"
        )
