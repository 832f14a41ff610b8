"""The page of a study in a real browser, opened from disk with no network."""

import pytest

pytest.importorskip("plotly")
pytest.importorskip("playwright.sync_api")


from alignfreeze.reports.page import to_html
from alignfreeze.reports.study import study_page
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from tests.studies.test_comparison import table
from tests.support.runs import planned

LANGUAGES = ("de", "fr", "hi", "ja", "tr", "zh")


def results(folder):
    """Six languages, two seeds; the gains of full and back differ from language to language."""
    header = ",".join(
        ["seed", "model", "task", "method", *(f"final_eval_{code}_accuracy" for code in ("same", *LANGUAGES))]
    )
    rows = [header]
    for seed in (31, 42):
        for method, gain in (("baseline", 0.0), ("before_dico", 0.01), ("freeze_realign_unfreeze_dico", 0.02)):
            scores = [0.9, *(0.5 + 0.01 * place + gain * place + 0.0001 * seed for place in range(len(LANGUAGES)))]
            rows.append(",".join([str(seed), "m", "udpos", method, *(f"{score:.6f}" for score in scores)]))
    path = folder / "results.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    path = folder / "page.html"
    path.write_text(to_html(study_page([results(folder)], title="Six languages")), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened_once(opening, study):
    return opening[0](study, color_scheme="light")


@pytest.fixture
def page(opened_once, open_page):
    """The page of the study, opened once for all tests, at its beginning."""
    opened_once.evaluate("location.hash = 'study'")
    return opened_once


def labels(page):
    """The languages of the answer from the top."""
    return page.locator("#study .answer li .language").all_text_contents()


def lines(page):
    """The strategies of the answer that are seen, language by language."""
    return page.locator("#study .answer li .line:visible .strategy").all_text_contents()


def covered(page, boxes):
    """Which texts of a drawing cover each other, of those that a selector finds."""
    return page.evaluate(
        """(boxes) => {
          const all = [...document.querySelectorAll(boxes)].filter((one) => one.checkVisibility())
            .map((one) => ({ text: one.textContent, box: one.getBoundingClientRect() }));
          const meet = (one, other) => one.left < other.right - 0.5 && other.left < one.right - 0.5 &&
            one.top < other.bottom - 0.5 && other.top < one.bottom - 0.5;
          const found = [];
          all.forEach(({ text, box }, place) => {
            for (const other of all.slice(0, place)) if (meet(box, other.box)) found.push([text, other.text]);
          });
          return [all.length, found];
        }""",
        boxes,
    )


def test_the_page_opens_from_disk_without_a_network(page):
    assert page.title() == "Six languages"
    assert page.locator(".page:visible").count() == 1
    assert page.locator("#study .answer .line:visible").count() == 2 * (1 + 6)


def test_charts_are_drawn_when_they_come_into_view(page):
    page.locator("#study .chart").last.scroll_into_view_if_needed()
    page.locator("#study .chart .plot .main-svg").last.wait_for(state="attached")


def test_the_answer_is_on_the_first_screen(page):
    for name in ("Chinese", "German"):
        box = page.locator("#study .answer li", has_text=name).bounding_box()
        assert box["y"] + box["height"] < 900


def test_languages_are_sorted(page):
    by_gain = labels(page)
    assert by_gain[0] == "Chinese"
    page.locator("#study").get_by_label("sort by").select_option("name")
    assert labels(page) == sorted(by_gain) != by_gain
    page.locator("#study").get_by_label("sort by").select_option("gain")
    assert labels(page) == by_gain


def test_one_strategy_is_chosen(page):
    assert lines(page) == ["full", "front"] * 6
    page.locator("#study").get_by_label("show").select_option("full")
    assert lines(page) == ["full"] * 6
    page.locator("#study").get_by_label("show").select_option("the best of each language")
    assert lines(page)[:5] == ["front"] * 5
    page.locator("#study").get_by_label("show").select_option("all strategies")


def test_the_name_of_a_language_opens_its_page(page):
    page.locator("#study .answer").get_by_role("link", name="Chinese").click()
    page.wait_for_function("location.hash === '#language/zh'")
    assert page.locator("h1:visible").text_content() == "Chinese (zh)"
    page.go_back()
    assert page.locator("h1:visible").text_content() == "Six languages"


def test_an_address_can_be_shared(page, study):
    page.goto(f"{study.as_uri()}#language/tr")
    page.reload()
    assert page.locator("h1:visible").text_content() == "Turkish (tr)"


TREE = "#study .drawing[data-name=languages]"


def test_a_language_of_the_tree_is_a_link(page):
    page.locator(TREE).get_by_role("link", name="Hindi").click()
    page.wait_for_function("location.hash === '#language/hi'")
    assert page.locator("h1:visible").text_content() == "Hindi (hi)"


def test_languages_are_joined_in_another_sense(page):
    tree = page.locator(TREE)
    before = tree.locator("svg:visible").get_attribute("aria-label")
    tree.get_by_label("joined by").select_option("typology")
    assert tree.locator("svg:visible").count() == 1
    assert before != tree.locator("svg:visible").get_attribute("aria-label")
    tree.get_by_label("joined by").select_option("effect of realignment")


def test_no_name_of_6_languages_covers_another(page):
    assert covered(page, f"{TREE} svg text") == [2 * 6 + 6, []]


def test_no_name_of_34_languages_covers_another(shared_data, tmp_path, open_page):
    path = tmp_path / "page.html"
    table = shared_data / "paper_results" / "xlm-roberta-base__opus100__udpos.csv"
    path.write_text(to_html(study_page([table])), encoding="utf-8")
    for width in (1300, 420):
        page = open_page(path, viewport={"width": width, "height": 900})
        assert covered(page, f"{TREE} svg text") == [2 * 34 + 6, []]


def draw_first_chart(page):
    page.locator("#study .chart").first.scroll_into_view_if_needed()
    page.locator("#study .chart .ytick text").first.wait_for()


def test_light_and_dark(page):
    draw_first_chart(page)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    ink = "() => getComputedStyle(document.querySelector('#study .plot .ytick text')).fill"
    light = page.evaluate(ground), page.evaluate(ink)
    page.get_by_role("button", name="light or dark").click()
    dark = page.evaluate(ground), page.evaluate(ink)
    page.get_by_role("button", name="light or dark").click()
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] == "rgb(22, 22, 22)"
    assert light[1] != dark[1]


