"""What the caller has frozen or switched stays so, and is said."""

import pytest
import torch

import alignfreeze as af
from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.history import Freezing
from alignfreeze.tasks.table import TASKS
from alignfreeze.training import loop

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


def realign(encoder, bitext, *, layer="last", projection=128, loss="contrastive", **options):
    how = {"layer": layer, "projection": projection, "loss": loss}
    settings = af.RealignmentSettings(steps=2, batch_size=4, learning_rate=1e-3, **how)
    return af.realign(encoder, bitext, [DIAGONAL] * len(bitext), settings=settings, device="cpu", **options).history


def finetune(encoder, items, **options):
    settings = af.FinetuningSettings(steps=2, batch_size=4)
    return af.finetune(encoder, TASKS["pos"], items, settings=settings, device="cpu", **options)


# --- training or evaluation -----------------------------------------------------------


def switch(model, how):
    """Bring the modules of a model into a mode, and return the modes."""
    model.train(how == "training")
    if how == "mixed":
        model.train()
        model.embeddings.eval()
        model.encoder.layer[1].attention.eval()
    return modes(model)


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


HOW = pytest.mark.parametrize("how", ["training", "evaluation", "mixed"])


@HOW
@pytest.mark.parametrize("freeze", ["full", "front", "front+embeddings"])
def test_realignment_leaves_the_modes(tiny_encoder, toy_bitext, how, freeze):
    before = switch(tiny_encoder.model, how)
    realign(tiny_encoder, toy_bitext, freeze=freeze)
    assert modes(tiny_encoder.model) == before


def test_a_realignment_that_fails_leaves_the_modes(tiny_encoder, toy_bitext, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.OrderedTrainer, "training_step", fail)
    before = switch(tiny_encoder.model, "evaluation")
    with pytest.raises(KeyboardInterrupt):
        realign(tiny_encoder, toy_bitext)
    assert modes(tiny_encoder.model) == before


@HOW
def test_fine_tuning_leaves_the_modes_of_the_encoder(tiny_encoder, toy_tagged, how):
    before = switch(tiny_encoder.model, how)
    finetune(tiny_encoder, toy_tagged)
    assert modes(tiny_encoder.model) == before


@HOW
def test_a_test_leaves_the_modes(tiny_encoder, toy_tagged, how):
    model, _ = finetune(tiny_encoder, toy_tagged)
    before = switch(model.model.bert, how)
    model.model.classifier.train(how == "training")
    af.evaluate(model, TASKS["pos"], {"en": toy_tagged}, device="cpu")
    assert modes(model.model.bert) == before
    assert model.model.classifier.training == (how == "training")


@HOW
def test_links_by_vectors_leave_the_modes(tiny_encoder, toy_bitext, how):
    before = switch(tiny_encoder.model, how)
    af.align(toy_bitext[:5], aligner="argmax", resources=Resources(LayerVectors(tiny_encoder)), cache=False)
    assert modes(tiny_encoder.model) == before


# --- frozen by the caller --------------------------------------------------------------


def freeze(*modules_or_parameters):
    for each in modules_or_parameters:
        each.requires_grad_(False)


