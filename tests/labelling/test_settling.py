"""Which model labels choose, how sure that is, and what is said of it."""

import numpy as np
import pytest

from alignfreeze.errors import DataError
from alignfreeze.labelling.matching import Labelled
from alignfreeze.labelling.settling import find_prior, settle_labels
from tests.labelling.support import draw, words_of

N = 60


@pytest.fixture(scope="module")
def drawing():
    """Sixty sentences of four words. `full` is right on the words where `baseline` says ADJ, in most sentences."""
    random = np.random.default_rng(0)
    wrong = random.random((N, 4)) < 0.3
    baseline = [" ".join("ADJ" if one else "NOUN" for one in row) for row in wrong]
    full = ["NOUN NOUN NOUN NOUN"] * N
    items = [words_of(f"a{number} b c d") for number in range(N)]
    return draw({"baseline": baseline, "full": full, "front": baseline[:-1] + full[:1]}, items=items, seed=1)


def label(drawing, n, truth="NOUN"):
    truths = []
    for number in range(n):
        asked = drawing.asked(number)
        truths.append(tuple(truth if unit in asked else None for unit in range(4)))
    return Labelled(drawing, frozenset(range(n)), tuple(truths))


def test_labels_move_the_choice(drawing):
    for truth, best in (("NOUN", "full"), ("ADJ", "baseline")):
        found = settle_labels(label(drawing, 30, truth))
        assert found.chosen == best or (best == "baseline" and found.chosen == "front")  # these hardly differ
        assert found.n_items == 30
        chance = {one.strategy: one.chance for one in found.standings}
        assert chance[found.chosen] > 0.9
        assert (chance["full"] > 0.9) == (truth == "NOUN")


def test_a_clear_difference_is_settled_and_helps(drawing):
    found = settle_labels(label(drawing, 40))
    standing = {one.strategy: one for one in found.standings}
    assert found.is_settled
    assert found.more_items is None
    assert standing["full"].verdict == "helps"
    assert standing["front"].verdict in {"no difference", "cannot tell"}
    assert standing["full"].gain.at_any_time[0] > 0
    assert "It is settled: no other strategy is better by more than 0.5 points." in found.answers()[0]


def test_with_few_labels_it_says_how_many_more_would_settle_it(drawing):
    mixed = label(drawing, 20).truths
    mixed = [label(drawing, n + 1, "ADJ").truths[n] if n % 5 > 2 else truth for n, truth in enumerate(mixed)]
    found = settle_labels(Labelled(drawing, frozenset(), tuple(mixed)))
    assert not found.is_settled
    assert 0 < found.more_items < N - 20
    assert f"Roughly {found.more_items} more sentences would settle it" in " ".join(found.answers())
    few = settle_labels(label(drawing, 4))
    assert few.more_items is None
    assert "would settle it" not in " ".join(few.answers())


def test_labels_of_everything_settle_it_exactly(drawing):
    found = settle_labels(label(drawing, N))
    standing = {one.strategy: one for one in found.standings}
    wrong = sum(labels.count("ADJ") for labels in drawing.predictions["baseline"])
    assert standing["full"].gain.value == pytest.approx(wrong / (4 * N))
    assert standing["full"].gain.at_any_time == pytest.approx((wrong / (4 * N),) * 2)
    assert found.is_settled


def test_fewer_than_three_items_are_too_few(drawing):
    with pytest.raises(DataError, match=r"at least 3 items with a label are needed.*; found 2; the next is x"):
        settle_labels(Labelled(drawing, frozenset(), label(drawing, 2).truths, "x"))


def test_items_that_nobody_could_label_settle_nothing(drawing):
    truths = tuple((None,) * 4 for _ in range(30))
    with pytest.raises(DataError, match="needed, from the first one on; found 0; 30 items have no label but _"):
        settle_labels(Labelled(drawing, frozenset(), truths))


def test_items_that_wait_are_named(drawing):
    found = settle_labels(Labelled(drawing, frozenset(), label(drawing, 5).truths, "de-1-0006 (x, line 3)", 7))
    said = " ".join(found.answers())
    assert "7 labelled sentences do not count yet" in said
    assert "is not finished: de-1-0006 (x, line 3). Write _ where you cannot tell." in said


def test_a_margin_that_nothing_exceeds_settles_everything(drawing):
    found = settle_labels(label(drawing, 5), margin=1.0)
    assert found.is_settled
    assert {one.chance for one in found.standings} == {1.0}


def test_rows_have_what_the_table_and_json_have(drawing):
    found = settle_labels(label(drawing, 10))
    (sheet,) = found.sheets()
    assert len(found.rows()) == len(sheet.rows) == 3
    assert found.rows()[1]["gain"] == pytest.approx(found.standings[1].gain.value)
    assert found.to_dict()["answer"] == found.answers()[0]


def test_the_prior_knows_what_joined_seeds_add():
    mean, covariance = find_prior("pos", ["baseline", "full", "seeds(full)"])
    assert mean[0] == 0
    assert mean[2] - mean[1] == pytest.approx(0.024)
    assert covariance[2, 2] > covariance[0, 0]
    assert np.linalg.eigvalsh(covariance).min() > 0