def test_the_dark_of_the_system_is_followed(study, open_page):
    page = open_page(study, color_scheme="dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)"


def test_the_dark_page_is_printed_dark_on_white(page):
    draw_first_chart(page)

    def look():
        return page.evaluate(
            """() => [getComputedStyle(document.body).color,
              getComputedStyle(document.querySelector("#study .plot .ytick text")).fill]"""
        )

    light = look()
    page.get_by_role("button", name="light or dark").click()
    dark = look()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert look() == light != dark
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert look() == dark
    page.get_by_role("button", name="light or dark").click()


def test_an_address_that_is_none_shows_the_study(page, study):
    page.goto(f"{study.as_uri()}#%")
    page.reload()
    assert page.locator("h1:visible").text_content() == "Six languages"


def test_the_keyboard_reaches_every_control(page, study):
    wanted = page.evaluate(
        """() => {
          const shown = (one) => one.checkVisibility() && !one.closest("details:not([open]) > :not(summary)");
          const all = [...document.querySelectorAll("a[href], button, select, summary, [tabindex='0']")].filter(shown);
          all.forEach((one, number) => { one.dataset.number = number; });
          return all.length;
        }"""
    )
    assert wanted > 15
    reached = set()
    for _ in range(3 * wanted):
        page.keyboard.press("Tab")
        number = page.evaluate("() => document.activeElement.dataset.number")
        if number is not None:
            reached.add(number)
    assert len(reached) == wanted
    page.goto(study.as_uri())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link to the study, which only the keyboard meets
    assert page.locator("h1:visible").text_content() == "Six languages"


def test_what_is_downloaded(page, study, tmp_path):
    draw_first_chart(page)
    chart = page.locator("#study .chart").first
    for button, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("CSV", b'"","language",')):
        with page.expect_download() as waiting:
            chart.get_by_role("button", name=button).click()
        path = tmp_path / f"saved.{button}"
        waiting.value.save_as(path)
        assert path.read_bytes().startswith(begins)
    with page.expect_download() as waiting:
        page.locator(TREE).get_by_role("button", name="SVG").click()
    waiting.value.save_as(tmp_path / "tree.svg")
    tree = (tmp_path / "tree.svg").read_text(encoding="utf-8")
    assert tree.startswith("<svg")
    assert "var(" not in tree  # other programs do not know the colours of the page
    with page.expect_download() as waiting:
        page.locator("#study .answer").get_by_role("button", name="CSV").click()
    waiting.value.save_as(tmp_path / "gains.csv")
    csv = (tmp_path / "gains.csv").read_text().splitlines()
    (compared,) = compare_results(read_results([study.with_name("results.csv")]))
    assert '"Chinese","full","+5.0"' in "\n".join(csv)
    assert len(csv) == 1 + 2 * (1 + len(compared.languages))
    page.locator("#study").get_by_text("Heat map of the gains").click()
    with page.expect_download() as waiting:
        page.locator("#study .heat").get_by_role("button", name="SVG").click()
    waiting.value.save_as(tmp_path / "gains.svg")
    assert (tmp_path / "gains.svg").read_text().startswith("<svg")


def test_the_page_of_a_run_shows_what_it_was_made_from(project, open_page):
    out = project / "out"
    run_experiment(planned(project, seeds=[1]), out=out)
    path = project / "page.html"
    path.write_text(to_html(study_page([out])), encoding="utf-8")
    page = open_page(path)
    page.get_by_text("2 runs", exact=True).click()
    page.get_by_role("link", name="front, seed 1").first.click()
    assert page.locator("h1:visible").text_content().startswith("front, seed 1")
    lineage = page.locator(".page:not([hidden]) .drawing")
    assert not lineage.is_visible()
    page.locator(".page:not([hidden])").get_by_text("What this run was made from").first.click()
    assert lineage.is_visible()
    texts, found = covered(page, ".page:not([hidden]) .drawing svg text")
    assert (texts > 10, found) == (True, [])
    lineage.get_by_role("link", name="1", exact=True).focus()
    assert page.evaluate("document.activeElement.getAttribute('href')") == page.evaluate("location.hash")


EVIL = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>\u202etxt"


def test_names_that_carry_markup_run_nothing(tmp_path, open_page):
    rows = results(tmp_path).read_text().replace(",m,", f',"{EVIL.replace(chr(34), chr(34) * 2)}",')
    path = tmp_path / "evil.html"
    evil_study = study_page([table(tmp_path, rows)], title=EVIL)
    path.write_text(to_html(evil_study), encoding="utf-8")
    page = open_page(path)
    page.wait_for_timeout(500)
    assert page.title() == EVIL
    assert page.locator("img").count() == 0
    assert EVIL in page.locator("#study dd").first.text_content()