def size(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_what_the_caller_froze_is_named_and_counted(tiny_encoder, toy_bitext):
    """A whole module, a part of a module, and a part of what the policy freezes anyway."""
    model = tiny_encoder.model
    bias = model.encoder.layer[2].output.LayerNorm.bias
    freeze(model.embeddings.word_embeddings, bias, model.encoder.layer[0].attention)
    history = realign(tiny_encoder, toy_bitext, freeze="front")
    front = [model.encoder.layer[number] for number in (0, 1)]
    assert history.frozen.parts == (
        "encoder.layer.0",
        "encoder.layer.1",
        "embeddings.word_embeddings",
        "encoder.layer.2.output.LayerNorm.bias",
    )
    assert history.frozen.parameters == size(*front, model.embeddings.word_embeddings) + bias.numel()


def test_all_of_an_encoder_frozen_by_the_caller(tiny_encoder):
    freeze(tiny_encoder.model)
    freezing = Freezing.of(tiny_encoder.model, [])
    assert freezing.parts == ("embeddings", "encoder", "pooler")
    assert freezing.share == 1


def test_what_the_caller_froze_does_not_move(tiny_encoder, toy_bitext):
    freeze(tiny_encoder.model.encoder.layer[1])
    before = [parameter.clone() for parameter in tiny_encoder.model.encoder.layer[1].parameters()]
    realign(tiny_encoder, toy_bitext, freeze="full")
    assert all(map(torch.equal, before, tiny_encoder.model.encoder.layer[1].parameters()))


def test_fine_tuning_says_that_it_trains_what_the_caller_froze(tiny_encoder, toy_tagged, remarks):
    freeze(tiny_encoder.model.encoder.layer[1].output.LayerNorm)
    model, _ = finetune(tiny_encoder, toy_tagged)
    (said,) = remarks
    assert "fine-tuning trains a copy of the whole encoder, its 2 frozen parameters too" in said
    assert all(parameter.requires_grad for parameter in model.model.parameters())
    assert not tiny_encoder.model.encoder.layer[1].output.LayerNorm.bias.requires_grad


# --- everything frozen -----------------------------------------------------------------

NOTHING = "this freezes everything that the realignment could train"


@pytest.mark.parametrize(
    ("policy", "layer", "all_frozen"),
    [
        ("0..3+embeddings", "last", True),
        ("front+back+embeddings", "last", True),
        ("embeddings+attention+feed-forward", "last", True),
        ("0..2+embeddings", "reference", True),  # the last layer is not even run
        ("front+embeddings", (2,), True),
        ("embeddings", (0,), True),
        ("front+embeddings", "reference", False),
        ("0..3", "last", False),
        ("0..2+embeddings", "last", False),
    ],
)
def test_a_policy_that_freezes_everything_is_said(tiny_encoder, toy_bitext, remarks, *, policy, layer, all_frozen):
    before = {name: value.clone() for name, value in tiny_encoder.model.state_dict().items()}
    realign(tiny_encoder, toy_bitext, freeze=policy, layer=layer)
    assert [text for text in remarks if NOTHING in text] == [text for text in remarks if text.startswith(f"{policy}: ")]
    assert len([text for text in remarks if NOTHING in text]) == all_frozen
    after = tiny_encoder.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before) == all_frozen


@pytest.mark.parametrize("changes", [{"projection": 0}, {"loss": "l2"}], ids=str)
def test_nothing_left_to_train_is_refused(tiny_encoder, toy_bitext, changes):
    """Not even a projection head; torch would say that an element 0 of tensors does not require grad."""
    with pytest.raises(SettingsError, match="embeddings: nothing is left to train: all is frozen, and the loss has no"):
        realign(tiny_encoder, toy_bitext, freeze="0..3+embeddings", **changes)
    assert all(parameter.requires_grad for parameter in tiny_encoder.model.parameters())


def test_all_frozen_by_the_caller_is_said(tiny_encoder, toy_bitext, remarks):
    freeze(tiny_encoder.model)
    realign(tiny_encoder, toy_bitext)
    assert NOTHING in remarks[0]


def test_a_strategy_that_freezes_everything_is_said_in_the_plan(project, remarks):
    changes = [("strategies", '["0..3+embeddings", "average(front,0..3+embeddings)"]'), ("seeds", "[1]")]
    plan(ExperimentSettings.from_toml(project / "experiment.toml", changes=changes), base=project)
    assert [text.split(": ")[0] for text in remarks if NOTHING in text] == ["0..3+embeddings"]


def test_policies_of_other_families_can_freeze_everything(remarks):
    from transformers import AutoModel

    from alignfreeze.encoding.families import layers_of
    from alignfreeze.realignment.freezing import tell_if_all_is_frozen
    from tests.conftest import family_config

    for family in ("distilbert", "modernbert", "xlm-roberta"):
        model = AutoModel.from_config(family_config(family))
        for policy in ("0..1+embeddings", "0..0+embeddings"):
            fixed = FreezePolicy.parse(policy).parts_of(model)
            tell_if_all_is_frozen(model, fixed, freeze=f"{family} {policy}", layers=(1,))
        assert len(layers_of(model)) == 2
    assert [text.split(": ")[0] for text in remarks] == [
        f"{family} {policy}"
        for family in ("distilbert", "modernbert", "xlm-roberta")
        for policy in ("0..1+embeddings", "0..0+embeddings")
    ]
