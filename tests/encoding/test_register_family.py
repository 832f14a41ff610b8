"""A model family that is registered from outside, whose modules have other names than those of BERT."""

import copy
import re
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_layers import GenericForTokenClassification
from transformers.modeling_outputs import BaseModelOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, MODEL_MAPPING

import alignfreeze as af
from alignfreeze import registry
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.families import FAMILIES, Family, family_of, is_known
from alignfreeze.encoding.packed import Packed
from alignfreeze.encoding.packing import encode, packing
from alignfreeze.errors import EncoderError
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.tasks.table import TASKS

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))


class ToyConfig(PreTrainedConfig):
    model_type = "toy"
    vocab_size: int = 120
    hidden_size: int = 16
    num_hidden_layers: int = 4
    num_attention_heads: int = 2
    most_places: int = 48


class Lookup(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.places = nn.Embedding(config.most_places, config.hidden_size)

    def forward(self, input_ids, position_ids):
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1])[None]
        return self.words(input_ids) + self.places(position_ids)


def eager_attention_forward(module, query, key, value, mask, **_):
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2), None


class Mixing(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.sides = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states, mask, **options):
        sides = self.sides(states).unflatten(-1, (3, self.config.num_attention_heads, -1)).permute(2, 0, 3, 1, 4)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        return self.out(attend(self, *sides, mask, **options)[0].flatten(2))


