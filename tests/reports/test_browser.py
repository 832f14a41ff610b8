"""The page of a study in a real browser, opened from disk with no network."""

from pathlib import Path

import pytest

pytest.importorskip("plotly")
pytest.importorskip("pyvis")
pytest.importorskip("playwright.sync_api")


from alignfreeze.reports.networks import Edge, Network, Node
from alignfreeze.reports.page import to_html
from alignfreeze.reports.pages import Page, StudyPage
from alignfreeze.reports.study import study_page
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from tests.studies.test_comparison import table
from tests.support.runs import planned

LANGUAGES = ("de", "fr", "hi", "ja", "tr", "zh")


@pytest.fixture(scope="module")
def opening(browser):
    """Opens files; keeps what pages complain of or fetch."""
    trouble, contexts = [], []

    def opened(path: Path, **options):
        context = browser.new_context(viewport={"width": 1300, "height": 900}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: trouble.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: None if _is_local(request.url) else trouble.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened, trouble
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(opening):
    """Opens a file; what the page complains of, or fetches, fails the test at its end."""
    opened, trouble = opening
    trouble.clear()
    yield opened
    assert not trouble


def _is_local(address):
    return address.startswith(("file:", "data:", "blob:"))


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
    """The languages of the heat map from the top."""
    return page.locator("#study .chart").first.evaluate(
        """figure => [...figure.querySelectorAll(".ytick text")]
          .sort((one, other) => one.getBoundingClientRect().y - other.getBoundingClientRect().y)
          .map((text) => text.textContent)"""
    )


def canvas_of(page, name="languages"):
    network = page.locator(f"[data-network='study/{name}']")
    network.scroll_into_view_if_needed()
    settled = "figure => figure.network && figure.network.body.nodeIndices.length > 0"
    page.wait_for_function(f"name => ({settled})(document.querySelector(`[data-network='study/${{name}}']`))", arg=name)
    # Physics go on for a while; a node that is aimed at must not move.
    network.evaluate("figure => { figure.network.stabilize(300); figure.network.stopSimulation(); }")
    return network


def place_of(network, node):
    """Where a node is in the window."""
    return network.evaluate(
        """(figure, node) => {
          const at = figure.network.canvasToDOM(figure.network.getPosition(node));
          const box = figure.querySelector("canvas").getBoundingClientRect();
          return [box.left + at.x, box.top + at.y];
        }""",
        node,
    )


def test_the_page_opens_from_disk_without_a_network(page):
    assert page.title() == "Six languages"
    assert page.locator("#study .plot .main-svg").count() > 0
    assert page.locator("#study canvas").count() == 1
    assert page.locator(".page:visible").count() == 1


def test_the_heat_map_is_sorted(page):
    by_gain = labels(page)
    assert by_gain[0] == "Chinese (zh)"
    page.locator("#study .chart").first.get_by_label("sort by").select_option("name")
    page.wait_for_timeout(200)
    by_name = labels(page)
    assert sorted(by_gain) == sorted(by_name)
    assert by_name[:2] == ["Chinese (zh)", "French (fr)"]
    assert by_name != by_gain


def test_a_click_on_a_row_of_the_heat_map_opens_the_language(page):
    plot = page.locator("#study .plot").first
    box = plot.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 5)
    page.wait_for_selector(".hoverlayer .hovertext")
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 5)
    page.wait_for_function("location.hash === '#language/zh'")
    assert page.locator("h1:visible").text_content() == "Chinese (zh)"
    page.go_back()
    assert page.locator("h1:visible").text_content() == "Six languages"


def test_an_address_can_be_shared(page, study):
    page.goto(f"{study.as_uri()}#language/tr")
    page.reload()
    assert page.locator("h1:visible").text_content() == "Turkish (tr)"


def test_pointing_at_a_node_shows_its_title_and_a_click_opens_its_page(page):
    network = canvas_of(page)
    page.mouse.move(*place_of(network, "hi"))
    tooltip = network.locator(".vis-tooltip")
    tooltip.wait_for(state="visible")
    assert tooltip.text_content().startswith("Hindi: largest gain +")
    page.mouse.click(*place_of(network, "hi"))
    page.wait_for_function("location.hash === '#language/hi'")
    assert page.locator("h1:visible").text_content() == "Hindi (hi)"


