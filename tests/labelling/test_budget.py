"""How a budget of items is spread over languages."""

import numpy as np
import pytest

from alignfreeze.labelling.budget import _give_out, _presume_draw, spread_items
from alignfreeze.labelling.counting import collect_evidence
from alignfreeze.labelling.estimates import Estimates
from tests.labelling.support import ENTITIES, draw, words_of
from tests.labelling.test_settling import label

STRATEGIES = ("baseline", "seeds(baseline)", "full")


def language(code, share, *, n=80, seed=0):
    """A text on whose words the models differ as often as `share` says."""
    random = np.random.default_rng(seed)
    several = {
        name: [" ".join("ADJ" if one else "NOUN" for one in row) for row in random.random((n, 4)) < share]
        for name in STRATEGIES
    }
    return draw(several, items=[words_of(f"a{number} b c d") for number in range(n)], language=code)


def test_portions_go_where_the_sum_of_values_is_greatest():
    # The first three portions of the second language are worth nothing alone, and much together.
    assert _give_out([[0, 2, 3, 3.5, 3.6], [0, 0, 0, 9, 9]], 4) == [1, 3]
    assert _give_out([[0, 2, 3], [0, 1, 1.5], [0, 0, 0]], 2) in ([2, 0, 0], [1, 1, 0])


def test_all_items_are_given_out_and_languages_alike_get_about_the_same():
    known = {code: (language(code, 0.2, seed=seed), None) for seed, code in enumerate(("de", "tr", "sw"))}
    found = spread_items(known, 60)
    assert sum(found.values()) == 60
    assert all(10 <= n <= 30 for n in found.values())


def test_a_language_whose_choice_is_settled_gets_less():
    settled, opened = language("de", 0.3), language("tr", 0.3)
    known = {"de": (settled, label(settled, 75)), "tr": (opened, None)}
    found = spread_items(known, 40)
    assert found["tr"] > 2 * found["de"]


def test_no_language_gets_more_than_its_text_has():
    few, many = language("de", 0.3, n=6), language("tr", 0.3)
    found = spread_items({"de": (few, None), "tr": (many, None)}, 60)
    assert found["de"] <= 6
    assert sum(found.values()) == 60
    both = {"de": (few, label(few, 2)), "tr": (many, label(many, 78))}
    assert spread_items(both, 60) == {"de": 4, "tr": 2}


def test_a_single_language_gets_everything():
    assert spread_items({"de": (language("de", 0.3), None)}, 33) == {"de": 33}


@pytest.mark.parametrize("total", [1, 4, 7])
def test_few_items_are_given_out_too(total):
    known = {code: (language(code, 0.2, seed=seed), None) for seed, code in enumerate(("de", "tr"))}
    assert sum(spread_items(known, total).values()) == total


def test_entities_are_presumed_to_vary_as_they_do():
    """What is presumed before anything is labelled is within a factor of ten of what labels show."""
    random = np.random.default_rng(2)
    names, n = ("B-PER", "B-LOC"), 150
    truth = [["O"] * 20 for _ in range(n)]
    for labels in truth:
        for word in random.choice(20, size=random.integers(0, 4), replace=False):
            labels[word] = str(random.choice(names))
    several = {
        name: [
            " ".join(
                str(random.choice([*names, "O"])) if label != "O" and random.random() < wrong else label
                for label in one
            )
            for one in truth
        ]
        for name, wrong in {"baseline": 0.3, "full": 0.25}.items()
    }
    items = [words_of(" ".join(f"w{n}-{k}" for k in range(20))) for n in range(n)]
    drawing = draw(several, task="ner", items=items, labels=ENTITIES)
    presumed = _presume_draw(drawing)
    gold = [tuple(truth[place]) for place in drawing.sampling.order[:100]]
    estimates = Estimates(collect_evidence(drawing, gold))
    seen = estimates.covariance * float((drawing.sampling.left[:100] ** -2.0).sum())
    spread = [matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1] for matrix in (presumed, seen)]
    assert 0.1 < spread[0] / spread[1] < 10, spread
