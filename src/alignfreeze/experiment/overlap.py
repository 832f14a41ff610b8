"""Finds test data that are training data: equal files, and items that stand word for word in what is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignfreeze.experiment.names import PLAIN, TAUGHT, TRANSLATION
from alignfreeze.languages import name_of

if TYPE_CHECKING:
    from alignfreeze.corpora.bitext import SentencePair
    from alignfreeze.experiment.data import DataFile, ExperimentData
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.experiment.strategies import Strategy
    from alignfreeze.tasks.task import Task

TRAINING_DATA = "training data"
BITEXT = "bitext"
TRANSLATIONS = "translated training data"
PLAIN_TEXT = "plain text for self-training"

DOUBTFUL_SHARE = 0.1
"""From this share of test items on, their presence in the training data makes scores doubtful."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Test items of a language that are also trained on.

    Attributes:
        language: The code of the language.
        place: Where the items stand: `training data`, `bitext`, or other data that some strategies learn.
        n: How many test items stand there word for word.
        of: The number of test items.
        unit: What the items are: sentences, texts, questions.
        same_file: The role of the file there that has the digest of the test file; None if there is none.
    """

    language: str
    place: str
    n: int
    of: int
    unit: str
    same_file: str | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether scores of the language say little for that reason."""
        return self.same_file is not None or self.n >= DOUBTFUL_SHARE * self.of

    @property
    def sentence(self) -> str:
        """What there is to know, in words."""
        same = "" if self.same_file is None else f"the test file is the same as that of {self.same_file!r}; "
        verb = "stands" if self.n == 1 else "stand"
        return (
            f"{name_of(self.language)}: {same}{self.n:,} of {self.of:,} test {self.unit} {verb} word for word in the "
            f"{self.place}"
        )


def find_overlaps(task: Task, data: ExperimentData) -> list[Overlap]:
    """Find test items that stand word for word in the training data, or in other data in their language.

    Spaces do not count, so that it does not matter how words are separated. Only hashes are kept.

    Args:
        task: What is learnt and tested.
        data: What the experiment reads.
    """
    if not data.tests:
        return []
    texts = {code: [_hash_texts(task.texts_of(item)) for item in items] for code, items in data.tests.items()}
    in_training = _find_items(texts, (_hash_texts(task.texts_of(item)) for item in data.train))
    in_bitext = _find_texts(texts, data.bitext)
    translated = {
        code: _find_items({code: texts[code]}, (_hash_texts(task.texts_of(item)) for item in translation.items))
        for code, translation in data.translations.items()
        if code in texts
    }
    plain = {code: {hash("".join(words)) for words in sentences} for code, sentences in data.plain.items()}
    found = []
    for code, items in texts.items():
        counts = {
            TRAINING_DATA: sum(item in in_training for item in items),
            BITEXT: sum(bool(item) and in_bitext[code].issuperset(item) for item in items),
            TRANSLATIONS: sum(item in translated.get(code, ()) for item in items),
            PLAIN_TEXT: sum(bool(item) and plain.get(code, set()).issuperset(item) for item in items),
        }
        for place, n in counts.items():
            same = _find_same_file(code, place, data.files)
            if place == TRAINING_DATA and not n and task.names_languages:
                same = None  # the rows of another language in one file for all
            if n or same:
                found.append(Overlap(code, place, n, len(items), task.kind.item_name, same))
    return found


def _hash_texts(texts: Iterable[str]) -> tuple[int, ...]:
    return tuple(hash("".join(text.split())) for text in texts if text.strip())


def _find_items(tests: Mapping[str, Sequence[Any]], train: Iterator[tuple[int, ...]]) -> set[tuple[int, ...]]:
    """Return the items that are in both; an item is the hashes of its texts."""
    wanted = {item for items in tests.values() for item in items if item}
    return wanted.intersection(train)


def _find_texts(tests: Mapping[str, Sequence[tuple[int, ...]]], bitext: Sequence[SentencePair]) -> dict[str, set[int]]:
    """Return the hashes of the test texts that are a side of a sentence pair in their language, by language."""
    wanted = {code: {text for item in items for text in item} for code, items in tests.items()}
    found: dict[str, set[int]] = {code: set() for code in tests}
    for pair in bitext:
        for code, words in zip(pair.languages, (pair.source, pair.target), strict=True):
            if code in wanted and (text := hash("".join(words))) in wanted[code]:
                found[code].add(text)
    return found


def _find_same_file(code: str, place: str, files: Sequence[DataFile]) -> str | None:
    """Return the role of a file of the training data or the bitext with the digest of a test file."""
    digests = {file.digest for file in files if file.role == f"test {code}"}
    word = _ROLES[place]
    return next((file.role for file in files if file.digest in digests and file.role.split()[0] == word), None)


_ROLES = {TRAINING_DATA: "train", BITEXT: "bitext", TRANSLATIONS: TRANSLATION, PLAIN_TEXT: PLAIN}
"""The first word of the roles of the files with the data, by place."""


def is_seen(overlap: Overlap, settings: ExperimentSettings, strategy: Strategy) -> bool:
    """Return whether a strategy trains on the data in which test items stand."""
    taught = None if strategy.taught is None else TAUGHT[strategy.taught]
    return {
        TRAINING_DATA: True,
        BITEXT: settings.uses_bitext(strategy),
        TRANSLATIONS: taught is not None and taught.reads == TRANSLATION,
        PLAIN_TEXT: settings.labels_plain_text(strategy.taught),
    }[overlap.place]
