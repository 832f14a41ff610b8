"""The page of a language: facts about the language, and the effect of each strategy on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignfreeze.addresses import address_of_comparison, address_of_language
from alignfreeze.columns import Column, make_sheet
from alignfreeze.languages import name_or_code
from alignfreeze.reports.changed_items import Changes
from alignfreeze.reports.likeness import Distances, alike_sheet
from alignfreeze.reports.pages import Page
from alignfreeze.running.scores import Summary
from alignfreeze.running.tables import score_text, tone_of
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.studies.answers import answer_for
from alignfreeze.studies.comparison import Comparison
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
) -> Page:
    """Return the page of a language.

    Args:
        code: The language.
        compared: The comparisons of the study.
        codes: The study's languages.
        alike: The distances between languages, in several senses.
        terms: The key terms of the language's bitext.
        changes: What the best strategies change in test items of the language.
    """
    having = [comparison for comparison in compared if code in comparison.languages]
    source = having[0].source or "en"
    known = facts_of(code, source)
    facts = {"family": known.family or "not known"}
    facts |= dict(_typology_fact(name, value, source) for name, value in known.values.items())
    if terms:
        facts["key terms of its bitext"] = ", ".join(terms)
    return Page(
        name=address_of_language(code),
        title=f"{name_or_code(code)} ({code})",
        summary=_summarise_language(code, having),
        facts=facts,
        sheets=[_language_scores(code, compared), *([alike_sheet(code, codes, alike)] if len(codes) > 1 else [])],
        changes=changes,
    )


def _typology_fact(name: str, value: float, source: str) -> tuple[str, str]:
    """Return a fact of typology and its value, as text for readers."""
    if name == SIZE:
        return "pretraining text of XLM-R", f"{value:.1f} GiB"
    if name.startswith("same "):
        return f"{name} as {name_or_code(source)}", "yes" if value else "no"
    return f"distance of {name}", f"{value:.2f}"


def _language_scores(code: str, compared: Sequence[Comparison]) -> Sheet:
    """Return the scores of a language, one row per comparison that includes the language."""
    # In a study with one comparison, the comparison has no separate page.
    rows = [
        (one, address_of_comparison(number) if len(compared) > 1 else "")
        for number, one in enumerate(compared)
        if code in one.languages
    ]
    columns: list[Column[tuple[Comparison, str]]] = [
        Column("", lambda row: Cell(title_of(row[0]), page=row[1]), is_name=True),
        *(_score_column(code, name) for name in dict.fromkeys(name for one, _ in rows for name in one.strategies)),
    ]
    note = "Mean over seeds ± standard deviation, in percent. In brackets: the gain over the baseline."
    return make_sheet(f"{name_or_code(code)}: scores", columns, rows, note)


def _score_column(code: str, strategy: str) -> Column[tuple[Comparison, str]]:
    return Column(strategy, lambda row: row[0].cells[code].get(strategy), _rounded_score)


def _rounded_score(summary: Summary) -> Cell:
    return Cell(score_text(summary), tone_of(summary.judged))


def _summarise_language(code: str, having: Sequence[Comparison]) -> list[str]:
    """Return the answer for a language, for each comparison."""
    if len(having) == 1:
        return [f"{_capital(answer_for(having[0], code))}."]
    return [f"{_capital(title_of(one))}: {answer_for(one, code)}." for one in having]


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
