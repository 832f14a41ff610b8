"""The keys by which labels are chosen on a page, and what the labels mean in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase, digits

from alignfreeze.corpora.columns import OUTSIDE

_PARTS_OF_SPEECH = {
    "ADJ": ("j", "adjective"),
    "ADP": ("p", "preposition or postposition"),
    "ADV": ("a", "adverb"),
    "AUX": ("u", "auxiliary verb"),
    "CCONJ": ("c", "conjunction such as: and"),
    "DET": ("d", "determiner"),
    "INTJ": ("i", "interjection"),
    "NOUN": ("n", "noun"),
    "NUM": ("m", "number"),
    "PART": ("t", "particle"),
    "PRON": ("r", "pronoun"),
    "PROPN": ("o", "name"),
    "PUNCT": (".", "punctuation"),
    "SCONJ": ("s", "conjunction such as: because"),
    "SYM": ("y", "symbol"),
    "VERB": ("v", "verb"),
    "X": ("x", "none of these"),
}
_INFERENCE = {
    "entailment": ("e", "the second text follows from the first"),
    "neutral": ("n", "the second text may be true or not"),
    "contradiction": ("c", "the second text cannot be true"),
}
_KNOWN: tuple[Mapping[str, tuple[str, str]], ...] = (_PARTS_OF_SPEECH, _INFERENCE)
"""The keys and meanings of well-known labels. They hold if all labels of a task are among them."""

_KINDS_OF_NAMES = {
    "PER": "person",
    "ORG": "organisation",
    "LOC": "place",
    "GPE": "country or city",
    "FAC": "building",
    "DATE": "date",
    "TIME": "time",
    "MISC": "another name",
}


@dataclass(frozen=True, slots=True)
class LabelKey:
    """A label and how it is chosen.

    Attributes:
        label: The label.
        key: The letter, digit or sign that chooses the label; empty if there are more labels than keys.
        shift: Whether the Shift key is held.
        meaning: What the label means in plain words; empty if that is not known.
    """

    label: str
    key: str
    shift: bool = False
    meaning: str = ""


def find_keys(labels: Sequence[str], *, marks_entities: bool = False) -> list[LabelKey]:
    """Return a key for each label, a letter of its name where one is free.

    Args:
        labels: The labels.
        marks_entities: Whether the labels are those of IOB2. The key of an entity begins it, and with Shift the same
            key continues it.
    """
    if marks_entities:
        return _find_entity_keys(labels)
    known = next((one for one in _KNOWN if set(labels) <= set(one)), {})
    wanted = {label: known[label][0] for label in labels if label in known}
    keys = _choose_keys(labels, wanted, signs=ascii_lowercase + digits)
    return [LabelKey(label, keys.get(label, ""), meaning=known.get(label, ("", ""))[1]) for label in labels]


def _find_entity_keys(labels: Sequence[str]) -> list[LabelKey]:
    """Return the keys of labels in IOB2: first `O`, then the two labels of each kind of entity."""
    names = list(dict.fromkeys(_name_of(label) for label in labels))
    keys = _choose_keys(names, {OUTSIDE: "o"}, signs=ascii_lowercase)
    places = {name: place for place, name in enumerate(sorted(names, key=lambda name: name != OUTSIDE))}
    found = sorted(labels, key=lambda label: (places[_name_of(label)], label.startswith("I-")))
    return [
        LabelKey(label, keys.get(_name_of(label), ""), shift=label.startswith("I-"), meaning=_explain(label))
        for label in found
    ]


def _name_of(label: str) -> str:
    """Return the kind of entity of a label: `PER` for `B-PER` and `I-PER`."""
    return label[2:] if label[:2] in {"B-", "I-"} else label


def _explain(label: str) -> str:
    if label == OUTSIDE:
        return "no name"
    kind = _KINDS_OF_NAMES.get(_name_of(label))
    return f"{kind} {'continues' if label.startswith('I-') else 'begins'}" if kind else ""


def _choose_keys(names: Sequence[str], wanted: Mapping[str, str], *, signs: str) -> dict[str, str]:
    """Return a key for each name: the one that is wanted, else its first letter, else another of it, else any."""
    keys = {name: wanted[name] for name in names if name in wanted}

    def first_sign(name: str) -> Iterable[str]:
        return name[:1].lower()

    def own_signs(name: str) -> Iterator[str]:
        return (sign for sign in name.lower() if sign in signs)

    for candidates in (first_sign, own_signs, lambda _: signs):
        for name in names:
            free = (sign for sign in candidates(name) if sign in signs and sign not in keys.values())
            if name not in keys and (key := next(free, None)) is not None:
                keys[name] = key
    return keys
