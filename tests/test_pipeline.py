"""Studies in Python: each function takes what a caller holds, and returns what its command prints."""

import json
import os
import shutil
import tomllib
from pathlib import Path

import pytest

import alignfreeze as af
from alignfreeze.errors import AlignFreezeError, DataError, SettingsError
from alignfreeze.experiment.given import to_experiment
from alignfreeze.experiment.planning import plan
from alignfreeze.running.study import Study
from alignfreeze.tabular import Tabular
from tests.support.cli import alignfreeze

ONE = {"seeds": [1]}


def plain(value):
    """A value after a way through JSON, as a command prints it."""
    return json.loads(json.dumps(value))


def printed(*arguments):
    done = alignfreeze(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_table(result, *names):
    """Check that a result is a table in all its forms."""
    assert isinstance(result, Tabular)
    rows = result.rows()
    assert rows
    assert all(set(names) <= set(row) for row in rows)
    assert "<table>" in result._repr_html_()
    pandas = pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(rows)


# --- experiments ---------------------------------------------------------------------


FORMS = {
    "path": lambda path: path,
    "text": str,
    "dict": lambda path: tomllib.loads(path.read_text()),
    "settings": af.ExperimentSettings.from_toml,
}


@pytest.mark.parametrize("form", FORMS)
def test_experiments_in_every_form(project, form):
    path = project / "experiment.toml"
    base = None if form in {"path", "text"} else str(project)
    settings, folder = to_experiment(FORMS[form](path), base=base, changes={"seeds": [7], "realignment": {"steps": 9}})
    assert folder == project
    assert settings.seeds == [7]
    assert settings.realignment.steps == 9
    assert settings.realignment.batch_size == 4  # a nested dict replaces only what it names
    assert settings.finetuning == af.ExperimentSettings.from_toml(path).finetuning
    assert list(map(str, settings.strategies)) == ["baseline", "front"]


def test_relative_paths_of_plain_values_start_at_the_current_folder(project, monkeypatch):
    monkeypatch.chdir(project)
    values = tomllib.loads(Path("experiment.toml").read_text())
    study = af.run_experiment(values, out="out", seeds=[1], strategies=["baseline"])
    assert [record.strategy for record in study.records] == ["baseline"]
    assert study.out == Path("out")


def test_settings_paths_and_ranges_are_changes_as_well(project):
    settings, _ = to_experiment(
        project / "experiment.toml",
        changes={
            "seeds": range(2),
            "realignment": af.RealignmentSettings(steps=3),
            "data.train": project / "en-train.conllu",
            "finetuning.epochs": 1,
        },
    )
    assert (settings.seeds, settings.realignment.steps, settings.finetuning.epochs) == ([0, 1], 3, 1)
    assert settings.data.train == str(project / "en-train.conllu")


def test_all_wrong_settings_are_named_at_once(project):
    with pytest.raises(SettingsError) as error:
        af.run_experiment(
            project / "experiment.toml", out=project / "out", sedes=[1], realignment={"steps": -1}, task=3
        )
    for name in (
        "3 wrong settings",
        "sedes: there is no such setting. Did you mean 'seeds'?",
        "realignment.steps",
        "task",
    ):
        assert name in str(error.value)
    assert not (project / "out").exists()


@pytest.mark.parametrize("wrong", [3, None, [1, 2], b"experiment.toml"], ids=repr)
def test_what_is_no_experiment(tmp_path, wrong):
    for ask in (af.run_experiment, af.advise):
        with pytest.raises(AlignFreezeError, match=r"settings: expected .*a.* (file|path|text)"):
            ask(wrong, out=tmp_path / "out")
    with pytest.raises(SettingsError, match="out: expected a path, as a text or a Path, got"):
        af.run_experiment("experiment.toml", out=wrong if not isinstance(wrong, bytes) else 3)


def test_a_missing_file_and_a_grid_are_refused(project):
    with pytest.raises(DataError, match=r"nowhere\.toml"):
        af.run_experiment(project / "nowhere.toml", out=project / "out")
    values = tomllib.loads((project / "experiment.toml").read_text())
    with pytest.raises(SettingsError, match=r"there is a table \[grid\]"):
        af.run_experiment({**values, "grid": {"seeds": [[1], [2]]}}, out=project / "out", base=project)


def test_a_plan_is_not_changed(project):
    found = plan(to_experiment(project / "experiment.toml", changes=ONE)[0], base=project)
    with pytest.raises(SettingsError, match="base, seeds: a plan is complete"):
        af.run_experiment(found, out=project / "out", base=project, seeds=[2])


def test_a_study_is_what_run_prints_and_the_commands_read_it(project):
    out = project / "out"
    study = af.run_experiment(project / "experiment.toml", out=str(out), **ONE)
    assert isinstance(study, Study)
    assert os.fspath(study) == str(out)
    options = ["--out", out, "--set", "seeds=[1]"]
    assert plain(study.to_dict()) == printed("run", project / "experiment.toml", *options)
    check_table(study, "metric", "language", "strategy", "mean", "gain", "verdict")
    assert {(row["language"], row["strategy"]) for row in study.rows()} == {
        (language, strategy) for language in ("en", "de", "tr") for strategy in ("baseline", "front")
    }
    assert "toy: pos, accuracy in percent" in study._repr_html_()

    found = af.compare(study)
    assert plain(found.to_dict()) == printed("compare", out)
    check_table(found, "task", "encoder", "metric", "language", "strategy", "mean", "gain")
    assert found[0].strategies == ("baseline", "front")
    assert len(list(found)) == len(found)
    for form in (str(out), out, [study], (out,), [str(out)]):
        assert af.compare(form).rows() == found.rows()
    beside = af.compare(study, against=study)
    assert plain(beside.to_dict()) == printed("compare", out, "--against", out)
    assert "theirs" in beside._repr_html_()

    page = af.report(study, project / "page.html", title="Mine")
    assert "<title>" in (project / "page.html").read_text()
    assert page.rows() == found.rows()
    assert page.to_dict()["title"] == "Mine"
    af.report([study], str(project / "page.md"))
    assert (project / "page.md").read_text()
    assert af.study_page(study).rows() == page.rows()
    pytest.importorskip("pandas")
    assert len(page.to_pandas()) == len(found) * 6


def test_failed_runs_are_shown(project, monkeypatch):
    from alignfreeze.running import sweep
    from tests.support.runs import failing

    monkeypatch.setattr(sweep, "run", failing("front", DataError("<broken>")))
    study = af.run_experiment(project / "experiment.toml", out=project / "out", **ONE)
    assert "front, seed 1 failed: &lt;broken&gt;" in study._repr_html_()
    assert study.to_dict()["failures"][0]["error"] == "<broken>"


@pytest.mark.parametrize("wrong", [3, None, [1, 2], [], {"a": 1}], ids=repr)
def test_what_is_no_study(tmp_path, wrong):
    for ask in (
        lambda: af.compare(wrong),
        lambda: af.report(wrong, tmp_path / "page.html"),
        lambda: af.study_page(wrong),
    ):
        with pytest.raises(SettingsError, match="studies: expected what run_experiment returned, the folder of runs"):
            ask()
    with pytest.raises(DataError, match="no such file or folder"):
        af.compare(tmp_path / "nowhere")


@pytest.mark.parametrize("n", [1, 3])
def test_runs_that_are_missing_in_a_comparison_are_said(project, remarks, n):
    study = af.run_experiment(project / "experiment.toml", out=project / "out")
    folders = sorted((project / "out" / "runs").glob("[!.]*"), reverse=True)
    for folder in folders[:n]:
        shutil.rmtree(folder)
    del remarks[:]
    af.compare(study)
    (said,) = [text for text in remarks if "planned runs" in text]
    assert f"{n} of {len(folders)} planned runs have no record and do not count: " in said
    assert folders[0].name in said


def test_tables_of_results_are_compared(tmp_path):
    from tests.studies.test_comparison import table

    found = af.compare(table(tmp_path))
    assert {row["strategy"] for row in found.rows()} == {"baseline", "full", "back"}
    assert found.rows()[0].keys() >= {"mean", "sd", "seeds", "gain", "gain_low", "gain_high", "verdict"}


# --- advice --------------------------------------------------------------------------


def test_advice_is_what_the_command_prints(project):
    out = project / "advice"
    settings = tomllib.loads((project / "experiment.toml").read_text())
    advised = af.advise(settings, base=project, out=out, fraction=0.5, **ONE)
    options = ["--out", out, "--fraction", "0.5", "--set", "seeds=[1]"]
    assert plain(advised.to_dict()) == printed("advise", project / "experiment.toml", *options)
    check_table(advised, "language", "strategy", "gain", "better", "advised")
    assert [row["language"] for row in advised.rows()] == ["de", "de", "tr", "tr"]
    recommended = af.ExperimentSettings.from_toml(advised.to_dict()["recommended"])
    assert str(recommended.strategies[0]) == "baseline"  # so that the runs can be judged
    for option in ({"n_seeds": 0}, {"held_out": 1.5}, {"budget": -1}, {"fraction": "half"}):
        (name,) = option
        with pytest.raises(SettingsError, match=f"{name}: expected a number from"):
            af.advise(settings, base=project, out=out, **option)
    with pytest.raises(SettingsError, match="out: name a folder for the pilots"):
        af.advise(settings, base=project)


def test_advice_on_complete_runs_is_what_the_command_prints(project):
    out = project / "out"
    study = af.run_experiment(project / "experiment.toml", out=out, seeds=[1], bitext={"held_out": 30})
    choices = af.advise(study, out=project / "choice")
    assert plain(choices.to_dict()) == printed("advise", out) == plain(af.advise(str(out)).to_dict())
    assert (project / "choice" / "choice.md").exists()
    check_table(choices, "language", "strategy", "gain", "score")
    with pytest.raises(SettingsError, match="--fraction, --seeds: only for pilots, but"):
        af.advise(study, fraction=0.5, seeds=[1])


# --- probes --------------------------------------------------------------------------


def test_a_probe_of_names_and_encoders(tmp_path, tiny_folder, tiny_encoder, toy_bitext):
    name = tiny_folder.name
    one = af.probe(str(tiny_folder), toy_bitext, device="cpu")
    for encoders in (tiny_folder, [tiny_encoder], {name: tiny_folder}):
        assert af.probe(encoders, toy_bitext, device="cpu").to_dict() == one.to_dict()
    two = af.probe({"before": tiny_folder, "after": tiny_encoder}, toy_bitext, device="cpu")
    check_table(two, "encoder", "language", "layer", "words", "weak", "strong", "csls", "drift")
    assert len(two.rows()) == 2 * 5  # embeddings and four layers
    assert {row["drift"] for row in two.rows()} == {None, 0.0}
    assert "Drift from before" in two._repr_html_()
    two.write(tmp_path / "probe.json")


def test_a_probe_is_what_the_command_prints(tmp_path, tiny_folder, toy_bitext):
    path = tmp_path / "en-de.tsv"
    path.write_text("".join(f"{' '.join(pair.source)}\t{' '.join(pair.target)}\n" for pair in toy_bitext))
    probed = af.probe([tiny_folder], path, languages=("en", "de"), device="cpu")
    assert plain(probed.to_dict()) == printed("probe", tiny_folder, "--bitext", f"en-de={path}", "--device", "cpu")
    pairs = af.read_bitext(path, languages=("en", "de"))
    links = af.align(pairs, aligner="eflomal")  # links by an encoder itself would flatter it
    assert af.probe(tiny_folder, pairs, alignments=list(links), device="cpu").rows() == probed.rows()


def test_a_probe_of_gradients_takes_items_and_places(project, tiny_encoder, toy_bitext, toy_tagged):
    settings = af.FinetuningSettings(steps=1, batch_size=8)
    model, *_ = af.finetune(tiny_encoder, af.TASKS["pos"], toy_tagged, settings=settings, device="cpu")
    model.save(project / "tagger")
    how = {"task": "pos", "device": "cpu"}
    one = af.probe(project / "tagger", toy_bitext, train=toy_tagged, **how)
    other = af.probe(project / "tagger", toy_bitext, train=project / "en-train.conllu", **how)
    assert one.gradients
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoders": 3}, "expected an encoder: a name or a folder"),
        ({"encoders": None}, "expected an encoder: a name or a folder"),
        ({"encoders": []}, "encoders: none is given"),
        ({"encoders": ["a", 1]}, "got 1 (int)"),
        ({"bitext": 3}, "expected a list of pairs such as"),
        ({"bitext": None}, "expected a list of pairs such as"),
        ({"bitext": [1, 2]}, "sentence pair 1 is 1 (int)"),
        ({"bitext": "en-de.tsv"}, "en-de.tsv: give the languages of this file"),
        ({"aligner": 3}, "aligner: expected a name, a dict of settings or AlignmentSettings"),
        ({"alignments": ["0-0"]}, "got 120 sentence pairs and 1 alignments"),
        ({"task": "pos"}, "use --task and --train together"),
        ({"task": "poss", "train": "a"}, "unknown task 'poss'"),
        ({"task": "pos", "train": [1, 2]}, "none of the encoders named is a folder with a model"),
    ],
)
def test_what_cannot_be_probed(tiny_folder, toy_bitext, change, message):
    given = {"encoders": tiny_folder, "bitext": toy_bitext, "device": "cpu", **change}
    with pytest.raises(AlignFreezeError) as error:
        af.probe(given.pop("encoders"), given.pop("bitext"), **given)
    assert message in str(error.value)
