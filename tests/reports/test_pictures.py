"""The heat map as a picture: in cards of models and in notebooks; and studies as text."""

import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("plotly")

from alignfreeze.reports.palette import ground_of, ink_on
from alignfreeze.reports.pictures import draw_gain_picture, illustrate
from alignfreeze.reports.study import study_page
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.verdicts import Judgement
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from tests.studies.test_comparison import table
from tests.support.cli import alignfreeze
from tests.support.runs import planned

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_holds_every_gain(tmp_path):
    (compared,) = compare_results(read_results([table(tmp_path)]))
    picture = ET.fromstring(draw_gain_picture(compared))
    texts = [element.text for element in picture.iter(f"{SVG}text")]
    assert texts[1:] == ["full", "back", "German", "+10.0", "+1.0", "Turkish", "+1.0", "-10.0"]
    grounds = [element.get("fill") for element in picture.iter(f"{SVG}rect")][1:]
    cells = [compared.cells[code][name] for code in compared.languages for name in compared.realignments]
    assert grounds == [ground_of(cell.judged) for cell in cells]


def test_markup_in_a_name_is_text_in_the_picture(tmp_path):
    from dataclasses import replace

    (compared,) = compare_results(read_results([table(tmp_path)]))
    evil = draw_gain_picture(
        replace(compared, setup=replace(compared.setup, encoder="</title><script>alert(1)</script>"))
    )
    assert not list(ET.fromstring(evil).iter(f"{SVG}script"))


def test_notebooks_show_summary_figures_and_picture(tmp_path):
    shown = study_page([table(tmp_path)], title="<b>Mine</b>")._repr_html_()
    assert "<h3>&lt;b&gt;Mine&lt;/b&gt;</h3>" in shown
    assert "whether to realign" in shown
    assert shown.count("<svg") == shown.count("</svg>") == 1


def test_the_card_of_a_model_shows_the_gains(project):
    out = project / "out"
    study = run_experiment(planned(project, seeds=[1], keep_models=True), out=out)
    for _ in range(2):  # doing it again changes nothing
        illustrate(study.records, out / "runs")
    for record in study.records:
        model = out / "runs" / record.folder / "model"
        assert ET.parse(model / "gains.svg").getroot().tag == f"{SVG}svg"
        assert (model / "README.md").read_text().count("![Heat map of gains](gains.svg)") == 1


def test_without_a_baseline_cards_stay_as_they_are(project):
    out = project / "out"
    study = run_experiment(planned(project, seeds=[1], strategies=["front"], keep_models=True), out=out)
    illustrate(study.records, out / "runs")
    assert not list(out.glob("runs/*/model/gains.svg"))


@pytest.mark.parametrize(("name", "begins"), [("page.md", "# Mine\n"), ("page.tex", "\\section*{Mine}\n")])
def test_the_command_writes_text(tmp_path, name, begins):
    done = alignfreeze("report", table(tmp_path), "-o", tmp_path / name, "--title", "Mine")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / name).read_text()
    assert text.startswith(begins)
    assert "whether to realign" in text
    assert "+10.0" in text


def test_a_name_that_tells_no_form_is_refused(tmp_path):
    refused = alignfreeze("report", table(tmp_path), "-o", tmp_path / "page.pdf")
    assert refused.returncode == 2
    assert ".html, .md or .tex" in refused.stderr


def test_inks_stand_out_on_every_ground():
    """By WCAG's contrast, worked out again; where black and white stand out alike, neither has more than 4.15."""

    def luminance(colour):
        values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for tenths in range(-50, 51):
        verdict = "helps" if tenths > 0 else "hurts"
        ground = ground_of(Judgement(verdict, tenths / 1000, (tenths / 1000 - 0.01, tenths / 1000 + 0.01)))
        bright, dark = sorted((luminance(ground), luminance(ink_on(ground))), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) > 4.1


def test_a_form_that_there_is_not(tmp_path):
    refused = alignfreeze("report", table(tmp_path), "-o", tmp_path / "page", "--format", "markdwn")
    assert refused.returncode == 2
    assert "Did you mean 'markdown'?" in refused.stderr
    assert not (tmp_path / "page").exists()
