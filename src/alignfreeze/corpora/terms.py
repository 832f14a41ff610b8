"""Key terms: the words that distinguish one body of text from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

N_TERMS = 8

LEAST_WORDS = 200
"""A shorter text gets no terms."""

LEAST_COUNT = 3
"""A term of a text occurs at least this often in it."""

LEAST_RATIO = 1.5
"""A term weighs at least this many times as much in its text as in any other."""


def find_key_terms(texts: Mapping[str, Iterable[str]], *, n: int = N_TERMS) -> dict[str, list[str]]:
    """Find the terms that weigh more in each text than in any other, by TF-IDF.

    Args:
        texts: The sentences of each body of text, by its name. All sentences are in one language.
        n: Return at most this many terms per text.

    Returns:
        Terms by name of the text, the heaviest first. A text has no terms if it is too short, or if no word
        distinguishes it.
    """
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    documents = {name: " ".join(sentences) for name, sentences in texts.items()}
    long = [name for name, text in documents.items() if len(text.split()) >= LEAST_WORDS]
    found: dict[str, list[str]] = {name: [] for name in documents}
    if len(long) < 2:
        return found
    # Words consist of letters; an apostrophe or a hyphen between letters does not end a word.
    counter = CountVectorizer(token_pattern=r"(?u)\b[^\W\d_]{2,}(?:['’-][^\W\d_]+)*\b")
    counts: Any = counter.fit_transform([documents[name] for name in long])
    # The logarithm keeps out words that are frequent only because a text is long or repeats itself.
    sparse: Any = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    weights = sparse.toarray()  # [texts, words]
    words = counter.get_feature_names_out()
    for number, name in enumerate(long):
        others = np.delete(weights, number, axis=0).max(axis=0)
        margin = weights[number] - others
        margin[counts[number].toarray()[0] < LEAST_COUNT] = 0.0
        margin[weights[number] < LEAST_RATIO * others] = 0.0
        # Ties are in the order of the alphabet, so that the same text gives the same terms.
        order = sorted(np.flatnonzero(margin > 0), key=lambda place: (-margin[place], words[place]))
        found[name] = [str(words[place]) for place in order[:n]]
    return found
