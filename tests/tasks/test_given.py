"""Whatever a caller holds becomes items of a task, as a file with the same content does."""

import copy
import json
import sys

import numpy
import pytest

from alignfreeze.corpora.labelled import NLI, LabelledText
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.tasks.given import to_items, to_task, to_tests
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source

datasets = pytest.importorskip("datasets")
pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

# Rows as the hub has them, for each task; a name of another field that may hold the labels; and the labels by number.
WORDS = [["Ann", "lives", "here"], ["dogs", "bark"]]
TAGS = {"pos": [["PROPN", "VERB", "ADV"], ["NOUN", "VERB"]], "ner": [["B-PER", "O", "O"], ["O", "O"]]}
ROWS = {
    "pos": [{"tokens": words, "upos": tags} for words, tags in zip(WORDS, TAGS["pos"], strict=True)],
    "ner": [{"tokens": words, "ner_tags": tags} for words, tags in zip(WORDS, TAGS["ner"], strict=True)],
    "tagging": [{"tokens": words, "tags": tags} for words, tags in zip(WORDS, TAGS["ner"], strict=True)],
    "nli": [
        {"premise": f"premise {n}", "hypothesis": f"hypothesis {n}", "label": label} for n, label in enumerate(NLI)
    ],
    "classification": [{"text": "Fine.", "label": "good"}, {"text": "Not so.", "label": "bad"}],
    "qa": [
        {
            "id": str(n),
            "question": f"who {verb}?",
            "context": f"the dog {verb}",
            "answers": {"text": ["dog"], "answer_start": [4]},
        }
        for n, verb in enumerate(["sees", "barks"], start=1)
    ],
}
LABELS = {
    "pos": ("upos", ["ADV", "NOUN", "PROPN", "VERB"]),
    "ner": ("ner_tags", ["O", "B-PER"]),
    "tagging": ("tags", ["O", "B-PER"]),
    "nli": ("label", list(NLI)),
    "classification": ("label", ["bad", "good"]),
}


def write(task, folder):
    """A file with the content of the rows, in the usual form of the task."""
    path = folder / "items"
    if task in {"pos", "ner", "tagging"}:
        lines = []
        for row in ROWS[task]:
            for number, (word, tag) in enumerate(zip(row["tokens"], row[LABELS[task][0]], strict=True), start=1):
                lines.append(f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_" if task == "pos" else f"{word}\t{tag}")
            lines.append("")
        path.write_text("\n".join(lines))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[task]))
    return path


def with_names(task):
    """A data set whose labels are numbers with names."""
    whole = datasets.Dataset.from_list(ROWS[task])
    if task not in LABELS:
        return whole
    column, names = LABELS[task]
    are_lists = isinstance(ROWS[task][0][column], list)
    rows = [
        {**row, column: [names.index(tag) for tag in row[column]] if are_lists else names.index(row[column])}
        for row in ROWS[task]
    ]
    label = datasets.ClassLabel(names=names)
    features = {**whole.features, column: datasets.List(label) if are_lists else label}
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def tuples(task):
    column = LABELS[task][0]
    return [(*(value for name, value in row.items() if name != column), row[column]) for row in ROWS[task]]


