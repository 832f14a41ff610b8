"""The page of a language: facts about the language, and the effect of each strategy on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alignfreeze.addresses import address_of_comparison, address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.languages import name_or_code
from alignfreeze.reports.answer_figures import Answer, AnswerRow, make_mark, make_scale
from alignfreeze.reports.changed_items import Changes
from alignfreeze.reports.likeness import Distances, alike_sheet
from alignfreeze.reports.pages import Page
from alignfreeze.running.tables import score_text, tone_of
from alignfreeze.running.verdicts import VERDICT_TEXTS, Judgement, Verdict, interval_text, points_text
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.studies.answers import answer_for, best_of, count_verdicts, judgements_of
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.summaries import capitalise, name_strategy
from alignfreeze.studies.tables import title_of, what_varies
from alignfreeze.typology import SIZE, facts_of


@dataclass(frozen=True, slots=True)
class _Row:
    """A comparison that includes the language.

    Attributes:
        name: A short name, which distinguishes it from the other comparisons.
        page: Its address; empty without a page of its own.
        comparison: The comparison.
        judged: The verdicts on the strategies in the language.
        is_empty: Whether its models have learnt nothing. Then it has no verdicts, and scores have no colours.
    """

    name: str
    page: str
    comparison: Comparison
    judged: Mapping[str, Judgement]
    is_empty: bool


def language_page(
    code: str,
    compared: Sequence[Comparison],
    *,
    codes: Sequence[str],
    alike: Mapping[str, Distances],
    terms: Sequence[str],
    changes: Sequence[Changes] = (),
    empty: Sequence[bool] = (),
) -> Page:
    """Return the page of a language: first the answer, then what changes in test items, last what is known of it.

    Args:
        code: The language.
        compared: The comparisons of the study.
        codes: The study's languages.
        alike: The distances between languages, in several senses.
        terms: The key terms of the language's bitext.
        changes: What the best strategies change in test items of the language.
        empty: For each comparison whether its models have learnt nothing; such comparisons answer nothing.
    """
    having = [number for number, one in enumerate(compared) if code in one.languages]
    names = _name_comparisons(compared)
    rows = [
        _Row(
            names[number],
            # In a study with one comparison, the comparison has no separate page.
            address_of_comparison(number) if len(compared) > 1 else "",
            compared[number],
            judgements_of(compared[number], code),
            is_empty=bool(empty) and empty[number],
        )
        for number in having
    ]
    judged = [row for row in rows if not row.is_empty]
    scores = _several_scores(code, rows) if len(compared) > 1 or not judged else _scores(code, judged[0])
    return Page(
        name=address_of_language(code),
        title=f"{name_or_code(code)} ({code})",
        summary=[*_summarise_language(code, judged), *_say_empty(len(judged), len(rows))],
        facts=_collect_facts(code, rows[0].comparison.source or "en", terms),
        sheets=[scores],
        folded=[alike_sheet(code, codes, alike)] if len(codes) > 1 else [],
        answer=_draw_answer(code, judged),
        changes=changes,
    )


def _name_comparisons(compared: Sequence[Comparison]) -> list[str]:
    """Return a short name of each comparison: what distinguishes it from the others."""
    parts = [(one.setup.task, one.setup.encoder, one.setup.aligner, one.setup.schedule) for one in compared]
    varies = [len(set(values)) > 1 for values in zip(*parts, strict=True)]
    told = [[part for part, is_told in zip(one, varies, strict=True) if is_told and part] for one in parts]
    names = [", ".join(one) for one in told]
    return names if len(set(names)) == len(names) else list(map(title_of, compared))


def _collect_facts(code: str, source: str, terms: Sequence[str]) -> dict[str, str]:
    known = facts_of(code, source)
    facts = {"family": known.family or "not known"}
    facts |= dict(_typology_fact(name, value, source) for name, value in known.values.items())
    return facts | ({"key terms of its bitext": ", ".join(terms)} if terms else {})


def _draw_answer(code: str, judged: Sequence[_Row]) -> Answer | None:
    """Return the gains in a language as a figure, one row per comparison; None if there are none."""
    drawn = [row for row in judged if row.judged]
    if not drawn:
        return None
    rows = [
        AnswerRow(
            row.name if row.page else name_or_code(code),
            row.page,
            [make_mark(name, one) for name, one in row.judged.items()],
            best_of(row.judged),
            [place],
        )
        for place, row in enumerate(drawn)
    ]
    marks = [mark for row in rows for mark in row.marks]
    margin = 100 * max(row.comparison.margin for row in drawn)
    strategies = list(dict.fromkeys(mark.strategy for mark in marks))
    of = "comparison" if drawn[0].page else "language"
    return Answer(make_scale(marks, margin), margin, strategies, None, {}, rows, ["name", "gain"], of)


def _typology_fact(name: str, value: float, source: str) -> tuple[str, str]:
    """Return a fact of typology and its value, as text for readers."""
    if name == SIZE:
        return "pretraining text of XLM-R", f"{value:.1f} GiB"
    if name.startswith("same "):
        return f"{name} as {name_or_code(source)}", "yes" if value else "no"
    return f"distance of {name}", f"{value:.2f}"


def _scores(code: str, row: _Row) -> Sheet:
    """Return the scores of a language in one comparison, one row per strategy."""
    cells = row.comparison.cells[code]

    def judged(name: str) -> Judgement | None:
        """Return the verdict on a strategy; None for the baseline."""
        return row.judged.get(name)

    columns: list[Column[str]] = [
        Column("strategy", str, is_name=True),
        Column("score", lambda name: replace(cells[name], gain=None), score_text),
        Column("gain", judged, lambda one: Cell(points_text(one.gain), tone_of(one))),
        Column("95% interval", lambda name: (one := judged(name)) and one.interval, interval_text),
        Column("verdict", judged, lambda one: Cell(VERDICT_TEXTS[one.verdict], tone_of(one))),
        Column("paper's criterion", lambda name: cells[name].paper_verdict),
        Column("seeds", lambda name: cells[name].n),
    ]
    note = (
        f"Score: {row.comparison.metric} in percent, mean over seeds ± standard deviation. Gain: over the baseline, in "
        f"points. Intervals are over {what_varies(row.comparison)}. They are corrected for the number of languages and "
        "strategies. "
        "Paper's criterion: whether the gain or loss is greater than both standard deviations over seeds."
    )
    title = f"{name_or_code(code)}: {title_of(row.comparison)}"
    return make_sheet(title, columns, [name for name in row.comparison.strategies if name in cells], note)


def _several_scores(code: str, rows: Sequence[_Row]) -> Sheet:
    """Return the scores of a language, one row per comparison that includes the language."""
    strategies = dict.fromkeys(name for row in rows for name in row.comparison.strategies)
    columns: list[Column[_Row]] = [
        Column("comparison", lambda row: Cell(row.name or title_of(row.comparison), page=row.page), is_name=True),
        *(_score_column(code, name) for name in strategies),
    ]
    note = "Mean over seeds ± standard deviation, in percent. In brackets: the gain over the baseline."
    return make_sheet(f"{name_or_code(code)}: scores", columns, rows, note)


def _score_column(code: str, strategy: str) -> Column[_Row]:
    def score(row: _Row) -> Cell | None:
        """Return the score, coloured by its verdict."""
        summary = row.comparison.cells[code].get(strategy)
        if summary is None:
            return None
        return Cell(score_text(summary), 0 if row.is_empty else tone_of(summary.judged))

    return Column(strategy, score)


def _summarise_language(code: str, judged: Sequence[_Row]) -> list[str]:
    """Return the answer for a language; for several comparisons, how often each strategy helps and hurts."""
    if len(judged) == 1:
        return [_sentence(answer_for(judged[0].comparison, code))]
    verdicts: dict[str, list[Verdict]] = {}
    for row in judged:
        for name, one in row.judged.items():
            verdicts.setdefault(name, []).append(one.verdict)
    return [
        _sentence(f"{name_strategy(name)} {count_verdicts(found)} of {len(found)} comparisons")
        for name, found in verdicts.items()
    ]


def _say_empty(n_judged: int, n: int) -> list[str]:
    """Return a sentence on comparisons whose models have learnt nothing."""
    if n_judged == n:
        return []
    if not n_judged:
        return ["The models have learnt nothing, so nothing can be said of this language."]
    return [f"In {n - n_judged} of {n} comparisons the models have learnt nothing; these are left out above."]


def _sentence(text: str) -> str:
    return f"{capitalise(text)}."
