"""Chooses as many languages to realign on as a budget allows: languages that differ from each other, or at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import nan
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from alignfreeze.errors import SettingsError
from alignfreeze.settings import Settings, check_known
from alignfreeze.typology import facts_of, is_installed

TYPOLOGY = ("syntax", "phonology", "sounds")
"""The kinds of distance (see `typology.FEATURES`) whose mean is the typological distance."""

_DECIMALS = 6
"""Distances are rounded to this many decimals. Further decimals differ between machines, in single precision."""

Order = Callable[[tuple[str, ...], str, int], Sequence[str]]
"""Returns languages in the order in which a growing budget includes them. Its arguments are the languages in
alphabetical order, the source language and a seed."""

Way = Annotated[str, AfterValidator(lambda name: check_known(name, WAYS, "way to choose languages"))]


class ChoiceSettings(Settings):
    """How many languages are realigned on, and which."""

    n: int = Field(gt=0)
    """How many of the languages are realigned on: the budget."""
    by: Way = "diversity"
    """`diversity` chooses languages that differ from each other and from the source language in typology, family and
    script (the extra `typology`). `random` draws languages."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """For `random`: the random start of the draw."""


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """The languages that were chosen, and how.

    Attributes:
        languages: The chosen languages, in the order in which they were listed.
        listed: How many there were to choose from.
        by: How they were chosen.
        seed: The random start of a draw; None if nothing was drawn.
        diversity: The diversity of the chosen and the source language; None without the extra `typology`.
        at_random: The mean diversity of an equal number of languages drawn at random, and the source language; None
            without the extra `typology`.
    """

    languages: tuple[str, ...]
    listed: int
    by: str
    seed: int | None
    diversity: float | None
    at_random: float | None


def choose_languages(languages: Sequence[str], settings: ChoiceSettings, *, source: str) -> list[str]:
    """Choose the languages to realign on, and return them in the order in which they are listed.

    The choice does not depend on that order. A larger budget includes all languages of a smaller one.

    Args:
        languages: Codes of all languages, each once, without the source language.
        settings: How many, and which.
        source: Code of the source language.

    Raises:
        SettingsError: The list has fewer languages, or the extra `typology` is needed but not installed.
    """
    check_budget(settings.n, languages)
    taken = WAYS[settings.by](tuple(sorted(languages)), source, settings.seed)[: settings.n]
    return [language for language in languages if language in taken]


def check_budget(n: int, languages: Sequence[str]) -> None:
    """Check that the list has enough languages to choose from.

    Raises:
        SettingsError: The list has fewer languages.
    """
    if n > len(languages):
        raise SettingsError(
            f"bitext.choice.n: {n} languages are to be chosen, but there are only {len(languages)}; lower n, or list "
            "more languages"
        )


def judge_choice(languages: Sequence[str], settings: ChoiceSettings, *, source: str) -> LanguageChoice:
    """Choose languages as `choose_languages` does, and compare their diversity with that of a random draw."""
    chosen = choose_languages(languages, settings, source=source)
    there = is_installed()
    return LanguageChoice(
        languages=tuple(chosen),
        listed=len(languages),
        by=settings.by,
        seed=settings.seed if settings.by == "random" else None,
        diversity=measure_diversity([source, *chosen]) if there else None,
        at_random=expect_diversity(languages, settings.n, source=source) if there else None,
    )


def measure_diversity(languages: Sequence[str]) -> float:
    """Return how different languages are from each other, from 0 to 1: the mean over all pairs; 0 for one language.

    The difference of two languages is the mean of three parts, each from 0 to 1:

    - typology: the mean cosine distance of URIEL's vectors for syntax, phonology and inventories of sounds,
    - family: the cosine distance of its vectors for families and their branches,
    - script: 1 for different scripts, else 0.

    A part may be unknown for a pair: URIEL has no family for Basque. It then counts as the mean of the pairs for which
    this part is known. So a lack of knowledge speaks neither for a language nor against it.

    Args:
        languages: Codes of the languages.

    Raises:
        SettingsError: The extra `typology` is not installed.
    """
    distinct = tuple(sorted(set(languages)))
    _check_installed()
    return _average_pairs(_measure_differences(distinct)) if len(distinct) > 1 else 0.0


def expect_diversity(languages: Sequence[str], n: int, *, source: str) -> float:
    """Return the diversity to expect of a random draw: the mean over all sets of n languages and the source language.

    Args:
        languages: Codes of all languages, each once, without the source language.
        n: How many languages are drawn.
        source: Code of the source language.

    Raises:
        SettingsError: The extra `typology` is not installed.
    """
    _check_installed()
    differences = _measure_differences((source, *sorted(languages)))
    from_source = float(differences[0, 1:].mean())
    among = _average_pairs(differences[1:, 1:]) if len(languages) > 1 else 0.0
    # A set has n pairs with the source language and n (n - 1) / 2 without it; all pairs of a kind are equally likely.
    return (2 * from_source + (n - 1) * among) / (n + 1)


def _order_by_diversity(languages: tuple[str, ...], source: str, _: int) -> Sequence[str]:
    """Return languages in an order: each differs most from the source language and those before it.

    Realignment on few, diverse languages can help as much as realignment on all languages. It can help more for
    languages that the encoder has never seen (Nguyen et al. 2025, arXiv 2511.06497). As in that paper, the source
    language counts as chosen from the start.

    The paper maximises one of three measures (URIEL's features, family, script) over all sets of languages. Here the
    mean of the three measures decides, one language after the other. Ties go to the first in the alphabet. A choice of
    one language is always the best one. In the tests, choices of more languages come within 3% of the most diverse set.
    """
    _check_installed()
    return _order_by_difference(languages, source)


def _draw(languages: tuple[str, ...], _: str, seed: int) -> Sequence[str]:
    return random.Random(seed).sample(languages, len(languages))


WAYS: dict[str, Order] = {"diversity": _order_by_diversity, "random": _draw}
"""The ways to choose languages by name; a new one is a function and a line."""


@lru_cache  # settings are asked for their languages again and again
def _order_by_difference(languages: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Return languages in an order: each differs most from the source language and those before it."""
    differences = _measure_differences((source, *languages))
    added = differences[0, 1:].copy()  # [languages]: how much each would add to the sum over pairs
    order: list[int] = []
    for _ in languages:
        order.append(int(added.round(_DECIMALS).argmax()))  # the first of equals
        added += differences[1 + order[-1], 1:]
        added[order] = -1
    return tuple(languages[number] for number in order)


def _measure_differences(languages: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the difference of each two languages, [languages, languages]; 0 on the diagonal."""
    n = len(languages)
    parts = np.full((3, n, n), nan)
    for (row, one), (column, other) in combinations(enumerate(languages), 2):
        parts[:, row, column] = parts[:, column, row] = _compare(facts_of(*sorted((one, other))).values)
    known = [part for part in parts if not np.isnan(part).all()]
    filled = [np.where(np.isnan(part), np.nanmean(part), part) for part in known]
    differences = np.mean(filled, axis=0) if filled else np.zeros((n, n))
    np.fill_diagonal(differences, 0)
    return differences.clip(0, 1).round(_DECIMALS)


def _compare(values: Mapping[str, float]) -> tuple[float, float, float]:
    """Return how much two languages differ in typology, family and script; nan for a part that is not known."""
    distances = [values[kind] for kind in TYPOLOGY if kind in values]
    typology = sum(distances) / len(distances) if distances else nan
    return typology, values.get("genealogy", nan), 1 - values.get("same script", nan)


def _average_pairs(differences: NDArray[np.float64]) -> float:
    return float(differences[np.triu_indices(len(differences), 1)].mean())


def _check_installed() -> None:
    if not is_installed():
        raise SettingsError(
            "the diversity of languages is measured with URIEL data, which need an extra: "
            "pip install 'alignfreeze[typology]'"
        )
