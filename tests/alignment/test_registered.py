"""An aligner of somebody else's package: registered from outside, it goes through all that ours go through."""

import json
import re

import pytest

import alignfreeze as af
from alignfreeze.alignment.aligners import ALIGNERS, Resources, WordAligner
from alignfreeze.alignment.linking import align_with_model
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from tests.support.cli import alignfreeze

NAME = "same-place"


class SamePlace(WordAligner):
    """Links words at equal positions."""

    asked = 0

    def align(self, bitext):
        SamePlace.asked += len(bitext)
        sizes = [min(len(pair.source), len(pair.target)) for pair in bitext]
        return [WordAlignment(frozenset((place, place) for place in range(size))) for size in sizes]


@pytest.fixture
def register(monkeypatch):
    """Register the toy aligner with what it is said to need; it is gone after the test."""
    monkeypatch.setattr(SamePlace, "asked", 0)
    yield lambda **needs: af.register_aligner(NAME, lambda *_: SamePlace(), **needs)
    ALIGNERS.remove(NAME)


def test_it_aligns_a_bitext(register, toy_bitext):
    register()
    alignments = af.align(toy_bitext, aligner=NAME)
    assert [linked.to_pharaoh() for linked in alignments] == ["0-0 1-1 2-2 3-3 4-4"] * len(toy_bitext)


def test_it_goes_through_an_experiment(register, project):
    register()
    changes = [("alignment.aligner", NAME), ("strategies", '["front"]'), ("seeds", "[1]")]
    settings = ExperimentSettings.from_toml(project / "experiment.toml", changes=changes)
    (record,) = af.run_experiment(plan(settings, base=project), out=project / "out").records
    assert NAME in json.dumps(record.identity.settings)
    assert record.realignment.pairs == SamePlace.asked == 240
    assert {score.language for score in record.scores} == {"en", "de", "tr"}


def test_its_name_is_listed_where_names_are_listed(register, toy_bitext):
    register()
    assert re.search(r"sentence\W+or\W+same-place\.", alignfreeze("align", "--help").stdout)
    with pytest.raises(
        SettingsError, match=r"unknown aligner 'same-plaice'; choose one of .*Did you mean 'same-place'"
    ):
        af.align(toy_bitext, aligner="same-plaice")


def test_links_are_kept_only_if_a_version_tells_when_they_are_out_of_date(register, toy_bitext, tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path))
    register()
    for times in (1, 2):
        af.align(toy_bitext, aligner=NAME)
        assert SamePlace.asked == times * len(toy_bitext)
    ALIGNERS.remove(NAME)
    register(libraries=("pytest",))
    for _ in range(2):
        af.align(toy_bitext, aligner=NAME)
        assert SamePlace.asked == 3 * len(toy_bitext)


def test_what_it_needs_is_asked_for(register, toy_bitext, project):
    register(needs_dictionaries=True)
    with pytest.raises(SettingsError, match="the aligner 'same-place' has no word list for en-de"):
        af.align(toy_bitext, aligner=NAME)
    with pytest.raises(SettingsError, match=r"alignment\.dictionary is required: the aligner 'same-place'"):
        ExperimentSettings.from_toml(project / "experiment.toml", changes=[("alignment.aligner", NAME)])
    ALIGNERS.remove(NAME)
    register(needs_vectors=True)
    with pytest.raises(
        SettingsError, match="the aligner 'same-place' needs the vectors of an encoder; give it an encoder"
    ):
        af.align(toy_bitext, aligner=NAME)


def test_an_aligner_without_links_goes_with_losses_that_need_none(register, project):
    register(finds_links=False)
    changes = [("alignment.aligner", NAME)]
    with pytest.raises(SettingsError, match=r"alignment\.aligner = 'same-place' finds no links"):
        ExperimentSettings.from_toml(project / "experiment.toml", changes=changes)
    ExperimentSettings.from_toml(project / "experiment.toml", changes=[*changes, ("realignment.loss", "sentence")])


def test_what_it_learns_can_be_kept(register, toy_bitext, tmp_path, monkeypatch):
    """Its methods `save` and `load` are called where those of our own aligners are."""
    settings = AlignmentSettings()
    register()
    with pytest.raises(SettingsError, match="are for fast-align, eflomal, hmm; same-place learns nothing"):
        align_with_model(
            toy_bitext, settings.model_copy(update={"aligner": NAME}), Resources(), trained=None, save=tmp_path / "m"
        )
    ALIGNERS.remove(NAME)
    calls = []
    monkeypatch.setattr(SamePlace, "fit", lambda _, pairs: calls.append(len(pairs)))
    monkeypatch.setattr(SamePlace, "save", lambda _, folder: folder.mkdir(), raising=False)
    monkeypatch.setattr(SamePlace, "load", lambda _, folder, *, languages: calls.append(languages), raising=False)
    register(learns=True)
    learner = AlignmentSettings(aligner=NAME)
    assert len(align_with_model(toy_bitext, learner, Resources(), trained=None, save=tmp_path / "m")) == len(toy_bitext)
    assert calls == [120, ("en", "de"), 120]
