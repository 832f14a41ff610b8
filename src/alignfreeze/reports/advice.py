"""Advice as a table, as sentences and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from alignfreeze.advice.advice import (
    SURE_PROBABILITY,
    Advice,
    AdviceOutcome,
    AdviceVerdict,
    Recommendation,
    StrategyEstimate,
)
from alignfreeze.advice.per_language import StrategyChoices
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.languages import name_of
from alignfreeze.reports.columns import Column, Row, make_sheet, plain_values
from alignfreeze.reports.sheets import Cell, Sheet
from alignfreeze.reports.tables import AVERAGE_ROW

NOTE = (
    "Strategies: the expected gain over the baseline, in points, with its 95% interval. No labels of these languages "
    "were used. Agreement: how well the baseline's labels agree with the labels that all pilots give to the source "
    "side, carried over word links. Confidence: the probability that the advised strategy gains; if no realignment is "
    "advised, the probability that no strategy gains."
)


def advice_columns(realigned: Sequence[str]) -> list[Column[Recommendation]]:
    """Return the columns of advice. Each strategy that realigns has a column."""
    return [
        Column("", _code, is_name=True),
        Column("language", _language, is_name=True),
        Column("pairs", lambda item: item.n),
        Column("agreement", lambda item: item.estimated[BASELINE].agreement, _percent),
        *(_expected_gain_column(strategy, lambda item: item.estimated) for strategy in realigned),
        Column("advised", lambda item: Cell(item.strategy, int(item.verdict == "better"))),
        Column("confidence", lambda item: item.confidence, "{:.0%}".format),
        Column(None, sentence, key="reason"),
    ]


def _code(item: Recommendation) -> str:
    return AVERAGE_ROW if item.language is None else item.language


def _language(item: Recommendation) -> str:
    return "all languages" if item.language is None else name_of(item.language)


def _expected_gain_column(strategy: str, estimated: Callable[[Row], Mapping[str, StrategyEstimate]]) -> Column[Row]:
    return Column(strategy, lambda row: estimated(row)[strategy], _expected_gain_cell)


def _expected_gain_cell(one: StrategyEstimate) -> Cell:
    low, high = one.interval
    sure = (one.better >= SURE_PROBABILITY) - (one.better <= 1 - SURE_PROBABILITY)
    return Cell(f"{100 * one.gain:+.1f} ({100 * low:+.1f} … {100 * high:+.1f})", sure)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _realigned_strategies(advice: Advice) -> list[str]:
    return [strategy for strategy in advice.overall.estimated if strategy != BASELINE]


def advice_sheet(advised: AdviceOutcome) -> Sheet:
    """Return the advice, one row per language. The last row is for all languages together."""
    advice, settings = advised.advice, advised.settings
    title = (
        f"{settings.name}: advice for {settings.task} with {settings.encoder}, from {advised.fraction:.0%} of the steps"
    )
    rows = (*advice.languages, advice.overall)
    return make_sheet(title, advice_columns(_realigned_strategies(advice)), rows, NOTE, n_last=1)


def advice_doubts(advised: AdviceOutcome) -> list[str]:
    """Return what is doubtful in the pilots, as sentences for before the advice."""
    return [f"do not rely on this: {doubt}" for doubt in advised.advice.doubts]


def advice_lines(advised: AdviceOutcome) -> Iterator[str]:
    """Yield the advice as sentences: first for all languages, then for languages that differ."""
    advice = advised.advice
    yield sentence(advice.overall)
    differing: dict[tuple[str, AdviceVerdict], list[str]] = {}
    for item in advice.languages:
        if (item.strategy, item.verdict) != (advice.overall.strategy, advice.overall.verdict):
            differing.setdefault((item.strategy, item.verdict), []).append(str(item.language))
    for (strategy, verdict), languages in differing.items():
        yield f"{_name_languages(languages)}: {_advice_text(strategy, verdict)}"
    if advice.silent:
        yield f"{_name_languages(advice.silent)}: no label could be carried over the links, so nothing can be said"
    if advice.doubts and advised.fraction < 1:
        yield f"pilots of more than {advised.fraction:.0%} of the steps may learn more; raise --fraction"
    yield how_far(advised.settings.task)


def how_far(task: str) -> str:
    """Return a sentence on how far to trust advice for a task, from what was measured."""
    if task == "pos":
        return (
            "how far to trust this: on 22 languages with the embedded encoder, such probabilities were right about as "
            "often as stated. The advice lost a third to two fifths of what no realignment loses (docs/advice.md)"
        )
    if task == "ner":
        return (
            "how far to trust this: hardly. On five languages with the embedded encoder, gains changed with the seed, "
            "and such advice lost more than no realignment (docs/advice.md)"
        )
    return f"how far to trust this: nothing was measured for {task}; intervals are as wide as for named entities"


def sentence(item: Recommendation) -> str:
    """Explain the advice for a language, or for all languages: the reason, and how sure the advice is."""
    who = "all languages together" if item.language is None else name_of(item.language)
    if item.verdict == "baseline":
        names = [name for name in item.estimated if name != BASELINE]
        best = max(names, key=lambda name: item.estimated[name].gain)
        return (
            f"{who}: do not realign. The greatest expected gain is {100 * item.estimated[best].gain:+.1f} points, by "
            f"{best!r}. The probability that no strategy gains anything is {item.confidence:.0%}."
        )
    gain = 100 * item.estimated[item.strategy].gain
    text = (
        f"{who}: {_advice_text(item.strategy, item.verdict)}. The expected gain over no realignment is {gain:+.1f} "
        f"points. The probability of any gain is {item.confidence:.0%}"
    )
    if item.rivals:
        rivals = ("no realignment" if name == BASELINE else repr(name) for name in item.rivals)
        return f"{text}. {item.strategy!r} cannot be distinguished from {' or '.join(rivals)}."
    return f"{text}. The probability that no other strategy gains more is {item.best:.0%}."


def _advice_text(strategy: str, verdict: AdviceVerdict) -> str:
    if verdict == "baseline":
        return "do not realign"
    return f"realign with {strategy!r}" + ("" if verdict == "better" else ", though that is not sure")


def _name_languages(languages: list[str] | tuple[str, ...]) -> str:
    return ", ".join(map(name_of, languages))


CHOICE_NOTE = (
    "Strategies: the expected gain over the baseline, in points, with its 95% interval, estimated without labels. "
    "Chosen: the strategy with the greatest expected gain. Scores: on the test data, in percent; choices do not use "
    "these scores. The best single strategy and the best of each language are found in hindsight, from these scores."
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
    """Return the columns of choices. Each strategy that realigns has a column."""
    single = "–" if choices.single is None else choices.single[0]
    strategies = _realigned_strategies(choices.advice)
    return [
        Column("", lambda row: _code(row.item), is_name=True),
        Column("language", lambda row: _language(row.item), is_name=True),
        *(_expected_gain_column(strategy, lambda row: row.item.estimated) for strategy in strategies),
        Column("chosen", lambda row: row.strategy),
        Column("its score", lambda row: row.chosen, _percent),
        Column(f"always {single}", lambda row: row.single, _percent),
        Column("best of each", lambda row: row.best, _percent),
    ]


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
    if choices.advice.silent:
        languages = _name_languages(choices.advice.silent)
        yield f"{languages}: no label could be carried over the links, so nothing can be chosen"
    yield how_far(choices.task)
    if choices.single is None or choices.gain is None:
        yield "there are no test data, so the gain of these choices is not known"
        return
    name, score = choices.single
    within = ""
    if choices.interval is not None:
        low, high = (100 * value for value in choices.interval)
        within = f" ({low:+.1f} … {high:+.1f} over seeds)"
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
    }


def advice_facts(advised: AdviceOutcome) -> dict[str, Any]:
    """Return advice as plain values."""
    advice = advised.advice
    columns = advice_columns(_realigned_strategies(advice))
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
        "languages": [asdict(item) | plain_values(columns, item) for item in advice.languages],
        "doubts": list(advice.doubts),
        "not_estimated": list(advice.silent),
        "how_far": how_far(advised.settings.task),
    }