def test_a_node_is_dragged(page):
    network = canvas_of(page)
    x, y = place_of(network, "ja")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=6)
    there = place_of(network, "ja")
    page.mouse.up()
    assert there == pytest.approx([x + 60, y + 30], abs=3)
    assert page.locator("h1:visible").text_content() == "Six languages"


def test_the_controls_and_the_wheel_zoom(page):
    network = canvas_of(page)

    def scale():
        page.wait_for_timeout(300)
        return network.evaluate("figure => figure.network.getScale()")

    first = scale()
    network.get_by_role("button", name="zoom in").click()
    closer = scale()
    assert closer == pytest.approx(1.4 * first, rel=0.02)
    network.get_by_role("button", name="zoom out").click()
    assert scale() == pytest.approx(first, rel=0.02)
    page.mouse.move(*place_of(network, "de"))
    page.mouse.wheel(0, -200)
    assert scale() > first
    network.get_by_role("button", name="fit").click()
    assert scale() < closer
    network.get_by_role("button", name="reset").click()
    assert network.locator("canvas").count() == 1
    box, frame = (network.locator(name).bounding_box() for name in (".zoom", ".stage"))
    assert box["x"] > frame["x"] + frame["width"] / 2
    assert box["y"] > frame["y"] + frame["height"] / 2


def test_languages_are_joined_in_another_sense(page):
    network = canvas_of(page)
    before = network.evaluate("figure => figure.network.body.data.edges.get().map((edge) => [edge.from, edge.to])")
    network.get_by_label("joined by").select_option("typology")
    after = network.evaluate("figure => figure.network.body.data.edges.get().map((edge) => [edge.from, edge.to])")
    assert before != after


def test_light_and_dark(page):
    ground = "() => getComputedStyle(document.body).backgroundColor"
    ink = "() => getComputedStyle(document.querySelector('.plot .ytick text')).fill"
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
    def look():
        return page.evaluate(
            """() => [getComputedStyle(document.body).color,
              getComputedStyle(document.querySelector(".plot .ytick text")).fill]"""
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
    chart = page.locator("#study .chart").first
    for button, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("CSV", b'"","language","full","front"')):
        with page.expect_download() as waiting:
            chart.get_by_role("button", name=button).click()
        path = tmp_path / f"saved.{button}"
        waiting.value.save_as(path)
        assert path.read_bytes().startswith(begins)
    csv = (tmp_path / "saved.CSV").read_text().splitlines()
    (compared,) = compare_results(read_results([study.with_name("results.csv")]))
    assert csv[1].startswith('"zh","Chinese (zh)","+5.0')
    assert len(csv) == 1 + len(compared.languages)


def test_the_page_of_a_run_shows_what_it_was_made_from(project, open_page):
    out = project / "out"
    run_experiment(planned(project, seeds=[1]), out=out)
    path = project / "page.html"
    path.write_text(to_html(study_page([out])), encoding="utf-8")
    page = open_page(path)
    page.get_by_text("2 runs", exact=True).click()
    page.get_by_role("link", name="front, seed 1").first.click()
    assert page.locator("h1:visible").text_content().startswith("front, seed 1")
    looks = page.evaluate("() => Object.values(networks).map((one) => one.nodes.map((node) => node.kind))")
    assert {"run", "made from", "made into"} == {kind for kinds in looks for kind in kinds}


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
    assert EVIL in page.locator("dd").first.text_content()


def test_200_nodes_stay_smooth(tmp_path, open_page):
    nodes = [Node(str(n), f"node {n}", f"<b>title {n}</b>", f"kind {n % 7}") for n in range(200)]
    edges = [Edge(str(n), str(n // 3)) for n in range(1, 200)]
    network = Network("languages", "Many", nodes, {"": edges}, "a tree", {})
    path = tmp_path / "many.html"
    path.write_text(to_html(StudyPage(Page("study", "Many", networks=[network]), (), (), ())), encoding="utf-8")
    page = open_page(path)
    shown = canvas_of(page)
    page.mouse.move(*place_of(shown, "0"))
    assert shown.locator(".vis-tooltip").text_content() == "<b>title 0</b>"
    shown.evaluate("figure => figure.network.startSimulation()")
    frames = page.evaluate(
        """() => new Promise((done) => {
          const begun = performance.now();
          let frames = 0;
          const count = () => {
            frames += 1;
            if (performance.now() - begun < 1000) requestAnimationFrame(count); else done(frames);
          };
          requestAnimationFrame(count);
        })"""
    )
    assert frames >= 10
