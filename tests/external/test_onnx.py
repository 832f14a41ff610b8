"""ONNX files give what torch gives."""

import sys

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.external import onnx
from alignfreeze.external.onnx import ONNX_FILE, TOLERANCE, write_onnx
from alignfreeze.tasks.heads import HEADS
from alignfreeze.tasks.models import add_head
from tests.conftest import family_config

runtime = pytest.importorskip("onnxruntime")

BATCHES = [["the dog"], ["the cat sees", "the dog likes the bird the tree the lamp"], [" ".join(["house"] * 40), "god"]]


def write(encoder, folder):
    folder.mkdir()
    written = write_onnx(encoder.model, encoder.tokenizer, folder, name=encoder.name, max_length=encoder.max_length)
    return written["difference"]


def run(folder, texts):
    """What the folder gives to somebody who has onnxruntime and a tokenizer."""
    session = runtime.InferenceSession(str(folder / ONNX_FILE))
    inputs = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="np")
    return session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()}), inputs


def agree(found, expected, inputs):
    real = np.asarray(inputs["attention_mask"], dtype=bool)
    return np.allclose(found[real], expected.numpy()[real], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "family",
    ["bert", "modernbert", *(pytest.param(name, marks=pytest.mark.slow) for name in ("xlm-roberta", "deberta-v2"))],
)
def test_encoders_agree_with_torch(tmp_path, tiny_encoder, family):
    if family == "bert":
        encoder = tiny_encoder
    else:
        torch.manual_seed(0)
        model = AutoModel.from_config(family_config(family))
        encoder = Encoder(family, model, tiny_encoder.tokenizer)
    encoder.model.train()
    attention = encoder.model.config._attn_implementation
    assert write(encoder, tmp_path / "out") <= TOLERANCE
    assert encoder.model.training
    assert encoder.model.config._attn_implementation == attention
    assert encoder.tokenizer.backend_tokenizer.truncation is None
    encoder.model.eval()
    for texts in BATCHES:
        (found,), inputs = run(tmp_path / "out", texts)
        known = {n: torch.tensor(v) for n, v in inputs.items() if n != "token_type_ids" or family == "bert"}
        with torch.inference_mode():
            assert agree(found, encoder.model(**known).last_hidden_state, inputs)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_models_with_a_head_agree_with_torch(tmp_path, tiny_encoder, head):
    labels = [] if head.name == "spans" else ["A", "B", "C"]
    model = add_head(tiny_encoder, head, labels, max_length=64).model
    (tmp_path / "out").mkdir()
    write_onnx(model, tiny_encoder.tokenizer, tmp_path / "out", name="model", max_length=64)
    for texts in BATCHES:
        found, inputs = run(tmp_path / "out", texts)
        with torch.inference_mode():
            output = model.eval()(**{name: torch.tensor(value) for name, value in inputs.items()})
        if head.name == "texts":
            assert np.allclose(found[0], output.logits.numpy(), atol=1e-4, rtol=0)
        else:
            expected = [output.start_logits, output.end_logits] if head.name == "spans" else [output.logits]
            assert all(agree(one, other, inputs) for one, other in zip(found, expected, strict=True))


def test_half_precision_becomes_float32(tmp_path, tiny_folder):
    encoder = load_encoder(str(tiny_folder))
    encoder.model.to(torch.bfloat16)
    assert write(encoder, tmp_path / "out") <= TOLERANCE
    assert encoder.model.dtype == torch.bfloat16
    (found,), _ = run(tmp_path / "out", ["the dog"])
    assert found.dtype == np.float32


def test_large_weights_have_a_file_of_their_own(tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setattr(onnx, "_OWN_FILE_FROM", 1000)
    write(tiny_encoder, tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "out")
    assert (tmp_path / "out" / f"{ONNX_FILE}.data").stat().st_size > (tmp_path / "out" / ONNX_FILE).stat().st_size / 10
    assert run(tmp_path / "out", ["the dog"])[0][0].shape[-1] == 32


def test_other_outputs_are_refused(tmp_path, tiny_encoder, monkeypatch):
    trace = onnx._trace

    def change_afterwards(traced, sample, path):
        trace(traced, sample, path)
        with torch.no_grad():
            traced.model.embeddings.LayerNorm.bias.add_(0.01)

    monkeypatch.setattr(onnx, "_trace", change_afterwards)
    with pytest.raises(EncoderError, match=r"gives other outputs in ONNX than in torch .* 1e-04 is allowed"):
        write(tiny_encoder, tmp_path / "out")


def test_what_torch_cannot_write_is_one_message(tmp_path, tiny_encoder, monkeypatch):
    def export(*_, **__):
        raise RuntimeError("developers only") from ValueError("no such operator\nmore")

    monkeypatch.setattr(torch.onnx, "export", export)
    with pytest.raises(EncoderError, match=r"cannot be written as ONNX by torch .*: no such operator$"):
        write(tiny_encoder, tmp_path / "out")


@pytest.mark.parametrize("module", ["onnx", "onnxscript", "onnxruntime"])
def test_without_a_library_the_extra_is_named(tmp_path, tiny_encoder, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match=r'pip install "alignfreeze\[onnx\]"'):
        write(tiny_encoder, tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())
