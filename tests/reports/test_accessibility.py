"""Pages in a browser: what axe finds, how they look on a phone, and what the keyboard does."""

from contextlib import closing

import pytest

pytest.importorskip("plotly")
pytest.importorskip("playwright.sync_api")
pytest.importorskip("axe_playwright_python")

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.reports.links import Linked, to_page
from alignfreeze.reports.page import Served, to_html, waiting_html
from alignfreeze.reports.study import study_page
from alignfreeze.sheets import Cell, Sheet
from alignfreeze.sheets import to_html as sheet_html
from tests.reports.test_golden import SCORES
from tests.support.accessibility import violations
from tests.support.records import make_record, make_settings, write_runs

PHONE = {"width": 420, "height": 900}
ADDRESSES = ("study", "comparison/1", "language/tr", "run/")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A file of each kind. Two comparisons share their baselines, so that each has a page of its own."""
    folder = tmp_path_factory.mktemp("pages")
    encoder = "an-encoder-of-a-name-that-is-as-long-as-those-of-many-encoders"
    records = [
        make_record(
            make_settings(["de", "tr", "ja"], encoder=encoder, realignment={"steps": steps}),
            strategy,
            scores,
            seed=seed,
        )
        for steps in (10, 20)
        for strategy, scores in SCORES.items()
        if steps == 10 or strategy != "baseline"
        for seed in (1, 2)
    ]
    study = study_page([write_runs(folder / "study", records)])
    words = tuple(f"word{number}" for number in range(30))
    pairs = [SentencePair(words[:size], words[: size + 1], ("en", "tr")) for size in (4, 7, 24)]
    linked = [
        Linked(number, pair, WordAlignment(frozenset({(0, 1), (2, 2)}))) for number, pair in enumerate(pairs, start=1)
    ]
    texts = {
        "study": to_html(study),
        "lens": to_html(study, served=Served("state", "me")),
        "links": to_page(linked, facts={"aligner": "fast-align"}),
        "waiting": waiting_html("No run is complete.", seconds=5),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


def address_in(page, begins):
    return page.evaluate(
        "begins => [...document.querySelectorAll('.page')].find((p) => p.id.startsWith(begins)).id", begins
    )


WIDE = {"width": 1400, "height": 900}


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        (WIDE, "light"),
        (PHONE, "dark"),
        # The other two are the same sizes and colours in other pairs.
        pytest.param(WIDE, "dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", marks=pytest.mark.slow),
    ],
    ids=["wide-light", "phone-dark", "wide-dark", "phone-light"],
)
def test_nothing_keeps_anybody_from_a_page(pages, browser, scheme, size):
    with closing(browser.new_context(color_scheme=scheme, viewport=size, offline=True)) as context:
        page = context.new_page()
        page.goto((pages / "study.html").as_uri())
        for begins in ADDRESSES:
            page.evaluate("address => { location.hash = address; }", address_in(page, begins))
            page.wait_for_timeout(200)
            assert not violations(page), begins
        for name in ("lens", "links", "waiting"):
            page.goto((pages / f"{name}.html").as_uri())
            assert not violations(page), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tables_of_notebooks_are_read_on_their_ground(browser, scheme):
    rows = ((Cell("German"), Cell("+1.0 ↑", tone=1)), (Cell("Turkish"), Cell("-1.0 ↓", tone=-1)))
    text = sheet_html(Sheet("Gains", ("", "full"), 1, rows, "In points."))
    ground = "#fff" if scheme == "light" else "#111"
    with closing(browser.new_context()) as context:
        page = context.new_page()
        style = f"color-scheme: {scheme}; background: {ground}; color: {'#111' if scheme == 'light' else '#eee'}"
        page.set_content(f'<html lang="en" style="{style}"><title>Notebook</title><main>{text}</main></html>')
        assert not violations(page)


def test_a_phone_scrolls_tables_and_not_the_page(pages, browser):
    with closing(browser.new_context(viewport=PHONE, offline=True)) as context:
        page = context.new_page()
        page.goto((pages / "study.html").as_uri())
        for begins in ADDRESSES:
            page.evaluate("address => { location.hash = address; }", address_in(page, begins))
            page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= 420, begins
            # The title is in the window, and nothing lies over it.
            assert page.evaluate(
                """() => {
                  const box = document.querySelector(".page:not([hidden]) h1").getBoundingClientRect();
                  const there = document.elementFromPoint(box.left + 5, box.top + 5);
                  return there !== null && there.tagName === "H1" && box.bottom < innerHeight;
                }"""
            ), begins
        page.goto((pages / "links.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_two_matrices_stand_beside_each_other_and_a_wide_one_alone(pages, browser):
    with closing(browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)) as context:
        page = context.new_page()
        page.goto((pages / "links.html").as_uri())
        first, second, wide = (one.bounding_box() for one in page.locator(".pairs > section").all())
        assert first["y"] == second["y"]
        assert first["x"] + first["width"] <= second["x"]
        assert wide["width"] > 1.9 * first["width"]
        assert wide["width"] > 1300


def test_escape_and_a_click_elsewhere_close_menus(pages, browser):
    with closing(browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)) as context:
        page = context.new_page()
        page.goto((pages / "study.html").as_uri())
        menu = page.locator("nav details").first
        menu.locator("summary").click()
        menu.get_by_role("link").first.focus()
        page.keyboard.press("Escape")
        assert menu.get_attribute("open") is None
        assert menu.locator("summary").evaluate("one => one === document.activeElement")
        page.keyboard.press("Enter")
        assert menu.get_attribute("open") is not None
        page.mouse.click(700, 800)
        assert menu.get_attribute("open") is None
