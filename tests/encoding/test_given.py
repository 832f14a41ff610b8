"""What a caller holds becomes an encoder: names, models of transformers, models that wrap one."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer, T5Config, T5Model

from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.given import to_encoder
from alignfreeze.errors import EncoderError


@pytest.fixture
def tokenizer(tiny_folder):
    return AutoTokenizer.from_pretrained(tiny_folder)


def sentence_transformer(folder):
    modules = pytest.importorskip("sentence_transformers").sentence_transformer.modules
    inner = modules.Transformer(str(folder))
    return pytest.importorskip("sentence_transformers").SentenceTransformer(
        modules=[inner, modules.Pooling(inner.get_embedding_dimension())], device="cpu"
    )


def lora(folder, kind=AutoModel):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["query", "value"])
    return peft.get_peft_model(kind.from_pretrained(folder), config)


MODELS = {
    "name": str,
    "path": Path,
    "encoder": lambda folder: load_encoder(str(folder)),
    "model": AutoModel.from_pretrained,
    "with a head": AutoModelForTokenClassification.from_pretrained,
    "compiled": lambda folder: torch.compile(AutoModel.from_pretrained(folder)),
    "sentence-transformers": sentence_transformer,
    "peft": lora,
    "peft with a head": lambda folder: lora(folder, AutoModelForTokenClassification),
}


@pytest.mark.parametrize("kind", MODELS)
def test_the_encoder_has_the_weights_and_no_head(tiny_folder, kind):
    found = to_encoder(MODELS[kind](tiny_folder))
    expected = load_encoder(str(tiny_folder))
    text = expected.tokenizer("the dog sees the cat", return_tensors="pt")
    with torch.no_grad():
        ours, theirs = (each.model.eval()(**text)[0] for each in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert found.tokenizer.get_vocab() == expected.tokenizer.get_vocab()


def test_the_model_is_the_callers_own_and_the_tokenizer_a_copy(tiny_folder, tokenizer):
    model = AutoModel.from_pretrained(tiny_folder)
    tokenizer.truncation_side = "left"
    found = to_encoder(model, tokenizer=tokenizer)
    assert found.model is model
    assert (found.tokenizer.truncation_side, tokenizer.truncation_side) == ("right", "left")


def test_a_model_without_a_place_needs_a_tokenizer(tiny_folder, tokenizer):
    model = AutoModel.from_config(AutoModel.from_pretrained(tiny_folder).config)
    model.name_or_path = ""
    model.config._name_or_path = ""
    with pytest.raises(EncoderError, match=r"the tokenizer of 'BertModel' is needed .* give it as in tokenizer="):
        to_encoder(model)
    assert to_encoder(model, tokenizer=tokenizer).model is model


def spoilt(folder):
    model = AutoModel.from_pretrained(folder)
    model.embeddings.LayerNorm.bias.data[0] = torch.nan
    return model


def doubled(folder):
    return AutoModel.from_pretrained(folder).double()


def prompts(folder):
    peft = pytest.importorskip("peft")
    config = peft.PrefixTuningConfig(num_virtual_tokens=2, task_type="FEATURE_EXTRACTION")
    return peft.get_peft_model(AutoModel.from_pretrained(folder), config)


def t5(kind):
    sizes = {"vocab_size": 200, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    return kind(T5Config(**sizes))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: 5, r"expected an encoder: a name or a folder, .*; got 5 \(int\)"),
        (lambda _: None, r"expected an encoder: .* got None"),
        (lambda _: torch.nn.Linear(2, 2), r"expected an encoder: .* got Linear"),
        (lambda _: t5(T5Model), "T5Model has an encoder and a decoder; give the encoder alone"),
        (spoilt, "has weights that are not finite: 1 of 32 in embeddings.LayerNorm.bias"),
        (doubled, r"is in torch.float64; float32, bfloat16 and float16 can be trained: call model.float\(\) first"),
        (
            lambda folder: AutoModel.from_pretrained(folder).to("meta"),
            "not in memory; load the model without",
        ),
        (prompts, "of the kind PREFIX_TUNING, which adds prompts and no weights to the layers"),
    ],
)
def test_what_is_no_encoder_is_one_error(tiny_folder, tokenizer, make, message):
    with pytest.raises(EncoderError, match=message):
        to_encoder(make(tiny_folder), tokenizer=tokenizer)


@pytest.mark.parametrize("wrong", ["bert", 5], ids=str)
def test_what_is_no_tokenizer(tiny_folder, wrong):
    with pytest.raises(EncoderError, match=f"is {wrong!r} .*; expected a tokenizer of transformers"):
        to_encoder(AutoModel.from_pretrained(tiny_folder), tokenizer=wrong)
