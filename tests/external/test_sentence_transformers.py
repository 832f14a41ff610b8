"""Folders that sentence-transformers reads, and the transformer inside its models."""

import sys

import pytest
import torch

from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.external.sentence_transformers import parts_of, write_sentence_transformer
from alignfreeze.extras import packages_of

library = pytest.importorskip("sentence_transformers")

TEXTS = ["the dog", "the cat sees the river the stone likes the bird", "god"]


def write(encoder, folder, *, pooling="mean", normalize=False):
    folder.mkdir()
    width = encoder.model.config.hidden_size
    how = {"width": width, "max_length": encoder.max_length, "pooling": pooling, "normalize": normalize}
    write_sentence_transformer(encoder.save, folder, **how)
    return library.SentenceTransformer(str(folder), device="cpu")


def vectors_of(model, texts=TEXTS):
    return torch.from_numpy(model.encode(texts))


def test_vectors_are_means_of_the_last_states(tmp_path, tiny_encoder):
    written = write(tiny_encoder, tmp_path / "out")
    top = LayerVectors(tiny_encoder, layer=4, device="cpu")
    assert torch.allclose(vectors_of(written), top.means([text.split() for text in TEXTS]), atol=1e-5)
    assert written.max_seq_length == tiny_encoder.max_length == 64
    long = " ".join(TEXTS * 20)  # longer than the encoder can read
    assert torch.allclose(vectors_of(written, [long]), top.means([long.split()]), atol=1e-5)


def test_the_first_subword_and_the_length_of_vectors(tmp_path, tiny_encoder):
    first = vectors_of(write(tiny_encoder, tmp_path / "cls", pooling="cls"))
    inputs = tiny_encoder.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = tiny_encoder.model.eval()(**inputs).last_hidden_state  # [texts, subwords, width]
    assert torch.allclose(first, states[:, 0], atol=1e-5)
    mean, unit = write(tiny_encoder, tmp_path / "mean"), write(tiny_encoder, tmp_path / "unit", normalize=True)
    assert torch.allclose(vectors_of(unit), torch.nn.functional.normalize(vectors_of(mean)), atol=1e-5)


def test_the_parts_of_a_model(tmp_path, tiny_encoder):
    written = write(tiny_encoder, tmp_path / "out", normalize=True)
    assert "sentence_transformers" in packages_of(written)
    model, tokenizer = parts_of(written)
    assert type(model) is type(tiny_encoder.model)
    assert tokenizer.get_vocab() == tiny_encoder.tokenizer.get_vocab()
    with torch.no_grad():
        next(model.parameters()).zero_()
    assert not torch.equal(vectors_of(written), vectors_of(library.SentenceTransformer(str(tmp_path / "out"))))


def test_a_model_without_a_transformer_is_refused(tiny_encoder):
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    static = StaticEmbedding(tiny_encoder.tokenizer.backend_tokenizer, embedding_dim=4)
    with pytest.raises(EncoderError, match="no transformer with a tokenizer, but the modules StaticEmbedding; give"):
        parts_of(library.SentenceTransformer(modules=[static], device="cpu"))


@pytest.mark.parametrize("pooling", ["maen", None, 3])
def test_an_unknown_pooling_is_refused_before_anything_is_written(tmp_path, tiny_encoder, pooling):
    with pytest.raises(SettingsError, match=r"unknown pooling .* choose one of mean, cls"):
        write(tiny_encoder, tmp_path / "out", pooling=pooling)
    assert not any((tmp_path / "out").iterdir())


def test_without_the_library_the_extra_is_named(tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(SettingsError, match=r'pip install "alignfreeze\[sentence-transformers\]"'):
        write(tiny_encoder, tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())
