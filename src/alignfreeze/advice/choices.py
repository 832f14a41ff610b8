"""The choice among complete runs for each language: as a value, as a table, as sentences and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from alignfreeze.advice.answers import advice_answers, answer_line, moved_text
from alignfreeze.advice.judging import Advice, Recommendation, StrategyEstimate
from alignfreeze.advice.outcome import (
    code_of,
    estimate_rows,
    gain_columns,
    how_far,
    language_of,
    percent_of,
    realigned_strategies,
    say_added,
)
from alignfreeze.columns import Column, make_sheet, plain_values
from alignfreeze.languages import name_of
from alignfreeze.running.verdicts import interval_text
from alignfreeze.sheets import Sheet, doubt_lines
from alignfreeze.tabular import Tabular


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """The strategy that is chosen for a language, and the scores of its models.

    Attributes:
        language: Code of the language.
        strategy: The strategy with the greatest expected gain.
        scores: True scores by strategy, as means over seeds; empty without test data.
        models: The folders of the strategy's models that were kept.
    """

    language: str
    strategy: str
    scores: Mapping[str, float]
    models: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class StrategyChoices(Tabular):
    """The outcome of choosing a strategy for each language among complete runs.

    Attributes:
        title: Experiment, task and encoder of the runs.
        task: Name of the task.
        advice: The estimates and the advice.
        languages: One choice per target language.
        chosen: Mean true score over languages with the chosen strategies; None without test data.
        single: The one strategy for all languages that has the best mean true score, and that score.
        best: Mean true score over languages with the best strategy of each language, as labels would choose it.
        gain: The gain of choosing over the best single strategy.
        interval: The 95% confidence interval of that gain, over seeds; None if it cannot be computed.
        doubts: What is doubtful in the scores of the runs.
    """

    title: str
    task: str
    advice: Advice
    languages: tuple[StrategyChoice, ...]
    chosen: float | None
    single: tuple[str, float] | None
    best: float | None
    gain: float | None
    interval: tuple[float, float] | None
    doubts: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per language and strategy: the estimates, and the true score without a use in the choice."""
        pairs = zip(self.languages, self.advice.languages, strict=True)
        return [{**row, "score": one.scores.get(row["strategy"])} for one, item in pairs for row in estimate_rows(item)]

    def to_dict(self) -> dict[str, Any]:
        """Return the choices as plain values, as `alignfreeze advise --json` prints them."""
        return choice_facts(self)

    def sheets(self) -> list[Sheet]:
        """Return the chosen models and their scores as a table, one row per language."""
        return [choice_sheet(self)]

    def answers(self) -> list[str]:
        """Return one line for all languages together and one per language: which models to use, how sure that is."""
        return advice_answers(self.advice, whole=True)

    def warnings(self) -> list[str]:
        """Return what is doubtful in the scores of the runs."""
        return doubt_lines(self.doubts)


CHOICE_NOTE = (
    "Strategies: the expected gain over the baseline, in points, with its 95% interval, estimated without labels. "
    "Prior: the probability of a gain before any run, from the gains of other encoders and tasks. Runs: what your runs "
    "moved it to. Chosen: the strategy with the greatest expected gain. Scores: on the test data, in percent; choices "
    "do not use these scores. The best single strategy and the best of each language are found in hindsight, from "
    "these scores."
)


class ChoiceRow(NamedTuple):
    """The choice for a language, or the mean over languages.

    Attributes:
        item: The estimates.
        strategy: The chosen strategy; empty for the mean.
        chosen: The score of the chosen strategy.
        single: The score of the best single strategy.
        best: The score of the best strategy of each language.
    """

    item: Recommendation
    strategy: str
    chosen: float | None
    single: float | None
    best: float | None


