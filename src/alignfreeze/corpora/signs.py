"""Signs that columns of words hold something else: names of sentences, or words that are left out of a treebank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from alignfreeze.errors import DataError
from alignfreeze.progress import remark

_LEFT_OUT = "_"
"""What stands for each word in treebanks whose text may not be given away."""

_FEW_LINES = 20
"""In fewer lines, a first column may hold the same word in each of them."""

_FEW_REPETITIONS = 3
"""With fewer words that stand twice in a row, a first column may hold words."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line in columns.

    Attributes:
        number: The number of the line, from 1.
        line: The line.
        columns: Its columns.
    """

    number: int
    line: str
    columns: tuple[str, ...]


Block = list[Row]
"""The rows of a sentence."""


def check_names(path: Path, blocks: Sequence[Block]) -> None:
    """Check that the first of several columns holds words, and not the name of each sentence, or of the file.

    A name stands in several lines, one after the other, and nowhere else.

    Raises:
        DataError: It holds names; the message has the command that cuts them.
    """
    rows = [row for block in blocks for row in block]
    runs = [list(run) for _, run in groupby(rows, key=lambda row: row.columns[0])]
    if len(runs) == 1 and len(rows) >= _FEW_LINES:
        problem = f"column 1 has {rows[0].columns[0]!r:.100} in every line, so it holds no words; leave this column out"
        raise DataError.at(path, rows[0].number, problem)
    repeated = len(rows) - len(runs)
    is_once = len({run[0].columns[0] for run in runs}) == len(runs)
    if len(runs) > 1 and is_once and repeated >= _FEW_REPETITIONS and repeated * 2 >= len(runs):
        run = max(runs, key=len)
        problem = (
            f"column 1 has {run[0].columns[0]!r:.100} in {len(run)} lines one after the other, and then nowhere else: "
            f"it names the sentences and holds no words. Cut it: {_cut_command(run[0], divide=len(blocks) == 1)}"
        )
        raise DataError.at(path, run[0].number, problem)


def _cut_command(row: Row, *, divide: bool) -> str:
    """Return a command that cuts the first column, and that puts an empty line before each new name if wanted."""
    if not divide:
        return "cut -f 2- FILE > NEW" if "\t" in row.line else "sed -E 's/^ *[^ ]+ +//' FILE > NEW"
    sign, first = (" -F '\\t'", "^[^\\t]*\\t") if "\t" in row.line else ("", "^ *[^ ]+ +")
    return f'awk{sign} \'NR > 1 && $1 != n {{print ""}} {{n = $1; sub(/{first}/, ""); print}}\' FILE > NEW'


def check_left_out(name: str, sentences: Sequence[Sequence[str]]) -> None:
    """Check that the words of sentences are not left out; say how many sentences have none.

    Args:
        name: The name of the data, for messages.
        sentences: The words of each sentence.

    Raises:
        DataError: All words are `_`.
    """
    without = [number for number, words in enumerate(sentences, 1) if len(words) > 1 and set(words) == {_LEFT_OUT}]
    if without and all(word == _LEFT_OUT for words in sentences for word in words):
        raise DataError(
            f"{name}: every word is '_': the text is left out of these data. "
            "Merge the text into them first; the README of the treebank says how"
        )
    if without:
        remark(
            f"{name}: the words of {len(without):,} sentences are left out ('_'), first in sentence {without[0]:,}; "
            "merge the text into them first, or remove them"
        )
