"""Cuts a tokenizer down to some of its subwords.

A text whose subwords are all kept is split as before. Unigram finds the same best split, because it could choose it
before. WordPiece takes the longest subword that fits, which is still there. BPE keeps every merge that leads to a kept
subword.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import regex
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast

from alignfreeze.errors import EncoderError

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""A subword that stands for one byte of a character without a subword."""

_NO_SCRIPTS = ("Common", "Inherited")
"""What punctuation, digits and symbols are written in; so is the mark of a space, `▁`."""

State = dict[str, Any]
"""A tokenizer, or a part of one, as in the file tokenizer.json."""


def cut_tokenizer(
    tokenizer: PreTrainedTokenizerFast, wanted: Collection[int], *, scripts: Collection[str] = ()
) -> tuple[PreTrainedTokenizerFast, NDArray[np.int64]]:
    """Return a tokenizer with only some of the subwords.

    Special and added subwords, bytes, and what the wanted subwords are merged from are kept, too. The order of the
    subwords stays. So special ones at the beginning keep their numbers.

    Args:
        tokenizer: The full tokenizer, which stays unchanged.
        wanted: The numbers of the subwords to keep.
        scripts: Scripts by their Unicode names. Single characters of these scripts, and all that is written without
            letters, such as digits and punctuation, are kept too, so that new words can be spelt.

    Returns:
        The tokenizer, and for each of its subwords the number in the full tokenizer, ascending, [subwords].

    Raises:
        EncoderError: The tokenizer is of a kind that cannot be cut down.
    """
    state = _read_state(tokenizer)
    model = state["model"]
    kind = _KINDS[model["type"]]
    numbers = kind.number(model)
    added = {token["content"]: token["id"] for token in state["added_tokens"]}
    kept = _choose_kept(state, wanted, scripts)
    rows = np.array(sorted({numbers[subword] for subword in kept} | set(added.values())), dtype=np.int64)
    new = {int(old): place for place, old in enumerate(rows)}
    kind.cut(model, {subword: new[numbers[subword]] for subword in sorted(kept, key=numbers.__getitem__)})
    for token in state["added_tokens"]:
        token["id"] = new[token["id"]]
    _renumber(state["post_processor"], new)
    state["padding"] = state["truncation"] = None  # each call sets them
    # The copy gets the small tokenizer of the library at once: to copy the full one takes long.
    cut = deepcopy(tokenizer, {id(tokenizer._tokenizer): Tokenizer.from_str(json.dumps(state))})
    for content, old in added.items():
        if cut.backend_tokenizer.token_to_id(content) != new[old]:
            raise EncoderError(f"this tokenizer cannot be cut down: the number of {content!r} would not fit the model")
    return cut, rows


def list_kept(
    tokenizer: PreTrainedTokenizerFast, wanted: Collection[int], *, scripts: Collection[str] = ()
) -> set[int]:
    """Return the numbers of the subwords that `cut_tokenizer` would keep, without cutting."""
    state = _read_state(tokenizer)
    numbers = _KINDS[state["model"]["type"]].number(state["model"])
    added = {token["id"] for token in state["added_tokens"]}
    return {numbers[subword] for subword in _choose_kept(state, wanted, scripts)} | added


def _read_state(tokenizer: PreTrainedTokenizerFast) -> State:
    """Return the state of a tokenizer that can be cut down.

    Raises:
        EncoderError: It is of another kind.
    """
    state: State = json.loads(tokenizer.backend_tokenizer.to_str())
    if (kind := state["model"]["type"]) not in _KINDS:
        raise EncoderError(f"a tokenizer of the kind {kind} cannot be cut down; possible are {', '.join(_KINDS)}")
    return state


def _choose_kept(state: State, wanted: Collection[int], scripts: Collection[str]) -> set[str]:
    """Return the wanted subwords, and those that they or any text need."""
    kind = _KINDS[state["model"]["type"]]
    added = {token["content"] for token in state["added_tokens"]}
    is_needed = _test_for_need(state["model"], scripts)
    chosen = set(wanted)
    numbers = kind.number(state["model"])
    kept = {
        subword for subword, number in numbers.items() if number in chosen or subword in added or is_needed(subword)
    }
    kind.complete(state["model"], kept)
    return kept


