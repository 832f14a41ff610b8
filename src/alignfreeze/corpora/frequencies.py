"""How often words occur in a language, by the lists of wordfreq, which comes with an extra.

Speer 2022, wordfreq, doi:10.5281/zenodo.7199437.
"""

from __future__ import annotations

from collections.abc import Iterator

from alignfreeze.errors import DataError
from alignfreeze.extras import import_extra
from alignfreeze.languages import name_of, usual_code_of

_DOTTED_I = frozenset({"tr", "az"})
"""Languages whose capital of `i` has a dot."""

_PER = 1_000_000_000
"""Words in the text that a frequency is scaled to. The rarest words of the lists occur ten times in it."""


def read_frequencies(language: str) -> Iterator[tuple[str, int]]:
    """Yield the words of a language in lower case and with a capital, and how often they occur in a billion words.

    The lists have only lower case, so each word is yielded in both forms, as often.

    Raises:
        SettingsError: wordfreq is not installed.
        DataError: It has no list for this language.
    """
    library = import_extra("wordfreq", extra="words", what="lists of words")
    known = library.available_languages("best")
    code = usual_code_of(language)
    if code not in known:
        raise DataError(
            f"no text is given for {name_of(language)}, and there is no list of its words; name a file of text, as in "
            f"--text {language}=FILE. Lists exist for {', '.join(sorted(known))}"
        )
    for word, frequency in library.get_frequency_dict(code, "best").items():
        count = round(_PER * frequency)
        yield word, count
        if (capital := capitalise(word, code)) != word:
            yield capital, count


def capitalise(word: str, language: str) -> str:
    """Return a word with its first letter as a capital."""
    first = "İ" if word.startswith("i") and language in _DOTTED_I else word[:1].title()
    return first + word[1:]
