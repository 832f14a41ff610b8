"""Advice as a table, as sentences, and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from alignfreeze.advice.advice import SURE, Advice, Advised, Estimated, Recommendation, Verdict
from alignfreeze.advice.per_language import Choices
from alignfreeze.experiment.strategies import BASELINE
from alignfreeze.languages import name_of
from alignfreeze.report.sheets import Cell, Sheet
from alignfreeze.report.tables import AVERAGE

NOTE = (
    "of each strategy the gain over the baseline that is expected of it, in points, with its 95% interval; nothing "
    "here was measured with labels of these languages. agreement: of the baseline's labels with those that all pilots "
    "give the source side, carried over word links; confidence: how probable it is that what is advised is a gain; if "
    "that is no realignment, that nothing is"
)


def advice_sheet(advised: Advised) -> Sheet:
    """Return what is advised: a row a language, all of them together last."""
    advice = advised.advice
    realigned = [name for name in advice.overall.estimated if name != BASELINE]
    rows = [_row(item, realigned) for item in advice.languages]
    settings = advised.settings
    title = (
        f"{settings.name}: advice for {settings.task} with {settings.encoder}, from {advised.fraction:.0%} of the steps"
    )
    columns = ("", "language", "pairs", "agreement", *realigned, "advised", "confidence")
    return Sheet(title, columns, 2, (*rows, _row(advice.overall, realigned)), NOTE, n_last=1)


def _row(item: Recommendation, realigned: list[str]) -> tuple[Cell, ...]:
    code = AVERAGE if item.language is None else item.language
    name = "all languages" if item.language is None else name_of(item.language)
    baseline = item.estimated[BASELINE]
    gains = (_gain(item.estimated[name]) for name in realigned)
    advised = Cell(item.strategy, int(item.verdict == "better"))
    return (
        Cell(code),
        Cell(name),
        Cell(str(item.n)),
        Cell(f"{100 * baseline.agreement:.1f}"),
        *gains,
        advised,
        Cell(f"{item.confidence:.0%}"),
    )


def _gain(one: Estimated) -> Cell:
    low, high = one.interval
    sure = (one.better >= SURE) - (one.better <= 1 - SURE)
    return Cell(f"{100 * one.gain:+.1f} ({100 * low:+.1f} … {100 * high:+.1f})", sure)


def advice_lines(advised: Advised) -> Iterator[str]:
    """Yield what is advised as sentences: for all languages first, then for those that differ."""
    advice = advised.advice
    yield sentence(advice.overall)
    differing: dict[tuple[str, Verdict], list[str]] = {}
    for item in advice.languages:
        if (item.strategy, item.verdict) != (advice.overall.strategy, advice.overall.verdict):
            differing.setdefault((item.strategy, item.verdict), []).append(str(item.language))
    for (strategy, verdict), languages in differing.items():
        yield f"{_names(languages)}: {_advised(strategy, verdict)}"
    if advice.silent:
        yield f"{_names(advice.silent)}: no label could be carried over the links, so nothing can be said"
    for doubt in advice.doubts:
        yield f"not to be relied on: {doubt}"
    if advice.doubts and advised.fraction < 1:
        yield f"pilots of more than {advised.fraction:.0%} of the steps may learn more: --fraction"
    yield how_far(advised.settings.task)


def how_far(task: str) -> str:
    """Return what was measured of such advice for a task, and what it was worth there."""
    if task == "pos":
        return (
            "how far to trust this: with the embedded encoder, on 22 languages, such probabilities were right about as "
            "often as stated, and the advice lost a third to two fifths of what no realignment loses (docs/advice.md)"
        )
    if task == "ner":
        return (
            "how far to trust this: hardly; with the embedded encoder, on five languages, gains changed with the seed, "
            "and such advice lost more than no realignment (docs/advice.md)"
        )
    return f"how far to trust this: nothing was measured for {task}; intervals are as wide as for named entities"


def sentence(item: Recommendation) -> str:
    """Return what is advised for a language, or for all, with its reason and how sure it is."""
    who = "all languages together" if item.language is None else name_of(item.language)
    if item.verdict == "baseline":
        names = [name for name in item.estimated if name != BASELINE]
        best = max(names, key=lambda name: item.estimated[name].gain)
        return (
            f"{who}: do not realign. The most that is expected is {100 * item.estimated[best].gain:+.1f} points, by "
            f"{best!r}; that no strategy gains anything has a probability of {item.confidence:.0%}."
        )
    text = (
        f"{who}: {_advised(item.strategy, item.verdict)}. A gain of {100 * item.estimated[item.strategy].gain:+.1f} "
        f"points over no realignment is expected; that it is a gain at all has a probability of {item.confidence:.0%}"
    )
    if item.rivals:
        rivals = ("no realignment" if name == BASELINE else repr(name) for name in item.rivals)
        return f"{text}, and no difference can be told between it and {' or '.join(rivals)}."
    return f"{text}, and that no other strategy gains more one of {item.best:.0%}."


def _advised(strategy: str, verdict: Verdict) -> str:
    if verdict == "baseline":
        return "do not realign"
    return f"realign with {strategy!r}" + ("" if verdict == "better" else ", though that is not sure")


def _names(languages: list[str] | tuple[str, ...]) -> str:
    return ", ".join(map(name_of, languages))


def choice_sheet(choices: Choices) -> Sheet:
    """Return which models are taken for which language, and what they score: a row a language, their mean last."""
    realigned = [name for name in choices.advice.overall.estimated if name != BASELINE]
    by_language = {item.language: item for item in choices.advice.languages}
    single = "" if choices.single is None else choices.single[0]
    rows = []
    for one in choices.languages:
        estimated = by_language[one.language].estimated
        scores = [_percent(one.scores.get(name)) for name in (one.strategy, single)]
        best = max(one.scores.values(), default=None)
        gains = (_gain(estimated[name]) for name in realigned)
        rows.append(
            (Cell(one.language), Cell(name_of(one.language)), *gains, Cell(one.strategy), *scores, _percent(best))
        )
    theirs = None if choices.single is None else choices.single[1]
    means = [_percent(value) for value in (choices.chosen, theirs, choices.best)]
    overall = choices.advice.overall
    gains = (_gain(overall.estimated[name]) for name in realigned)
    rows.append((Cell(AVERAGE), Cell("all languages"), *gains, Cell(""), *means))
    columns = ("", "language", *realigned, "chosen", "its score", f"always {single or '–'}", "best of each")
    return Sheet(f"{choices.title}: chosen for each language", columns, 2, tuple(rows), CHOICE_NOTE, n_last=1)


CHOICE_NOTE = (
    "of each strategy the gain over the baseline that is expected from estimates without labels, in points, with its "
    "95% interval; chosen: where the most is expected. The scores, in percent, are true ones of the test data, which "
    "no choice has seen; the single strategy and the best of each language are found by them, in hindsight"
)


def choice_lines(choices: Choices) -> Iterator[str]:
    """Yield as sentences what it comes to, to choose a model for each language."""
    taken = Counter(one.strategy for one in choices.languages)
    yield "chosen: " + ", ".join(f"{name!r} for {n} of {len(choices.languages)}" for name, n in taken.most_common())
    yield f"seeds: {', '.join(map(str, choices.advice.seeds))}"
    for one in choices.languages:
        if one.models:
            yield f"models of {name_of(one.language)}: {', '.join(map(str, one.models))}"
    if choices.advice.silent:
        yield f"{_names(choices.advice.silent)}: no label could be carried over the links, so nothing can be chosen"
    yield how_far(choices.task)
    if choices.single is None or choices.gain is None:
        yield "there are no test data, so what that gains cannot be said"
        return
    name, score = choices.single
    within = ""
    if choices.interval is not None:
        low, high = (100 * value for value in choices.interval)
        within = f" ({low:+.1f} … {high:+.1f} over seeds)"
    yield (
        f"to choose for each language gains {100 * choices.gain:+.1f} points{within} over the best single strategy, "
        f"{name!r}, which scores {100 * score:.1f} on average"
    )
    assert choices.best is not None
    yield f"labels of every language would have gained {100 * (choices.best - score):+.1f} over it"


def choice_facts(choices: Choices) -> dict[str, Any]:
    """Return which models are chosen, as plain values."""
    return {
        "runs": choices.title,
        "how_far": how_far(choices.task),
        "seeds": list(choices.advice.seeds),
        "chosen_score": choices.chosen,
        "best_single": choices.single,
        "best_of_each": choices.best,
        "gain": choices.gain,
        "interval": choices.interval,
        "languages": [
            {**asdict(one), "models": [str(path) for path in one.models], "estimated": asdict(item)["estimated"]}
            for one, item in zip(choices.languages, choices.advice.languages, strict=True)
        ],
        "not_estimated": list(choices.advice.silent),
    }


def _percent(value: float | None) -> Cell:
    return Cell("–" if value is None else f"{100 * value:.1f}")


def advice_facts(advised: Advised) -> dict[str, Any]:
    """Return advice as plain values."""
    advice: Advice = advised.advice
    return {
        "experiment": advised.settings.name,
        "task": advised.settings.task,
        "encoder": advised.settings.encoder,
        "fraction": advised.fraction,
        "finetuning_steps": advised.pilots[0],
        "realignment_steps": advised.pilots[1],
        "seeds": list(advice.seeds),
        "source_scores": dict(advice.source_scores),
        "overall": _facts(advice.overall),
        "languages": [_facts(item) for item in advice.languages],
        "doubts": list(advice.doubts),
        "not_estimated": list(advice.silent),
        "how_far": how_far(advised.settings.task),
    }


def _facts(item: Recommendation) -> dict[str, Any]:
    return {**asdict(item), "reason": sentence(item)}
