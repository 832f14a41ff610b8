"""Compare the strategies of studies, which are given as folders, as tables, or as what `run_experiment` returned."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

from alignfreeze.errors import SettingsError, did_you_mean, show_value
from alignfreeze.experiment.paper import PREFIX, table_path
from alignfreeze.experiment.records import RECORD, RUNS, RunRecord
from alignfreeze.progress import remark
from alignfreeze.running.doubts import doubts_of, learnt_nothing
from alignfreeze.running.folder import PLANNED, read_planned, say_untried
from alignfreeze.running.study import Study
from alignfreeze.running.tables import sheet_of
from alignfreeze.running.verdicts import MARGIN
from alignfreeze.sheets import Sheet, doubt_lines
from alignfreeze.studies.answers import answer_lines
from alignfreeze.studies.comparison import Comparison, compare_results
from alignfreeze.studies.results import check_tests, read_all, results_of
from alignfreeze.studies.tables import (
    comparison_facts,
    comparison_rows,
    overall_sheet,
    table_of,
    title_of,
    versus_facts,
    versus_sheet,
)
from alignfreeze.studies.versus import Versus, set_side_by_side
from alignfreeze.tabular import Tabular

StudyLike = Study | str | os.PathLike[str]
"""What `run_experiment` returned, the folder of runs, a table in the layout of the paper's results, or one of
its tables, `paper:pos-xlmr`."""


@dataclass(frozen=True, slots=True)
class Comparisons(Tabular, Sequence[Comparison]):
    """The comparisons of studies: a sequence with one comparison per setup and metric.

    Attributes:
        comparisons: The comparisons.
        doubts: What is doubtful in the scores, each doubt once.
        versus: The same comparisons beside those of other studies; empty unless others were given.
    """

    comparisons: tuple[Comparison, ...]
    doubts: tuple[str, ...] = ()
    versus: tuple[Versus, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Comparison: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Comparison, ...]: ...

    def __getitem__(self, index: int | slice) -> Comparison | tuple[Comparison, ...]:
        return self.comparisons[index]

    def __len__(self) -> int:
        return len(self.comparisons)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per comparison, language and strategy: mean score and gain, as shares, with its interval."""
        return [row for comparison in self.comparisons for row in comparison_rows(comparison)]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparisons as plain values, as `alignfreeze compare --json` prints them."""
        facts: dict[str, Any] = {
            "doubts": list(self.doubts),
            "comparisons": [comparison_facts(item) for item in self.comparisons],
        }
        return facts | ({"versus": [versus_facts(item) for item in self.versus]} if self.versus else {})

    def sheets(self) -> list[Sheet]:
        """Return two tables per comparison, by language and in sum; then the tables beside other studies."""
        both = [sheet for item in self.comparisons for sheet in (sheet_of(table_of(item)), overall_sheet(item))]
        return [*both, *map(versus_sheet, self.versus)]

    def answers(self) -> list[str]:
        """Return one line per setup, metric and target language: whether to realign, and how sure that is."""
        several = len(self.comparisons) > 1
        return [
            f"{title_of(item)}: {line}" if several else line for item in self.comparisons for line in answer_lines(item)
        ]

    def check_languages(self, codes: Sequence[str]) -> list[str]:
        """Return codes of languages, each once, if all of them are target languages here.

        Raises:
            SettingsError: A code is that of no target language.
        """
        known = list(dict.fromkeys(code for one in self.comparisons for code in one.languages))
        for code in codes:
            if code not in known:
                hint = did_you_mean(code, known)
                raise SettingsError(f"no target language {code!r} here; there are {', '.join(sorted(known))}.{hint}")
        return list(dict.fromkeys(codes))

    def warnings(self) -> list[str]:
        """Return what is doubtful in the scores."""
        return doubt_lines(self.doubts)


def compare(
    studies: StudyLike | Sequence[StudyLike],
    *,
    against: StudyLike | Sequence[StudyLike] | None = None,
    margin: float = 100 * MARGIN,
) -> Comparisons:
    """Compare strategies with the baseline: say for each language whether one helps, hurts, or makes no difference.

    ```python
    found = af.compare("my-study")
    found[0].cells["tr"]["front"].judged.verdict
    found.to_pandas()
    ```

    Args:
        studies: What `run_experiment` returned, folders of runs, or tables (CSV); one of these or a list. A study
            stands for all runs in its folder.
        against: Other studies to set beside these, in the same forms.
        margin: A gain or loss within this many points is no difference worth having.

    Raises:
        DataError: A folder or table is missing, damaged, or holds no result.
        SettingsError: Results contradict each other, test data differ, or a setup has no baseline. Or something is
            not a study.
    """
    places = to_places(studies, "studies")
    share = to_margin(margin)
    results, records = read_all(places)
    say_unfinished(places)
    found = [_mark_empty(one, records) for one in compare_results(results, margin=share)]
    versus = []
    if against is not None:
        theirs, others = read_all(to_places(against, "against"))
        records += others
        check_tests([*results, *theirs])
        versus = set_side_by_side(found, compare_results(theirs, margin=share))
    return Comparisons(tuple(found), tuple(doubt.sentence for doubt in doubts_of(records)), tuple(versus))


def is_run_of(record: RunRecord, compared: Comparison) -> bool:
    """Tell whether a run is one of a comparison. Runs that do not see the bitext are part of several."""
    result = next(results_of(record, ""), None)
    if result is None or record.sees_bitext:
        return result is not None and compared.setup.has_runs_of(result.setup)
    ours, theirs = result.setup, compared.setup
    if ours.teaching and record.strategy not in compared.strategies:
        return False
    if ours.teaching and theirs.teaching and theirs.schedule is None and ours.teaching != theirs.teaching:
        return False
    return (ours.encoder, ours.task, result.fine_tuned) == (theirs.encoder, theirs.task, compared.fine_tuned)


def _mark_empty(compared: Comparison, records: Sequence[RunRecord]) -> Comparison:
    """Say of a comparison whether its runs have learnt nothing."""
    runs = [record for record in records if is_run_of(record, compared)]
    return replace(compared, learnt_nothing=True) if learnt_nothing(runs) else compared


def to_margin(points: float) -> float:
    """Return a margin in points as a share.

    Raises:
        SettingsError: It is not a number between 0 and 100.
    """
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < 100:
        raise SettingsError(f"margin: expected points between 0 and 100, such as 0.5; got {show_value(points)}")
    return points / 100


def say_unfinished(places: Iterable[Path]) -> None:
    """Say which planned runs of folders have no record: they are not complete, or were deleted."""
    for place in places:
        if not (place / PLANNED).exists():
            continue
        names = read_planned(place)
        if missing := [name for name in names if not (place / RUNS / name / RECORD).exists()]:
            remark(
                f"{place}: {len(missing)} of {len(names)} planned runs have no record and do not count: "
                f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}"
            )
            if untried := say_untried(names, missing):
                remark(untried)


def to_places(studies: StudyLike | Sequence[StudyLike], what: str) -> list[Path]:
    """Return the folders and tables of studies, in whatever form a caller holds them.

    Args:
        studies: One study, or several.
        what: The name of the argument, for the message.

    Raises:
        SettingsError: Something is not a study, or there is none.
    """
    places = list(_find_places(studies, what))
    if not places:
        raise SettingsError(f"{what}: {_EXPECTED}; got an empty list")
    return places


_EXPECTED = "expected what run_experiment returned, the folder of runs, a table (CSV), paper:NAME, or a list of these"


def _find_places(studies: Any, what: str) -> Iterator[Path]:
    if isinstance(studies, str | os.PathLike) and isinstance(place := os.fspath(studies), str):
        yield _to_place(place)
        return
    if not isinstance(studies, list | tuple):
        raise SettingsError(f"{what}: {_EXPECTED}; got {show_value(studies)}")
    for number, one in enumerate(studies, start=1):
        if not isinstance(one, str | os.PathLike):
            raise SettingsError(f"{what}: {_EXPECTED}; item {number} is {show_value(one)}")
        yield _to_place(os.fspath(one))


def _to_place(name: str) -> Path:
    """Return the path of a study; `paper:pos-xlmr` is a table that the paper published."""
    return table_path(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else Path(name)
