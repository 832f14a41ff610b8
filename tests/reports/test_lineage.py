"""What runs were made from: which box leads to which, and that no box covers another."""

import re

import pytest

pytest.importorskip("plotly")

from alignfreeze.reports.layers import Box, draw_layers
from alignfreeze.reports.lineage import draw_lineage, draw_run_lineage, trace
from alignfreeze.sheets import Cell
from tests.reports.test_golden import SCORES, record
from tests.support.records import make_record, make_settings

RECORDS = [record(strategy) for strategy in SCORES]


def joined(found):
    labels = {box.name: box.label for box in found.boxes}
    return {(labels[start], labels[end]) for start, end in found.arrows}


def test_the_lineage_of_a_realigned_run():
    found = trace([RECORDS[2]], outcomes=True)
    assert {box.label: box.layer for box in found.boxes} == {
        "tiny": "encoder and bitext",
        "training data": "before fine-tuning",
        "bitext": "encoder and bitext",
        "fast-align": "word links",
        "realigned: front": "before fine-tuning",
        "front": "runs",
        "scores": "outcome",
    }
    assert joined(found) == {
        ("tiny", "realigned: front"),
        ("bitext", "fast-align"),
        ("fast-align", "realigned: front"),
        ("realigned: front", "front"),
        ("training data", "front"),
        ("front", "scores"),
    }


def test_the_lineage_of_the_baseline_knows_no_bitext():
    assert joined(trace([RECORDS[0]])) == {("tiny", "baseline"), ("training data", "baseline")}


def test_the_lineage_of_an_average_leads_to_each_member():
    name = "average(1*baseline,1*full,2*front)"
    one = make_record(make_settings(["de", "tr", "ja"]), name, SCORES["front"])
    realigned = {"realigned: full", "realigned: front"}
    assert joined(trace([one])) == {
        ("bitext", "fast-align"),
        *((start, member) for start in ("tiny", "fast-align") for member in realigned),
        *((start, name) for start in ("tiny", "training data", *realigned)),
    }
    # It starts from what the runs of its members start from.
    assert len(trace([*RECORDS, one]).boxes) == len(trace(RECORDS).boxes) + 1


def test_what_is_put_back_comes_from_the_pretrained_encoder():
    settings = make_settings(["de", "tr", "ja"])
    arrows = joined(trace([make_record(settings, "revert(full,front)", SCORES["front"])]))
    assert {start for start, end in arrows if end == "revert(full,front)"} == {
        "tiny",
        "training data",
        "realigned: full",
    }
    arrows = joined(trace([make_record(settings, "swap(full,3=back)", SCORES["front"])]))
    assert {start for start, end in arrows if end == "swap(full,3=back)"} == {
        "training data",
        "realigned: full",
        "realigned: back",
    }


def many_runs():
    """Twenty runs: four strategies, five seeds."""
    settings = make_settings(["de", "tr", "ja"])
    return [
        make_record(settings, strategy, SCORES["front"], seed=seed)
        for strategy in ("baseline", "full", "front", "back")
        for seed in (1, 2, 3, 4, 5)
    ]


def test_runs_that_differ_in_their_seed_share_a_box():
    found = trace(many_runs())
    assert len(found.boxes) == 4 + 3 + 4  # encoder, training data, bitext, links; realigned encoders; runs
    front = next(box for box in found.boxes if box.label == "front")
    assert [cell.text for cell in front.parts] == ["seeds", "1", "2", "3", "4", "5"]
    assert {cell.page for cell in front.parts[1:]} == {
        f"run/{one.folder}" for one in many_runs() if one.strategy == "front"
    }
    rows = {row[0].text: row[2].text for row in found.sheet("").rows}
    assert rows["realigned: front"] == "seeds 1 2 3 4 5"
    assert rows["training data"] == "pos in English"


def test_runs_of_other_settings_have_their_own_boxes():
    settings = make_settings(["de", "tr", "ja"], finetuning={"steps": 40})
    found = trace([*RECORDS, make_record(settings, "front", SCORES["front"])])
    assert [box.label for box in found.boxes].count("front") == 2
    assert [box.label for box in found.boxes].count("realigned: front") == 1


def boxes_in(picture):
    """The left, top, right and bottom of each box."""
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', picture)
    return [(x, y, x + width, y + height) for x, y, width, height in (map(float, one) for one in found)]


def test_no_box_covers_another_and_each_layer_stands_to_the_right_of_what_it_is_made_from():
    picture = draw_lineage(many_runs()).pictures[""]
    boxes = boxes_in(picture)
    assert len(boxes) == 11
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    assert len({left for left, *_ in boxes}) == 4
    assert picture.count("<a href=") == 20


def test_an_arrow_goes_around_the_boxes_of_a_layer_that_it_passes():
    boxes = [Box("a", "one", "A", ""), Box("b", "two", "B", ""), Box("c", "three", "C", "")]
    picture = draw_layers("", dict.fromkeys(("one", "two", "three"), "#000000"), boxes, [("a", "b"), ("a", "c")])
    (passed,) = re.findall(r'<path d="M[\d.]+ ([\d.]+)H', picture)
    _, top, _, bottom = boxes_in(picture)[1]
    assert not top - 1 <= float(passed) <= bottom + 1


def test_long_names_stay_inside_their_box():
    name = "https://example.org/a-very-long-name-of-an-encoder-of-which-nobody-knows-what-it-holds"
    picture = draw_layers("", {"one": "#000000"}, [Box("a", "one", name, "", [Cell(name, page="run/x")])], [])
    lines = re.findall(r"<text[^>]*font-weight[^>]*>([^<]+)<", picture)
    assert "".join(lines) == name
    assert len(lines) > 3
    ((_, _, right, _),) = boxes_in(picture)
    assert right < 250


def test_the_lineage_is_folded():
    assert draw_lineage(RECORDS).folded
    assert draw_run_lineage(RECORDS[0]).folded


def test_names_that_carry_markup_come_out_as_text():
    evil = '<script>"&'
    one = make_record(make_settings(["de"], encoder=evil), "front", SCORES["front"])
    assert "<script>" not in draw_run_lineage(one).pictures[""]
