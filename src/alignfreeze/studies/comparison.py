"""Compare strategies with the baseline, language by language, for every setup of the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.names import (
    BASELINE,
    PAPER_STRATEGIES,
    sees_bitext,
)
from alignfreeze.running.scores import (
    GroupsByStrategy,
    PaperVerdict,
    Summary,
    Values,
    average_languages,
    find_groups,
    judge_scores,
    size_groups,
)
from alignfreeze.running.trials import Counts
from alignfreeze.running.verdicts import MARGIN, VERDICTS, Verdict
from alignfreeze.studies.gains_over import GainOver, compare_with, correct_known, find_best, find_frozen, find_next
from alignfreeze.studies.results import METRICS, Result, Setup, check_tests
from alignfreeze.studies.statistics import p_value_of_gains, rank_strategies

if TYPE_CHECKING:
    pass

Kind = TypeVar("Kind", bound=str)

SIGNIFICANT = 0.05
"""A p-value below this value is significant."""

PAPER_VERDICTS: tuple[PaperVerdict, ...] = ("improved", "unchanged", "worsened")


@dataclass(frozen=True, slots=True)
class Overall:
    """A strategy over all target languages.

    Attributes:
        average: The summary over seeds of the mean over languages.
        counts: Number of languages by verdict.
        paper_counts: Number of languages by the paper's criterion. Languages with a single seed are not counted.
        p_value: The p-value of Wilcoxon's test that the gains of languages are around zero; None for the baseline.
        corrected: The p-value corrected for the other strategies of this comparison (Holm).
        rank: Mean rank among the strategies over languages; 1 is the best.
        over_best: For a merged encoder, its gain over the best of its members; None unless all members were tested. The
            members are those of an average, or the two encoders of a swap. For joined models, the gain over the mean of
            these models.
        over_frozen: For parts that are put back, the gain over the strategy that freezes them while it realigns; None
            unless that was tested.
        over_next: For the best of the strategies that only realign, the gain over the second best. It tells whether it
            is known what to freeze.
    """

    average: Summary
    counts: Mapping[Verdict, int]
    paper_counts: Mapping[PaperVerdict, int]
    p_value: float | None
    corrected: float | None
    rank: float
    over_best: GainOver | None = None
    over_frozen: GainOver | None = None
    over_next: GainOver | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Strategies in all languages, for one setup and metric.

    Attributes:
        setup: What the runs have in common.
        metric: What is measured.
        source: Code of the source language; None if it was not tested.
        languages: Codes of the target languages.
        strategies: The strategies, the baseline first.
        seeds: The seeds of all strategies.
        cells: Summaries by language and strategy.
        overall: The summary of each strategy over the target languages.
        label: Distinguishes this comparison from others that otherwise look the same; empty if not needed.
        fine_tuned: Digest of the settings that the runs share with their baseline; empty if they are not known.
        margin: A gain or loss within this share is not worth having.
        covers_sentences: Whether intervals cover other test sentences too, and not only other seeds.
        joined: How many seeds a run has, for the strategies that join several.
        learnt_nothing: Whether at least half of the runs have learnt nothing in the source language, so that gains mean
            nothing.
    """

    setup: Setup
    metric: str
    source: str | None
    languages: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: Mapping[str, Mapping[str, Summary]]
    overall: Mapping[str, Overall]
    label: str = ""
    fine_tuned: str = ""
    margin: float = MARGIN
    covers_sentences: bool = False
    joined: Mapping[str, int] = field(default_factory=dict)
    learnt_nothing: bool = False

    @property
    def realignments(self) -> tuple[str, ...]:
        """The strategies without the baseline."""
        return tuple(strategy for strategy in self.strategies if strategy != BASELINE)


