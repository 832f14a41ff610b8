"""Signs that columns do not hold words and tags: names of sentences, lemmas, tags in front of the words, no words."""

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


def check_tags(path: Path, rows: Sequence[Row]) -> None:
    """Check that the last column holds tags of any kind, and neither lemmas nor the words of tags in front of them.

    Raises:
        DataError: It holds lemmas or words; the message has the command that makes a file of words and tags.
    """
    if not rows:
        return
    width = len(rows[0].columns)
    same = find_lemmas(rows, 0, width - 1)
    if len({row.columns[0].casefold() for row in same}) > 1:
        remedy = "The file needs a column with tags, behind the words"
        if width > 2:
            remedy = f"For the tags of column 2, or another one: {_keep_command(same[0], 1, 2)}"
        raise lemma_error(path, same[0], 0, width - 1, remedy=remedy)
    if width == 2 and len(rows) >= _FEW_LINES and _is_turned(rows):
        problem = (
            "column 1 seems to hold the tags and column 2 the words; the word comes first. "
            f"Turn them: {_keep_command(rows[0], 2, 1)}"
        )
        raise DataError.at(path, rows[0].number, problem)


def find_lemmas(rows: Sequence[Row], word: int, tag: int) -> list[Row]:
    """Return the rows whose tag is the same as the word, if they are so many that the tags seem to be lemmas."""
    spelt = [row for row in rows if len(row.columns[word]) > 1 and row.columns[word].isalpha()]
    same = [row for row in spelt if row.columns[word].casefold() == row.columns[tag].strip().casefold()]
    return same if len(same) * 2 >= len(spelt) else []


def lemma_error(path: Path, row: Row, word: int, tag: int, *, remedy: str) -> DataError:
    """Return the error that a column seems to hold lemmas."""
    problem = f"column {tag + 1} seems to hold lemmas, not tags: the one of {row.columns[word]!r} is the same word"
    return DataError.at(path, row.number, f"{problem}. {remedy}")


def _is_turned(rows: Sequence[Row]) -> bool:
    """Tell whether few names in capitals come first, and many texts of other letters last."""
    firsts, lasts = ([row.columns[place].strip() for row in rows] for place in (0, 1))
    are_names = not any(any(map(str.islower, text)) for text in firsts)
    spelt = [text for text in lasts if any(map(str.isalpha, text)) and not text.isupper()]
    return are_names and len(spelt) * 2 >= len(lasts) and len(set(lasts)) >= 3 * len(set(firsts))


def _keep_command(row: Row, word: int, tag: int) -> str:
    """Return a command that makes a file of words and tags."""
    sign = "-F '\\t' " if "\t" in row.line else ""
    return f'awk {sign}\'{{print NF ? ${word} "\\t" ${tag} : ""}}\' FILE > NEW'


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
