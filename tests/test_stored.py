"""Every file of our own, in every other shape: a value, or an error that names it."""

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.errors import AlignFreezeError, DataError
from alignfreeze.evaluation.predictions import Predictions, read_predictions, write_predictions
from alignfreeze.evaluation.probe import Probe
from alignfreeze.evaluation.retrieval import Retrieval
from alignfreeze.experiment.records import RunRecord
from alignfreeze.ragged import Ragged
from alignfreeze.reports.notes import add_note, list_addresses, read_notes
from alignfreeze.running.claims import read_claim
from alignfreeze.running.folder import Failure, failure_file_of, read_failure, read_planned
from alignfreeze.running.status import read_status
from alignfreeze.running.terms import read_terms
from alignfreeze.studies.results import read_all
from tests.support.cli import alignfreeze, refused
from tests.support.records import make_record, make_settings, write_runs

RECORDS = [make_record(make_settings(["de"]), strategy, {"en": 0.5, "de": 0.25}) for strategy in ("baseline", "front")]
NAMES = [record.folder for record in RECORDS]


@pytest.fixture
def study(tmp_path):
    """A study with two complete runs and one of each file."""
    out = write_runs(tmp_path / "out", RECORDS)
    for folder in ("failed", "locks"):
        (out / folder).mkdir()
    failure = Failure("back", 31, "it failed", "", "2026-01-02T03:04:05+00:00")
    failure_file_of(out, "back-31-aaaaaaaaaaaa").write_text(json.dumps(asdict(failure)))
    (out / "planned.json").write_text(json.dumps([*NAMES, "back-31-aaaaaaaaaaaa"]))
    (out / "experiment.json").write_text(json.dumps(make_settings(["de"]).model_dump(mode="json")))
    (out / "terms.json").write_text('{"golden": {"train": ["dog"]}}')
    (out / "runs" / NAMES[0] / "sentences.json").write_text('{"en": {"accuracy": [[1, 1], [0, 1]]}}')
    Probe({"a": "b"}, {"a": [Retrieval("de", 0, "cosine", 0.5, 0.5, 10)]}).write(out / "probe.json")
    return out


SHAPES = [
    "null",
    "7",
    '"text"',
    "[]",
    "{}",
    '[["x"]]',
    "[" * 100_000,
    '{"a":' * 100_000,
    '"\\ud800"',
    "{",
    "",
    "9" * 400,
]
FILES = ["planned.json", "experiment.json", "terms.json", "probe.json", f"runs/{NAMES[0]}/record.json"]
FILES += [f"runs/{NAMES[0]}/sentences.json", "failed/back-31-aaaaaaaaaaaa.json"]
READERS = (read_planned, read_status, read_terms, read_notes, list_addresses, lambda out: read_all([out]))


def read_everything(out):
    """Return what every reader of a study says: its result, or its error."""
    said = []
    for read in READERS:
        try:
            said.append(read(out))
        except AlignFreezeError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("text", SHAPES, ids=range(len(SHAPES)))
@pytest.mark.parametrize("name", FILES, ids=lambda name: name.rpartition("/")[2])
def test_a_file_of_another_shape_is_an_error_or_left_out(study, name, text):
    (study / name).write_text(text)
    read_everything(study)
    for command in (["status"], ["compare"], ["note", "hello", "--language", "de"]):
        done = alignfreeze(*command[:1], study, *command[1:])
        assert done.returncode in {0, 2}, done.stderr
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert done.stderr.count("error:") == 1


def test_the_message_names_the_file_and_the_place_in_it(study):
    path = study / "runs" / NAMES[0] / "record.json"
    values = json.loads(path.read_text())
    values["scores"][1]["n"] = "many"
    path.write_text(json.dumps(values))
    refused(alignfreeze("compare", study), "record.json: not the record of a run of this version (scores.1.n: Input")
    (study / "planned.json").write_text('{"a": 1}')
    refused(alignfreeze("status", study), "planned.json: not the plan of an experiment of this version")
    (study / "planned.json").write_text('["../../elsewhere"]')
    refused(alignfreeze("status", study), "'../../elsewhere' is no name of a run")


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=4)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))


