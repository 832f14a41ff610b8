"""The page of a language: the test items that its best strategy changes, as text that does nothing."""

import re

import pytest

pytest.importorskip("plotly")

from alignfreeze.evaluation.keeping import TEST_ITEMS, write_items
from alignfreeze.reports.page import to_html
from alignfreeze.reports.study import study_page
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.verdicts import interval_text
from alignfreeze.studies.answers import answer_for
from alignfreeze.tasks.kept_items import KeptItem
from tests.support.records import make_record, make_settings
from tests.support.runs import planned

SCORES = {"baseline": {"en": 0.9, "ar": 0.5}, "front": {"en": 0.9, "ar": 0.6}}
EVIL = "<img src=x onerror=\"document.title='run'\"></script><b>{{ 7 * 7 }}"


def write_study(folder, **items):
    """A study with one target language, whose runs kept these items."""
    settings = make_settings(["ar"], strategies=[*SCORES])
    for strategy, scores in SCORES.items():
        record = make_record(settings, strategy, scores)
        write_items(folder / "runs" / record.folder / TEST_ITEMS, [items[strategy]])
        record.write(folder / "runs" / record.folder)
    return study_page([folder])


def shown(study):
    """The part of the page with the changed items, without the spaces between lines."""
    page = re.search(r'<section id="language/ar".*?</section>', to_html(study), re.DOTALL)[0]
    return re.sub(r"\s*\n\s*", "", page)


def sentence(*predicted):
    return KeptItem("ar", ("قط", "Google"), {}, ("NOUN", "PROPN"), predicted, 0.0)


def test_words_stand_above_their_labels_and_the_changed_ones_are_marked(tmp_path):
    page = shown(write_study(tmp_path, baseline=sentence("NOUN", "VERB"), front=sentence("NOUN", "PROPN")))
    assert "<h2>What front changes</h2>" in page
    assert "more is right in 1 of the first 1 test items, and less in 0; both runs have the seed 31" in page
    assert "<h3>More is right: 1</h3>" in page
    assert "<h3>Less is right: 0</h3>" in page
    assert "<li><b><bdi>قط</bdi></b><span>NOUN</span><span>NOUN</span><span>NOUN</span></li>" in page
    assert (
        '<li class="changed"><b><bdi>Google</bdi></b><span>PROPN</span>'
        '<span class="worse">VERB <i>✗</i></span><span class="better">PROPN <i>✓</i></span></li>' in page
    )


@pytest.mark.parametrize(("words", "direction"), [(("Google", "שלום", "לכולם"), "rtl"), (("a", "אב", "cd"), "ltr")])
def test_words_run_in_the_direction_of_most_letters(tmp_path, words, direction):
    before, after = (KeptItem("ar", words, {}, ("X",) * 3, (label, "X", "X"), 0.0) for label in "YX")
    assert f'<ul class="words" dir="{direction}" lang="ar">' in shown(
        write_study(tmp_path, baseline=before, front=after)
    )


def text(predicted, score, right=("good",), **texts):
    return KeptItem("ar", (), texts, right, (predicted,), score)


def test_texts_have_three_labels(tmp_path):
    texts = {"first": "قط", "second": "كلب"}
    before, after = text("good", 1.0, **texts), text("bad", 0.0, **texts)
    page = shown(write_study(tmp_path, baseline=before, front=after))
    assert "<h3>Less is right: 1</h3>" in page
    assert '<dt>first</dt><dd dir="auto" lang="ar">قط</dd><dt>second</dt><dd dir="auto" lang="ar">كلب</dd>' in page
    assert "<dt>right</dt><dd><bdi>good</bdi></dd>" in page
    assert '<dt>baseline</dt><dd><bdi>good</bdi> <i class="better">✓ right</i></dd>' in page
    assert '<dt>front</dt><dd><bdi>bad</bdi> <i class="worse">✗ wrong</i></dd>' in page


def test_answers_may_be_partly_right(tmp_path):
    texts = {"question": "who?", "context": "the old dog"}
    before, after = (text(*one, right=("the old dog", "dog"), **texts) for one in (("", 0.0), ("old", 0.5)))
    page = shown(write_study(tmp_path, baseline=before, front=after))
    assert "<dd><bdi>the old dog</bdi> <small>or</small> <bdi>dog</bdi></dd>" in page
    assert '<dd><bdi>–</bdi> <i class="worse">✗ wrong</i></dd>' in page
    assert '<dd><bdi>old</bdi> <i class="">≈ partly right</i></dd>' in page


@pytest.mark.parametrize("form", ["words", "texts"])
def test_markup_in_items_is_text(tmp_path, form):
    if form == "words":
        before, after = (KeptItem("ar", (EVIL,), {}, (EVIL,), (label,), 0.0) for label in (f"{EVIL}2", EVIL))
    else:
        before, after = (text(f"{EVIL}{score}", score, right=(EVIL,), **{EVIL: EVIL}) for score in (0.0, 1.0))
    html = to_html(write_study(tmp_path, baseline=before, front=after))
    assert "What front changes" in html
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html
    assert "{{ 7 * 7 }}" in html


def test_runs_that_kept_nothing_and_damaged_files_leave_a_page_without_items(tmp_path, remarks):
    write_study(tmp_path, baseline=sentence("NOUN", "VERB"), front=sentence("NOUN", "PROPN"))
    paths = sorted(tmp_path.glob(f"runs/front-*/{TEST_ITEMS}"))
    for path in paths:
        path.write_bytes(b"damaged")
    assert "What front changes" not in to_html(study_page([tmp_path]))
    assert [
        said for said in remarks if TEST_ITEMS in said and said.endswith("the page shows no test items of this run")
    ]
    remarks.clear()
    for path in paths:
        path.unlink()
    assert "What front changes" not in to_html(study_page([tmp_path]))
    assert remarks == []


