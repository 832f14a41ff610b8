"""Results of runs and of the paper's tables, compared."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import Result, Setup, read_results
from alignfreeze.studies.summaries import summarise_comparison
from alignfreeze.studies.tables import comparison_facts, table_of
from alignfreeze.studies.versus import set_side_by_side
from tests.support.cli import alignfreeze
from tests.support.runs import change

SCORES = "final_eval_de_accuracy,final_eval_tr_accuracy,final_eval_avg_accuracy,final_eval_same_accuracy"
ROWS = f"""\
seed,model,task,method,train_loss,eval_de_accuracy,{SCORES}
31,m,udpos,baseline,1,0.1,0.50,0.40,0.45,0.9
42,m,udpos,baseline,1,0.1,0.52,0.42,0.47,0.9
31,m,udpos,before_dico,1,0.1,0.60,0.41,0.505,0.8
42,m,udpos,before_dico,1,0.1,0.62,0.43,0.525,0.8
31,m,udpos,freeze_realign_unfreeze_last_6_dico,1,0.1,0.51,0.30,0.405,0.9
42,m,udpos,freeze_realign_unfreeze_last_6_dico,1,0.1,0.53,0.32,0.425,0.9
"""


def table(folder, text=ROWS, name="results.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_table_by_hand(tmp_path):
    (found,) = compare_results(read_results([table(tmp_path)]))
    assert found.setup == Setup("m", "udpos", "dico", "before")
    assert found.strategies == ("baseline", "full", "back")
    assert (found.source, found.languages, found.seeds) == ("en", ("de", "tr"), (31, 42))
    # The final scores count, not those before; the average is ours, without the source language.
    assert found.cells["de"]["full"].mean == pytest.approx(0.61)
    assert found.overall["full"].average.mean == pytest.approx(0.515)
    # sd is 0.0141 everywhere: German gains 0.10, Turkish 0.01; back gains 0.01 and loses 0.10.
    assert found.overall["full"].paper_counts == {"improved": 1, "unchanged": 1, "worsened": 0}
    assert found.overall["back"].paper_counts == {"improved": 0, "unchanged": 1, "worsened": 1}
    # German: full, back, baseline. Turkish: full, baseline, back.
    assert {name: overall.rank for name, overall in found.overall.items()} == {"baseline": 2.5, "full": 1, "back": 2.5}


def test_the_papers_headline(shared_data):
    """With XLM-R and dictionary links realignment improves 9 of 34 languages, with front-freezing 16."""
    path = shared_data / "paper_results" / "xlm-roberta-base__opus100__udpos.csv"
    found = next(
        c for c in compare_results(read_results([path])) if (c.setup.aligner, c.setup.schedule) == ("dico", "before")
    )
    assert len(found.languages) == 34
    assert found.overall["full"].paper_counts["improved"] == 9
    assert found.overall["front"].paper_counts["improved"] == 16
    means = {name: round(100 * overall.average.mean, 2) for name, overall in found.overall.items()}
    assert means == {"baseline": 80.90, "full": 81.35, "front": 81.69, "back": 80.94}


def test_all_tables_of_the_paper(shared_data):
    paths = sorted((shared_data / "paper_results").glob("*.csv"))
    found = compare_results(read_results(paths))
    assert len(paths) == 12
    assert len({(c.setup.encoder, c.setup.task) for c in found}) == 12
    languages = {c.setup.task: len(c.languages) for c in found}
    assert languages == {"udpos": 34, "wikiann": 34, "xnli": 12, "xquad": 11}
    assert all(len(c.seeds) == 5 and c.source == "en" for c in found)
    first = {c.setup.task: c.metric for c in reversed(found)}
    assert first == {"udpos": "accuracy", "wikiann": "f1", "xnli": "accuracy", "xquad": "f1"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "seed,model",
            "seed,modell",
            "line 1: the column model is missing; expected one row per run, with seed, model",
        ),
        ("_accuracy", "_bleu", "line 1: no column of scores"),
        ("42,m,udpos,before_dico", "x,m,udpos,before_dico", "line 5: the seed 'x' is not a whole number"),
        ("before_dico", "behind_dico", "line 4: unknown method 'behind_dico'; known methods: baseline, and"),
        ("0.60", "", "line 4: final_eval_de_accuracy is '', not a number"),
        ("0.60", "60.0", "line 4: final_eval_de_accuracy is 60.0; scores are shares between 0 and 1"),
        ("0.60", "nan", "line 4: final_eval_de_accuracy is nan; scores are shares"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message):
        read_results([table(tmp_path, ROWS.replace(old, new))])


def test_a_row_that_is_cut_short(tmp_path):
    with pytest.raises(DataError, match="line 2: final_eval_tr_accuracy is None, not a number"):
        read_results([table(tmp_path, ROWS.replace("0.50,0.40,0.45,0.9", "0.50"))])


def test_no_baseline_nothing_there_and_no_run(tmp_path):
    without = "\n".join(line for line in ROWS.splitlines() if "baseline" not in line)
    with pytest.raises(SettingsError, match="no baseline for udpos with m aligner dico"):
        compare_results(read_results([table(tmp_path, without)]))
    with pytest.raises(DataError, match="no such file or folder"):
        read_results([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no finished run"):
        read_results([tmp_path / "empty"])
    (tmp_path / "empty" / "record.json").write_text("{}")
    with pytest.raises(DataError, match="not the record of a run of this version"):
        read_results([tmp_path / "empty"])


def test_an_experiment_file_has_no_results(tmp_path):
    (tmp_path / "study.toml").write_text("name = 'study'\n")
    with pytest.raises(DataError, match=r"study\.toml: an experiment file has no results; name the folder of its runs"):
        read_results([tmp_path / "study.toml"])


def test_one_seed_has_no_standard_deviation_and_no_verdict(tmp_path):
    one = "\n".join(line for line in ROWS.splitlines() if not line.startswith("42"))
    (found,) = compare_results(read_results([table(tmp_path, one)]))
    assert found.cells["de"]["full"].sd is None
    assert found.cells["de"]["full"].paper_verdict is None
    assert set(found.overall["full"].paper_counts.values()) == {0}
    judged = found.cells["de"]["full"].judged
    assert (judged.verdict, judged.interval) == ("cannot tell", None)


def result(strategy, value, *, tests="a" * 64, settings="s", place="here"):
    setup = Setup("e", "pos", None if strategy == "baseline" else "fast-align", "before", settings)
    return Result(setup, "f", strategy, 31, "de", False, "accuracy", value, tests, place)


def test_other_test_data_are_refused_with_their_digests():
    results = [result("baseline", 0.5), result("full", 0.6, tests="b" * 64, place="there")]
    with pytest.raises(SettingsError, match=rf"(?s)test data of 'de' differ.*here: {'a' * 64}.*there: {'b' * 64}"):
        compare_results(results)


def test_two_results_of_one_run_are_refused_unless_they_are_the_same():
    with pytest.raises(SettingsError, match=r"two results for full, seed 31, .*0.6 in here, 0.7 in there"):
        compare_results([result("baseline", 0.5), result("full", 0.6), result("full", 0.7, place="there")])
    assert len(compare_results([result("baseline", 0.5), result("full", 0.6), result("full", 0.6, place="there")])) == 1


def test_a_baseline_serves_several_setups():
    found = compare_results(
        [result("baseline", 0.5), result("full", 0.6, settings="1"), result("full", 0.7, settings="2")]
    )
    assert [item.overall["full"].average.gain for item in found] == [pytest.approx(0.1), pytest.approx(0.2)]


BOTH = "average(full,front)"


def with_averages(scores, seeds=(31, 42, 66)):
    """Results by strategy in German and Turkish, whose scores rise by 0.01, 0.02 and so on from seed to seed."""
    return [
        replace(result(strategy, value + (number + 1) / 100), seed=seed, language=code)
        for strategy, values in scores.items()
        for number, seed in enumerate(seeds)
        for code, value in zip(("de", "tr"), values, strict=True)
    ]


def test_what_an_average_gains_over_the_best_of_its_members():
    # Means over languages: full 0.50, front 0.55, the average 0.56; another that is not of it has 0.60.
    scores = {"baseline": (0.4, 0.4), "full": (0.6, 0.4), "front": (0.6, 0.5), "back": (0.6, 0.6), BOTH: (0.61, 0.51)}
    results = with_averages(scores)
    # One seed of the average is better by 0.03 in both languages: its gains are 0.01, 0.01 and 0.04.
    results = [replace(r, value=r.value + 0.03) if (r.strategy, r.seed) == (BOTH, 66) else r for r in results]
    (found,) = compare_results(results)
    over = found.overall[BOTH].over_best
    assert (over.member, over.n) == ("front", 3)
    assert over.gain == pytest.approx(0.02)
    # t(0.975, 2) = 4.303 times sd / sqrt(3), and sd = 0.0173: 0.0430.
    assert over.interval == pytest.approx((0.02 - 0.0430, 0.02 + 0.0430), abs=1e-4)
    # Of two languages with gains of one sign, two of four assignments of signs are as extreme.
    assert over.p_value == 0.5
    assert [found.overall[name].over_best for name in ("baseline", "full", "front", "back")] == [None] * 4
    facts = comparison_facts(found)["strategies"]
    assert facts[BOTH]["over_best_member"]["member"] == "front"
    assert "over_best_member" not in facts["full"]
    assert summarise_comparison(found)[-1] == (
        "The average(full,front) is 2.0 points above the best of its members, front-freezing (95% interval over 3 "
        "seeds -2.3 to +6.3); languages move either way (p = 0.5)."
    )


def test_an_average_with_the_baseline_may_be_below_it():
    step = "average(1*baseline,3*full)"
    (found,) = compare_results(
        with_averages({"baseline": (0.5, 0.5), "full": (0.4, 0.4), step: (0.45, 0.45)}, seeds=(31,))
    )
    assert summarise_comparison(found) == [
        "One cannot tell yet whether to realign: one seed says nothing about chance. On average over 2 languages, the "
        "average(1*baseline,3*full) gains -5.0 points; run at least 2 more seeds.",
        "No language gains anything.",
        "The average(1*baseline,3*full) is 5.0 points below the best of its members, the baseline; languages move "
        "either way (p = 0.5).",
    ]


def test_nothing_is_said_of_the_best_member_where_one_was_not_run():
    (found,) = compare_results(with_averages({"baseline": (0.4, 0.4), "full": (0.6, 0.4), BOTH: (0.61, 0.51)}))
    assert found.overall[BOTH].over_best is None
    assert not any("its members" in sentence for sentence in summarise_comparison(found))


def test_tests_of_several_averages_are_corrected():
    other = "average(baseline,full)"
    scores = {"baseline": (0.4, 0.4), "full": (0.6, 0.4), "front": (0.6, 0.5), BOTH: (0.61, 0.51), other: (0.7, 0.5)}
    (found,) = compare_results(with_averages(scores))
    assert [found.overall[name].over_best.p_value for name in (BOTH, other)] == [1, 1]


def test_parts_that_are_put_back_are_compared_with_the_same_parts_frozen():
    # Means over languages: full 0.50, front 0.55, reverted 0.57; with seeds 0.01 apart in all of them.
    reverted, other = "revert(full,front)", "swap(full,3=front)"
    scores = {
        "baseline": (0.4, 0.4),
        "full": (0.6, 0.4),
        "front": (0.6, 0.5),
        reverted: (0.62, 0.52),
        other: (0.6, 0.4),
    }
    results = with_averages(scores)
    results = [replace(r, value=r.value + 0.03) if (r.strategy, r.seed) == (reverted, 66) else r for r in results]
    (found,) = compare_results(results)
    over = found.overall[reverted].over_frozen
    assert (over.member, over.n) == ("front", 3)
    # Its gains by seed are 0.02, 0.02 and 0.05: t(0.975, 2) = 4.303 times 0.0173 / sqrt(3) is 0.0430.
    assert over.gain == pytest.approx(0.03)
    assert over.interval == pytest.approx((0.03 - 0.0430, 0.03 + 0.0430), abs=1e-4)
    assert found.overall[reverted].over_best.member == "full"
    assert found.overall[reverted].over_best.gain == pytest.approx(0.08)
    assert (found.overall[other].over_best.member, found.overall[other].over_frozen) == ("front", None)
    facts = comparison_facts(found)["strategies"]
    assert facts[reverted]["over_frozen"]["member"] == "front"
    assert "over_frozen" not in facts[other]
    assert summarise_comparison(found)[-1] == (
        "Full realignment with front reverted is 3.0 points above front-freezing (95% interval over 3 seeds -1.3 to "
        "+7.3); languages move either way (p = 0.5)."
    )
    (found,) = compare_results([r for r in results if r.strategy != "front"])
    assert found.overall[reverted].over_frozen is None


def test_two_studies_side_by_side(tmp_path):
    ours = compare_results([result("baseline", 0.5), result("full", 0.6)])
    theirs = compare_results(read_results([table(tmp_path, ROWS)]))
    (versus,) = set_side_by_side(ours, theirs)  # udpos is pos; encoder and aligner differ
    assert versus.languages == ("de",)
    assert versus.strategies == ("baseline", "full")
    assert versus.agreement == {"full": None}  # ours has one seed
    with pytest.raises(SettingsError, match="no comparison with the same task, schedule and metric"):
        set_side_by_side(ours, compare_results(read_results([table(tmp_path, ROWS.replace("udpos", "xnli"))])))
    (same,) = set_side_by_side(theirs, theirs)
    assert same.agreement == {"full": 1.0, "back": 1.0}


def test_the_command(tmp_path):
    path = table(tmp_path)
    facts = json.loads(alignfreeze("compare", path, "--json").stdout)
    assert facts["comparisons"][0]["strategies"]["full"]["paper_improved"] == 1
    assert facts["comparisons"][0]["n_languages"] == 2
    shown = alignfreeze("compare", path).stdout
    assert "51.0 ± 1.4" in shown  # the baseline in German
    assert "61.0 ± 1.4 (+10.0)" in shown
    assert r"\toprule" in alignfreeze("compare", path, "--latex", "--overview").stdout
    assert "| full |" in alignfreeze("compare", path, "--markdown").stdout
    assert "same by the paper's criterion" in alignfreeze("compare", path, "--against", path).stdout
    refused = alignfreeze("compare", path, "--latex", "--json")
    assert refused.returncode == 2
    assert "--json, --latex and --markdown cannot be used together" in refused.stderr


def test_test_sentences_widen_the_interval():
    """Two seeds that nearly agree, on 40 sentences of 10 words: with counts, the chance of the sentences is added."""
    half = np.tile([5.0, 10.0], (40, 1))
    most = half + np.tile([[4.0, 0.0], [2.0, 0.0]], (20, 1))
    results = [
        replace(result(strategy, parts[:, 0].sum() / 400 + seed / 1e6), seed=seed, counts=parts)
        for seed in (31, 42)
        for strategy, parts in (("baseline", half + seed / 1e4), ("full", most), ("front", half))
    ]
    judged = {name: one.judged for name, one in compare_results(results)[0].cells["de"].items()}
    without = {
        name: one.judged
        for name, one in compare_results([replace(item, counts=None) for item in results])[0].cells["de"].items()
    }
    assert judged["full"].verdict == "helps"
    assert judged["front"].verdict == "no difference"
    width, narrow = (high - low for low, high in (judged["full"].interval, without["full"].interval))
    assert width > 5 * narrow


def test_a_run_that_is_being_written_is_no_run(project):
    """While a run is being written its folder has another name; who reads the folder meanwhile passes over it."""
    out = project / "out"
    settings = ExperimentSettings.from_toml(project / "experiment.toml")
    settings = change(settings, seeds=[1], strategies=["baseline"])
    run_experiment(plan(settings, base=project), out=out)
    (folder,) = (out / "runs").iterdir()
    shutil.copytree(folder, out / "runs" / f".{folder.name}.1.part")
    assert {item.place for item in read_results([out])} == {str(folder / "record.json")}


def test_a_table_without_rows(tmp_path):
    with pytest.raises(DataError, match="no row below the names of the columns"):
        read_results([table(tmp_path, ROWS.splitlines()[0] + "\n")])


def test_a_strategy_that_one_study_lacks_in_a_language_is_left_out_of_both(tmp_path):
    """Front was tested in one language alone: over the languages of the study it has no average."""
    columns = "final_eval_de_accuracy,final_eval_same_accuracy"
    (tmp_path / "a").mkdir()
    other = f"seed,model,task,method,{columns}\n31,m,udpos,freeze_realign_unfreeze_dico,0.5,0.9\n"
    ours = compare_results(read_results([table(tmp_path), table(tmp_path / "a", other)]))
    (found,) = set_side_by_side(ours, ours)
    assert "front" in ours[0].strategies
    assert found.strategies == ("baseline", "full", "back")


def test_missing_runs_are_said_below_the_table(tmp_path):
    rows = "\n".join(line for line in ROWS.splitlines() if not line.startswith("42,m,udpos,before"))
    (found,) = compare_results(read_results([table(tmp_path, rows)]))
    assert "full has 1 of the 2 seeds: gains are over the seeds that both have" in table_of(found).note
    assert found.cells["de"]["full"].gain == pytest.approx(0.1)


def run_with(project, out, **changes):
    """Run an experiment with some settings of its tables changed."""
    settings = ExperimentSettings.from_toml(project / "experiment.toml")
    for name, values in changes.items():
        changed = getattr(settings, name).model_copy(update=values) if isinstance(values, dict) else values
        settings = change(settings, **{name: changed})
    run_experiment(plan(settings, base=project), out=out)


def test_runs_on_other_bitext_are_another_setup(project):
    out = project / "out"
    run_with(project, out, seeds=[1], bitext={"max_pairs": 40})
    run_with(project, out, seeds=[1, 2])
    found = compare_results(read_results([out]))
    assert [c.seeds for c in found] == [(1, 2), (1, 2)]  # the baselines are common
    assert sorted(c.cells["de"]["front"].n for c in found) == [1, 2]
    assert len({c.label for c in found}) == 2
    assert all(c.label.startswith("toy (settings ") for c in found)


def test_runs_with_other_held_out_pairs_are_another_setup(project):
    """What is held out is not realigned on, though the files are the same."""
    out = project / "out"
    for pairs in (20, 30):
        run_with(project, out, seeds=[1], bitext={"held_out": pairs})
    found = compare_results(read_results([out]))
    assert sorted(c.cells["de"]["front"].n for c in found) == [1, 1]
    assert len({c.setup for c in found}) == 2


def test_other_numbers_of_test_items_are_refused(project):
    out = project / "out"
    run_with(project, out, seeds=[1], strategies=["baseline"], data={"max_test": 5})
    run_with(project, out, seeds=[1], strategies=["front"])
    with pytest.raises(SettingsError, match=r"(?s)test data of 'en' differ.*the first 5 items"):
        compare_results(read_results([out]))


def test_fewer_training_items_are_another_baseline(project):
    out = project / "out"
    run_with(project, out, seeds=[1], strategies=["baseline"], data={"max_train": 10})
    run_with(project, out, seeds=[1], strategies=["front"], finetuning={"steps": 8})
    with pytest.raises(SettingsError, match="no baseline for pos"):
        compare_results(read_results([out]))
