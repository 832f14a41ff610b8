"""A loss that is registered from outside, taken through a realignment and through an experiment."""

import pytest
import torch
from torch.nn import functional as F

import alignfreeze as af
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.data import find_links
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.losses import LOSSES, pool_means
from alignfreeze.realignment.model import RealignmentModel

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))
NOTHING = WordAlignment(frozenset())


def distance(source, target):
    return (1 - F.cosine_similarity(source, target, dim=-1)).mean()


def distance_of_words(states, inputs):
    """The mean cosine distance of linked words."""
    words = states.index_select(0, inputs.batch["words"])  # [words, width]
    source, target = inputs.batch["links"].unbind(dim=1)
    return distance(inputs.project(words[source]), inputs.project(words[target]))


def distance_of_sentences(states, inputs):
    """The mean cosine distance of a sentence and its translation."""
    vectors = pool_means(states, inputs.batch["lengths"])  # [2 * pairs, width]
    return distance(*vectors.chunk(2))


def distance_from_the_start(states, inputs):
    return F.mse_loss(states[: len(inputs.initial)], inputs.initial)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Register the losses for one test."""
    monkeypatch.setattr(LOSSES, "_choices", dict(LOSSES._choices))
    af.register_loss("words", distance_of_words)
    af.register_loss("sentences", distance_of_sentences, needs_links=False, projects=False)
    af.register_loss("still", distance_from_the_start, projects=False, needs_initial=True)


def curve(history):
    return [loss for _, loss in history.training.losses]


@pytest.mark.parametrize(("loss", "alignment"), [("words", DIAGONAL), ("sentences", NOTHING)])
def test_it_is_trained_like_any_other(tiny_encoder, toy_bitext, loss, alignment):
    settings = af.RealignmentSettings(loss=loss, steps=30, batch_size=8, learning_rate=1e-3)
    history = af.realign(tiny_encoder, toy_bitext, [alignment] * 120, settings=settings, device="cpu").history
    assert history.pairs == 120
    assert curve(history)[-1] < curve(history)[0] / 2


def test_it_is_given_what_it_asks_for(tiny_encoder, toy_bitext):
    batch = encode_pairs(tiny_encoder.tokenizer, toy_bitext, [DIAGONAL] * 120, cache=False).batch(range(4))
    models = {loss: RealignmentModel(tiny_encoder.model.eval(), af.RealignmentSettings(loss=loss)) for loss in LOSSES}
    assert {loss for loss, model in models.items() if list(model.projection.parameters())} >= {"words"}
    assert not list(models["sentences"].projection.parameters())
    assert models["still"](**batch)["loss"] == 0
    with torch.no_grad():
        tiny_encoder.model.encoder.layer[3].output.dense.weight.mul_(2)
    assert models["still"](**batch)["loss"] > 0


def planned(project, loss, **changes):
    settings = ExperimentSettings.from_toml(project / "experiment.toml")
    realignment = settings.realignment.model_dump() | {"loss": loss, "steps": 20, "learning_rate": 1e-3}
    values = settings.model_dump(exclude_unset=True) | {"realignment": realignment, "seeds": [1], **changes}
    return plan(ExperimentSettings.from_values(values, origin="test"), base=project)


@pytest.mark.parametrize("loss", ["words", "sentences"])
def test_an_experiment_takes_it(project, loss):
    study = af.run_experiment(planned(project, loss), out=project / "out")
    assert not study.failures
    (realignment,) = (record.realignment for record in study.records if record.realignment is not None)
    assert curve(realignment)[-1] < curve(realignment)[0]


def test_a_loss_without_links_needs_no_aligner(project):
    found = planned(project, "sentences", alignment={"aligner": "sentence"})
    assert len(found.data.bitext) == 240
    study = af.run_experiment(found, out=project / "out")
    (history,) = (record.realignment for record in study.records if record.realignment is not None)
    assert (history.pairs, history.pairs_without_links) == (240, 0)
    with pytest.raises(SettingsError, match="finds no links"):
        planned(project, "words", alignment={"aligner": "sentence"})


def test_a_loss_without_links_leaves_the_aligner_alone(project):
    """Whatever the settings name: auto, by default."""
    found = planned(project, "sentences")
    assert found.settings.alignment.aligner == "auto"
    assert not any(alignment.links for alignment in find_links(found.settings, found.data))
    found = planned(project, "words")
    assert any(alignment.links for alignment in find_links(found.settings, found.data))


def test_a_name_is_taken_once_and_is_proposed():
    with pytest.raises(ValueError, match="the loss 'words' already exists; choose another name"):
        af.register_loss("words", distance_of_words)
    with pytest.raises(SettingsError, match=r"unknown loss 'wrods'.*Did you mean 'words'"):
        af.RealignmentSettings.from_values({"loss": "wrods"}, origin="here")
