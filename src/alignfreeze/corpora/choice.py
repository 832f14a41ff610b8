"""Which of the languages with bitext are realigned on: as many as a budget allows, unlike each other or drawn."""

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
"""The kinds of distance (see `typology.FEATURES`) whose mean is the typological one."""

_DECIMALS = 6
"""To which what goes into a choice is rounded: beyond, products of single precision differ between machines."""

Order = Callable[[tuple[str, ...], str, int], Sequence[str]]
"""Puts languages, in the order of the alphabet, into the order in which a growing budget takes them; it is told the
source language and a seed too."""

Way = Annotated[str, AfterValidator(lambda name: check_known(name, WAYS, "way to choose languages"))]


class ChoiceSettings(Settings):
    """How many of the languages are realigned on, and which."""

    n: int = Field(gt=0)
    """How many of the languages are realigned on: the budget."""
    by: Way = "diversity"
    """`diversity` takes languages that are unlike each other and the source language in typology, family and script
    (the extra `typology`); `random` draws them."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of `random`."""


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """The languages that were chosen, and how.

    Attributes:
        languages: In the order in which they were listed.
        listed: How many there were to choose from.
        by: How they were chosen.
        seed: Of a draw; None where nothing was drawn.
        diversity: Of the chosen ones together with the source language; None without the extra `typology`.
        at_random: The same of as many languages drawn at random, on average.
    """

    languages: tuple[str, ...]
    listed: int
    by: str
    seed: int | None
    diversity: float | None
    at_random: float | None


def choose_languages(languages: Sequence[str], settings: ChoiceSettings, *, source: str) -> list[str]:
    """Return the languages that are realigned on, in the order in which they are listed.

    Which ones these are does not depend on that order, and a greater budget
    takes all that a smaller one takes.

    Args:
        languages: Codes of all that there are, each once, without the source language.
        settings: How many, and which.
        source: Code of the source language.

    Raises:
        SettingsError: There are not so many, or the extra `typology` is needed and not there.
    """
    check_budget(settings.n, languages)
    taken = WAYS[settings.by](tuple(sorted(languages)), source, settings.seed)[: settings.n]
    return [language for language in languages if language in taken]


def check_budget(n: int, languages: Sequence[str]) -> None:
    """Refuse to choose more languages than there are."""
    if n > len(languages):
        raise SettingsError(f"bitext.choice.n: {n} languages are to be chosen, and there are {len(languages)}")


def judge_choice(languages: Sequence[str], settings: ChoiceSettings, *, source: str) -> LanguageChoice:
    """Choose languages as `choose_languages` does, and tell how diverse they are beside a draw."""
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
    """Return how unlike languages are, from 0 to 1: the mean over all pairs of them; 0 for one alone.

    Two languages are unlike by the mean of three parts, each from 0 to 1: the cosine distances of URIEL's vectors
    for syntax, phonology and inventories of sounds, averaged; that of its vectors for families and their branches;
    and 1 for different scripts. Only what is known counts: a part that is not known of a pair (URIEL has no family
    for Basque) is taken to be as it is on average where it is known, so that ignorance speaks neither for a language
    nor against it.

    Args:
        languages: Their codes.

    Raises:
        SettingsError: The extra `typology` is not installed.
    """
    distinct = tuple(sorted(set(languages)))
    _check_installed()
    return _mean_of_pairs(_unlikeness(distinct)) if len(distinct) > 1 else 0.0


def expect_diversity(languages: Sequence[str], n: int, *, source: str) -> float:
    """Return the mean diversity of the source language and n others, over all sets of n: what to expect of a draw.

    Args:
        languages: Codes of all that there are, each once, without the source language.
        n: How many are drawn.
        source: Code of the source language.

    Raises:
        SettingsError: The extra `typology` is not installed.
    """
    _check_installed()
    unlike = _unlikeness((source, *sorted(languages)))
    from_source = float(unlike[0, 1:].mean())
    among = _mean_of_pairs(unlike[1:, 1:]) if len(languages) > 1 else 0.0
    # A set has n pairs with the source language and n (n - 1) / 2 without, each as likely as any other of its kind.
    return (2 * from_source + (n - 1) * among) / (n + 1)


def _by_diversity(languages: tuple[str, ...], source: str, _: int) -> Sequence[str]:
    """Return languages in the order in which each is the least like those before it.

    Realignment on few, diverse languages can do what realignment on all does, and more for languages that the encoder
    has never seen (Nguyen et al. 2025, arXiv 2511.06497). As there, the source language counts as chosen from the
    beginning. There one of three measures (URIEL's features, family, script) is maximised over all sets. Here their
    mean is, one language after the other; ties go to the first in the alphabet. This finds the best single language.
    Sets of more languages are within 3% of the most diverse ones, for the eight languages at a time that tests draw.
    """
    _check_installed()
    return _from_unlike_to_alike(languages, source)


def _at_random(languages: tuple[str, ...], _: str, seed: int) -> Sequence[str]:
    return random.Random(seed).sample(languages, len(languages))


WAYS: dict[str, Order] = {"diversity": _by_diversity, "random": _at_random}


@lru_cache  # settings are asked for their languages time and again
def _from_unlike_to_alike(languages: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Return languages in the order in which each is the least like the source language and those before it."""
    unlike = _unlikeness((source, *languages))
    added = unlike[0, 1:].copy()  # [languages]: what each would add to the sum over pairs
    order: list[int] = []
    for _ in languages:
        order.append(int(added.round(_DECIMALS).argmax()))  # of equals the first
        added += unlike[1 + order[-1], 1:]
        added[order] = -1
    return tuple(languages[number] for number in order)


def _unlikeness(languages: tuple[str, ...]) -> NDArray[np.float64]:
    """Return how unlike each two of several languages are, [languages, languages]; 0 on the diagonal."""
    n = len(languages)
    parts = np.full((3, n, n), nan)
    for (row, one), (column, other) in combinations(enumerate(languages), 2):
        parts[:, row, column] = parts[:, column, row] = _parts(facts_of(*sorted((one, other))).values)
    there = [part for part in parts if not np.isnan(part).all()]
    filled = [np.where(np.isnan(part), np.nanmean(part), part) for part in there]
    unlike = np.mean(filled, axis=0) if filled else np.zeros((n, n))
    np.fill_diagonal(unlike, 0)
    return unlike.clip(0, 1).round(_DECIMALS)


def _parts(values: Mapping[str, float]) -> tuple[float, float, float]:
    """Return in how far two languages differ in typology, family and script; nan for what is not known."""
    distances = [values[kind] for kind in TYPOLOGY if kind in values]
    typology = sum(distances) / len(distances) if distances else nan
    return typology, values.get("genealogy", nan), 1 - values.get("same script", nan)


def _mean_of_pairs(unlike: NDArray[np.float64]) -> float:
    return float(unlike[np.triu_indices(len(unlike), 1)].mean())


def _check_installed() -> None:
    if not is_installed():
        raise SettingsError(
            "how diverse languages are is told by the data of URIEL, which the extra brings: "
            "pip install 'alignfreeze[typology]'"
        )