KINDS = {
    "dicts": lambda task: ROWS[task],
    "dicts in a tuple": lambda task: tuple(ROWS[task]),
    "a generator": lambda task: (row for row in ROWS[task]),
    "a data set": lambda task: datasets.Dataset.from_list(ROWS[task]),
    "numbers with names": with_names,
    "a data set of arrays": lambda task: with_names(task).with_format("numpy"),
    "a stream": lambda task: with_names(task).to_iterable_dataset(),
    "rows of a data set": lambda task: datasets.Dataset.from_list(ROWS[task])[:],
    "a split": lambda task: datasets.DatasetDict({"validation": with_names(task)}),
    "pandas": lambda task: pandas.DataFrame(ROWS[task]),
    "polars": lambda task: polars.DataFrame(ROWS[task]),
    "polars, lazy": lambda task: polars.LazyFrame(ROWS[task]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ROWS)
def test_each_kind_of_object_gives_what_the_file_gives(task, kind, tmp_path):
    held = KINDS[kind](task)
    before = None if kind == "a generator" else copy.deepcopy(held)
    expected = TASKS[task].read(Source(write(task, tmp_path)))
    assert to_items(TASKS[task], held, split="validation") == expected
    if type(before) in {list, dict, tuple}:
        assert held == before
    if before is not None:
        assert to_items(TASKS[task], held, split="validation") == to_items(TASKS[task], before, split="validation")


@pytest.mark.parametrize("task", LABELS)
def test_tuples_give_what_the_file_gives(task, tmp_path):
    path = write(task, tmp_path)
    assert to_items(TASKS[task], tuples(task)) == to_items(TASKS[task], path) == to_items(TASKS[task], str(path))


@pytest.mark.parametrize("task", ["pos", "ner", "tagging"])
def test_lists_of_words_with_tags_give_what_the_file_gives(task, tmp_path):
    nltk = [list(zip(row["tokens"], row[LABELS[task][0]], strict=True)) for row in ROWS[task]]
    assert [len(sentence) for sentence in nltk] == [3, 2]
    assert to_items(TASKS[task], nltk) == to_items(TASKS[task], write(task, tmp_path))


@pytest.mark.parametrize("task", ["pos", "ner", "nli", "qa"])
def test_our_own_items_are_returned_as_they_are(task, toy_items):
    assert to_items(TASKS[task], toy_items[task]) is toy_items[task]
    assert to_items(TASKS[task], []) == []
    assert to_items(TASKS[task], iter(toy_items[task])) == toy_items[task]


def test_questions_need_no_name():
    rows = [{name: value for name, value in row.items() if name != "id"} for row in ROWS["qa"]]
    assert to_items(TASKS["qa"], rows) == to_items(TASKS["qa"], ROWS["qa"])


def test_what_is_missing_in_a_frame_is_no_label(remarks):
    frame = pandas.DataFrame({"text": ["a", "b", None], "label": ["x", None, "y"]})
    assert to_items(TASKS["classification"], frame) == [LabelledText("a", None, "x")]
    assert remarks == [
        "training data: 1 rows without a label are skipped, first row 2",
        "training data: 1 rows without a text are skipped, first row 3",
    ]


@pytest.mark.parametrize(
    ("task", "data", "message"),
    [
        ("pos", 3, "training data: expected a list of sentences, a data set, a data frame or a path; got 3"),
        ("pos", {"tokens": "x"}, "training data: expected a list of sentences"),
        ("pos", [*ROWS["pos"], 3], r"training data: item 3 is 3 \(int\); the task 'pos' needs sentences, such as \(\["),
        ("pos", [{"tokens": ["a"]}], "training data, row 1: expected a field upos or .*, found tokens"),
        ("pos", [*ROWS["pos"], (["a", "b"], ["DET"])], "training data, row 3: 2 words and 1 tags"),
        ("pos", [("a b", ["DET"])], "training data, row 1: expected a list of words and a list of tags"),
        ("pos", [(["a"], ["DT"])], "training data: sentence 1 has the tag 'DT'; UPOS has"),
        ("ner", [(["a"], ["I-PER"])], "training data, sentence 1: the tag 'I-PER' of 'a' continues an entity"),
        ("nli", [("a", "entailment")], "training data, row 1: a second text is missing"),
        ("nli", [("a", "b", "maybe")], "training data, row 1: the label 'maybe' is none of"),
        ("classification", [("a",)], r"item 1 is \('a',\) .* such as \('a text', 'its label'\) or {'text'"),
        ("classification", pandas.DataFrame({"words": ["a"], "label": ["b"]}), "row 1: expected a field sentence1"),
        ("classification", pandas.DataFrame({"text": [], "label": []}), "training data: no labelled text found"),
        ("qa", [("who?", "a dog")], "item 1 is .* needs questions, such as {'question'"),
        ("qa", [{**ROWS["qa"][0], "context": "x"}], "training data, row 1: the answer 'dog' is not in its context"),
        ("pos", datasets.DatasetDict(train=with_names("pos")), r"got the splits train; .* data\['train'\]"),
        ("pos", "nothing.conllu", "nothing.conllu: cannot be read"),
    ],
)
def test_what_is_no_training_data(task, data, message):
    with pytest.raises(DataError, match=message):
        to_items(TASKS[task], data)


def test_a_split_that_is_not_there():
    with pytest.raises(DataError, match="training data: there is no split 'dev'; found train, test"):
        to_items(TASKS["pos"], datasets.DatasetDict(train=with_names("pos"), test=with_names("pos")), split="dev")


def test_tests_of_several_languages(tmp_path, remarks):
    path = write("nli", tmp_path)
    expected = to_items(TASKS["nli"], path)
    splits = datasets.DatasetDict({"de": with_names("nli"), "tr": with_names("nli")})
    assert to_tests(TASKS["nli"], splits) == {"de": expected, "tr": expected}
    found = to_tests(TASKS["nli"], {"de": path, "tr": polars.DataFrame(ROWS["nli"]), "fr": expected})
    assert found == {"de": expected, "tr": expected, "fr": expected}
    several = [{**row, "language": code} for row, code in zip(ROWS["nli"], ["de", "tr", "de"], strict=True)]
    assert to_tests(TASKS["nli"], {"de": several})["de"] == [expected[0], expected[2]]
    assert to_tests(TASKS["pos"], {"de": [{"tokens": ["a"], "tags": ["_"]}]}) == {"de": []}
    assert remarks[-1] == "test de: no word has a tag (all are '_'); tagged sentences are needed"


@pytest.mark.parametrize("tests", [None, ROWS["nli"], "tests.jsonl", with_names("nli")])
def test_tests_are_by_language(tests):
    with pytest.raises(DataError, match="tests: expected texts by language code, got"):
        to_tests(TASKS["nli"], tests)


def test_a_task_or_its_name():
    assert to_task("ner") is to_task(TASKS["ner"]) is TASKS["ner"]
    with pytest.raises(SettingsError, match=r"unknown task 'nerr'; .* Did you mean 'ner'"):
        to_task("nerr")
    with pytest.raises(SettingsError, match="expected a task or its name, such as 'pos', got None"):
        to_task(None)  # type: ignore[arg-type]


def test_no_framework_is_needed_for_lists_and_files(monkeypatch, tmp_path):
    for name in ("datasets", "pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    assert to_items(TASKS["nli"], ROWS["nli"]) == to_items(TASKS["nli"], write("nli", tmp_path))


def test_numbers_of_arrays_are_labels():
    one, two = numpy.int64(1), numpy.uint8(2)
    assert [item.label for item in to_items(TASKS["classification"], [("Fine.", one), ("Bad.", two)])] == ["1", "2"]
    (sentence,) = to_items(TASKS["tagging"], [(["Ann", "lives", "here"], [one, two, numpy.int64(-1)])])
    assert sentence.tags == ("1", "2", None)


@pytest.mark.parametrize("task", ["pos", "tagging"])
def test_rows_whose_words_are_left_out(task):
    rows = [{"tokens": ["_", "_"], LABELS[task][0]: ["NOUN", "VERB"]}] * 2
    with pytest.raises(DataError, match="training data: every word is '_'"):
        to_items(TASKS[task], rows)