def test_what_is_known_of_a_language_comes_last_and_folded(tmp_path):
    page = shown(write_study(tmp_path, baseline=sentence("NOUN", "VERB"), front=sentence("NOUN", "PROPN")))
    answer, folded = page.split("<summary>Family, typology and texts</summary>")
    assert "What front changes" in answer
    assert "Arabic: pos, accuracy in percent" in answer
    assert "family" in folded


def shown_answer(page):
    """The lines of the figure: what stands in each, by row."""
    rows = page.answer.rows
    return {
        row.name: [(mark.strategy, mark.gain_text, mark.interval_text, mark.words) for mark in row.marks]
        for row in rows
    }


def read_table(tmp_path, name, rows):
    path = tmp_path / name
    path.write_text("seed,model,task,method,final_eval_same_accuracy,final_eval_tr_accuracy\n" + rows)
    return path


# Turkish gains 10 points in each seed, and 1 point with front.
CLEAR = """31,m,pos,baseline,0.9,0.50
42,m,pos,baseline,0.9,0.51
53,m,pos,baseline,0.9,0.52
31,m,pos,before_dico,0.9,0.60
42,m,pos,before_dico,0.9,0.61
53,m,pos,before_dico,0.9,0.621
31,m,pos,freeze_realign_unfreeze_dico,0.9,0.56
42,m,pos,freeze_realign_unfreeze_dico,0.9,0.48
53,m,pos,freeze_realign_unfreeze_dico,0.9,0.52
"""


def test_the_page_begins_with_the_verdict_and_the_figure_of_each_strategy(tmp_path):
    """The mean of full is 0.61 + 0.001 / 3 over seeds, that of the baseline 0.51: a gain of 10.0 points."""
    study = study_page([read_table(tmp_path, "one.csv", CLEAR)])
    (page,) = study.languages
    (comparison,) = study.compared
    judged = {name: summary.judged for name, summary in comparison.cells["tr"].items() if summary.judged}
    assert page.summary == [f"{(text := answer_for(comparison, 'tr'))[0].upper()}{text[1:]}."]
    assert page.summary[0].startswith("Full helps (+10.0, ")
    lines = shown_answer(page)["Turkish"]
    assert [(name, gain) for name, gain, *_ in lines] == [("full", "+10.0"), ("front", "+1.0")]
    assert [interval for _, _, interval, _ in lines] == [
        interval_text(judged[name].interval) for name in ("full", "front")
    ]
    assert lines[0][3] == "helps"
    assert lines[1][3].startswith("cannot tell yet; ")
    html = to_html(study)
    begin = html.index('id="language/tr"')
    places = [
        html.index(text, begin) for text in ("Full helps (+10.0", 'class="answer', "paper&#39;s criterion", "Family,")
    ]
    assert places == sorted(places)


def test_the_scores_of_one_comparison_stand_strategy_by_strategy(tmp_path):
    (page,) = study_page([read_table(tmp_path, "one.csv", CLEAR)]).languages
    (sheet,) = page.sheets
    assert sheet.columns == ("strategy", "score", "gain", "95% interval", "verdict", "paper's criterion", "seeds")
    rows = {row[0].text: row[1:] for row in sheet.rows}
    assert [cell.text for cell in rows["baseline"]] == ["51.0 ± 1.0", "–", "–", "–", "–", "3"]
    score, gain, _, verdict, paper, _ = rows["full"]
    assert (score.text, gain.text, verdict.text, paper.text) == ("61.0 ± 1.1", "+10.0", "helps", "improved")
    assert (gain.tone, verdict.tone) == (1, 1)
    assert [cell.tone for cell in rows["front"]] == [0] * 6  # a gain that may be chance has no colour


def test_of_several_comparisons_the_page_counts_verdicts_and_draws_one_row_each(tmp_path):
    other = CLEAR.replace(",m,", ",n,")
    (page,) = study_page([read_table(tmp_path, "one.csv", CLEAR + other)]).languages
    assert page.summary == [
        "Full realignment helps in 2 of 2 comparisons.",
        "Front-freezing cannot be judged yet in 2 of 2 comparisons.",
    ]
    assert list(shown_answer(page)) == ["m", "n"]
    assert [row.page for row in page.answer.rows] == ["comparison/1", "comparison/2"]
    assert [row[0].text for row in page.sheets[0].rows] == ["m", "n"]


def test_models_that_have_learnt_nothing_answer_nothing(tmp_path):
    zero = re.sub(r"0\.\d+", "0.0", CLEAR)
    (page,) = study_page([read_table(tmp_path, "zero.csv", zero)]).languages
    assert page.summary == ["The models have learnt nothing, so nothing can be said of this language."]
    assert page.answer is None
    several = CLEAR + zero.replace(",m,", ",n,")
    (page,) = study_page([read_table(tmp_path, "several.csv", several)]).languages
    assert page.summary[0].startswith("Full helps (+10.0")
    assert page.summary[-1] == "In 1 of 2 comparisons the models have learnt nothing; these are left out above."
    assert len(page.answer.rows) == 1


def test_a_study_of_real_runs_shows_what_changes(project):
    run_experiment(planned(project), out=project / "out")
    study = study_page([project / "out"])
    for page in study.languages:
        (changes,) = page.changes
        assert (changes.strategy, changes.seed, changes.n) == ("front", 1, 20)
        assert len(changes.better) + len(changes.worse) <= 20
