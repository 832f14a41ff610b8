"""Key terms: the words that tell one body of text from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

N_TERMS = 8

LEAST_WORDS = 200
"""Of a shorter text nothing can be said."""

LEAST_COUNT = 3
"""A word that occurs more seldom is no term of a text."""


LEAST_RATIO = 1.5
"""A word of all texts weighs a little more in one of them than in the others, and is no term of it."""


def find_key_terms(texts: Mapping[str, Iterable[str]], *, n: int = N_TERMS) -> dict[str, list[str]]:
    """Return the terms that weigh more in each text than in any other, by TF-IDF, the heaviest first.

    Args:
        texts: Sentences of each body of text, all in one language, by its name.
        n: Most terms of a text.

    Returns:
        Terms by name; none where there is too little text, or where nothing sets it apart.
    """
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    documents = {name: " ".join(sentences) for name, sentences in texts.items()}
    long = [name for name, text in documents.items() if len(text.split()) >= LEAST_WORDS]
    found: dict[str, list[str]] = {name: [] for name in documents}
    if len(long) < 2:
        return found
    # Words of letters; an apostrophe or hyphen between letters does not end one.
    counter = CountVectorizer(token_pattern=r"(?u)\b[^\W\d_]{2,}(?:['’-][^\W\d_]+)*\b")
    counts: Any = counter.fit_transform([documents[name] for name in long])
    # With the logarithm a word is not a term because one text is long, or because it says one thing all the time.
    sparse: Any = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    weights = sparse.toarray()  # [texts, words]
    words = counter.get_feature_names_out()
    for number, name in enumerate(long):
        others = np.delete(weights, number, axis=0).max(axis=0)
        margin = weights[number] - others
        margin[counts[number].toarray()[0] < LEAST_COUNT] = 0.0
        margin[weights[number] < LEAST_RATIO * others] = 0.0
        # Words that are as heavy here in the order of the alphabet: the same text gives the same terms.
        order = sorted(np.flatnonzero(margin > 0), key=lambda place: (-margin[place], words[place]))
        found[name] = [str(words[place]) for place in order[:n]]
    return found
