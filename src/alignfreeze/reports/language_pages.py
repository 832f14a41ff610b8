"""The page of a language: facts about the language, and the effect of each strategy on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignfreeze.addresses import address_of_comparison, address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.languages import name_or_code
from alignfreeze.reports.answer_figures import Answer, AnswerRow, make_mark, make_scale
from alignfreeze.reports.changed_items import Changes
from alignfreeze.reports.likeness import Distances, alike_sheet
from alignfreeze.reports.pages import Page
from alignfreeze.running.tables import score_text, tone_of
from alignfreeze.running.verdicts import Verdict
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.studies.answers import answer_for, best_of, judgements_of
from alignfreeze.studies.comparison import Comparison
from alignfreeze.studies.summaries import name_strategy
from alignfreeze.studies.tables import title_of
from alignfreeze.typology import SIZE, facts_of


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
    # In a study with one comparison, the comparison has no separate page.
    pages = {number: address_of_comparison(number) if len(compared) > 1 else "" for number in having}
    answered = [number for number in having if not (empty and empty[number])]
    judged = {number: compared[number] for number in answered}
    return Page(
        name=address_of_language(code),
        title=f"{name_or_code(code)} ({code})",
        summary=[*_summarise_language(code, list(judged.values())), *_say_empty(len(judged), len(having))],
        facts=_collect_facts(code, compared[having[0]].source or "en", terms),
        sheets=[_language_scores(code, [_Row(compared[number], pages[number], number in judged) for number in having])],
        folded=[alike_sheet(code, codes, alike)] if len(codes) > 1 else [],
        answer=_draw_answer(code, judged, pages),
        changes=changes,
    )


def _collect_facts(code: str, source: str, terms: Sequence[str]) -> dict[str, str]:
    known = facts_of(code, source)
    facts = {"family": known.family or "not known"}
    facts |= dict(_typology_fact(name, value, source) for name, value in known.values.items())
    return facts | ({"key terms of its bitext": ", ".join(terms)} if terms else {})


def _draw_answer(code: str, judged: Mapping[int, Comparison], pages: Mapping[int, str]) -> Answer | None:
    """Return the gains in a language as a figure, one row per comparison; None if there are none.

    Args:
        code: The language.
        judged: Comparisons by their places in the study.
        pages: The addresses of the comparisons; empty if there is only one.
    """
    rows = [
        AnswerRow(
            title_of(one) if pages[number] else name_or_code(code),
            pages[number],
            [make_mark(name, judgement) for name, judgement in found.items()],
            best_of(found),
            [place],
        )
        for place, (number, one) in enumerate(judged.items())
        if (found := judgements_of(one, code))
    ]
    if not rows:
        return None
    marks = [mark for row in rows for mark in row.marks]
    margin = 100 * max(one.margin for one in judged.values())
    strategies = list(dict.fromkeys(mark.strategy for mark in marks))
    return Answer(make_scale(marks, margin), margin, strategies, None, {}, rows, ["task"], of="comparison")


def _typology_fact(name: str, value: float, source: str) -> tuple[str, str]:
    """Return a fact of typology and its value, as text for readers."""
    if name == SIZE:
        return "pretraining text of XLM-R", f"{value:.1f} GiB"
    if name.startswith("same "):
        return f"{name} as {name_or_code(source)}", "yes" if value else "no"
    return f"distance of {name}", f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A comparison in the table of a language's scores.

    Attributes:
        comparison: The comparison.
        page: Its address; empty without a page of its own.
        is_judged: Whether its models have learnt anything, so that verdicts have colours.
    """

    comparison: Comparison
    page: str
    is_judged: bool


def _language_scores(code: str, rows: Sequence[_Row]) -> Sheet:
    """Return the scores of a language, one row per comparison that includes the language."""
    columns: list[Column[_Row]] = [
        Column("", lambda row: Cell(title_of(row.comparison), page=row.page), is_name=True),
        *(
            _score_column(code, name)
            for name in dict.fromkeys(name for row in rows for name in row.comparison.strategies)
        ),
    ]
    note = "Mean over seeds ± standard deviation, in percent. In brackets: the gain over the baseline."
    return make_sheet(f"{name_or_code(code)}: scores", columns, rows, note)


def _score_column(code: str, strategy: str) -> Column[_Row]:
    def score(row: _Row) -> Cell | None:
        """Return the score, coloured by its verdict."""
        summary = row.comparison.cells[code].get(strategy)
        if summary is None:
            return None
        return Cell(score_text(summary), tone_of(summary.judged) if row.is_judged else 0)

    return Column(strategy, score)


def _summarise_language(code: str, judged: Sequence[Comparison]) -> list[str]:
    """Return the answer for a language; for several comparisons, how often each strategy helps and hurts."""
    if len(judged) == 1:
        return [_sentence(answer_for(judged[0], code))]
    verdicts: dict[str, list[Verdict]] = {}
    for one in judged:
        for name, judgement in judgements_of(one, code).items():
            verdicts.setdefault(name, []).append(judgement.verdict)
    return [
        _sentence(
            f"{name_strategy(name)} helps in {found.count('helps') or 'none'} of {len(found)} comparisons and hurts in "
            f"{found.count('hurts') or 'none'}"
        )
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
    return f"{text[0].upper()}{text[1:]}."