def compare_results(results: Sequence[Result], *, margin: float = MARGIN) -> list[Comparison]:
    """Compare the strategies of each setup with its baseline. Return one comparison per setup and metric.

    Args:
        results: Results of any number of setups.
        margin: A gain or loss within this share is not worth having.

    Raises:
        SettingsError: Two results of the same run differ, test data differ, or a setup has no baseline.
    """
    check_tests(results)
    unique = _drop_repeated(results)
    _check_groups(unique)
    found = []
    for setup, members in _group_by_setup(unique).items():
        if all(result.strategy != BASELINE for result in members):
            raise SettingsError(
                f"no baseline for {name_setup(setup)}, as in {members[0].place}: "
                f"gains are measured against the baseline; run the strategy {BASELINE!r} with the same settings and "
                "compare both"
            )
        metrics = {result.metric for result in members}
        ordered = sorted(metrics, key=lambda name: METRICS.index(name) if name in METRICS else len(METRICS))
        found += [_compare(setup, name, [r for r in members if r.metric == name], margin) for name in ordered]
    names = Counter((replace(item.setup, settings="", teaching=""), item.metric) for item in found)
    named: dict[Setup, dict[str, None]] = {}
    for result in unique:
        named.setdefault(result.setup, {})[result.study] = None
    studies = {item.setup: ", ".join(named[item.setup]) for item in found}
    labels = Counter(studies.values())
    # The digest of the settings distinguishes two studies of the same name.
    labelled = {
        setup: f"{study} (settings {_short_digest(setup)})" if labels[study] > 1 and setup.settings else study
        for setup, study in studies.items()
    }
    return [
        replace(
            item,
            label=labelled[item.setup] if names[replace(item.setup, settings="", teaching=""), item.metric] > 1 else "",
        )
        for item in found
    ]


def _short_digest(setup: Setup) -> str:
    return "-".join(digest[:6] for digest in (setup.settings, setup.teaching) if digest)


def name_setup(setup: Setup) -> str:
    """Return a setup as a few words."""
    parts = [setup.task, "with", setup.encoder]
    if setup.aligner is not None:
        parts += ["aligner", setup.aligner, "schedule", setup.schedule or "before"]
    return " ".join(parts)


def _drop_repeated(results: Sequence[Result]) -> list[Result]:
    """Return each result once.

    Raises:
        SettingsError: Two results of the same run differ.
    """
    seen: dict[tuple[object, ...], Result] = {}
    for result in results:
        key = (result.setup, result.strategy, result.seeds, result.language, result.metric)
        first = seen.setdefault(key, result)
        if first.value != result.value:
            raise SettingsError(
                f"two results for {result.strategy}, seed {result.seed}, language {result.language} of "
                f"{name_setup(result.setup)}: {first.value} in {first.place}, {result.value} in {result.place}; name "
                "only one of the two places"
            )
    return list(seen.values())


def _check_groups(results: Sequence[Result]) -> None:
    """Check that runs which join several seeds have no seed in common: they would not be different random starts.

    Raises:
        SettingsError: Two runs of a strategy do.
    """
    seen: dict[tuple[object, ...], Result] = {}
    for result in results:
        for seed in result.group:
            first = seen.setdefault((result.setup, result.strategy, seed), result)
            if first.group != result.group:
                groups = (" ".join(map(str, one.group)) for one in (first, result))
                raise SettingsError(
                    f"two runs of {result.strategy} join the seed {seed}: {' and '.join(groups)}, in {first.place} and "
                    f"{result.place}; remove one of the two"
                )


def _group_by_setup(results: Sequence[Result]) -> dict[Setup, list[Result]]:
    """Return the results of each setup, with those of its baseline and of other models that do not see the bitext.

    Several setups may share these.
    """
    baselines: dict[tuple[str, str, str], list[Result]] = {}
    realigned: dict[Setup, list[Result]] = {}
    several = _find_taught_otherwise(results)
    for result in results:
        if not is_without_bitext(result) or result.setup in several.get(result.strategy, ()):
            realigned.setdefault(result.setup, []).append(result)
        else:
            baselines.setdefault((result.setup.encoder, result.setup.task, result.fine_tuned), []).append(result)
    taught_too = {setup.untaught for setup in realigned if setup.teaching}
    found, used = {}, set()
    for setup, members in realigned.items():
        if setup in taught_too:  # these runs are in the comparison with those that are taught
            continue
        key = (setup.encoder, setup.task, members[0].fine_tuned)
        used.add(key)
        once = realigned.get(setup.untaught, []) if setup.teaching else []
        found[setup] = [*baselines.get(key, []), *once, *members]
    alone = {
        min((one.setup for one in members), key=lambda setup: setup.teaching): members
        for key, members in baselines.items()
        if key not in used
    }
    return {**found, **alone}


def is_without_bitext(result: Result) -> bool:
    """Return whether the models of a result did not see any bitext, such as those of the baseline."""
    is_self_trained_on_text = bool(result.setup.teaching) and result.setup.schedule is None
    return not sees_bitext(result.strategy) or is_self_trained_on_text


