"""Doubts about scores come first wherever scores are shown, each once."""

import json

import pytest

from alignfreeze.experiment.cards import CardFacts, card_text
from alignfreeze.running.doubts import gather_doubts
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.overviews import summarise_comparisons
from alignfreeze.studies.results import read_results
from alignfreeze.studies.summaries import NOTHING_LEARNT, summarise_comparison
from tests.support.cli import alignfreeze
from tests.support.records import make_record, make_settings, write_runs

NOTHING = "F1 is 0, nothing was found; the model has learnt nothing"


def test_runs_and_languages_with_the_same_doubt_share_a_sentence():
    runs = [
        ("baseline, seed 1", ["German: F1 is 0", "Turkish: F1 is 0"]),
        ("front, seed 1", ["German: F1 is 0", "Turkish: F1 is 0", "German: half is unknown"]),
        ("full, seed 1", ["a doubt about no language"]),
    ]
    assert [doubt.sentence for doubt in gather_doubts(runs)] == [
        "German, Turkish: F1 is 0 (baseline, seed 1; front, seed 1)",
        "German: half is unknown (front, seed 1)",
        "a doubt about no language (full, seed 1)",
    ]
    (doubt,) = gather_doubts([(name, ["German: F1 is 0"]) for name, _ in runs])
    assert (doubt.sentence, doubt.runs) == ("German: F1 is 0 (all 3 runs)", (0, 1, 2))
    many = [(f"front, seed {seed}", [f"{n}: F1 is 0" for n in "abcdef"] if seed < 8 else []) for seed in range(10)]
    assert [doubt.sentence for doubt in gather_doubts(many)] == ["6 languages: F1 is 0 (8 of 10 runs)"]
    assert gather_doubts([("baseline, seed 1", [])]) == []


@pytest.fixture
def study(tmp_path):
    """Four runs that have learnt nothing, and say so."""
    settings = make_settings(["de", "tr"], strategies=["baseline", "front"], seeds=[1, 2])
    how = {"metric": "f1", "doubts": (f"German: {NOTHING}", f"Turkish: {NOTHING}")}
    scores = {"en": 0.0, "de": 0.0, "tr": 0.0}
    records = [
        make_record(settings, name, scores, seed=seed, **how) for name in ("baseline", "front") for seed in (1, 2)
    ]
    (tmp_path / "out").mkdir()
    out = write_runs(tmp_path / "out", records)
    (out / "planned.json").write_text(json.dumps([record.folder for record in records]))
    return out


DOUBT = f"doubtful: German, Turkish: {NOTHING} (all 4 runs)"


@pytest.mark.parametrize(
    "command",
    [("compare",), ("compare", "--markdown"), ("compare", "--latex"), ("compare", "--overview"), ("status",)],
    ids=" ".join,
)
def test_commands_begin_with_the_doubts(study, command):
    name, *options = command
    done = alignfreeze(name, study, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip("%-# ").startswith(DOUBT)
    assert (done.stdout + done.stderr).count(NOTHING) == 1
    assert "gains anything" not in done.stdout


@pytest.mark.parametrize("name", ["compare", "status"])
def test_the_same_in_json(study, name):
    facts = json.loads(alignfreeze(name, study, "--json").stdout)
    assert next(iter(facts)) == "doubts"
    assert facts["doubts"] == [DOUBT.removeprefix("doubtful: ")]


def test_the_page_and_exported_tables_begin_with_the_doubts(study, tmp_path):
    pytest.importorskip("plotly")
    done = alignfreeze("report", study, "--out", tmp_path / "page.md")
    # That nothing was learnt is the greatest doubt of all, so it comes first.
    assert done.stdout.splitlines()[:2] == [f"# {NOTHING_LEARNT}", f"# {DOUBT}"]
    text = (tmp_path / "page.md").read_text()
    assert text.split("\n\n")[1:3] == [NOTHING_LEARNT, DOUBT]
    assert text.count(NOTHING) == 1
    assert "gains anything" not in text
    assert "All scores are 0: the models have learnt nothing" in text
    alignfreeze("export", study, "--out", tmp_path / "tables.md")
    assert (tmp_path / "tables.md").read_text().startswith(f"- {DOUBT}\n\n**")
    alignfreeze("export", study, "--out", tmp_path / "tables.tex")
    assert (tmp_path / "tables.tex").read_text().startswith(f"% {DOUBT}\n")


def test_pages_of_comparisons_have_the_doubts_about_their_own_runs(study, tmp_path):
    pytest.importorskip("plotly")
    from alignfreeze.reports.study import study_page

    other = make_settings(["de", "tr"], strategies=["baseline", "front"], seeds=[1], encoder="another")
    (tmp_path / "good").mkdir()
    scores = {"en": 0.5, "de": 0.5, "tr": 0.5}
    good = [make_record(other, name, scores, seed=1, metric="f1") for name in ("baseline", "front")]
    page = study_page([study, write_runs(tmp_path / "good", good)])
    doubt = DOUBT.replace("all 4", "baseline, seed 1").replace(
        " runs", "; baseline, seed 2; front, seed 1; front, seed 2"
    )
    assert page.study.summary[0] == doubt
    assert [one.summary[1] == doubt for one in page.comparisons] == [True, False]
    assert page.comparisons[0].summary[0] == NOTHING_LEARNT
    assert page.runs[0].summary[:2] == [f"doubtful: German: {NOTHING}", f"doubtful: Turkish: {NOTHING}"]


def test_a_run_that_learnt_nothing_begins_its_table_with_that(project):
    file, out = project / "experiment.toml", project / "out"
    changes = ("--set", "finetuning.learning_rate=1e-9", "--set", "seeds=[1]")
    for _ in range(2):  # the second time all runs are complete before
        done = alignfreeze("run", file, *changes, "--out", out)
        assert done.returncode == 0, done.stderr
        first, *rest = done.stdout.splitlines()
        assert first.startswith("# doubtful: ")
        assert "learnt nothing" in done.stdout
        assert not any("doubtful" in text for text in rest[rest.index(next(t for t in rest if "toy:" in t)) :])
        assert (done.stdout + done.stderr).count("English: an accuracy of") == 1
        assert "doubt" not in done.stderr  # once, and not again for each run
        assert (out / "table.md").read_text().startswith(f"- {first[2:40]}")


def test_the_summary_of_scores_of_zero_compares_nothing(study):
    compared = compare_results(read_results([study]))
    nothing = ["All scores are 0: the models have learnt nothing, so there is nothing to compare."]
    assert summarise_comparison(compared[0]) == summarise_comparisons([*compared, *compared]) == nothing


def test_the_summary_of_equal_scores_compares_nothing(tmp_path):
    """A model that has learnt only the commonest label has the same accuracy after any realignment."""
    rows = [f"{seed},m,udpos,{name},0.4,0.3" for name in ("baseline", "before_dico") for seed in (1, 2)]
    head = "seed,model,task,method,final_eval_de_accuracy,final_eval_tr_accuracy"
    (tmp_path / "table.csv").write_text("\n".join([head, *rows]))
    sentences = summarise_comparison(compare_results(read_results([tmp_path / "table.csv"]))[0])
    assert "No strategy changes the score of any language." in sentences
    assert not any("gains anything" in sentence for sentence in sentences)


def test_cards_have_doubts_before_scores():
    settings = make_settings(["de"])
    record = make_record(settings, "baseline", {"de": 0.0})
    text = card_text(CardFacts("tiny", ["en"], task="pos", scores=record.scores, doubts=["German: something is wrong"]))
    assert text.index("**Doubtful:** German: something is wrong") < text.index("| language | metric |")
