"""A study as text for papers and pull requests: its summary and its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alignfreeze.reports.page import to_html
from alignfreeze.reports.pages import Page, StudyPage
from alignfreeze.sheets import latex_text, markdown_text, to_latex, to_markdown


def study_markdown(study: StudyPage) -> str:
    """Return the study and its comparisons in Markdown."""
    return "\n\n".join(_markdown(study)) + "\n"


def _markdown(study: StudyPage) -> Iterator[str]:
    yield f"# {markdown_text(study.study.title)}"
    yield from map(markdown_text, study.study.summary)
    yield "\n".join(f"- {name}: {markdown_text(value)}" for name, value in study.study.facts.items())
    for page in study.comparisons:
        yield f"## {markdown_text(page.title)}"
        yield from map(markdown_text, _own_summary(page, study))
        yield from map(to_markdown, page.sheets)
    yield from map(to_markdown, (*study.study.sheets, *study.study.folded))


def study_latex(study: StudyPage) -> str:
    """Return the study and its comparisons in LaTeX, for a paper. The text needs the package `booktabs`."""
    return "\n\n".join(_latex(study)) + "\n"


def _latex(study: StudyPage) -> Iterator[str]:
    yield rf"\section*{{{latex_text(study.study.title)}}}"
    yield from map(latex_text, study.study.summary)
    for page in study.comparisons:
        yield rf"\subsection*{{{latex_text(page.title)}}}"
        yield from map(latex_text, _own_summary(page, study))
        yield from map(to_latex, page.sheets)
    yield from map(to_latex, (*study.study.sheets, *study.study.folded))


def _own_summary(page: Page, study: StudyPage) -> list[str]:
    """Return the sentences of a comparison that are not already in the study."""
    return [sentence for sentence in page.summary if sentence not in study.study.summary]


REPORT_FORMS: dict[str, Callable[[StudyPage], str]] = {
    "html": to_html,
    "markdown": study_markdown,
    "latex": study_latex,
}
"""The functions that write a study, by form."""
