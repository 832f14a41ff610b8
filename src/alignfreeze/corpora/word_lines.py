"""Finds the words and tags in files with one word per line: which lines are comments, and which columns count.

What holds for the whole file is told from all of its lines. A file whose lines do not agree is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from alignfreeze.corpora.json_lines import check_no_csv
from alignfreeze.corpora.labels import check_word
from alignfreeze.corpora.quotes import check_quotes, describe_quotes
from alignfreeze.corpora.signs import Block, Row, check_left_out, check_names, check_tags, find_lemmas, lemma_error
from alignfreeze.errors import DataError
from alignfreeze.files import read_lines
from alignfreeze.progress import remark

T = TypeVar("T")

CONLLU_COLUMNS = 10
LONG_SENTENCE = 1_000
"""A sentence with so many words is probably several; longer ones are said."""

LONG_FILE = 100
"""A file of one sentence with so many words probably lost its empty lines; longer ones are said."""

_FULL_STOPS = set(".?!\u3002\uff1f\uff01\u061f\u06d4\u0964")

_DOCUMENT = "-DOCSTART-"
_NUMBER = re.compile(r"[(\[]?0*([0-9]+([-.][0-9]+)?)[.):\]]?")
"""The number of a word, as in `1`, `01`, `1.` or `(1)`; in CoNLL-U also of several words, and of an empty node."""

IOB2 = re.compile(r"O|[BI]-\S+")
_EMPTY_COLUMN = {"_", "-"}

_FACT = re.compile(r"#+\s*[\w:.-]+ = ")
"""A comment as in CoNLL-U: `# sent_id = 1`."""

_WORD_NAMES = {"word", "words", "token", "tokens", "form", "word_form"}
_TAG_NAMES = {
    *("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags"),
    *("pos", "upos", "xpos", "pos_tag", "pos_tags"),
}


@dataclass(frozen=True, slots=True)
class WordLine:
    """A line with a word.

    Attributes:
        number: The number of the line, from 1.
        word: The word.
        tag: Its tag as it stands in the file.
    """

    number: int
    word: str
    tag: str


def read_word_lines(path: Path, *, is_tag: Callable[[str], bool] | None = None) -> list[list[WordLine]]:
    """Read the sentences of a file with one word per line, and an empty line after each sentence.

    Tabs separate the columns, or else spaces; no other sign does. The word comes first and the tag last. If the first
    column numbers the words of all sentences, the word is second and the tag third; of more columns, the one that alone
    can hold the tags. A line that begins with `#` is a comment if it stands before the words of a sentence and has
    another number of columns than they have.

    Args:
        path: The file.
        is_tag: Tells tags from other texts; None if any text is a tag. It decides on lines such as `# newdoc`.

    Raises:
        DataError: The file cannot be read or is of another form, or its lines do not agree; the message names the line.
    """
    blocks = _read_blocks(path)
    plain = _without_sign([row for block in blocks for row in block], lambda row: row.line)
    _check_form(path, plain)
    model = _most_usual(plain)
    tags = Counter(row.columns[-1] for row in plain)
    if any(row.line.startswith("#") for row in plain):
        tags -= Counter(tags.keys())  # a line with the sign does not make its own tag known
    find_comment = partial(
        _is_comment, path=path, model=model, any_tag=is_tag is None, is_tag=is_tag or tags.__contains__
    )
    blocks = [words for block in blocks if (words := list(_without_comments(path, block, find_comment)))]
    _check_columns(path, blocks, model)
    if len(blocks) == 1 and len(blocks[0]) > LONG_FILE:
        _check_one_sentence(path, blocks[0])
    word, tag = _find_columns(path, blocks, any_tag=is_tag is None)
    if is_tag is None and (word, tag) == (0, -1):
        check_tags(path, [row for block in blocks for row in block])
    sentences = [[WordLine(row.number, row.columns[word], row.columns[tag].strip()) for row in rows] for rows in blocks]
    for line in (line for sentence in sentences for line in sentence):
        _check_word(path, line)
    _say_quotes(path, sentences)
    words = [[line.word for line in sentence] for sentence in sentences]
    check_left_out(str(path), words)
    say_long_sentences(path, words)
    return sentences


def _say_quotes(path: Path, sentences: Sequence[Sequence[WordLine]]) -> None:
    """Say which words are in the quotes of spreadsheets; those of tags are refused."""
    found = []
    for line in (line for sentence in sentences for line in sentence):
        check_quotes(line.tag, where=f"{path}, line {line.number}")
        if problem := describe_quotes(line.word):
            found.append(f"line {line.number}: {problem}")
    if found:
        more = f" ({len(found):,} words in all)" if len(found) > 1 else ""
        remark(f"{path}, {found[0]}{more}")


def say_long_sentences(path: Path, sentences: Sequence[Sequence[str]], *, whole: bool = True) -> None:
    """Say that a file has a sentence of very many words: the empty lines are probably lost.

    Args:
        path: The file.
        sentences: The words of its sentences.
        whole: Whether these are all sentences of the file.
    """
    longest = max(sentences, key=len, default=())
    alone = whole and len(sentences) == 1
    if len(longest) > (LONG_FILE if alone else LONG_SENTENCE):
        what = "the whole file is one sentence of" if alone else "a sentence has"
        stops = sum(word in _FULL_STOPS for word in longest[:-1])
        inside = f", with {stops:,} full stops inside" if stops else ""
        remark(f"{path}: {what} {len(longest):,} words{inside}; is there an empty line after each sentence?")


def split_at_empty(lines: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Yield the numbered lines that stand together, without the empty lines between them."""
    block: list[tuple[int, str]] = []
    for number, line in lines:
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _read_blocks(path: Path) -> list[Block]:
    """Return the rows of each sentence, comments among them; an empty line or a new document ends a sentence."""
    lines = list(read_lines(path))
    plain = _without_sign([line for _, line in lines if line.strip()], str)
    has_tabs = sum("\t" in line for line in plain) * 2 > len(plain)
    blocks: list[Block] = [[]]
    for number, line in lines:
        if line.strip() and line.split()[0] != _DOCUMENT:
            blocks[-1].append(Row(number, line, _split(line, has_tabs=has_tabs)))
        elif blocks[-1]:
            blocks.append([])
    return blocks


