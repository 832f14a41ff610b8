"""Test items whose predictions a strategy changes, for better and for worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unicodedata import bidirectional

from alignfreeze.errors import DataError
from alignfreeze.evaluation.keeping import TEST_ITEMS, read_items
from alignfreeze.experiment.names import split_joined
from alignfreeze.experiment.records import RECORD
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.progress import remark
from alignfreeze.studies.answers import best_of, judgements_of
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.results import Result
from alignfreeze.tasks.kept_items import KeptItem

MOST_SHOWN = 5
"""How many items are shown that became better, and how many that became worse."""

NOTHING = "–"
"""Stands where there is no label."""

Kept = Mapping[str, Sequence[KeptItem]]
"""The test items that a run kept, by language."""


@dataclass(frozen=True, slots=True)
class ShownWord:
    """A word with its labels, as a page shows it.

    Attributes:
        word: The word.
        right: The right label.
        before: The label that the baseline predicted.
        after: The label that the strategy predicted.
        is_changed: Whether the two predictions differ.
        was_right: Whether the baseline was right.
        is_right: Whether the strategy is right.
    """

    word: str
    right: str
    before: str
    after: str
    is_changed: bool
    was_right: bool
    is_right: bool


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """A test item with the predictions of the baseline and of a strategy, which differ.

    Attributes:
        before: The item with the prediction of the baseline.
        after: The same item with the prediction of the strategy.
    """

    before: KeptItem
    after: KeptItem

    @property
    def change(self) -> float:
        """How much more is right with the strategy: words with the right label, or the score of the texts."""
        return self.after.points - self.before.points

    @property
    def words(self) -> list[ShownWord]:
        """The words with their labels; empty for texts."""
        if not self.after.words:
            return []
        found = []
        rows = zip(self.after.words, self.after.right, self.before.predicted, self.after.predicted, strict=True)
        for word, right, before, after in rows:
            changed = right is not None and before != after
            labels = (right or NOTHING, before or NOTHING, after or NOTHING)
            found.append(ShownWord(word, *labels, changed, was_right=before == right, is_right=after == right))
        return found

    @property
    def direction(self) -> str:
        """`rtl` if most letters of the words are written from right to left, else `ltr`, as in HTML."""
        kinds = Counter(bidirectional(letter) for word in self.after.words for letter in word)
        return "rtl" if kinds["R"] + kinds["AL"] > kinds["L"] else "ltr"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a strategy changes in the test items of a language, in one run compared with the baseline of its seed.

    Attributes:
        strategy: The strategy.
        seed: The seed of both runs.
        better: Items of which more is right with the strategy; the greatest change comes first.
        worse: Items of which less is right; the greatest change comes first.
        n: The number of items that both runs kept.
        of: The comparison, if the page shows several; else empty.
    """

    strategy: str
    seed: int
    better: Sequence[ChangedItem]
    worse: Sequence[ChangedItem]
    n: int
    of: str = ""

    @property
    def title(self) -> str:
        """The heading."""
        return f"What {self.strategy} changes{self.of and f': {self.of}'}"

    @property
    def note(self) -> str:
        """How to read it."""
        better, worse = (f"{len(several):,}" for several in (self.better, self.worse))
        is_joined = split_joined(self.strategy)[1] is not None
        who = "the baseline has the first of the joined seeds," if is_joined else "both runs have the seed"
        return (
            f"With {self.strategy}, more is right in {better} of the first {self.n:,} test items, and less in {worse}; "
            f"{who} {self.seed}. At most {MOST_SHOWN} of each are shown, the greatest changes first. "
            "✓ is right, ✗ is wrong."
        )


def find_changes(before: Sequence[KeptItem], after: Sequence[KeptItem]) -> tuple[list[ChangedItem], list[ChangedItem]]:
    """Return the items of which more is right in the second list, and those of which less is right.

    The greatest change comes first. Of two equal changes, that of the shorter sentence comes first.
    """
    changed = [ChangedItem(*both) for both in zip(before, after, strict=True)]
    ordered = sorted(changed, key=lambda item: (-abs(item.change), len(item.after.words)))
    return [item for item in ordered if item.change > 0], [item for item in ordered if item.change < 0]


def gather_changes(comparison: Comparison, results: Sequence[Result]) -> dict[str, Changes]:
    """Return what the best strategy of each language changes in the test items, by language.

    The best strategy is the one that the answer for the language names. A language is left out if its runs kept no
    items. A damaged file is left out with a remark.

    Args:
        comparison: The strategies language by language.
        results: Results with the places of their runs, also of other comparisons.
    """
    runs = _find_runs(comparison, results)
    read = cache(_read)
    found = {}
    for code in comparison.languages:
        judged = judgements_of(comparison, code)
        best = best_of(judged) if judged else ""
        seeds = sorted(runs.get(BASELINE, {}).keys() & runs.get(best, {}).keys())
        if not seeds:
            continue
        several = _compare_runs(code, runs[BASELINE][seeds[0]], runs[best][seeds[0]], read)
        if several is not None:
            found[code] = Changes(best, seeds[0], *find_changes(*several), n=len(several[0]))
    return found


def _find_runs(comparison: Comparison, results: Sequence[Result]) -> dict[str, dict[int, Path]]:
    """Return the files with test items of a comparison's runs, by strategy and seed. Older runs have none."""
    setup = comparison.setup
    found: dict[str, dict[int, Path]] = {}
    for place in {one.place: one for one in results}.values():
        shared = (place.setup.encoder, place.setup.task, place.fine_tuned)
        is_part = setup.has_runs_of(place.setup) or place.strategy == BASELINE
        path = Path(place.place)
        if is_part and shared == (setup.encoder, setup.task, comparison.fine_tuned) and path.name == RECORD:
            kept = path.with_name(TEST_ITEMS)
            if kept.is_file():
                found.setdefault(place.strategy, {}).setdefault(place.seed, kept)
    return found


def _read(path: Path) -> Kept:
    try:
        return read_items(path)
    except DataError as error:
        remark(f"{error}; the page shows no test items of this run")
        return {}


def _compare_runs(
    code: str, before: Path, after: Path, read: Callable[[Path], Kept]
) -> tuple[Sequence[KeptItem], Sequence[KeptItem]] | None:
    """Return the items of a language that two runs kept; None if they kept none, or others."""
    ours, theirs = (read(path).get(code, ()) for path in (after, before))
    if not ours or len(ours) != len(theirs) or not all(map(KeptItem.is_same, ours, theirs)):
        return None
    return theirs, ours
