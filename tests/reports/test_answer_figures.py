"""The figure at the top of a page: what it shows first, and that it needs no colour, script or pointer to be read."""

import re
from dataclasses import replace

import pytest

pytest.importorskip("plotly")

from alignfreeze.reports.answer_figures import Mark, make_answer, make_mark, make_scale
from alignfreeze.reports.overviews import make_overview
from alignfreeze.reports.page import to_html
from alignfreeze.reports.palette import BETTER, SAME, UNSURE, WORSE, ground_of
from alignfreeze.reports.study import study_page
from alignfreeze.running.scores import Summary
from alignfreeze.running.verdicts import Judgement
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import Setup, read_results
from tests.studies.test_comparison import table
from tests.support.records import make_record, make_settings, write_runs

HELPS = Judgement("helps", 0.02, (0.01, 0.03))
HURTS = Judgement("hurts", -0.02, (-0.03, -0.01))
SAME_AS_BEFORE = Judgement("no difference", 0.001, (-0.002, 0.004))
CANNOT_TELL = Judgement("cannot tell", 0.03, (-0.05, 0.11), more_seeds=4)


@pytest.fixture
def compare(tmp_path):
    """Returns a comparison with the judgements that it is given, by language and strategy."""
    (found,) = compare_results(read_results([table(tmp_path)]))

    def compared(judged, **changes):
        strategies = ("baseline", *dict.fromkeys(name for row in judged.values() for name in row))
        cells = {
            code: {name: Summary(0.5, 0.01, 3, one.gain, judged=one) for name, one in row.items()}
            for code, row in judged.items()
        }
        return replace(found, languages=tuple(judged), strategies=strategies, cells=cells, overall={}, **changes)

    return compared


def answer(compared):
    return make_answer(compared, orders={"gain": list(compared.languages)})


def test_the_best_strategy_of_a_language_is_one_that_helps(compare):
    (row,) = answer(compare({"tr": {"full": CANNOT_TELL, "front": HELPS}})).rows
    assert row.best == "front"  # though the other has the higher mean


def test_with_many_languages_only_the_best_strategies_are_shown_first(compare):
    judged = {"full": HELPS, "front": HURTS}
    assert not answer(compare({"tr": judged})).shows_best
    assert answer(compare({f"x{n}": judged for n in range(34)})).shows_best
    assert not answer(compare({f"x{n}": {"full": HELPS} for n in range(34)})).shows_best


def test_a_wide_interval_does_not_stretch_the_axis():
    marks = [make_mark("full", HELPS)] * 20
    wide = Mark("full", 1.0, (-400.0, 400.0), "cannot tell", "+1.0", "-400.0 to +400.0", "", "")
    scale = make_scale([*marks, wide], 0.5)
    assert -2 < scale.low < 0
    assert 3 < scale.high < 5
    assert (scale.place(-400.0), scale.place(400.0)) == (0, 100)
    assert 0 in scale.ticks


def test_an_axis_shows_the_margin_also_if_nothing_changes():
    scale = make_scale([Mark("full", 0.0, None, "cannot tell", "+0.0", "", "", "")], 0.5)
    assert scale.low < -0.5 < 0.5 < scale.high


def test_colours_follow_the_verdict_and_not_the_size_of_the_gain():
    assert ground_of(CANNOT_TELL) == ground_of(None) == UNSURE
    assert ground_of(replace(CANNOT_TELL, interval=None)) == UNSURE
    assert ground_of(SAME_AS_BEFORE) == SAME
    sure = replace(HELPS, gain=0.004, interval=(0.003, 0.005))
    assert ground_of(sure) == BETTER
    assert ground_of(replace(HURTS, gain=-0.004, interval=(-0.005, -0.003))) == WORSE
    # A greater gain that is less sure is paler.
    assert int(ground_of(HELPS)[1:3], 16) > int(BETTER[1:3], 16)


def test_the_answer_is_written_beside_each_line(tmp_path):
    path = table(tmp_path)
    (compared,) = compare_results(read_results([path]))
    page = to_html(study_page([path]))
    figure = page[page.index('class="answer') : page.index("</ol>")]
    figure = re.sub(r"<(script|style|svg).*?</\1>", "", figure, flags=re.DOTALL)
    text = " ".join(re.sub(r"<[^>]+>", " ", figure).split())
    for row in answer(compared).rows:
        for mark in row.marks:
            wanted = f"{mark.strategy} {mark.gain_text} {mark.interval_text} {mark.words}"
            assert " ".join(wanted.split()) in text


def test_many_comparisons_share_the_axis_of_their_task(compare):
    judged = {"tr": {"full": HELPS}, "de": {"full": CANNOT_TELL}}
    several = {
        f"comparison/{number}": compare(judged, setup=Setup(encoder, task, "dico", "before"))
        for number, (encoder, task) in enumerate([("a", "pos"), ("b", "pos"), ("a", "ner")])
    }
    shown = make_overview(several)
    assert [(group.name, [panel.name for panel in group.panels]) for group in shown.groups] == [
        ("pos", ["a, dico", "b, dico"]),
        ("ner", ["a, dico"]),
    ]
    assert [(one.name, one.words) for one in shown.languages] == [
        ("Turkish", "helps 3"),
        ("German", "cannot tell 3"),
    ]


LEARNT_NOTHING = "English: an accuracy of 21.0% is no better than to say 'NOUN' each time; the model has learnt nothing"


def write_study(folder, doubts):
    settings = make_settings(["de", "tr"], name="Tagging")
    scores = {"baseline": (0.21, 0.2, 0.2), "full": (0.21, 0.3, 0.1)}
    records = [
        make_record(settings, name, dict(zip(("en", "de", "tr"), values, strict=True)), seed=seed, doubts=doubts)
        for name, values in scores.items()
        for seed in (1, 2, 3)
    ]
    return write_runs(folder, records)


def test_a_study_that_learnt_nothing_says_so_first_and_shows_no_gains_in_colours(tmp_path):
    study = study_page([write_study(tmp_path / "study", (LEARNT_NOTHING,))])
    assert study.study.summary[0].startswith("The models have learnt nothing")
    assert study.study.summary[1].startswith("doubtful: English: an accuracy of 21.0%")
    assert study.study.answer is None
    page = to_html(study)
    first = page[page.index("<main>") : page.index("</section>")]
    assert first.index("learnt nothing") < first.index("doubtful")
    assert 'class="better"' not in first
    assert 'class="worse"' not in first
    assert 'class="line' not in first
    assert not re.search(r"<td[^>]*>[^<]*[↑↓]", first)


def test_a_doubt_about_one_target_language_hides_no_gains(tmp_path):
    study = study_page([write_study(tmp_path / "study", (LEARNT_NOTHING.replace("English", "Turkish"),))])
    assert study.study.summary[0].startswith("doubtful: Turkish")
    assert study.study.answer is not None


def test_a_study_has_the_name_of_its_experiment(tmp_path):
    folder = write_study(tmp_path / "folder", ())
    assert study_page([folder]).study.title == "Tagging"
    assert study_page([folder], title="Mine").study.title == "Mine"
