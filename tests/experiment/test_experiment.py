import json
import os
import signal
import subprocess
import sys
import time

import pytest
from transformers import AutoModelForTokenClassification

from alignfreeze.errors import DataError, EncoderError, SettingsError
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import LinkSettings
from alignfreeze.running import sweep
from alignfreeze.running.dispatch import run_experiment
from tests.support.runs import planned


def scores(study):
    return [(record.strategy, record.seed, record.scores) for record in study.records]


def test_the_plan_lists_runs_steps_and_what_is_frozen(project):
    found = planned(project)
    assert [(str(spec.strategy), spec.seed) for spec in found.specs] == [
        ("baseline", 1),
        ("front", 1),
        ("baseline", 2),
        ("front", 2),
    ]
    assert found.finetuning_steps == 2 * 4  # 2 epochs of ceil(60 / 16) batches
    assert found.freezing["front"].parts == ("encoder.layer.0", "encoder.layer.1")
    assert "baseline" not in found.freezing
    assert len(found.data.files) == 1 + 3 + 2
    assert not (project / "out").exists()


def test_pairs_are_chosen_and_aligned_as_the_settings_say(project, toy_bitext):
    words = {word for pair in toy_bitext for word in pair.source}
    for code in ("de", "tr"):
        (project / f"{code}.txt").write_text("".join(f"{word} {word[::-1]}\n" for word in sorted(words)))
    path = project / "experiment.toml"
    more = """
[bitext.selection]
sample = 60
keep_best = 0.5
[alignment]
aligner = "dictionary"
dictionary = "{language}.txt"
"""
    path.write_text(path.read_text() + more)
    found = planned(project)
    assert len(found.data.bitext) == 2 * 30
    links = find_links(found.settings, found.data)
    assert all(1 <= len(alignment.links) <= 5 for alignment in links)
    assert {"dictionary de", "dictionary tr"} <= {file.role for file in found.data.files}
    digests = {spec.digest for spec in found.specs if str(spec.strategy) == "front"}
    path.write_text(path.read_text().replace("sample = 60", "sample = 60\nseed = 1"))
    assert digests.isdisjoint({spec.digest for spec in planned(project).specs})


def test_an_aligner_that_goes_by_vectors_takes_the_encoder_of_the_experiment(project):
    found = planned(project, alignment=LinkSettings(aligner="argmax", layer=2))
    links = find_links(found.settings, found.data)
    assert sum(len(alignment.links) for alignment in links) > len(links)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[alignment]\naligner = "dictionary"\n', "alignment.dictionary is required"),
        ('[bitext.selection]\nsample = 9\n[alignment]\nlinks = "{language}.links"\n', "do not fit"),
        ('[alignment]\naligner = "fast_align"\n', "Did you mean 'fast-align'"),
    ],
)
def test_settings_of_alignment_that_do_not_go_together(project, text, message):
    path = project / "experiment.toml"
    path.write_text(path.read_text() + text)
    with pytest.raises(SettingsError, match=message):
        ExperimentSettings.from_toml(path)


def test_realignment_takes_as_many_steps_as_fine_tuning_when_none_are_given(project):
    path = project / "experiment.toml"
    path.write_text(path.read_text().replace("steps = 4\n", ""))
    assert planned(project).settings.realignment.steps == 8


def test_every_run_leaves_a_record(project):
    study = run_experiment(planned(project), out=project / "out")
    folders = sorted(path.name for path in (project / "out" / "runs").iterdir())
    assert len(folders) == 4
    for record in study.records:
        path = project / "out" / "runs" / f"{record.strategy}-{record.seed}-{record.digest[:12]}" / "record.json"
        assert RunRecord.from_json(json.loads(path.read_text())) == record
        assert [score.language for score in record.scores] == ["en", "de", "tr"]
        assert all(score.n == 100 and 0 <= score.value <= 1 for score in record.scores)
        assert record.environment["versions"]["torch"]
        assert record.files["train"]
        assert set(record.seconds) >= {"loading", "fine-tuning", "evaluation"}
        if record.strategy == "baseline":
            assert record.realignment is None
            assert "bitext de source" not in record.files
        else:
            assert record.realignment.frozen.parameters > 0
            assert record.realignment.training.steps == 4


def test_the_same_seed_gives_identical_scores(project):
    first = run_experiment(planned(project), out=project / "one")
    second = run_experiment(planned(project), out=project / "two")
    assert scores(first) == scores(second)
    losses = [record.finetuning.losses for record in first.records]
    assert losses == [record.finetuning.losses for record in second.records]


def test_complete_runs_are_not_repeated(project, monkeypatch):
    first = run_experiment(planned(project), out=project / "out")

    def fail(*_):
        raise AssertionError("a complete run was repeated")

    monkeypatch.setattr(sweep, "run", fail)
    second = run_experiment(planned(project), out=project / "out")
    assert second.records == first.records
    assert second.reused == 4