def _without_sign(values: list[T], line_of: Callable[[T], str]) -> list[T]:
    """Return the values whose lines do not begin with `#`; if all do, those whose lines are no facts."""
    plain = [value for value in values if not line_of(value).startswith("#")]
    return plain or [value for value in values if not _FACT.match(line_of(value))]


def _split(line: str, *, has_tabs: bool) -> tuple[str, ...]:
    """Split a line at its tabs or, in a file without them, at spaces. Unicode has others, which may be in words."""
    return tuple(line.split("\t") if has_tabs else re.split("[ \t]+", line.strip(" \t")))


def _check_form(path: Path, rows: Sequence[Row]) -> None:
    """Check that a file is not of a form that is often taken for this one."""
    if not rows:
        return
    number, line = rows[0].number, rows[0].line
    if all(_NUMBER.fullmatch(row.columns[0]) for row in rows):
        _check_conllu(path, rows[0])
    if line.lstrip().startswith(('{"', "[{", "[[", '["')) or line.strip() in "{[":
        problem = "expected one word and its tag per line, found JSON; write words and tags in columns, or use the hub"
        raise DataError.at(path, number, problem)
    if len(rows[0].columns) == 1:
        check_no_csv(path, number, line.lower(), _WORD_NAMES | _TAG_NAMES)


def _most_usual(rows: Sequence[Row]) -> Row:
    """Return the first row with the usual number of columns."""
    if not rows:
        return Row(0, "", ())
    (width, _), *_ = Counter(len(row.columns) for row in rows).most_common(1)
    return next(row for row in rows if len(row.columns) == width)


def _without_comments(path: Path, block: Block, find_comment: Callable[[Row], bool]) -> Iterator[Row]:
    """Yield the rows of a sentence that are no comments."""
    inside = False
    for row in block:
        if row.line.startswith("#"):
            is_fact = _FACT.match(row.line) is not None
            if inside and is_fact:
                problem = "a comment inside a sentence; an empty line must stand before the next sentence"
                raise DataError.at(path, row.number, problem)
            if not inside and (is_fact or find_comment(row)):
                continue
        inside = True
        yield row