def choice_columns(choices: StrategyChoices) -> list[Column[ChoiceRow]]:
    """Return the columns of choices. Each strategy but the baseline has a column."""
    single = "–" if choices.single is None else choices.single[0]
    strategies = realigned_strategies(choices.advice)
    return [
        Column("", lambda row: code_of(row.item), is_name=True),
        Column("language", lambda row: language_of(row.item), is_name=True),
        *(column for strategy in strategies for column in gain_columns(strategy, _estimates_of, moved="runs")),
        Column("chosen", lambda row: row.strategy),
        Column(None, lambda row: answer_line(row.item, whole=True), key="answer"),
        Column("its score", lambda row: row.chosen, percent_of),
        Column(f"always {single}", lambda row: row.single, percent_of),
        Column("best of each", lambda row: row.best, percent_of),
    ]


def _estimates_of(row: ChoiceRow) -> Mapping[str, StrategyEstimate]:
    return row.item.estimated


def choice_sheet(choices: StrategyChoices) -> Sheet:
    """Return the chosen models and their scores, one row per language. The last row is the mean."""
    title = f"{choices.title}: chosen for each language"
    return make_sheet(title, choice_columns(choices), _choice_rows(choices), CHOICE_NOTE, n_last=1)


def _choice_rows(choices: StrategyChoices) -> list[ChoiceRow]:
    """Return a row for each language, and a row for the mean."""
    name, mean = choices.single or ("", None)
    rows = []
    for one, item in zip(choices.languages, choices.advice.languages, strict=True):
        scores = one.scores
        best = max(scores.values(), default=None)
        rows.append(ChoiceRow(item, one.strategy, scores.get(one.strategy), scores.get(name), best))
    return [*rows, ChoiceRow(choices.advice.overall, "", choices.chosen, mean, choices.best)]


def choice_lines(choices: StrategyChoices) -> Iterator[str]:
    """Yield the choices as sentences: the strategies, and what they gain over the best one of all languages."""
    taken = Counter(one.strategy for one in choices.languages)
    yield "chosen: " + ", ".join(f"{name!r} for {n} of {len(choices.languages)}" for name, n in taken.most_common())
    yield f"seeds: {', '.join(map(str, choices.advice.seeds))}"
    for one in choices.languages:
        if one.models:
            yield f"models of {name_of(one.language)}: {', '.join(map(str, one.models))}"
    overall = choices.advice.overall
    what = "no strategy gains" if overall.verdict == "baseline" else f"{overall.strategy!r} gains"
    yield f"all languages together: the probability that {what}: {moved_text(overall, whole=True)}"
    yield how_far(choices.task)
    yield from say_added(choices.advice, choices.task)
    if choices.single is None or choices.gain is None:
        yield "there are no test data, so the gain of these choices is not known"
        return
    name, score = choices.single
    within = ""
    if choices.interval is not None:
        within = f" ({interval_text(choices.interval)} over seeds)"
    yield (
        f"choosing for each language gains {100 * choices.gain:+.1f} points{within} over the best single strategy, "
        f"{name!r}, which scores {100 * score:.1f} on average"
    )
    assert choices.best is not None
    yield f"labels in every language would have gained {100 * (choices.best - score):+.1f} points over {name!r}"


def choice_facts(choices: StrategyChoices) -> dict[str, Any]:
    """Return the choices as plain values."""
    *rows, _ = _choice_rows(choices)
    columns = choice_columns(choices)
    return {
        "runs": choices.title,
        "doubts": list(choices.doubts),
        "how_far": how_far(choices.task),
        "seeds": list(choices.advice.seeds),
        "chosen_score": choices.chosen,
        "best_single": choices.single,
        "best_of_each": choices.best,
        "gain": choices.gain,
        "interval": choices.interval,
        "answers": advice_answers(choices.advice, whole=True),
        "languages": [
            {
                **asdict(one),
                "models": [str(path) for path in one.models],
                "estimated": asdict(row.item)["estimated"],
                **plain_values(columns, row),
            }
            for one, row in zip(choices.languages, rows, strict=True)
        ],
        "not_estimated": list(choices.advice.silent),
        "too_weak": list(choices.advice.weak),
    }
