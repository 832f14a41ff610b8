"""Advice from pilots: as a value, as a table, as sentences and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alignfreeze.advice.additions import words_of
from alignfreeze.advice.answers import (
    advice_answers,
    advised_for,
    answer_line,
    moved_text,
    promising_strategy,
    verb_for,
)
from alignfreeze.advice.gains import calibration_of
from alignfreeze.advice.judging import SURE_PROBABILITY, Advice, AdviceVerdict, Recommendation, StrategyEstimate
from alignfreeze.columns import Column, Row, make_sheet, plain_values
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.languages import name_of
from alignfreeze.running.tables import AVERAGE_ROW
from alignfreeze.running.verdicts import interval_text, points_text
from alignfreeze.sheets import DETAIL, Cell, Sheet
from alignfreeze.tabular import Tabular
from alignfreeze.tasks.table import TASKS


@dataclass(frozen=True, slots=True)
class AdviceOutcome(Tabular):
    """The advice, and the pilots that it is based on.

    Attributes:
        advice: The advice.
        settings: The settings of the whole experiment, every default filled in.
        pilots: Steps of the pilots: of fine-tuning and of realignment.
        fraction: The share of the experiment's steps that pilots took.
        recommended: The settings of the advised run, with absolute paths.
        out: The folder with the advice.
    """

    advice: Advice
    settings: ExperimentSettings
    pilots: tuple[int, int]
    fraction: float
    recommended: ExperimentSettings
    out: Path

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per language and strategy, with the estimates."""
        return [row for item in self.advice.languages for row in estimate_rows(item)]

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as plain values, as `alignfreeze advise --json` prints them."""
        return advice_facts(self)

    def sheets(self) -> list[Sheet]:
        """Return the advice as a table, one row per language."""
        return [advice_sheet(self)]

    def answers(self) -> list[str]:
        """Return one line for all languages together and one per language: whether to realign, and how sure that is."""
        return advice_answers(self.advice)

    def warnings(self) -> list[str]:
        """Return what is doubtful in the pilots."""
        return advice_doubts(self)


NOTE = (
    "Strategies: the expected gain over the baseline, in points, with its 95% interval. No labels of these languages "
    "were used. Prior: the probability of a gain before any pilot, from the gains of other encoders and tasks. Pilots: "
    "what your pilots moved it to. Confidence: the probability that the advised strategy gains; if no realignment is "
    "advised, the probability that no strategy gains. Agreement: how well the baseline's labels agree with the labels "
    "that all pilots give to the source side, carried over word links."
)


def advice_columns(realigned: Sequence[str]) -> list[Column[Recommendation]]:
    """Return the columns of advice. Each strategy but the baseline has a column."""
    return [
        Column("", code_of, is_name=True),
        Column("language", language_of, is_name=True),
        *(column for strategy in realigned for column in gain_columns(strategy, _estimates_of, moved="pilots")),
        Column("advised", lambda item: Cell(item.strategy, int(item.verdict == "better")), need=DETAIL),
        Column("confidence", lambda item: item.confidence, "{:.0%}".format, need=DETAIL),
        Column("pairs", lambda item: item.n, need=DETAIL),
        Column("agreement", lambda item: item.estimated[BASELINE].agreement, percent_of, need=DETAIL),
        Column(None, answer_line, key="answer"),
        Column(None, sentence, key="reason"),
    ]


def _estimates_of(item: Recommendation) -> Mapping[str, StrategyEstimate]:
    return item.estimated


RECOMMENDED = "recommended.toml"
"""The recommended experiment file, in the folder of an advice."""


def estimate_rows(item: Recommendation) -> list[dict[str, Any]]:
    """Return the estimates for a language, one row per strategy."""
    return [
        {
            "language": item.language,
            "strategy": strategy,
            "gain": one.gain,
            "gain_low": one.interval[0],
            "gain_high": one.interval[1],
            "prior": one.prior,
            "better": one.better,
            "best": one.best,
            "agreement": one.agreement,
            "advised": strategy == item.strategy,
            "verdict": item.verdict if strategy == item.strategy else None,
        }
        for strategy, one in item.estimated.items()
    ]


def code_of(item: Recommendation) -> str:
    """Return the code of a language, or the name of the last row."""
    return AVERAGE_ROW if item.language is None else item.language


def language_of(item: Recommendation) -> str:
    """Return the name of a language, or of all together."""
    return "all languages" if item.language is None else name_of(item.language)


def gain_columns(
    strategy: str, estimated: Callable[[Row], Mapping[str, StrategyEstimate]], *, moved: str
) -> list[Column[Row]]:
    """Return the columns of a strategy: its expected gain, and the probability of a gain before and after the pilots.

    Args:
        strategy: The strategy.
        estimated: Returns the estimates of a row by strategy.
        moved: The heading of the probability that includes the pilots, or the runs.
    """
    percent = "{:.0%}".format
    return [
        Column(strategy, lambda row: estimated(row)[strategy], _expected_gain_cell, of=strategy, part="expected gain"),
        Column(f"{strategy}: prior", lambda row: estimated(row)[strategy].prior, percent, of=strategy, part="prior"),
        Column(f"{strategy}: {moved}", lambda row: estimated(row)[strategy].better, percent, of=strategy, part=moved),
    ]


def _expected_gain_cell(one: StrategyEstimate) -> Cell:
    sure = (one.better >= SURE_PROBABILITY) - (one.better <= 1 - SURE_PROBABILITY)
    return Cell(f"{points_text(one.gain)} ({interval_text(one.interval)})", sure)


def percent_of(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f}"


def realigned_strategies(advice: Advice) -> list[str]:
    """Return the strategies without the baseline."""
    return [strategy for strategy in advice.overall.estimated if strategy != BASELINE]


def advice_sheet(advised: AdviceOutcome) -> Sheet:
    """Return the advice, one row per language. The last row is for all languages together."""
    advice, settings = advised.advice, advised.settings
    title = (
        f"{settings.name}: advice for {settings.task} with {settings.encoder}, from {advised.fraction:.0%} of the steps"
    )
    rows = (*advice.languages, advice.overall)
    return make_sheet(title, advice_columns(realigned_strategies(advice)), rows, NOTE, n_last=1)


def advice_doubts(advised: AdviceOutcome) -> list[str]:
    """Return what is doubtful in the pilots, as sentences for before the advice."""
    return [f"do not rely on this: {doubt}" for doubt in advised.advice.doubts]


def advice_lines(advised: AdviceOutcome) -> Iterator[str]:
    """Yield what explains the advice: the reason for all languages together, and how far to trust this."""
    advice = advised.advice
    yield sentence(advice.overall)
    if advice.doubts and advised.fraction < 1:
        yield f"pilots of more than {advised.fraction:.0%} of the steps may learn more; raise --fraction"
    yield how_far(advised.settings.task)
    yield from say_added(advice, advised.settings.task)
    if joined := next((str(one) for one in advised.recommended.strategies if one.joined is not None), None):
        yield say_joined(joined, advised.settings)


def say_joined(joined: str, settings: ExperimentSettings) -> str:
    """Return why the advised run joins its seeds, from what was measured."""
    known = (
        "three joined baselines gained 2.2 points over single ones, on 22 languages with the embedded encoder"
        if settings.task == "pos"
        else f"what that gains was not measured for {settings.task}"
    )
    return (
        f"the recommended run also joins its seeds: {joined!r} is the mean of the weights of "
        f"{settings.seeds_per_average} models, as fast as one; {known} (docs/points.md)"
    )


def say_added(advice: Advice, task: str) -> Iterator[str]:
    """Yield where the gains come from that estimates cannot judge: of joined seeds, and of target-language items."""
    words = list(dict.fromkeys(word for name in advice.overall.estimated for word in words_of(Strategy.parse(name))))
    if not words:
        return
    additions = calibration_of(TASKS[task]).additions
    gains = ", ".join(f"{word} {points_text(additions[word].expected)}" for word in words)
    yield (
        f"not estimated, but expected in each language, in points: {gains}. That was measured for PoS tagging with the "
        "embedded encoder; +0.0 stands for what was not measured (docs/points.md)"
    )


def how_far(task: str) -> str:
    """Return a sentence on how far to trust advice for a task, from what was measured."""
    if task == "pos":
        return (
            "how far to trust this: on 22 languages with the embedded encoder, such probabilities were right about as "
            "often as stated. The advice lost a third to two fifths of what no realignment loses (docs/evidence.md)"
        )
    if task == "ner":
        return (
            "how far to trust this: hardly. On five languages with the embedded encoder, gains changed with the seed, "
            "and such advice lost more than no realignment (docs/evidence.md)"
        )
    return f"how far to trust this: nothing was measured for {task}; intervals are as wide as for named entities"


def sentence(item: Recommendation) -> str:
    """Explain the advice for a language, or for all languages: the reason, and how sure the advice is."""
    who, moved = advised_for(item), moved_text(item)
    if item.verdict == "baseline":
        best = promising_strategy(item)
        return (
            f"{who}: do not realign. The greatest expected gain is {points_text(item.estimated[best].gain)} points, by "
            f"{best!r}. The probability that no strategy gains anything: {moved}."
        )
    gain = points_text(item.estimated[item.strategy].gain)
    text = (
        f"{who}: {_advice_text(item.strategy, item.verdict)}. The expected gain over no realignment is {gain} points. "
        f"The probability of any gain: {moved}"
    )
    if item.rivals:
        rivals = ("no realignment" if name == BASELINE else repr(name) for name in item.rivals)
        return f"{text}. {item.strategy!r} cannot be distinguished from {' or '.join(rivals)}."
    return f"{text}. The probability that no other strategy gains more is {item.best:.0%}."


def _advice_text(strategy: str, verdict: AdviceVerdict) -> str:
    if verdict == "baseline":
        return "do not realign"
    return f"{verb_for(strategy)} {strategy!r}" + ("" if verdict == "better" else ", though that is not sure")


def advice_facts(advised: AdviceOutcome) -> dict[str, Any]:
    """Return advice as plain values."""
    advice = advised.advice
    columns = advice_columns(realigned_strategies(advice))
    return {
        "experiment": advised.settings.name,
        "task": advised.settings.task,
        "encoder": advised.settings.encoder,
        "fraction": advised.fraction,
        "finetuning_steps": advised.pilots[0],
        "realignment_steps": advised.pilots[1],
        "seeds": list(advice.seeds),
        "source_scores": dict(advice.source_scores),
        "overall": asdict(advice.overall) | plain_values(columns, advice.overall),
        "answers": advice_answers(advice),
        "languages": [asdict(item) | plain_values(columns, item) for item in advice.languages],
        "doubts": list(advice.doubts),
        "not_estimated": list(advice.silent),
        "too_weak": list(advice.weak),
        "how_far": how_far(advised.settings.task),
        "recommended": str(advised.out / RECOMMENDED),
    }
