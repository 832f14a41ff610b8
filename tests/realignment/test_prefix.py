from types import SimpleNamespace

import numpy as np
import pytest
import torch

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import SettingsError
from alignfreeze.ragged import Ragged
from alignfreeze.realignment import prefix
from alignfreeze.realignment.prefix import Store, storing
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign

DIAGONAL = WordAlignment(frozenset((i, i) for i in range(5)))
# 24 visits to 10 pairs: most of them read what was kept before.
SETTINGS = RealignmentSettings(steps=6, batch_size=4, learning_rate=1e-3, freeze_embeddings=True)


def run(folder, bitext, freeze="front", **changes):
    encoder = load_encoder(str(folder))
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    settings = SETTINGS.model_copy(update=changes)
    history = realign(encoder, bitext[:10], [DIAGONAL] * 10, freeze=freeze, settings=settings, device="cpu").history
    after = encoder.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    return {name: value.clone() for name, value in after.items()}, moved, history


@pytest.mark.parametrize(("freeze", "trained"), [("full", {0, 1, 2, 3}), ("front", {2, 3}), ("back", {0, 1})])
def test_embeddings_and_frozen_layers_are_bit_identical(tiny_folder, toy_bitext, freeze, trained):
    _, moved, history = run(tiny_folder, toy_bitext, freeze)
    assert not {name for name in moved if name.startswith("embeddings")}
    assert {int(name.split(".")[2]) for name in moved} == trained
    embeddings = 32 * (load_encoder(str(tiny_folder)).model.config.vocab_size + 64 + 2 + 2)
    layers = history.frozen.parameters - embeddings
    assert layers == {"full": 0, "front": 2, "back": 2}[freeze] * (4 * (32 * 32 + 32) + 2 * 32 * 64 + 64 + 32 + 4 * 32)


@pytest.mark.parametrize("keep", ["memory", "disk"])
def test_kept_states_train_to_the_same_weights(tiny_folder, toy_bitext, keep):
    expected, _, plain = run(tiny_folder, toy_bitext)
    found, _, kept = run(tiny_folder, toy_bitext, keep_prefix=keep)
    # Not bit for bit: a sentence's states are rounded as the batch in which it was first met made them.
    assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)
    assert np.allclose(kept.training.losses, plain.training.losses, rtol=1e-4)


def test_a_kept_prefix_runs_once_a_sentence(tiny_folder, toy_bitext, monkeypatch):
    runs = []
    original = prefix.Prefix._run
    monkeypatch.setattr(prefix.Prefix, "_run", lambda self, encode: runs.append(1) or original(self, encode))
    run(tiny_folder, toy_bitext, keep_prefix="memory", steps=30)
    assert 3 <= len(runs) <= 8  # 8 batches of 4 are sorted by length together; they hold each of the 10 pairs


def test_the_prefix_has_no_dropout_and_the_layers_above_have(tiny_encoder, toy_bitext):
    from alignfreeze.realignment.model import RealignmentModel

    layers = tiny_encoder.layers
    fixed = prefix.Prefix(tiny_encoder.embeddings, layers[:2])
    model = RealignmentModel(tiny_encoder.model, SETTINGS, prefix=fixed).train()
    assert not any(module.training for part in (tiny_encoder.embeddings, *layers[:2]) for module in part.modules())
    assert all(module.training for part in layers[2:] for module in part.modules())
    assert model.projection.training


def test_states_on_disk_leave_nothing_behind_and_must_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(prefix.tempfile, "tempdir", str(tmp_path))
    rows = Ragged.of([np.arange(3)])
    with storing("disk", rows, 2):
        # However the process ends: the file has no name any more.
        assert not list(tmp_path.rglob("*.f4"))
    monkeypatch.setattr(prefix.shutil, "disk_usage", lambda _: SimpleNamespace(free=23))
    with pytest.raises(SettingsError, match=r"keep_prefix = 'disk' needs .*TMPDIR"), storing("disk", rows, 2):
        pass


def test_given_states_are_not_computed_again(tiny_encoder, monkeypatch):
    from alignfreeze.encoding.overrides import running_layers

    ids = torch.tensor([[1, 2, 3]])
    embeddings, model = tiny_encoder.embeddings, tiny_encoder.model.eval()
    with torch.no_grad():
        below = model(ids, output_hidden_states=True).hidden_states[2]
        expected = model(ids)[0]
        monkeypatch.setattr(embeddings, "forward", lambda *_, **__: pytest.fail("computed again"))
        with running_layers(model, range(2, 4), below):
            assert torch.allclose(model(ids)[0], expected, atol=1e-6)
    assert tiny_encoder.embeddings is embeddings


def test_a_store_gives_back_what_was_put_in(tmp_path):
    rows = Ragged.of([np.arange(length) for length in (3, 1, 4)])
    with storing("disk", rows, 2) as store:
        assert isinstance(store, Store)
        vectors = np.arange(14, dtype=np.float32).reshape(7, 2)
        store.write(np.array([2, 0]), vectors)
        assert store.known.tolist() == [True, False, True]
        assert np.array_equal(store.read(np.array([0])), vectors[4:])
        assert np.array_equal(store.read(np.array([2, 0])), vectors)
    with storing("no", rows, 2) as store:
        assert store is None
