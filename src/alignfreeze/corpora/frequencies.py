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

_MOST = 100_000
"""The most frequent words are taken, at most this many. Rarer ones make up less than 1% of a text."""

_PER = 1_000_000_000
"""Words in the text that a frequency is scaled to. The rarest words of the lists occur ten times in it."""


def read_frequencies(language: str) -> Iterator[tuple[str, int]]:
    """Yield the words of a language as they are spelt, and how often they occur in a billion words.

    The lists have only lower case, with `ss` for `ß` and `σ` at the end of Greek words (`str.casefold`). Each word is
    yielded in lower case and with a capital, and where `ss` may stand for `ß` in both forms, as often each.

    Raises:
        SettingsError: wordfreq is not installed.
        DataError: It has no list for this language.
    """
    library = import_extra("wordfreq", extra="words", what="lists of words")
    known = library.available_languages("best")
    code = usual_code_of(language)
    if code not in known:  # the library would take a similar language
        raise DataError(
            f"no text is given for {name_of(language)}, and there is no list of its words; name a file of text, as in "
            f"--text {language}=FILE. Lists exist for {', '.join(sorted(known))}"
        )
    frequencies = library.get_frequency_dict(code, "best")
    for word in library.top_n_list(code, _MOST, "best"):
        for spelling in list_spellings(word, code):
            yield spelling, round(_PER * frequencies[word])


def list_spellings(word: str, language: str) -> list[str]:
    """Return what a word in lower case without `ß` and `ς` may stand for: `strasse` for `straße` and `Straße` too."""
    if language == "el" and word.endswith("σ"):
        word = f"{word[:-1]}ς"
    forms = [word, word.replace("ss", "ß")] if language == "de" else [word]
    first = "İ" if word.startswith("i") and language in _DOTTED_I else word[:1].title()
    return list(dict.fromkeys([*forms, *(first + form[1:] for form in forms)]))
