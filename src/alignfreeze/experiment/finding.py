"""Finds the files and data sets of an experiment: places with their placeholders filled in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from glob import escape, has_magic
from pathlib import Path

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.corpora import mini
from alignfreeze.corpora.hub import HUB
from alignfreeze.experiment.leaderboards import HubTest
from alignfreeze.experiment.names import PLAIN, TRANSLATION
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import LANGUAGE_PLACEHOLDER, PAIR_PLACEHOLDER, name_pair


def places_of(settings: ExperimentSettings, base: Path, tested: Sequence[str]) -> dict[str, Path | str]:
    """Return the path of every file, or the name of every data set on the hub, by its role."""
    data = settings.data
    places: dict[str, Path | str] = {"train": place_of(data.train, base)}
    places |= {f"test {code}": place_of(_fill_in_test(settings, code), base) for code in tested}
    if settings.translates and (given := settings.translations) is not None:
        for code in settings.translated_languages:
            places[f"{TRANSLATION} {code}"] = place_of(fill_in(given.place, settings, code), base)
    if settings.reads_plain_text and (text := settings.self_training.text) is not None:
        for code in settings.realigned_languages:
            places[f"{PLAIN} {code}"] = locate(fill_in(text, settings, code), base)
    if settings.bitext is None:
        return places
    patterns = {"links": settings.alignment.links}
    if ALIGNERS[settings.alignment.aligner].needs_dictionaries:
        patterns["dictionary"] = settings.alignment.dictionary
    for role, pattern in patterns.items():
        if pattern is not None:
            for code in settings.realigned_languages:
                places[f"{role} {code}"] = locate(fill_in(pattern, settings, code), base)
    return places


def given_languages(places: Mapping[str, Path | str], *roles: str) -> list[str]:
    """Return the languages that have a file of one of some roles, in their order."""
    return [code for role, _, code in (name.partition(" ") for name in places) if role in roles]


def find_missing_bitext(settings: ExperimentSettings, base: Path) -> list[str]:
    """Return the missing files of the bitext. Patterns, folders and data sets on the hub are checked later."""
    if settings.bitext is None:
        return []
    sides = {"source": settings.bitext.source, "target": settings.bitext.target}
    return [
        f"  bitext {code} {side}: {path}"
        for side, pattern in sides.items()
        for code in settings.realigned_languages
        if pattern is not None
        and not pattern.startswith(HUB)
        and not _is_there(path := locate(fill_in(pattern, settings, code), base))
    ]


def _is_there(path: Path) -> bool:
    """Return whether a path exists, or files whose names begin with its name. A pattern always passes."""
    return has_magic(path.name) or os.path.exists(path) or any(path.parent.glob(f"{escape(path.name)}.*"))  # noqa: PTH110


def place_of(name: str, base: Path) -> Path | str:
    """Return the path of a file, or the name of a data set on the hub."""
    return name if name.startswith(HUB) else locate(name, base)


def locate(name: str, base: Path) -> Path:
    """Return the path of a file, which may be in the mini corpus."""
    if name.startswith(mini.PREFIX):
        return mini.mini_path(name.removeprefix(mini.PREFIX))
    return base / Path(name).expanduser()


def fill_in(pattern: str, settings: ExperimentSettings, language: str) -> str:
    """Put the codes of a language pair into a pattern."""
    pair = name_pair(settings.source_language, language)
    return pattern.replace(PAIR_PLACEHOLDER, pair).replace(LANGUAGE_PLACEHOLDER, language)


def _fill_in_test(settings: ExperimentSettings, language: str) -> str:
    """Return the place of the test items of a language."""
    named = settings.data.test.replace(LANGUAGE_PLACEHOLDER, settings.data.names.get(language, language))
    return fill_in(named, settings, language)


def hub_data_of(settings: ExperimentSettings) -> dict[str, list[str]]:
    """Return the data sets on the hub that an experiment reads, by their purpose."""
    data = settings.data
    tests = [_fill_in_test(settings, code) for code in settings.tested_languages]
    places = {
        "train": [f"{data.train} ({data.train_split})"],
        "test": [f"{test} ({data.test_split})" for test in tests],
    }
    if settings.translates and (given := settings.translations) is not None:
        codes = settings.translated_languages
        places["translations"] = [f"{fill_in(given.place, settings, code)} ({data.train_split})" for code in codes]
    if settings.bitext is not None:
        places["bitext"] = [fill_in(settings.bitext.source, settings, code) for code in settings.realigned_languages]
    return {role: named for role, found in places.items() if (named := [n for n in found if n.startswith(HUB)])}


def hub_tests_of(settings: ExperimentSettings) -> dict[str, HubTest]:
    """Return the data sets on the hub that an experiment tests on, by language."""
    data = settings.data
    places = {code: _fill_in_test(settings, code) for code in settings.tested_languages}
    how = {"split": data.test_split, "is_whole": data.max_test is None}
    return {code: HubTest.parse(place, **how) for code, place in places.items() if place.startswith(HUB)}


def local_files_of(settings: ExperimentSettings, *, base: Path) -> dict[str, Path]:
    """Return the files on this machine that an experiment reads, without its bitext, by role."""
    return keep_local(places_of(settings, base, settings.tested_languages))


def keep_local(places: Mapping[str, Path | str]) -> dict[str, Path]:
    """Return the places that are no data sets on the hub."""
    return {role: Path(place) for role, place in places.items() if not str(place).startswith(HUB)}
