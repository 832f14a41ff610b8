"""The names of strategies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

BASELINE = "baseline"
"""The strategy without realignment: it fine-tunes the pretrained encoder."""

PAPER_STRATEGIES = (BASELINE, "full", "front", "back")
"""The strategies of the paper: no realignment, and realignment with three freeze policies."""

AVERAGE, SCALED, SWAP, REVERT, TIES = "average", "scaled", "swap", "revert", "ties"
"""What the names of strategies begin with that merge several encoders into one."""

SEEDS, ENSEMBLE = "seeds", "ensemble"
"""What the names of strategies begin with that join the fine-tuned models of several seeds: the mean of their weights,
or the mean of the probabilities that they give."""

PROJECTED, SELF_TRAINED, TRANSLATED = "projected", "self-trained", "translated"
"""What the names of strategies end with whose models are trained on target-language items too: their labels are
projected over links, or those of the model itself, or those of training data that were translated."""

PLAIN, TRANSLATION = "plain", "translation"
"""The first words of the roles of files with target-language texts: plain sentences, and translated training data."""


@dataclass(frozen=True, slots=True)
class TaughtWord:
    """What the word means with which the name of a strategy ends.

    Attributes:
        what: The strategy in a sentence.
        needs_links: Whether labels go over word links.
        has_labels: Whether the labels are given, so that no first model is trained.
        reads: The first word of the roles of files that it alone reads; None if there are none.
        settings: The settings of teaching that decide its labels, or the tables that these are in.
    """

    what: str
    needs_links: bool = False
    has_labels: bool = False
    reads: str | None = None
    settings: tuple[str, ...] = ("teaching", "projection", "self_training")


TAUGHT: Mapping[str, TaughtWord] = {
    PROJECTED: TaughtWord("label projection", needs_links=True),
    SELF_TRAINED: TaughtWord("self-training", reads=PLAIN),
    TRANSLATED: TaughtWord(
        "translated training data",
        has_labels=True,
        reads=TRANSLATION,
        settings=("teaching.source_share", "translations"),
    ),
}
"""The ways in which a model learns target-language items."""

_AVERAGE = re.compile(rf"{AVERAGE}\(.*\)")
_MERGED = re.compile(rf"(?:{AVERAGE}|{SCALED}|{SWAP}|{REVERT}|{TIES})\(.*\)")
_JOINED = re.compile(rf"({SEEDS}|{ENSEMBLE})\((.*)\)")
_TAUGHT = re.compile(rf"(?:(.*)\+)?({'|'.join(TAUGHT)})")
_TIES = re.compile(rf"{TIES}\((.*),([^,()]+)\)")
_FORMS = {word: re.compile(rf"{word}\(([^()]+),([^()=]+)(?:=([^()]+))?\)") for word in (SCALED, SWAP, REVERT)}
_WEIGHT = re.compile(r"\A[^*(]*\*")
WEIGHT_FORMAT = "{:.12g}"

_FOR_FOLDERS = str.maketrans({":": None, "(": "-", ")": None, ",": "-", "*": "x", "=": "-"})
"""Characters of strategy names that some file systems or shells do not allow in the name of a folder."""


def plain_name_of(name: str) -> str:
    """Return the name of a strategy in a form for file names: `average-0.25xbaseline-0.75xfull`."""
    return name.translate(_FOR_FOLDERS)


def name_average(members: Sequence[str], weights: Sequence[float]) -> str:
    """Return the name of an average. The name contains weights only if they differ."""
    written = [f"{WEIGHT_FORMAT.format(weight)}*" for weight in weights]
    if len(set(written)) < 2:
        written = [""] * len(members)
    return f"{AVERAGE}({','.join(w + m for w, m in zip(written, members, strict=True))})"


def name_scaled(member: str, factor: float) -> str:
    """Return the name of a strategy whose difference from the pretrained encoder is multiplied by a factor."""
    return f"{SCALED}({member},{WEIGHT_FORMAT.format(factor)})"


def name_swap(base: str, parts: str, donor: str) -> str:
    """Return the name of an encoder some parts of which come from another."""
    return f"{REVERT}({base},{parts})" if donor == BASELINE else f"{SWAP}({base},{parts}={donor})"


def name_ties(members: Sequence[str], density: float) -> str:
    """Return the name of an encoder with the merged changes of several."""
    return f"{TIES}({','.join(members)},{density})"  # 1.0 and not 1, which would be a layer


def split_arguments(text: str) -> list[str]:
    """Split a text at the commas that stand in no parentheses."""
    depth, arguments = 0, [""]
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += sign
    return arguments


def split_joined(name: str) -> tuple[str, str | None]:
    """Split `seeds(full)` into the strategy of each seed and the word; without a word, return the name and None."""
    match = _JOINED.fullmatch(name)
    return (name, None) if match is None else (match[2], match[1])


def split_taught(name: str) -> tuple[str, str | None]:
    """Split `full+projected` into the strategy of the first model and the word.

    Without a word, the result is the name and None. `projected` alone begins with the baseline.
    """
    match = _TAUGHT.fullmatch(name)
    return (name, None) if match is None else (match[1] or BASELINE, match[2])


def realigns(name: str) -> bool:
    """Return whether a strategy realigns an encoder, whatever is done with its models afterwards."""
    return split_taught(split_joined(name)[0])[0] != BASELINE


def sees_bitext(name: str) -> bool:
    """Return whether the models of a strategy are trained on bitext: to realign, or for labels in target languages.

    `self-trained` does without where its settings name plain text.
    """
    taught = split_taught(split_joined(name)[0])[1]
    return realigns(name) or (taught is not None and not TAUGHT[taught].has_labels)


def is_made_from_others(name: str) -> bool:
    """Return whether a strategy is made from others that may be tested too: merged, joined or taught."""
    return is_merged_name(name) or is_added_to(name)


def is_added_to(name: str) -> bool:
    """Return whether a strategy adds something to single models that learn no target-language items."""
    single, joined = split_joined(name)
    return joined is not None or split_taught(single)[1] is not None


def is_average_name(name: str) -> bool:
    """Return whether a name is that of an average, of strategies or of other encoders."""
    return _AVERAGE.fullmatch(name) is not None


def is_merged_name(name: str) -> bool:
    """Return whether a name is that of an encoder merged from several: an average, or one with parts of another."""
    return _MERGED.fullmatch(name) is not None


def sources_of(name: str) -> list[str]:
    """Return the names of the strategies that one is made from, in the order of its name.

    They are the members of an average, the two encoders of a swap, or the strategy that is joined or taught. A strategy
    that is made from no other is its own source.
    """
    single, joined = split_joined(name)
    first, taught = split_taught(single)
    if joined is not None or taught is not None:
        return [single if joined is not None else first]
    word, _, inside = name.removesuffix(")").partition("(")
    if word == AVERAGE:
        return [_WEIGHT.sub("", member) for member in split_arguments(inside)]
    if word == SCALED:
        return [BASELINE, split_arguments(inside)[0]]
    if word == TIES:
        return split_arguments(inside)[:-1]  # the last argument is the share that is kept
    if word not in _FORMS:
        return [name]
    base, parts = split_arguments(inside)
    return [base, parts.partition("=")[2] or BASELINE]


def puts_back_what_is_frozen_by(name: str, other: str) -> bool:
    """Return whether a strategy puts back afterwards exactly what another one freezes while it realigns."""
    match = _FORMS[REVERT].fullmatch(name)
    if match is None or match[1] == BASELINE:
        return False
    put_back, frozen = (set(text.split("+")) - {"full"} for text in (f"{match[1]}+{match[2]}", other))
    return put_back == frozen


def name_in_words(name: str, name_start: Callable[[str], str]) -> str:
    """Return the name of a merged encoder in a sentence, such as `full realignment with front reverted`.

    Args:
        name: The name of a merged encoder, as strategies write it.
        name_start: Names an encoder in it that is not merged itself.
    """
    found = {word: match.groups() for word, form in _FORMS.items() if (match := form.fullmatch(name))}
    if parts := found.get(REVERT):
        return f"{name_start(parts[0])} with {parts[1]} reverted"
    if parts := found.get(SWAP):
        return f"{name_start(parts[0])} with {parts[1]} of {name_start(parts[2])}"
    if parts := found.get(SCALED):
        return f"{parts[1]} times {name_start(parts[0])}"
    if match := _TIES.fullmatch(name):
        members = " and ".join(split_arguments(match[1]))
        return f"the merge of the largest {100 * float(match[2]):.3g}% of the changes of {members}"
    return f"the {name}"
