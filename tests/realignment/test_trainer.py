import copy

import pytest
import torch

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError, SettingsError, TrainingError
from alignfreeze.realignment import trainer
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from alignfreeze.training.trainer import OrderedTrainer

# In the toy bitext word i of one side translates word i of the other.
DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))
FEW_STEPS = RealignmentSettings(steps=3, batch_size=4, learning_rate=1e-3)


def weights(encoder):
    return {name: value.clone() for name, value in encoder.model.state_dict().items()}


def moved(before, after, part):
    return {name for name in before if part in name and not torch.equal(before[name], after[name])}


def run(encoder, bitext, **options):
    return realign(encoder, bitext, [DIAGONAL] * len(bitext), settings=FEW_STEPS, device="cpu", **options).history


@pytest.mark.parametrize(
    ("freeze", "still", "trained"), [("full", [], [0, 1, 2, 3]), ("front", [0, 1], [2, 3]), ("back", [2, 3], [0, 1])]
)
def test_only_unfrozen_layers_and_the_embeddings_move(tiny_encoder, toy_bitext, freeze, still, trained):
    before = weights(tiny_encoder)
    history = run(tiny_encoder, toy_bitext, freeze=freeze)
    after = weights(tiny_encoder)
    assert all(not moved(before, after, f"encoder.layer.{layer}.") for layer in still)
    assert all(moved(before, after, f"encoder.layer.{layer}.attention") for layer in trained)
    assert moved(before, after, "word_embeddings")
    assert (history.frozen.parameters > 0) == bool(still)


def test_everything_is_trainable_again_afterwards(tiny_encoder, toy_bitext):
    fixed = tiny_encoder.model.embeddings.LayerNorm.bias.requires_grad_(False)
    run(tiny_encoder, toy_bitext, freeze="front")
    assert not fixed.requires_grad
    others = [parameter for parameter in tiny_encoder.model.parameters() if parameter is not fixed]
    assert all(parameter.requires_grad for parameter in others)


def test_everything_is_trainable_again_after_an_exception(tiny_encoder, toy_bitext, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "train", fail)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_encoder, toy_bitext, freeze="front")
    assert all(parameter.requires_grad for parameter in tiny_encoder.model.parameters())


def test_the_reference_layer_leaves_the_last_layer_as_it_is(tiny_encoder, toy_bitext):
    before = weights(tiny_encoder)
    settings = FEW_STEPS.model_copy(update={"layer": "reference"})
    realign(tiny_encoder, toy_bitext, [DIAGONAL] * len(toy_bitext), settings=settings, device="cpu")
    after = weights(tiny_encoder)
    assert not moved(before, after, "encoder.layer.3.")
    assert moved(before, after, "encoder.layer.2.")


def retrieval(encoder, bitext):
    """The share of words whose nearest word of the other language is their translation."""
    sides = []
    for side in ("source", "target"):
        words = sorted({pair_words[1] for pair_words in (getattr(pair, side) for pair in bitext)}, key=str)
        sides.append(words)
    sources = sorted({pair.source[1] for pair in bitext})
    targets = [word[::-1] for word in sources]
    vectors = []
    for words in (sources, targets):
        batch = encoder.tokenizer(words, padding=True, return_tensors="pt")
        with torch.no_grad():
            output = encoder.model.eval()(batch["input_ids"], attention_mask=batch["attention_mask"])
        vectors.append(torch.nn.functional.normalize(output.last_hidden_state[:, 1], dim=-1))
    nearest = (vectors[0] @ vectors[1].T).argmax(dim=1)
    return (nearest == torch.arange(len(sources))).float().mean().item()


def test_the_loss_falls_and_translations_find_each_other(tiny_encoder, toy_bitext):
    settings = RealignmentSettings(steps=60, batch_size=16, learning_rate=2e-3)
    before = retrieval(tiny_encoder, toy_bitext)
    history = realign(tiny_encoder, toy_bitext, [DIAGONAL] * len(toy_bitext), settings=settings, device="cpu").history
    losses = [loss for _, loss in history.training.losses]
    assert losses[-1] < losses[0] - 0.5
    assert retrieval(tiny_encoder, toy_bitext) > before + 0.3


def test_the_same_seed_gives_the_same_weights(tiny_folder, toy_bitext):
    results = []
    for _ in range(2):
        encoder = load_encoder(str(tiny_folder))
        run(encoder, toy_bitext, freeze="front", seed=7)
        results.append(weights(encoder))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_another_seed_gives_other_weights(tiny_folder, toy_bitext):
    results = []
    for seed in (7, 8):
        encoder = load_encoder(str(tiny_folder))
        run(encoder, toy_bitext, seed=seed)
        results.append(weights(encoder))
    assert not torch.equal(
        results[0]["embeddings.word_embeddings.weight"], results[1]["embeddings.word_embeddings.weight"]
    )


def test_sentences_longer_than_the_model_are_cut_to_what_it_takes(tiny_encoder, toy_bitext):
    long = [SentencePair(p.source * 30, p.target * 30, p.languages) for p in toy_bitext]  # the model takes 64 subwords
    assert run(tiny_encoder, long).pairs == len(long)


def test_a_training_that_diverges_is_stopped_and_said(tiny_encoder, toy_bitext):
    # Settings refuse such a learning rate; a loss of a package of its own may diverge by itself.
    settings = RealignmentSettings(steps=30, batch_size=4).model_copy(update={"learning_rate": 1e30})
    with pytest.raises(
        TrainingError, match=r"realigning \(full\): the loss is nan at step \d+.*lower the learning rate"
    ):
        realign(tiny_encoder, toy_bitext, [DIAGONAL] * len(toy_bitext), settings=settings, device="cpu")


@pytest.mark.parametrize("last", [1, 3])
def test_weights_that_the_last_step_has_spoilt_are_an_error(tiny_encoder, toy_bitext, monkeypatch, last):
    """The last loss is computed before the last step."""
    original = OrderedTrainer.create_optimizer

    def create_optimizer(self, *arguments, **options):
        optimizer = original(self, *arguments, **options)
        steps = iter(range(1, 100))

        def spoil(*_):
            if next(steps) == last:
                optimizer.param_groups[0]["params"][0].data[0] = float("inf")

        optimizer.register_step_post_hook(spoil)
        return optimizer

    monkeypatch.setattr(OrderedTrainer, "create_optimizer", create_optimizer)
    settings = RealignmentSettings(steps=last, batch_size=4)
    with pytest.raises(TrainingError, match=r"realigning \(full\): weights in .* are no longer numbers.*lower"):
        realign(tiny_encoder, toy_bitext, [DIAGONAL] * len(toy_bitext), settings=settings, device="cpu")


def test_unknown_policy_is_refused_with_a_proposal(tiny_encoder, toy_bitext):
    with pytest.raises(SettingsError, match=r"'fornt'.*Did you mean 'front'"):
        run(tiny_encoder, toy_bitext, freeze="fornt")


def test_no_usable_link_is_an_error(tiny_encoder, toy_bitext):
    before = copy.deepcopy(weights(tiny_encoder))
    empty = [WordAlignment(frozenset())] * len(toy_bitext)
    with pytest.raises(DataError, match="usable link"):
        realign(tiny_encoder, toy_bitext, empty, settings=FEW_STEPS)
    assert not moved(before, weights(tiny_encoder), "")
