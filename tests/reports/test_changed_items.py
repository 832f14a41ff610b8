"""The test items that a page shows: those that a strategy changes most, for better and for worse."""

from dataclasses import replace

import pytest

from alignfreeze.evaluation.keeping import TEST_ITEMS, write_items
from alignfreeze.reports.changed_items import find_changes, gather_changes
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from alignfreeze.tasks.kept_items import KeptItem
from tests.support.records import make_record, make_settings, write_runs

SCORES = {
    "baseline": {"en": 0.9, "de": 0.5, "tr": 0.5},
    "full": {"en": 0.9, "de": 0.6, "tr": 0.4},
    "front": {"en": 0.9, "de": 0.5, "tr": 0.55},
}
RIGHT = ("DET", "NOUN", "VERB")


def sentence(code, number, predicted, right=RIGHT):
    words = tuple(f"{code}{number}{letter}" for letter in "abc"[: len(right)])
    return KeptItem(code, words, {}, right, tuple(predicted), 0.0)


def test_the_greatest_changes_come_first():
    """By hand: of each sentence, how many words are right before and after.

    0: 3 and 3, no change. 1: 1 and 3, +2. 2: 3 and 2, -1. 3: 0 and 1, +1. 4: 3 and 0, -3.
    5: 0 and 1, +1, with two words only: before sentence 3. 6: 1 and 1, the labels differ and nothing is won.
    """
    two = ("DET", "NOUN")
    before = [
        sentence("de", 0, RIGHT),
        sentence("de", 1, ("DET", "X", "X")),
        sentence("de", 2, RIGHT),
        sentence("de", 3, ("X", "X", "X")),
        sentence("de", 4, RIGHT),
        sentence("de", 5, ("X", "X"), two),
        sentence("de", 6, ("DET", "X", "X")),
    ]
    guesses = [
        RIGHT,
        RIGHT,
        ("DET", "NOUN", "X"),
        ("X", "X", "VERB"),
        ("X", "X", "X"),
        ("DET", "X"),
        ("X", "NOUN", "X"),
    ]
    after = [replace(item, predicted=tuple(guess)) for item, guess in zip(before, guesses, strict=True)]
    better, worse = find_changes(before, after)
    assert [(item.after.words[0], item.change) for item in better] == [("de1a", 2), ("de5a", 1), ("de3a", 1)]
    assert [(item.after.words[0], item.change) for item in worse] == [("de4a", -3), ("de2a", -1)]


def test_a_word_that_does_not_count_is_never_marked():
    before = KeptItem("de", ("a", "b"), {}, (None, "X"), ("Y", None), 0.0)
    ((item,), _) = find_changes([before], [replace(before, predicted=("Z", "X"))])
    first, second = item.words
    assert (first.right, first.before, first.after, first.is_changed) == ("–", "Y", "Z", False)
    assert (second.before, second.after, second.is_changed) == ("–", "X", True)
    assert (second.was_right, second.is_right) == (False, True)


def test_texts_change_by_their_scores():
    """An answer of which more words are right is better, though neither is all right."""
    texts = {"question": "who?", "context": "the old dog"}
    before = KeptItem("de", (), texts, ("the old dog",), ("the",), 0.0)
    better, worse = find_changes([before], [replace(before, predicted=("dog",), score=2 / 3)])
    assert ([item.change for item in better], worse) == ([2 / 3], [])
    assert better[0].words == []


@pytest.fixture
def study(tmp_path):
    """Three strategies with the seeds 31 and 32; full is best in German, front in Turkish."""
    settings = make_settings(["de", "tr"], strategies=[*SCORES], seeds=[31, 32])
    records = [make_record(settings, name, SCORES[name], seed=seed) for name in SCORES for seed in (31, 32)]
    for record in records:
        right = {"baseline": 1, "full": 2, "front": 3}[record.strategy]
        items = [sentence(code, n, (*RIGHT[:right], *"XXX"[right:])) for code in ("en", "de", "tr") for n in range(4)]
        write_items(tmp_path / "runs" / record.folder / TEST_ITEMS, items)
        record.write(tmp_path / "runs" / record.folder)
    return tmp_path


def gather(folder):
    results = read_results([folder])
    (comparison,) = compare_results(results)
    return gather_changes(comparison, results)


def test_the_best_strategy_of_a_language_is_compared_with_the_baseline_of_its_seed(study):
    found = gather(study)
    assert {code: (one.strategy, one.seed, one.n) for code, one in found.items()} == {
        "de": ("full", 31, 4),
        "tr": ("front", 31, 4),
    }
    assert [item.change for item in found["de"].better] == [1] * 4
    assert [item.change for item in found["tr"].better] == [2] * 4
    assert not found["de"].worse


def files_of(study, strategy):
    return sorted((study / "runs").glob(f"{strategy}-*/{TEST_ITEMS}"))


def test_runs_that_kept_nothing_have_no_changes(study, remarks):
    for path in files_of(study, "full"):
        path.unlink()
    assert list(gather(study)) == ["tr"]
    first, second = files_of(study, "baseline")
    first.unlink()  # the other seed has both runs
    assert gather(study)["tr"].seed == 32
    second.unlink()
    assert gather(study) == {}
    assert remarks == []


def test_a_damaged_file_is_left_out_with_a_remark(study, remarks):
    for path in files_of(study, "full"):
        path.write_bytes(b"\x1f\x8bdamaged")
    assert list(gather(study)) == ["tr"]
    (said,) = remarks
    assert said.startswith(str(study / "runs" / "full-31"))
    assert said.endswith("; the page shows no test items of this run")


def test_items_of_other_tests_are_not_compared(study):
    for path in files_of(study, "front"):
        write_items(path, [sentence("tr", 99, RIGHT), *[sentence("tr", n, RIGHT) for n in range(3)]])
    assert list(gather(study)) == ["de"]


def test_tables_and_records_alone_have_no_changes(tmp_path):
    settings = make_settings(["de", "tr"])
    assert gather(write_runs(tmp_path, [make_record(settings, name, SCORES[name]) for name in SCORES])) == {}
