"""What is doubtful in the scores of many runs, each doubt once. Wherever scores are shown, doubts come first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alignfreeze.evaluation.scores import LEARNT_NOTHING
from alignfreeze.experiment.records import RunRecord
from alignfreeze.languages import name_of

MOST_NAMED = 4
"""How many runs or languages are named. Of more only the number is given."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that cannot be right in the scores of some runs.

    Attributes:
        sentence: What is wrong, in which languages and runs.
        runs: The places of these runs among all, from 0.
    """

    sentence: str
    runs: tuple[int, ...]


def doubts_of(records: Sequence[RunRecord]) -> list[Doubt]:
    """Return what is doubtful in the scores of runs, each doubt once."""
    return gather_doubts([(f"{record.strategy}, {record.named_seeds}", record.doubts) for record in records])


def learnt_nothing(records: Sequence[RunRecord]) -> bool:
    """Return whether at least half of the runs have learnt nothing, not even in the language of their training data."""
    empty = [record for record in records if any(_is_empty(doubt, record) for doubt in record.doubts)]
    return bool(records) and 2 * len(empty) >= len(records)


def _is_empty(doubt: str, record: RunRecord) -> bool:
    source = name_of(str(record.settings["source_language"]))
    return LEARNT_NOTHING in doubt and doubt.startswith(f"{source}: ")


def gather_doubts(runs: Sequence[tuple[str, Iterable[str]]]) -> list[Doubt]:
    """Return the doubts of runs, each once: several runs or languages with the same doubt share a sentence.

    Args:
        runs: The name of each run, and its doubts, which begin with the name of a language and a colon.
    """
    places: dict[str, list[int]] = {}
    for place, (_, doubts) in enumerate(runs):
        for doubt in dict.fromkeys(doubts):
            places.setdefault(doubt, []).append(place)
    languages: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for doubt, found in places.items():
        language, _, text = doubt.partition(": ")
        languages.setdefault((text, tuple(found)), []).append(language)
    names = [name for name, _ in runs]
    return [
        Doubt(f"{_list_languages(several)}{text and f': {text}'} ({_list_runs(found, names)})", found)
        for (text, found), several in languages.items()
    ]


def _list_languages(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} languages"


def _list_runs(places: Sequence[int], names: Sequence[str]) -> str:
    if len(places) == len(names) > 1:
        return f"all {len(names)} runs"
    if len(places) <= MOST_NAMED:
        return "; ".join(dict.fromkeys(names[place] for place in places))
    return f"{len(places)} of {len(names)} runs"