def _test_for_need(model: State, scripts: Collection[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a subword is kept although nobody wants it."""
    letters, signs = ("".join(rf"\p{{Script={name}}}" for name in names) for names in (scripts, _NO_SCRIPTS))
    character = regex.compile(rf"[{signs}]+|[{signs}]?[{letters}{signs}]")
    bytes_as_letters = set(ByteLevel.alphabet())
    prefix, unknown = model.get("continuing_subword_prefix") or "", model.get("unk_token")

    def is_needed(subword: str) -> bool:
        letter = subword.removeprefix(prefix)
        return (
            subword == unknown
            or letter in bytes_as_letters
            or character.fullmatch(letter.replace("Ġ", " ")) is not None
            or _BYTE.fullmatch(subword) is not None
        )

    return is_needed


def _renumber(processor: State | None, new: Mapping[int, int]) -> None:
    """Give the special subwords around a text their new numbers."""
    if processor is None:
        return
    for each in processor.get("processors", []):
        _renumber(each, new)
    for special in processor.get("special_tokens", {}).values():  # of a template
        special["ids"] = [new[number] for number in special["ids"]]
    for name in ("sep", "cls"):  # of BERT and RoBERTa
        if name in processor:
            subword, number = processor[name]
            processor[name] = [subword, new[number]]


# --- the kinds of tokenizers -------------------------------------------------------------


class _Kind(NamedTuple):
    """How a kind of tokenizer keeps its subwords.

    Attributes:
        number: Returns the subwords of a model and their numbers.
        complete: Adds to a set of subwords what they cannot do without.
        cut: Leaves a model only some subwords, with new numbers.
    """

    number: Callable[[State], dict[str, int]]
    complete: Callable[[State, set[str]], None]
    cut: Callable[[State, dict[str, int]], None]


def _number_entries(model: State) -> dict[str, int]:
    return {subword: number for number, (subword, _) in enumerate(model["vocab"])}


def _number_table(model: State) -> dict[str, int]:
    return dict(model["vocab"])


def _keep_unknown(model: State, kept: set[str]) -> None:
    if model["unk_id"] is not None:
        kept.add(model["vocab"][model["unk_id"]][0])


def _cut_entries(model: State, numbers: dict[str, int]) -> None:
    unknown = None if model["unk_id"] is None else model["vocab"][model["unk_id"]][0]
    model["vocab"] = [entry for entry in model["vocab"] if entry[0] in numbers]
    model["unk_id"] = None if unknown is None else numbers[unknown]


def _keep_nothing_more(model: State, kept: set[str]) -> None:
    pass


def _cut_table(model: State, numbers: dict[str, int]) -> None:
    model["vocab"] = numbers


def _merges_of(model: State) -> list[tuple[str, str, str]]:
    """Return the merges of a BPE model, with the subword that each of them makes."""
    prefix = model.get("continuing_subword_prefix") or ""
    pairs = [merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"]]
    return [(first, second, first + second.removeprefix(prefix)) for first, second in pairs]


def _keep_parts(model: State, kept: set[str]) -> None:
    parts: dict[str, set[str]] = {}
    for first, second, whole in _merges_of(model):
        parts.setdefault(whole, set()).update((first, second))
    waiting = list(kept)
    while waiting:
        new = parts.get(waiting.pop(), set()) - kept
        kept |= new
        waiting.extend(new)


def _cut_merges(model: State, numbers: dict[str, int]) -> None:
    # A whole that is kept has all of its parts.
    model["merges"] = [[first, second] for first, second, whole in _merges_of(model) if whole in numbers]
    _cut_table(model, numbers)


_KINDS = {
    "Unigram": _Kind(_number_entries, _keep_unknown, _cut_entries),
    "WordPiece": _Kind(_number_table, _keep_nothing_more, _cut_table),
    "WordLevel": _Kind(_number_table, _keep_nothing_more, _cut_table),
    "BPE": _Kind(_number_table, _keep_parts, _cut_merges),
}
