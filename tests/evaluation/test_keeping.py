"""The first test items of each language are kept with the predictions, and read as they were written."""

import gzip
import json
from dataclasses import replace

import pytest

import alignfreeze as af
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.corpora.questions import Question
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError
from alignfreeze.evaluation.keeping import MOST_ITEMS, TEST_ITEMS, keep_items, read_items, write_items
from alignfreeze.evaluation.zero_shot import assess
from alignfreeze.experiment.records import RECORD
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.tasks.kept_items import MOST_CHARACTERS, MOST_WORDS, KeptItem, keep_question, keep_sentence, keep_text
from alignfreeze.tasks.metrics import Measure
from alignfreeze.tasks.table import TASKS
from tests.support.cli import alignfreeze
from tests.support.runs import planned

SETTINGS = af.FinetuningSettings(steps=3, batch_size=8)

SENTENCE = KeptItem("tr", ("köpek", "o"), {}, ("NOUN", None), ("VERB", "X"), 0.0)
TEXT = KeptItem("ar", (), {"text": "قط"}, ("good",), ("bad",), 0.0)


@pytest.mark.parametrize("task", ["pos", "ner", "nli", "qa"])
def test_items_of_each_task_are_kept_with_the_predictions(tiny_folder, toy_items, tmp_path, task):
    items, learnt = toy_items[task], TASKS[task]
    model, _ = af.finetune(load_encoder(str(tiny_folder)), task, items, settings=SETTINGS, device="cpu")
    outcome = assess(model, learnt, {"en": items[:30], "de": items[30:]}, source="en", device="cpu")
    write_items(tmp_path / TEST_ITEMS, outcome.kept)
    found = read_items(tmp_path / TEST_ITEMS)
    assert {code: len(kept) for code, kept in found.items()} == {"en": 30, "de": 30}
    assert [item for kept in found.values() for item in kept] == list(outcome.kept)
    predicted = learnt.kind.predict(model, items)
    for item, guess, kept in zip(items, predicted, outcome.kept, strict=True):
        assert kept.predicted == (tuple(guess) if isinstance(guess, list) else (guess,))
        assert kept.right == (learnt.kind.labels(item) or item.answers)[: len(kept.right)]
        assert (kept.words,) == learnt.kind.texts(item) or set(kept.texts.values()) == set(learnt.kind.texts(item))
    numerators = [score for code in ("en", "de") for score, _ in outcome.parts[code][learnt.metric]]
    assert [item.score for item in outcome.kept] == numerators


def test_a_few_items_are_kept_and_long_ones_are_cut():
    """200 items of 300; 100 words of 120; of a context what is around the answer."""
    several = [LabelledText(f"text {n}", None, "good") for n in range(300)]
    measure = Measure("accuracy", 1.0, 300, "texts", ((1, 1),) * 300)
    kept = keep_items(TASKS["nli"], "de", several, ["good"] * 300, measure)
    assert [item.texts["text"] for item in kept] == [f"text {n}" for n in range(MOST_ITEMS)]
    sentence = keep_sentence("de", TaggedSentence(("w",) * 120, ("X",) * 120), ["X"] * 120, 120.0)
    assert len(sentence.words) == len(sentence.right) == len(sentence.predicted) == MOST_WORDS
    assert sentence.points == MOST_WORDS
    pair = keep_text("de", LabelledText("a" * 900, "b", "good"), "bad", 0.0)
    assert pair.texts == {"first text": "a" * MOST_CHARACTERS + "…", "second text": "b"}
    context = "x" * 1000 + "answer" + "y" * 1000
    question = keep_question("de", Question("1", "who?", context, ("answer", "swer"), (1000, 1002)), "xa", 0.5)
    # The answer is in the middle: 500 - 6 characters are left, 247 on either side.
    assert question.texts == {"question": "who?", "context": f"…{'x' * 247}answer{'y' * 247}…"}
    assert (question.right, question.predicted, question.points) == (("answer", "swer"), ("xa",), 0.5)


