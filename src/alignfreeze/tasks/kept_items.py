"""Test items as a run keeps them, with what was right and what the model predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.corpora.questions import Question

MOST_WORDS = 100
"""How many words of a sentence are kept, from its beginning."""

MOST_CHARACTERS = 500
"""How many characters of a text are kept, from its beginning; of a context, those around its answer."""

CUT = "…"
"""Stands where a text was cut."""


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A test item and a prediction for it: of words, one label for each; of texts, one label or answer for all.

    Attributes:
        language: The code of its language.
        words: The words of a sentence; empty if texts have labels.
        texts: The texts by name, the one to read first comes first; empty if words have labels.
        right: The right label of each word, None for a word that does not count. Or the right label of the texts, or
            all right answers.
        predicted: The predicted label of each word, or the one label or answer.
        score: What the item adds to the numerator of the most important metric, such as 1 for a right label.
    """

    language: str
    words: tuple[str, ...]
    texts: Mapping[str, str]
    right: tuple[str | None, ...]
    predicted: tuple[str | None, ...]
    score: float

    @property
    def points(self) -> float:
        """How much is right: the number of words with the right label, or the score of the texts."""
        if not self.words:
            return self.score
        pairs = zip(self.right, self.predicted, strict=True)
        return sum(label is not None and label == guess for label, guess in pairs)

    def is_same(self, other: KeptItem) -> bool:
        """Tell whether another model was tested on the same item; the predictions do not count."""
        ours, theirs = ((one.language, one.words, one.texts, one.right) for one in (self, other))
        return ours == theirs


def keep_sentence(language: str, item: TaggedSentence, predicted: list[str | None], score: float) -> KeptItem:
    """Keep a sentence whose words have labels."""
    words, right, guesses = item.words[:MOST_WORDS], item.tags[:MOST_WORDS], tuple(predicted[:MOST_WORDS])
    return KeptItem(language, words, {}, right, guesses, score)


def keep_text(language: str, item: LabelledText, predicted: str, score: float) -> KeptItem:
    """Keep a text, or a pair of texts, with a label."""
    texts = {"text": item.text} if item.second is None else {"first text": item.text, "second text": item.second}
    kept = {name: _cut_around(text, 0) for name, text in texts.items()}
    return KeptItem(language, (), kept, (item.label,), (predicted,), score)


def keep_question(language: str, item: Question, predicted: str, score: float) -> KeptItem:
    """Keep a question with the part of its context around the first right answer."""
    start = item.starts[0] + len(item.answers[0]) // 2 - MOST_CHARACTERS // 2
    texts = {"question": _cut_around(item.question, 0), "context": _cut_around(item.context, start)}
    right = tuple(_cut_around(answer, 0) for answer in item.answers)
    return KeptItem(language, (), texts, right, (_cut_around(predicted, 0),), score)


def _cut_around(text: str, start: int) -> str:
    """Return the part of a text that is kept, with `CUT` at each end that is not an end of the text."""
    first = max(0, min(start, len(text) - MOST_CHARACTERS))
    last = first + MOST_CHARACTERS
    return f"{CUT if first else ''}{text[first:last]}{CUT if last < len(text) else ''}"