def digests(project, **changes):
    return {(str(spec.strategy), spec.seed): spec.digest for spec in planned(project, **changes).specs}


def test_a_change_of_realignment_changes_only_realigned_runs(project):
    before = digests(project)
    path = project / "experiment.toml"
    path.write_text(path.read_text().replace("steps = 4", "steps = 5"))
    after = digests(project)
    assert after["baseline", 1] == before["baseline", 1]
    assert after["front", 1] != before["front", 1]


def test_a_change_of_data_changes_the_runs_that_read_them(project):
    before = digests(project)
    (project / "en-de.txt").write_text("the dog ||| eht god\n")
    after = digests(project)
    assert after["baseline", 1] == before["baseline", 1]
    assert after["front", 1] != before["front", 1]
    test = project / "tr-test.conllu"
    test.write_text(test.read_text().replace("NOUN", "PROPN", 1))
    assert digests(project)["baseline", 1] != before["baseline", 1]


def test_names_and_order_do_not_change_runs(project):
    assert digests(project) == digests(project, name="other", strategies=["front", "baseline"])


def test_a_damaged_record_is_computed_again(project):
    first = run_experiment(planned(project), out=project / "out")
    broken = next((project / "out" / "runs").glob("front-1-*")) / "record.json"
    broken.write_text(broken.read_text()[:100])
    second = run_experiment(planned(project), out=project / "out")
    assert second.reused == 3
    assert scores(second) == scores(first)


def test_models_are_kept_when_wanted(project):
    run_experiment(planned(project, keep_models=True, strategies=["front"], seeds=[1]), out=project / "out")
    (folder,) = (project / "out" / "runs").glob("front-1-*")
    model = AutoModelForTokenClassification.from_pretrained(folder / "model")
    assert model.config.id2label[0] == "ADJ"


def test_all_missing_files_are_named(project):
    (project / "de-test.conllu").unlink()
    (project / "en-tr.txt").unlink()
    with pytest.raises(DataError) as error:
        planned(project)
    assert "test de: " in str(error.value)
    assert "bitext tr source: " in str(error.value)


def test_all_wrong_files_are_named(project):
    (project / "de-test.conllu").write_text("nonsense\n")
    (project / "en-tr.txt").write_text("")
    with pytest.raises(DataError) as error:
        planned(project)
    assert "de-test.conllu, line 1" in str(error.value)
    assert "en-tr.txt: no sentence pair found" in str(error.value)


def test_links_may_come_from_files(project, toy_bitext):
    for code in ("de", "tr"):
        (project / f"{code}.links").write_text("0-0 1-1\n" * len(toy_bitext))
    path = project / "experiment.toml"
    path.write_text(path.read_text() + '[alignment]\nlinks = "{language}.links"\n')
    study = run_experiment(planned(project, seeds=[1]), out=project / "out")
    assert study.records[1].realignment.pairs == 2 * len(toy_bitext)
    (project / "tr.links").write_text("0-0 1-9\n" * len(toy_bitext))
    with pytest.raises(DataError, match=r"tr\.links, line 1: link 1-9 is out of range"):
        planned(project)


def test_links_fit_a_bitext_with_gaps_of_which_only_the_beginning_is_read(project):
    path = project / "experiment.toml"
    text = path.read_text().replace("pretokenized = true", "pretokenized = true\nmax_pairs = 50")
    path.write_text(text + '[alignment]\nlinks = "{language}.links"\n')
    for code in ("de", "tr"):
        bitext = project / f"en-{code}.txt"
        rows = bitext.read_text().split("\n")
        rows[3] = ""
        bitext.write_text("\n".join(rows))
        (project / f"{code}.links").write_text("".join("\n" if not row else "1-1\n" for row in rows))
    study = run_experiment(planned(project, seeds=[1]), out=project / "out")
    assert study.records[1].realignment.pairs == 2 * 49


def test_a_relative_encoder_starts_at_the_experiment_file(project, tiny_encoder):
    tiny_encoder.save(project / "models" / "mine")
    assert planned(project, encoder="models/mine").settings.encoder == str(project / "models" / "mine")


def test_a_broken_encoder_is_found_by_the_plan(project, tiny_encoder):
    tiny_encoder.save(project / "broken")
    (project / "broken" / "model.safetensors").write_bytes(b"short")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        planned(project, encoder=str(project / "broken"))


def test_an_encoder_that_is_none_is_refused_before_anything_runs(project):
    with pytest.raises(EncoderError, match="holds no model"):
        planned(project, encoder=str(project))