def test_points_are_the_labelled_words_that_are_right():
    words = ("a", "b", "c", "d")
    item = KeptItem("de", words, {}, ("X", None, "Y", "Z"), ("X", None, "Y", None), 7.0)
    assert item.points == 2  # a and c; b has no right label, and d no prediction


def test_a_kind_of_task_that_keeps_nothing():
    task = replace(TASKS["pos"], kind=replace(TASKS["pos"].kind, keep=None))
    measure = Measure("accuracy", 1.0, 1, "words", ((1, 1),))
    assert keep_items(task, "de", [TaggedSentence(("a",), ("X",))], [["X"]], measure) == []


def test_an_empty_sentence_and_half_a_character_harm_nothing(tmp_path):
    items = [TaggedSentence((), ()), TaggedSentence(("a\ud800",), ("X",))]
    measure = Measure("accuracy", 1.0, 1, "words", ((0, 0), (1, 1)))
    write_items(tmp_path / TEST_ITEMS, keep_items(TASKS["pos"], "de", items, [[], ["X"]], measure))
    (kept,) = read_items(tmp_path / TEST_ITEMS)["de"]
    assert kept.words == ("a?",)


def damaged(**changes):
    values = {"language": "tr", "words": ["a"], "texts": {}, "right": ["X"], "predicted": ["Y"], "score": 0.0}
    return json.dumps({**values, **changes})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "line 1: not a test item"),
        ("null", "line 1: not a test item"),
        ("[" * 100_000, "line 1: not a test item"),
        (damaged() + "\n" + damaged(predicted=[]), "line 2: the labels of a test item do not fit"),
        (damaged(right=["X", "Y"]), "line 1: the labels of a test item do not fit"),
        (damaged(words=[], texts={"text": "t"}, right=[]), "line 1: the labels of a test item do not fit"),
        (damaged(words=7), "line 1: not a test item"),
        (damaged(more=1), "line 1: not a test item"),
    ],
)
def test_another_content_is_refused(tmp_path, text, reason):
    path = tmp_path / TEST_ITEMS
    with gzip.open(path, "wt") as file:
        file.write(text)
    with pytest.raises(DataError, match=reason):
        read_items(path)


def test_a_file_that_ends_early_is_refused(tmp_path):
    path = tmp_path / TEST_ITEMS
    write_items(path, [SENTENCE, TEXT] * 50)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="end early"):
        read_items(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_items(tmp_path / "gone.jsonl.gz")


def test_no_more_items_are_read_than_are_kept(tmp_path):
    write_items(tmp_path / TEST_ITEMS, [TEXT, *[SENTENCE] * (2 * MOST_ITEMS)])
    assert {code: len(kept) for code, kept in read_items(tmp_path / TEST_ITEMS).items()} == {"ar": 1, "tr": MOST_ITEMS}


def test_each_run_keeps_its_test_items_and_no_comparison_reads_them(project):
    out = project / "out"
    study = run_experiment(planned(project), out=out)
    assert len(study.records) == 4
    for record in study.records:
        folder = out / "runs" / record.folder
        assert not list(folder.glob(".*"))
        kept = read_items(folder / TEST_ITEMS)
        assert {code: len(items) for code, items in kept.items()} == {"en": 20, "de": 20, "tr": 20}
        words = sum(len(item.words) for item in kept["de"])
        (german,) = [score for score in record.scores if score.language == "de"]
        assert german.value == pytest.approx(sum(item.points for item in kept["de"]) / words)
        assert "kept" not in json.loads((folder / RECORD).read_text())
        (folder / TEST_ITEMS).write_bytes(b"\x1f\x8bdamaged")
    for command in ("compare", "status"):
        done = alignfreeze(command, out)
        assert done.returncode == 0, done.stderr
        assert TEST_ITEMS not in done.stdout + done.stderr


def test_the_file_is_written_whole_or_not_at_all(tmp_path):
    def failing():
        yield SENTENCE
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_items(tmp_path / TEST_ITEMS, failing())
    assert not list(tmp_path.iterdir())
    first, second = tmp_path / "1.gz", tmp_path / "2.gz"
    for path in (first, second):
        write_items(path, [TEXT])
    assert first.read_bytes() == second.read_bytes()  # without the time