def _find_taught_otherwise(results: Sequence[Result]) -> dict[str, set[Setup]]:
    """Return the setups of each strategy that learns given texts in several ways, as with different translations.

    Such runs cannot stand in the same comparison.
    """
    found: dict[tuple[str, Setup], set[Setup]] = {}
    for result in results:
        if result.setup.teaching and is_without_bitext(result):
            found.setdefault((result.strategy, result.setup.untaught), set()).add(result.setup)
    several: dict[str, set[Setup]] = {}
    for (strategy, _), setups in found.items():
        if len(setups) > 1:
            several.setdefault(strategy, set()).update(setups)
    return several


def _compare(setup: Setup, metric: str, results: Sequence[Result], margin: float) -> Comparison:
    values: dict[str, dict[str, dict[int, float]]] = {}
    for result in results:
        values.setdefault(result.language, {}).setdefault(result.strategy, {})[result.seed] = result.value
    found = dict.fromkeys(result.strategy for result in results)
    known = [name for name in PAPER_STRATEGIES if name in found]
    strategies = [*known, *sorted(set(found) - set(PAPER_STRATEGIES))]
    source = next((result.language for result in results if result.is_source), None)
    targets = [language for language in values if language != source]
    counts = _collect_counts(results)
    groups = find_groups((result.strategy, result.seeds) for result in results)
    cells, averages = judge_scores(values, counts, targets=targets, margin=margin, groups=groups)
    cells = {language: _order(row, strategies) for language, row in cells.items()}
    return Comparison(
        setup=setup,
        metric=metric,
        source=source,
        languages=tuple(targets),
        strategies=tuple(strategies),
        seeds=tuple(sorted({seed for result in results for seed in result.seeds})),
        cells=cells,
        overall=_summarise_overall(
            strategies,
            [values[language] for language in targets],
            [cells[code] for code in targets],
            averages,
            groups,
        ),
        fine_tuned=results[0].fine_tuned,
        margin=margin,
        covers_sentences=bool(counts),
        joined=size_groups(groups),
    )


def _collect_counts(results: Sequence[Result]) -> dict[str, dict[str, dict[int, Counts]]]:
    """Return the counts of test items by language, strategy and seed, where they were kept."""
    counts: dict[str, dict[str, dict[int, Counts]]] = {}
    for result in results:
        if result.counts is not None:
            counts.setdefault(result.language, {}).setdefault(result.strategy, {})[result.seed] = result.counts
    return counts


def _order(found: Mapping[str, Summary], strategies: Sequence[str]) -> dict[str, Summary]:
    return {name: found[name] for name in strategies if name in found}


def _summarise_overall(
    strategies: Sequence[str],
    values: Sequence[Mapping[str, Values]],
    cells: Sequence[Mapping[str, Summary]],
    means: Mapping[str, Summary],
    groups: GroupsByStrategy,
) -> dict[str, Overall]:
    """Summarise each strategy over the target languages. Ranks use only languages with all strategies."""
    by_seed = average_languages(values)
    complete = [row for row in cells if len(row) == len(strategies)]
    ranks = rank_strategies([{name: row[name].mean for name in strategies} for row in complete])
    gains = {name: [gain for row in cells if name in row and (gain := row[name].gain) is not None] for name in means}
    tested = [name for name in means if name != BASELINE]
    p_values = {name: p_value_of_gains(gains[name]) for name in tested}
    corrected = correct_known(p_values)
    over_best, over_frozen, over_next = (
        compare_with(find(by_seed), values, by_seed, groups) for find in (find_best, find_frozen, find_next)
    )
    return {
        name: Overall(
            average=means[name],
            counts=_count([one.judged.verdict for row in cells if name in row and (one := row[name]).judged], VERDICTS),
            paper_counts=_count([row[name].paper_verdict for row in cells if name in row], PAPER_VERDICTS),
            p_value=p_values.get(name),
            corrected=corrected.get(name),
            rank=ranks.get(name, float("nan")),
            over_best=over_best.get(name),
            over_frozen=over_frozen.get(name),
            over_next=over_next.get(name),
        )
        for name in strategies
        if name in means
    }


def _count(found: Sequence[str | None], kinds: Sequence[Kind]) -> dict[Kind, int]:
    counts = Counter(found)
    return {kind: counts[kind] for kind in kinds}