def places_in(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places_in(inner, (*path, key))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_record_with_any_other_value_in_it_is_read_or_refused(tmp_path_factory, data):
    out = tmp_path_factory.getbasetemp() / "mutated"
    if not out.exists():
        write_runs(out, RECORDS)
    path = out / "runs" / NAMES[1] / "record.json"
    values = json.loads(json.dumps(asdict(RECORDS[1])))
    *above, last = data.draw(st.sampled_from([place for place in places_in(values) if place]))
    inner = values
    for key in above:
        inner = inner[key]
    inner[last] = data.draw(VALUES)
    path.write_text(json.dumps(values))
    try:
        record = RunRecord.read(path)
    except DataError as error:
        assert "record.json" in str(error)
    else:
        _ = (record.task, record.schedule, record.aligner, record.stopping, record.keeps_model, record.files)
        _ = (record.realigned_languages, record.tests_of("de"), record.environment["versions"])
        read_all([out])


def test_a_record_in_the_folder_of_another_run_does_not_count(study):
    text = (study / "runs" / NAMES[0] / "record.json").read_text()
    (study / "runs" / NAMES[1] / "record.json").write_text(text)
    refused(alignfreeze("compare", study), f"{NAMES[1]}/record.json: the record of another run, {NAMES[0]}")
    states = {run.name: run.state for run in read_status(study).runs}
    assert (states[NAMES[0]], states[NAMES[1]]) == ("complete", "waiting")


def test_a_copy_of_a_run_under_a_name_of_its_own_does_not_count_twice(study):
    shutil.copytree(study / "runs" / NAMES[0], study / "runs" / "copy")
    refused(alignfreeze("compare", study), "copy/record.json: the record of the same run as", NAMES[0])


def test_a_run_that_was_copied_out_of_its_study_is_read_under_its_new_name(study, tmp_path):
    (study / "runs" / NAMES[0]).rename(tmp_path / "my best run")
    assert [record for _, record in [(0, one) for one in read_all([tmp_path / "my best run"])[1]]] == [RECORDS[0]]


def test_claims_failures_and_notes_of_another_shape_are_left_out(study, remarks):
    note = add_note(study, "hello", name="me")
    for text in SHAPES:
        (study / "locks" / "a.json").write_text(text)
        assert read_claim(study, "a") is None
        failure_file_of(study, "a").write_text(text)
        assert read_failure(study, "a") is None
        with (study / "notes.jsonl").open("a") as file:
            file.write(text + "\n")
    assert read_notes(study) == [note]
    assert len(remarks) == len(SHAPES) - 1  # an empty line is none


ROWS = Ragged.of([np.full((2, 2), 0.5), np.full((1, 2), 0.5)], dtype=np.float16)
LINKS = Ragged.of([np.array([[0, 1]]), np.array([[0, 0]])])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_predictions_are_an_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "predictions.npz"
    write_predictions(path, [Predictions("de", ("A", "B"), ROWS, ROWS, LINKS)])
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    new = data.draw(st.binary(min_size=1, max_size=60))
    content[start : start + len(new)] = new[: len(content) - start]
    path.write_bytes(content)
    try:
        found = read_predictions(path)["de"]
    except DataError as error:
        assert "repeat the run" in str(error)
    except KeyError:
        pass  # another name of the language
    else:
        assert found.source.values.tolist() == ROWS.values.tolist()
        assert found.links.values.tolist() == LINKS.values.tolist()


def test_predictions_whose_links_are_to_no_unit_are_an_error(tmp_path):
    links = Ragged.of([np.array([[0, 2]]), np.array([[0, 0]])])
    write_predictions(tmp_path / "predictions.npz", [Predictions("de", ("A", "B"), ROWS, ROWS, links)])
    with pytest.raises(DataError, match="a link is to no unit"):
        read_predictions(tmp_path / "predictions.npz")
