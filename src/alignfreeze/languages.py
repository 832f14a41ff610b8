"""Language codes: which ones exist, the names of languages, and their scripts."""

from __future__ import annotations

from functools import cache

import langcodes
from langcodes.language_lists import CLDR_LANGUAGES
from langcodes.tag_parser import LanguageTagError

from alignfreeze.errors import SettingsError, did_you_mean

SCRIPTS_WITHOUT_SPACES = frozenset({"Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"})
"""Scripts that put no spaces between words: Chinese, Japanese, Khmer, Lao, Burmese, Thai, Tibetan."""


def check_language(code: str) -> str:
    """Return a language code unchanged if a language has this code.

    Raises:
        SettingsError: No language has this code; the message proposes another code.
    """
    try:
        valid = langcodes.Language.get(code, normalize=False).is_valid()
    except LanguageTagError:
        valid = False
    if not valid:
        raise SettingsError(f"unknown language code {code!r}.{_propose(code)}")
    return code


def _propose(code: str) -> str:
    """Return a proposal for a code that does not exist; an empty text if no code is near."""
    for guess in (_guess_by_territory, _guess_by_older_code, _guess_by_name):
        if language := guess(code):
            return f" Did you mean {language!r} ({name_of(language)})?"
    return did_you_mean(code, sorted(CLDR_LANGUAGES, key=lambda known: (len(known), known)))


def _guess_by_name(code: str) -> str | None:
    """Read the code as a name: `turkish` is tr."""
    try:
        return langcodes.find(code).to_tag()
    except LookupError:
        return None


def _guess_by_older_code(code: str) -> str | None:
    """Read the code as an older code: `ger` is de."""
    try:
        language = langcodes.Language.get(code)
    except LanguageTagError:
        return None
    return language.to_tag() if language.is_valid() else None


def _guess_by_territory(code: str) -> str | None:
    """Read the code as a country: the language of `jp` is ja."""
    try:
        place = langcodes.Language.get(f"und-{code}")
    except LanguageTagError:
        return None
    if not place.territory or place.territory_name().startswith("Unknown"):
        return None
    return place.maximize().language


def name_of(code: str) -> str:
    """Return the English name of a language: `Turkish` for `tr`."""
    return langcodes.Language.get(code, normalize=False).display_name()


def name_or_code(code: str) -> str:
    """Return the English name of a language. In other people's tables, a text may be no code; it is returned as is."""
    try:
        return name_of(code)
    except ValueError:
        return code


# Codes of ISO 15924 that stand for several scripts of Unicode.
_MIXED_SCRIPTS = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}


def scripts_of(code: str) -> tuple[str, ...]:
    """Return the codes of the Unicode scripts that a language is written in: `Hani`, `Hira`, `Kana` for `ja`."""
    script = _script_of(code)
    return _MIXED_SCRIPTS.get(script, (script,))


def _script_of(code: str) -> str:
    return langcodes.Language.get(code).maximize().script or "Zyyy"


def usual_code_of(code: str) -> str:
    """Return the usual code of a language, without script and region: `zh` for `cmn`, `zho` and `zh-Hant`."""
    return langcodes.Language.get(code).prefer_macrolanguage().language or code


def direction_of(code: str) -> str:
    """Return `rtl` for a language that is written from right to left, else `ltr`, as in HTML."""
    return "rtl" if _script_of(code) in _RIGHT_TO_LEFT else "ltr"


_RIGHT_TO_LEFT = frozenset({"Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"})


def has_spaces(code: str) -> bool:
    """Return whether the script of a language separates words by spaces."""
    return _script_of(code) not in SCRIPTS_WITHOUT_SPACES


@cache
def tag_fits(tag: str, code: str) -> bool:
    """Return whether a tag of any style, such as `en-US`, `pt_BR` or `nb`, names the language of a code.

    A code without script and region fits all tags of its language. A code with a script fits only tags of the same
    script: `zh-Hans` fits `zh_CN`. A code with a region fits no tag of another region: `en-GB` fits `en`, but not
    `en-US`.
    """
    try:
        found, wanted = (langcodes.Language.get(_to_bcp47(text)) for text in (tag, code))
        if langcodes.tag_distance(found.language or "und", wanted.language or "und") > _SAME:
            return False
    except LanguageTagError:
        return tag.casefold() == code.casefold()
    if not (wanted.script or wanted.territory):
        return True
    if found.maximize().script != wanted.maximize().script:
        return False
    return not (found.territory and wanted.territory) or found.territory == wanted.territory


def _to_bcp47(tag: str) -> str:
    """Return a tag without the charset of a locale, and with its modifier as a script: `sr_RS.UTF-8@latin`."""
    tag, _, modifier = tag.strip().partition("@")
    language, *regions = tag.partition(".")[0].replace("_", "-").split("-")
    script = _SCRIPTS_OF_LOCALES.get(modifier.casefold())
    return "-".join([language, *([script] if script else []), *regions])


_SAME = 1
"""The greatest distance (CLDR's) between two codes of one language, such as `nb` and `no`, or `cmn` and `zh`."""

_SCRIPTS_OF_LOCALES = {"latin": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva", "arabic": "Arab"}
