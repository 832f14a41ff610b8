"""Strategies that train a model a second time, or join the models of several seeds: their names and what they are."""

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.names import puts_back_what_is_frozen_by, sees_bitext, sources_of
from alignfreeze.experiment.strategies import Strategy


@pytest.mark.parametrize(
    ("written", "name", "of_one_seed", "of_first_model"),
    [
        ("projected", "projected", "projected", "baseline"),
        ("baseline+projected", "projected", "projected", "baseline"),
        ("full+projected", "full+projected", "full+projected", "full"),
        ("front+embeddings+self-trained", "front+embeddings+self-trained", None, "front+embeddings"),
        ("revert(full,front)+projected", "revert(full,front)+projected", None, "revert(full,front)"),
        ("scaled(full,1)+projected", "full+projected", None, "full"),
        ("seeds(full)", "seeds(full)", "full", "seeds(full)"),
        (" ensemble( full + projected ) ", "ensemble(full+projected)", "full+projected", "ensemble(full)"),
        ("seeds( average(full, front) )", "seeds(average(full,front))", "average(full,front)", None),
        ("seeds(scaled(full,1.5)+projected)", "seeds(scaled(full,1.5)+projected)", "scaled(full,1.5)+projected", None),
        ("full", "full", "full", "full"),
    ],
)
def test_one_model_has_one_name(written, name, of_one_seed, of_first_model):
    strategy = Strategy.parse(written)
    assert str(strategy) == name
    assert Strategy.parse(name) == strategy
    assert str(strategy.of_one_seed) == (of_one_seed or name)
    assert of_first_model is None or str(strategy.of_first_model) == of_first_model


@pytest.mark.parametrize(
    ("name", "realigns", "needs_bitext"),
    [
        ("baseline", False, False),
        ("full", True, True),
        ("seeds(baseline)", False, False),
        ("ensemble(baseline)", False, False),
        ("seeds(front)", True, True),
        ("projected", False, True),
        ("seeds(projected)", False, True),
        ("self-trained", False, True),
        ("full+projected", True, True),
        ("average(baseline,full)", True, True),
    ],
)
def test_names_say_what_is_trained_on(name, realigns, needs_bitext):
    strategy = Strategy.parse(name)
    assert strategy.realigns is realigns
    assert strategy.sees_bitext is sees_bitext(name) is needs_bitext
    assert strategy.is_baseline is (name == "baseline")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("projected+full", r"'projected' stands last and once, as in full\+projected"),
        ("full+projected+self-trained", r"'projected' stands last and once"),
        ("seeds(seeds(full))", r"'seeds\(full\)' joins fine-tuned models.*seeds\(full\) or seeds\(full\+projected\)"),
        ("seeds(full)+projected", r"'seeds\(full\)' joins fine-tuned models"),
        ("average(full,ensemble(front))", r"'ensemble\(front\)' joins fine-tuned models"),
        ("average(full+projected,front)", r"'projected' stands last and once"),
        ("seed(full)", r"unknown strategy 'seed\(full\)'.*Did you mean 'seeds'"),
        ("seeds(ful)", r"unknown strategy 'ful'.*Did you mean 'full'"),
    ],
)
def test_other_names_say_what_is_wrong(name, message):
    with pytest.raises(SettingsError, match=message):
        Strategy.parse(name)


def test_what_is_joined_or_taught_is_compared_with_its_members():
    assert sources_of("seeds(full+projected)") == ["full+projected"]
    assert sources_of("full+projected") == ["full"]
    assert sources_of("projected") == ["baseline"]
    assert not puts_back_what_is_frozen_by("seeds(revert(full,front))", "front")
