"""Sentences on several comparisons together, and the answer for one language over all of them."""

import pytest

from alignfreeze.evaluation.scores import LEARNT_NOTHING
from alignfreeze.studies.comparing import compare
from alignfreeze.studies.overviews import summarise_comparisons, summarise_language
from alignfreeze.studies.summaries import MEANINGLESS, summarise_comparison
from tests.support.cli import alignfreeze
from tests.support.records import make_record, make_settings, write_runs


def table(folder, models):
    """Write a table: in each model full realignment gains some share in German, in Turkish it changes little."""
    rows = ["seed,model,task,method,final_eval_de_accuracy,final_eval_tr_accuracy"]
    for model, gain in models.items():
        for seed, noise in ((1, 0.001), (2, 0.0), (3, -0.001)):
            rows.append(f"{seed},{model},udpos,baseline,{0.5 + noise},{0.5 + noise}")
            rows.append(f"{seed},{model},udpos,before_dico,{0.5 + gain + noise * 2},{0.5 + noise * 6}")
    path = folder / "results.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_one_language_is_answered_over_all_comparisons(tmp_path):
    path = table(tmp_path, {"m": 0.1, "n": -0.1})
    found = compare(path)
    first, *lines = summarise_language(found.comparisons, "de")
    assert first.startswith("German: of 2 comparisons, at least one strategy helps in 1")
    assert "all strategies hurt in 1" in first
    assert [line.split(": ")[-1].split(" (")[0] for line in lines] == ["full helps", "full hurts"]
    (line,) = summarise_language(found.comparisons[:1], "de")
    assert line.startswith("German: full helps (+10.0")
    done = alignfreeze("compare", path, "--language", "tr")
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip("# ").startswith(
        "Turkish: of 2 comparisons, it cannot be told yet whether any helps in 2."
    )
    assert "German" not in done.stdout


def test_the_extremes_say_when_the_encoder_was_realigned(tmp_path):
    path = table(tmp_path, {"m": 0.1, "n": -0.1})
    path.write_text(path.read_text().replace("n,udpos,before_dico", "n,udpos,during_dico"))
    text = " ".join(summarise_comparisons(compare(path).comparisons))
    assert "by full realignment, in udpos with m and links by dico." in text
    assert "by full realignment, in udpos with n and links by dico, realigned during fine-tuning." in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--language", "sw"], "no target language 'sw' here; there are de, tr."),
        (["--language", "de", "--latex"], "--language shows sentences, which --latex and --markdown do not print"),
    ],
)
def test_wrong_languages_and_forms_are_refused(tmp_path, options, message):
    done = alignfreeze("compare", table(tmp_path, {"m": 0.1}), *options)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_models_that_learnt_nothing_are_not_compared(tmp_path):
    """Their scores are not zero, and differ; but English was not learnt, which is a doubt of the records."""
    settings = make_settings(["de", "tr"], strategies=["baseline", "full"], seeds=[1, 2])
    doubts = (f"English: an accuracy of 4.7% is no better than a guess; {LEARNT_NOTHING}",)
    scores = {"baseline": {"en": 0.05, "de": 0.04, "tr": 0.02}, "full": {"en": 0.05, "de": 0.06, "tr": 0.01}}
    records = [
        make_record(settings, name, scores[name], seed=seed, doubts=doubts) for name in scores for seed in (1, 2)
    ]
    (tmp_path / "out").mkdir()
    out = write_runs(tmp_path / "out", records)
    found = compare(out)
    assert found[0].learnt_nothing
    assert summarise_comparison(found[0]) == summarise_comparisons(found) == [MEANINGLESS]
    assert found.answers() == []
    assert found.to_dict()["comparisons"][0]["summary"] == [MEANINGLESS]
    done = alignfreeze("compare", out)
    assert MEANINGLESS in " ".join(done.stdout.split())
    assert "cannot tell yet whether" not in done.stdout