def _is_comment(row: Row, *, path: Path, model: Row, any_tag: bool, is_tag: Callable[[str], bool]) -> bool:
    """Tell whether a line with `#` before the words of a sentence is a comment."""
    tag, width = row.columns[-1], len(row.columns)
    has_space, has_width = row.line.startswith(("# ", "##")), width == len(model.columns)
    if row.line.startswith("#\t"):
        return not has_width and not is_tag(tag)
    if width == 1 or (has_space and "\t" in row.line and "\t" not in model.line):
        return True
    if "\t" in row.line or (has_width and not has_space):
        return has_space and not has_width
    if is_tag(tag):
        return False
    if has_width and any_tag:
        problem = f"is {row.line!r:.100} a word with its tag or a comment? Separate all columns by tabs, or remove it"
        raise DataError.at(path, row.number, problem)
    return True


def _check_columns(path: Path, blocks: Sequence[Block], model: Row) -> None:
    for row in (row for block in blocks for row in block):
        if len(row.columns) < 2:
            problem = f"expected a word and its tag, separated by a tab or a space; found {row.line.strip()!r:.100}"
            if "\t" in model.line:
                problem += "; the columns of the other lines are separated by tabs"
            raise DataError.at(path, row.number, problem)
        if len(row.columns) != len(model.columns):
            problem = (
                f"{len(row.columns)} columns, but line {model.number} has {len(model.columns)}; "
                "all lines need the same number. If words contain spaces, separate the columns by tabs"
            )
            raise DataError.at(path, row.number, problem)
    if len(model.columns) > 2:
        check_names(path, blocks)


def _find_columns(path: Path, blocks: Sequence[Block], *, any_tag: bool) -> tuple[int, int]:
    """Return the places of the words and of their tags; if the first column numbers the words, say so.

    Words may be numbers, too: if another word is none, the first column has words, unless most sentences are numbered.
    """
    first_and_last = 0, -1
    numbered = [block for block in blocks if _is_numbered(block)]
    rows = [row for block in blocks for row in block]
    other = next((row for row in rows if not _NUMBER.fullmatch(row.columns[0])), None)
    if not rows or (other is None and not numbered and not any(map(_begins_to_count, blocks))):
        return first_and_last
    if other is None:
        if len(rows[0].columns) > 2:
            tag = _choose_tags(path, rows, any_tag=any_tag)
            _check_numbers(path, blocks)
            remark(f"{path}: column 1 numbers the words; words are read from column 2 and tags from column {tag + 1}")
            return 1, tag
        _check_numbers(path, blocks)
        if max(map(len, blocks)) > 1 and len(blocks) > 1:
            raise DataError.at(path, rows[0].number, "column 1 numbers the words, and there is no column for tags")
        return first_and_last
    long = [block for block in blocks if len(block) > 1]
    if len(rows[0].columns) > 2 and sum(map(_is_numbered, long)) * 2 > len(long):
        problem = f"column 1 numbers the words of most sentences, but here it has {other.columns[0]!r}"
        raise DataError.at(path, other.number, problem)
    if numbered and len(rows[0].columns) > 2:
        remark(f"{path}: words are read from column 1, also where they are numbers (line {numbered[0][0].number})")
    return first_and_last


def _number_of(row: Row, place: int = 0) -> str:
    """Return the number in a column without its signs; the column as it is if it is no number."""
    match = _NUMBER.fullmatch(row.columns[place])
    return match[1] if match else row.columns[place]


def _is_numbered(block: Block) -> bool:
    return all(_number_of(row) == str(place) for place, row in enumerate(block, start=1))


def _begins_to_count(block: Block) -> bool:
    return len(block) > 1 and re.match(r"[01]([-.]|$)", _number_of(block[0])) is not None