class Step(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.mixing, self.mixing_norm = Mixing(config), nn.LayerNorm(config.hidden_size)
        self.thinking = nn.Sequential(nn.Linear(config.hidden_size, 32), nn.ReLU(), nn.Linear(32, config.hidden_size))
        self.thinking_norm = nn.LayerNorm(config.hidden_size)

    def forward(self, states, mask, **options):
        states = states + self.mixing(self.mixing_norm(states), mask, **options)
        return states + self.thinking(self.thinking_norm(states))


class ToyPreTrainedModel(PreTrainedModel):
    config_class = ToyConfig
    base_model_prefix = "core"
    _supports_attention_backend = True


class ToyModel(ToyPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.lookup = Lookup(config)
        self.tower = nn.Module()
        self.tower.steps = nn.ModuleList(Step(config) for _ in range(config.num_hidden_layers))
        self.last_norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def get_input_embeddings(self):
        return self.lookup.words

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, layout=None, **_):
        states = self.lookup(input_ids, position_ids)
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        options = {} if layout is None else {"layout": layout}
        for step in self.tower.steps:
            states = step(states, mask, **options)
        return BaseModelOutput(last_hidden_state=self.last_norm(states))


class ToyForTokenClassification(GenericForTokenClassification, ToyPreTrainedModel):
    base_model_prefix = "core"


TOY = Family(
    layers="tower.steps",
    embeddings="lookup",
    attention=("mixing", "mixing_norm"),
    feed_forward=("thinking", "thinking_norm"),
    positions="lookup.places",
    norm="last_norm",
    packs=True,
)


def teach_transformers():
    AutoConfig.register("toy", ToyConfig)
    AutoModel.register(ToyConfig, ToyModel)
    AutoModelForTokenClassification.register(ToyConfig, ToyForTokenClassification)


@pytest.fixture
def forgotten(monkeypatch):
    """Let transformers and alignfreeze forget afterwards what a test registers."""
    for mapping in (CONFIG_MAPPING, MODEL_MAPPING, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING):
        monkeypatch.setattr(mapping, "_extra_content", dict(mapping._extra_content))
    monkeypatch.setattr(FAMILIES, "_choices", dict(FAMILIES._choices))


@pytest.fixture
def in_transformers(forgotten):
    teach_transformers()


@pytest.fixture
def toy_family(in_transformers):
    af.register_family("toy", TOY)


@pytest.fixture
def folder(tmp_path, tiny_encoder):
    torch.manual_seed(0)
    ToyModel(ToyConfig(vocab_size=len(tiny_encoder.tokenizer))).save_pretrained(tmp_path / "toy")
    tiny_encoder.tokenizer.save_pretrained(tmp_path / "toy")
    return tmp_path / "toy"


def test_a_name_is_taken_once(toy_family):
    with pytest.raises(ValueError, match="the model family 'toy' already exists; choose another name"):
        af.register_family("toy", TOY)


def test_a_package_that_names_itself_as_an_entry_point_registers_it(forgotten, folder, monkeypatch, remarks):
    class Extension:
        name, value = "toys", "toys.families"

        def load(self):
            teach_transformers()
            af.register_family("toy", TOY)

    monkeypatch.setattr(registry, "entry_points", lambda group: [Extension()] if group == "alignfreeze" else [])
    registry.load_extensions.cache_clear()
    try:
        assert is_known(load_encoder(str(folder)).model)
    finally:
        registry.load_extensions.cache_clear()
    assert remarks == []


def test_without_registration_its_blocks_are_not_told_apart(in_transformers, folder, remarks):
    encoder = load_encoder(str(folder))
    (said,) = remarks
    assert "the family 'toy' is not known by name; found 4 layers in 'tower.steps', embeddings in 'lookup'" in said
    assert not family_of(encoder.model).packs
    with packing(encoder.model):  # but a trial tells that its sentences may lie end to end
        assert encoder.model.config._attn_implementation == "alignfreeze_packed"
    assert encoder.max_length == 64  # the tokenizer's; the table of places is not found
    with pytest.raises(EncoderError, match="not known which parts of a layer of 'toy' are attention"):
        FreezePolicy.parse("attention").parts_of(encoder.model)


def test_it_is_loaded_without_a_word_and_its_limits_are_known(toy_family, folder, remarks):
    encoder = load_encoder(str(folder))
    assert remarks == []
    assert is_known(encoder.model)
    assert len(encoder.layers) == 4
    assert encoder.max_length == 48


def test_a_path_that_leads_nowhere_is_named(in_transformers, folder):
    af.register_family("toy", replace(TOY, layers="tower.stairs"))
    encoder = load_encoder(str(folder))
    with pytest.raises(EncoderError, match=r"the family 'toy' has no module 'tower\.stairs'.*named_modules"):
        FreezePolicy.parse("front").parts_of(encoder.model)


def test_its_sentences_lie_end_to_end_and_its_layers_run_alone(toy_family, folder):
    model = load_encoder(str(folder)).model.double().eval()
    sentences = Packed(torch.arange(5, 14), torch.tensor([4, 5]), 5)
    alone = torch.cat([model(ids[None])[0][0] for ids in sentences.subwords.split([4, 5])])
    torch.testing.assert_close(encode(model, sentences), alone)
    with packing(model):
        assert model.config._attn_implementation == "alignfreeze_packed"
        torch.testing.assert_close(encode(model, sentences), alone)
        below = encode(model, sentences, layers=range(2))
        torch.testing.assert_close(encode(model, sentences, layers=range(2, 4), hidden=below), alone)
        torch.testing.assert_close(encode(model, sentences, at=(2, 4)), torch.stack([below, alone], dim=1))


@pytest.mark.parametrize(
    ("freeze", "still"),
    [
        ("front", r"tower\.steps\.[01]\."),
        ("back+embeddings", r"tower\.steps\.[23]\.|lookup\."),
        ("attention", r"\.mixing"),
        ("feed-forward", r"\.thinking"),
    ],
)
def test_parts_of_it_are_frozen_while_it_is_realigned(toy_family, folder, toy_bitext, freeze, still):
    encoder = load_encoder(str(folder))
    before = copy.deepcopy(encoder.model.state_dict())
    settings = af.RealignmentSettings(steps=3, batch_size=8, learning_rate=1e-2)
    af.realign(encoder, toy_bitext, [DIAGONAL] * 120, freeze=freeze, settings=settings, device="cpu")
    for name, value in encoder.model.state_dict().items():
        assert torch.equal(value, before[name]) == bool(re.search(still, name)), name


def test_it_is_fine_tuned_where_transformers_has_a_head_for_it(toy_family, folder, toy_items):
    encoder = load_encoder(str(folder))
    settings = af.FinetuningSettings(steps=60, batch_size=16, learning_rate=1e-2, max_length=32)
    model, history = af.finetune(encoder, TASKS["pos"], toy_items["pos"], settings=settings, device="cpu")
    assert history.losses[-1][1] < history.losses[0][1] / 2
    assert af.evaluate(model, TASKS["pos"], {"en": toy_items["pos"]}, device="cpu")[0].value > 0.9
    with pytest.raises(EncoderError, match="transformers has no head for texts for the model family 'toy'"):
        af.finetune(encoder, TASKS["nli"], toy_items["nli"], settings=settings, device="cpu")


def test_an_experiment_takes_it(toy_family, folder, project):
    text = (project / "experiment.toml").read_text()
    text = re.sub(r'encoder = ".*"', f'encoder = "{folder}"', text).replace('"front"', '"attention"')
    (project / "experiment.toml").write_text(text)
    planned = plan(ExperimentSettings.from_toml(project / "experiment.toml"), base=project)
    study = af.run_experiment(planned, out=project / "out")
    assert {record.strategy for record in study.records} == {"baseline", "attention"}
    assert not study.failures
