"""The pages of the documentation are short, plain, linked and found."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.pages import anchors_of, blocks_of, navigation, prose_of, sentences_of, title_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SITE = sorted(DOCS.rglob("*.md"))
PAGES = [ROOT / "README.md", *SITE]
GENERATED = {DOCS / "settings.md", DOCS / "commands.md"}
"""Made from the code by `python -m tests.test_docs`; a reference is as long as what it lists."""

LONG = {*GENERATED, DOCS / "api.md"}
"""Pages that may be longer: references. `api.md` is mostly the names of what mkdocstrings puts there."""

MOST_LINES = 150
NAVIGATION = navigation(ROOT / "mkdocs.yml")


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if page not in LONG], ids=name_of)
def test_pages_are_short(page):
    assert len(page.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("page", [page for page in PAGES if page not in GENERATED], ids=name_of)
def test_a_line_holds_one_sentence(page):
    assert [(number, line) for number, line in prose_of(page) if len(sentences_of(line)) > 1] == []


def test_sentences_are_told_apart():
    assert sentences_of("The dog sleeps here. The cat does not.") == ["The dog sleeps here.", "The cat does not."]
    assert sentences_of("- Read the file first. `align` needs it.") == ["- Read the file first.", "`align` needs it."]
    assert sentences_of("Is it any good? *Nobody* knows.") == ["Is it any good?", "*Nobody* knows."]
    for one in (
        "1. It makes the encoder",
        "**Padding.** Both sides are packed.",
        "It is that of Dyer et al. The rest is ours",
        "Write `a. B c. D` and go on",
        "See [this page](https://example.org/a. B) for more",
        "They have e.g. German and version 1.5 of it",
    ):
        assert sentences_of(one) == [one]


KINDS = {"python", "sh", "toml", "text", "ini"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_no_block_is_overlooked(page):
    """The tests of samples find blocks at the beginning of a line; each block says what it holds."""
    for block in blocks_of(page):
        assert block.language in KINDS, f"line {block.line}"
        assert not block.indent, f"line {block.line}"


# --- links ---------------------------------------------------------------------------

LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_and_their_anchors_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in anchors_of(found), target


def test_every_page_has_one_place_in_the_navigation():
    paths = [entry.path for entry in NAVIGATION]
    assert sorted(paths) == sorted(str(page.relative_to(DOCS)) for page in SITE)


def test_lab_reports_stand_apart():
    evidence = {entry.path for entry in NAVIGATION if entry.group == "Evidence"}
    assert {"evidence.md", "points.md", "cost.md"} <= evidence
    assert not evidence & {entry.path for entry in NAVIGATION if entry.group != "Evidence"}


def test_three_numbered_pages_come_first():
    first = [entry for entry in NAVIGATION if entry.group == "Begin here"]
    assert [entry.path for entry in NAVIGATION[:4]] == ["index.md", *(entry.path for entry in first)]
    assert [entry.name[:3] for entry in first] == ["1. ", "2. ", "3. "]
    for entry, after in pairwise(first):
        page = DOCS / entry.path
        assert title_of(page) == entry.name
        assert after.path in LINK.findall(page.read_text(encoding="utf-8"))
    home = (DOCS / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^\d\. \[.*?\]\((.*?)\)", home, re.MULTILINE) == [entry.path for entry in first]


def test_the_home_page_begins_with_one_sentence():
    paragraph = (DOCS / "index.md").read_text(encoding="utf-8").split("\n\n")[1]
    assert len(sentences_of(paragraph)) == 1
    assert "\n" not in paragraph
    assert len(paragraph.split()) < 25


QUESTIONS = {
    "my F1 is 0": ("faq.md", "My F1 is 0", ("steps", "learning rate", "labels")),
    "which encoder for Amharic": (
        "faq.md",
        "Which encoder for Amharic, or for another language",
        ("XLM-R", "mBERT", "probe", "layers", "subwords"),
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_leads_to_its_answer_in_two_clicks(question):
    """A click leads from a page to a place of another; the answer has its heading, and says what it must."""
    name, heading, words = QUESTIONS[question]
    answer = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE
    )
    assert answer is not None
    assert all(word in answer[1] for word in words)
    anchor = re.sub(r"[^\w]+", "-", heading.lower())
    reached = {"index.md"}
    for _ in range(2):
        reached |= {
            target
            for place in reached
            for target in LINK.findall((DOCS / place.partition("#")[0]).read_text(encoding="utf-8"))
            if re.fullmatch(r"[\w-]+\.md(#[\w-]+)?", target)
        }
    assert f"{name}#{anchor}" in reached


# --- words ---------------------------------------------------------------------------

TERMS = re.findall(r"^\| ([^|`]+?) \| [^|]+ \|$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
AVOIDED = {
    "token": "word or subword",
    "tokens": "words or subwords",
    "alignment string": "Pharaoh notation",
    "alignment training": "realignment",
    "mode 1": "strong",
    "mode 2": "weak",
    "train2": "fine-tuning",
    "transfer eval": "zero-shot",
    "job": "run",
    "trial": "run, or pilot",
    "dataset1": "bitext",
}
"""Words that the project does not use, and those that it uses instead."""


def plain_text_of(page):
    """A page without blocks, names in code and addresses; tables and headings included."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>", " ", text)


def test_the_glossary_explains_words_that_the_pages_use():
    terms = {term for names in TERMS for term in names.split(", ")}
    assert len(terms) > 40
    text = " ".join(page.read_text(encoding="utf-8") for page in SITE if page.name != "glossary.md").lower()
    for term in terms:
        assert re.search(rf"\b{re.escape(term.lower())}", text), term


def test_the_glossary_has_one_sentence_for_a_word():
    for line in (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| word | meaning"):
            _, term, meaning, _ = (cell.strip() for cell in line.split("|"))
            assert len(meaning.split()) < 25, term
            assert not meaning.endswith(".")
            assert len(sentences_of(meaning)) == 1


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_use_the_words_of_the_project(page):
    text = plain_text_of(page)
    if page.name == "hub-messages.md":
        text = text.replace("token", "")  # that of a login, not a subword
    for word, instead in AVOIDED.items():
        assert not re.search(rf"\b{word}\b", text, re.IGNORECASE), f"{word!r}: write {instead}"