def _choose_tags(path: Path, rows: Sequence[Row], *, any_tag: bool) -> int:
    """Return the place of the tags in rows that begin with the number of the word.

    Raises:
        DataError: Several columns may hold the tags, or the only one seems to hold lemmas.
    """
    width = len(rows[0].columns)
    entities = [place for place in range(2, width) if _share(rows, lambda row, at=place: _is_iob2(row, at)) >= 0.5]
    filled = [place for place in range(2, width) if any(row.columns[place] not in _EMPTY_COLUMN for row in rows)]
    if len(filled) <= 1 or (not any_tag and not entities):
        tag = filled[0] if filled else 2
    elif len(entities) == 1 and (not any_tag or entities == [2]):
        tag = entities[0]
    else:
        raise _unclear_error(path, rows[0])
    if any_tag and (same := find_lemmas(rows, 1, tag)):
        raise lemma_error(path, same[0], 1, tag, remedy="Keep a column with tags, behind the words")
    return tag


def _share(rows: Sequence[Row], fits: Callable[[Row], bool]) -> float:
    return sum(map(fits, rows)) / len(rows)


def _is_iob2(row: Row, place: int) -> bool:
    return row.columns[place] == "-1" or IOB2.fullmatch(row.columns[place]) is not None


def _unclear_error(path: Path, row: Row) -> DataError:
    found = ", ".join(f"column {place} has {text!r:.30}" for place, text in enumerate(row.columns[2:7], start=3))
    problem = (
        f"column 1 numbers the words, and several columns may hold their tags: {found}. "
        f"For column 4, or another one, make a file of words and tags: {_show_command(row, 4)}"
    )
    return DataError.at(path, row.number, problem)


def _show_command(row: Row, place: int) -> str:
    """Return a command that makes a file of words and tags from a file whose first column numbers the words."""
    if "\t" in row.line:
        return f"grep -Ev '^(#|[0-9]+[-.][0-9])' FILE | cut -f 2,{place} > NEW"
    return f"grep -Ev '^(#|[0-9]+[-.][0-9])' FILE | awk '{{print $2 \"\\t\" ${place}}}' > NEW"


def _check_one_sentence(path: Path, rows: Block) -> None:
    """Check that no column of a long sentence counts its words, and begins to count again inside."""
    for place in range(1, len(rows[0].columns)):
        column = [_number_of(row, place) for row in rows]
        if not all(text.isdecimal() for text in column):
            continue
        numbers = list(map(int, column))
        steps = list(pairwise(numbers))
        begins = numbers[0] in {0, 1} and all(after in {before + 1, numbers[0]} for before, after in steps)
        again = next((n for n, (before, after) in enumerate(steps, start=1) if after <= before), None)
        if begins and again and max(numbers) > 2:
            problem = (
                f"column {place + 1} counts the words and begins again here, in a file of one sentence; "
                "an empty line must stand before the next sentence"
            )
            raise DataError.at(path, rows[again].number, problem)


def _check_numbers(path: Path, blocks: Sequence[Block]) -> None:
    for block in blocks:
        for place, row in enumerate(block, start=1):
            if _number_of(row) != str(place):
                problem = (
                    f"column 1 seems to number the words, but word {place} of this sentence has the number "
                    f"{row.columns[0]!r}. Number the words of each sentence from 1, put an empty line after each "
                    "sentence, and leave out lines of several words (1-2) and of empty nodes (1.1)"
                )
                raise DataError.at(path, row.number, problem)


def _check_conllu(path: Path, first: Row) -> None:
    if len(first.columns) == CONLLU_COLUMNS and "\t" in first.line:
        problem = (
            "this is CoNLL-U, whose third column has lemmas. The task 'pos' reads its UPOS tags. For column 5 (XPOS), "
            f"or another one, make a file of words and tags: {_show_command(first, 5)}"
        )
        raise DataError.at(path, first.number, problem)


def _check_word(path: Path, line: WordLine) -> None:
    check_word(line.word, where=f"{path}, line {line.number}")
    word, tag = (text.strip('"').casefold() for text in (line.word, line.tag))
    if word in _WORD_NAMES and tag in _TAG_NAMES:
        problem = f"{line.word!r} and {line.tag!r} are names of columns; remove this line"
        raise DataError.at(path, line.number, problem)