def start(project, out):
    command = [sys.executable, "-m", "alignfreeze", "run", str(project / "experiment.toml"), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process, condition):
    """SIGKILL a process as soon as something holds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not condition():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_killed_between_runs_it_goes_on_where_it_stopped(project):
    """SIGKILL while the last runs are still to come; the second start repeats nothing."""
    out = project / "out"
    kill_when(start(project, out), lambda: list(out.glob("runs/front-1-*")))
    done = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/record.json")}
    assert 2 <= len(done) < 4
    study = run_experiment(planned(project), out=out)
    assert study.reused == len(done)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert len(list((out / "runs").iterdir())) == 4
    assert scores(study) == scores(run_experiment(planned(project), out=project / "fresh"))


@pytest.mark.parametrize("stage", ["realignment", pytest.param("fine-tuning", marks=pytest.mark.slow)])
def test_killed_in_a_training_it_goes_on_from_its_last_checkpoint(project, stage):
    """SIGKILL when some checkpoints have been written; the rest ends with the very same weights."""
    file = project / "experiment.toml"
    text = file.read_text().replace("[data]", "keep_models = true\n[compute]\ncheckpoint_steps = 3\n[data]")
    file.write_text(text.replace("steps = 4", "steps = 40").replace("epochs = 2", "steps = 40"))
    out = project / "out"
    process = start(project, out)
    kill_when(process, lambda: list(out.glob(f"checkpoints/front-1-*/{stage}/checkpoint-*/trainer_state.json")))
    (state,) = [*out.glob(f"checkpoints/front-1-*/{stage}/checkpoint-*/trainer_state.json")][-1:]
    assert 0 < json.loads(state.read_text())["global_step"] < 40
    study = run_experiment(planned(project), out=out)
    fresh = run_experiment(planned(project), out=project / "fresh")
    assert scores(study) == scores(fresh)
    models = {path.parts[-3]: path.read_bytes() for path in out.glob("runs/*/model/model.safetensors")}
    assert len(models) == 4
    for run, weights in models.items():
        assert (project / "fresh" / "runs" / run / "model" / "model.safetensors").read_bytes() == weights
    assert not (out / "checkpoints").exists()


@pytest.mark.parametrize("schedule", ["before", "during", "after"])
def test_every_schedule_leaves_its_records(project, schedule):
    path = project / "experiment.toml"
    path.write_text(
        path.read_text().replace("[realignment]", f'[realignment]\nlearning_rate = 0.05\nschedule = "{schedule}"')
    )
    found = planned(project, seeds=[1], strategies=["baseline", "front+embeddings", "random:1"])
    study = run_experiment(found, out=project / "out")
    baseline, front, drawn = study.records
    assert baseline.realignment is None
    # `during` takes as many steps as fine-tuning: 2 epochs of ceil(60 / 16) batches.
    assert front.realignment.training.steps == (8 if schedule == "during" else 4)
    assert front.realignment.frozen.parts == ("encoder.layer.0", "encoder.layer.1", "embeddings")
    assert front.finetuning.steps == 8
    assert len(drawn.realignment.frozen.parts) == 1
    # Scores of so few words may be equal by chance.
    assert (front.scores, front.finetuning.losses) != (baseline.scores, baseline.finetuning.losses)
    assert all(":" not in path.name for path in (project / "out" / "runs").iterdir())
    for record in study.records:
        (folder,) = (project / "out" / "runs").glob(f"*{record.digest[:12]}")
        assert RunRecord.from_json(json.loads((folder / "record.json").read_text())) == record


def test_a_loss_on_sentences_needs_no_links(project, monkeypatch):
    path = project / "experiment.toml"
    path.write_text(path.read_text().replace("[realignment]", '[realignment]\nloss = "sentence"'))
    found = planned(project, seeds=[1], strategies=["front"])
    assert sum(len(alignment.links) for alignment in find_links(found.settings, found.data)) == 0
    assert run_experiment(found, out=project / "out").records[0].realignment.pairs == 240


def test_settings_that_do_not_go_together(project):
    path = project / "experiment.toml"
    path.write_text(path.read_text() + '[alignment]\naligner = "sentence"\n')
    with pytest.raises(SettingsError, match=r"works only with realignment\.loss = 'sentence'"):
        planned(project)


def test_settings_are_changed_from_outside(project):
    changes = [("realignment.steps", "9"), ("languages", '["de"]'), ("bitext", "en-{language}.txt"), ("name", "x y")]
    settings = ExperimentSettings.from_toml(project / "experiment.toml", changes=changes)
    assert settings.realignment.steps == 9
    assert settings.languages == ["de"]
    assert settings.bitext.source == "en-{language}.txt"
    assert settings.name == "x y"
    with pytest.raises(SettingsError, match="there is no such setting"):
        ExperimentSettings.from_toml(project / "experiment.toml", changes=[("realignment.stepz", "9")])
