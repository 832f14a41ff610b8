"""Fewer subwords: the same splits and vectors for texts whose subwords are kept."""

from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from alignfreeze.encoding.needs import choose_subwords, count_in_list, count_in_texts, measure_coverage
from alignfreeze.encoding.pieces import cut_tokenizer
from alignfreeze.encoding.shrinking import find_difference, shrink
from alignfreeze.errors import EncoderError
from tests.conftest import family_config

TEXTS = ["the old dog sees the river", "the cat likes an older stone", "die Katze mag den Stein", "der Hund sieht"]
OTHERS = ["кошка любит камень", "собака видит реку", "el perro ve el río"]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]

KINDS = {
    "Unigram": (models.Unigram, trainers.UnigramTrainer, {"unk_token": "<unk>"}, pre_tokenizers.Metaspace),
    "WordPiece": (models.WordPiece, trainers.WordPieceTrainer, {}, pre_tokenizers.Whitespace),
    "BPE": (models.BPE, trainers.BpeTrainer, {}, pre_tokenizers.ByteLevel),
}


@pytest.fixture(params=KINDS)
def tokenizer(request):
    model, trainer, options, split = KINDS[request.param]
    known: dict[str, Any] = {} if model is models.Unigram else {"unk_token": "<unk>"}
    made = Tokenizer(model(**known))
    made.normalizer, made.pre_tokenizer = normalizers.NFC(), split()
    made.train_from_iterator(
        (TEXTS + OTHERS) * 5, trainer(vocab_size=400, special_tokens=SPECIAL, show_progress=False, **options)
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(name, made.token_to_id(name)) for name in ("<s>", "</s>")]
    )
    names = {"pad": "<pad>", "bos": "<s>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, **{f"{name}_token": text for name, text in names.items()})


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(0)
    size: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    return BertModel(BertConfig(vocab_size=len(tokenizer), pad_token_id=0, **size)).eval()


def needed(tokenizer, texts):
    return count_in_texts(tokenizer, texts).count_all()


def vectors(model, tokenizer, texts):
    with torch.no_grad():
        return model(**tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False))[0]


def test_kept_texts_have_the_same_subwords_and_vectors(model, tokenizer, tmp_path):
    small = shrink(model, tokenizer, needed(tokenizer, TEXTS), scripts=["Latin"])
    assert len(small.rows) < len(tokenizer)
    assert (np.diff(small.rows) > 0).all()
    before, after = tokenizer(TEXTS)["input_ids"], small.tokenizer(TEXTS)["input_ids"]
    assert [[int(small.rows[number]) for number in numbers] for numbers in after] == before
    assert torch.equal(vectors(small.model, small.tokenizer, TEXTS), vectors(model, tokenizer, TEXTS))
    assert small.model.config.vocab_size == len(small.tokenizer) == len(small.rows)
    small.model.save_pretrained(tmp_path)
    small.tokenizer.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert torch.equal(vectors(*loaded, TEXTS), vectors(model, tokenizer, TEXTS))


def test_the_full_model_and_special_subwords_stay(model, tokenizer):
    n, first = len(tokenizer), vectors(model, tokenizer, OTHERS)
    small = shrink(model, tokenizer, [], scripts=["Latin"])
    assert (len(tokenizer), model.config.vocab_size) == (n, n)
    assert torch.equal(vectors(model, tokenizer, OTHERS), first)
    assert [small.tokenizer.convert_tokens_to_ids(name) for name in SPECIAL] == list(range(5))
    assert small.tokenizer.pad_token_id == small.model.config.pad_token_id == 0
    assert 3 not in small.tokenizer("dog")["input_ids"]  # it can still be spelt


def test_a_tokenizer_of_words_and_a_model_that_predicts_subwords(model, tokenizer):
    words = Tokenizer(models.WordLevel({"<unk>": 0, "dog": 1, "cat": 2}, unk_token="<unk>"))
    small, rows = shrink_words(words, [2])
    assert rows == [0, 2]
    assert small.encode("cat").ids == [1]
    assert small.encode("dog").ids == [0]
    with pytest.raises(EncoderError, match="BertForMaskedLM predicts subwords"):
        shrink(BertForMaskedLM(model.config), tokenizer, [])


def shrink_words(words, wanted):
    small, rows = cut_tokenizer(PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>"), wanted)
    return small.backend_tokenizer, rows.tolist()


# --- what languages need -----------------------------------------------------------------


def test_counts_are_those_of_all_texts(tokenizer):
    found = count_in_texts(tokenizer, TEXTS * 10)
    expected = [number for row in tokenizer(TEXTS * 10, add_special_tokens=False)["input_ids"] for number in row]
    assert sorted(found.count_all().elements()) == sorted(expected)
    assert found.held.total() == sum(len(text.split()) for text in (TEXTS * 10)[::10])
    assert found.characters["d"] == 10 * "".join(TEXTS).count("d")


def test_words_of_a_list_count_by_their_frequency(tokenizer):
    found = count_in_list(tokenizer, [("dog", 5), ("river", 2)])
    one, other = (tokenizer(word, add_special_tokens=False)["input_ids"] for word in ("dog", "river"))
    assert found.held == {tuple(one): 5, tuple(other): 2}
    # After a sign they count too, but less.
    assert all(0 <= found.counts[n] - 5 * one.count(n) - 2 * other.count(n) <= 2 for n in {*one, *other})
    kept = set(one) - set(other)
    coverage = measure_coverage(found, {*kept, *other})
    assert coverage.split_otherwise == 0
    only = measure_coverage(found, set(other) | (set(one) & set(other)))
    assert only.split_otherwise == (0 if set(one) <= set(other) else pytest.approx(5 / 7))


def test_room_goes_to_the_frequent_ones_then_to_the_alphabet(tokenizer):
    needs = [count_in_texts(tokenizer, TEXTS)]
    counts = needs[0].count_all()
    few = choose_subwords(tokenizer, needs, most=5)
    assert len(few) == 5
    assert min(counts[number] for number in few) >= max(n for number, n in counts.items() if number not in few)
    many = choose_subwords(tokenizer, needs, most=len(tokenizer))
    added = {tokenizer.decode([number]).strip() for number in many - set(counts)}
    cyrillic = {tokenizer.decode([number]).strip() for number in needed(tokenizer, OTHERS)}
    assert added
    assert not {text for text in added if set(text) & set("абвгдежзиклмнопрстуыя")} & cyrillic


def test_outputs_are_compared_on_texts_that_are_kept(model, tokenizer):
    small = shrink(model, tokenizer, needed(tokenizer, TEXTS), scripts=["Latin"])
    assert find_difference(model, tokenizer, small, TEXTS) == 0
    with torch.no_grad():
        small.model.get_input_embeddings().weight.mul_(-1)
    assert find_difference(model, tokenizer, small, [*TEXTS, *OTHERS]) > 0.01
    with pytest.raises(EncoderError, match="keep more"):
        find_difference(model, tokenizer, shrink(model, tokenizer, []), ["кошка"])


# --- families, with their kinds of tokenizers ----------------------------------------------

SPECIAL_OF = {
    "bert": ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "xlm-roberta": ["<s>", "<pad>", "</s>", "<unk>"],
    "modernbert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "gemma": ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"],
}


def tokenizer_of(family):
    """A tokenizer of the kind of mBERT, XLM-R, ModernBERT or mmBERT (that of Gemma)."""
    special = SPECIAL_OF[family]
    how = {"vocab_size": 500, "special_tokens": special, "show_progress": False}
    if family == "bert":
        made, trainer = Tokenizer(models.WordPiece(unk_token="[UNK]")), trainers.WordPieceTrainer(**how)
        made.normalizer = normalizers.BertNormalizer(lowercase=False)
        made.pre_tokenizer, made.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    elif family == "xlm-roberta":
        made, trainer = Tokenizer(models.Unigram()), trainers.UnigramTrainer(unk_token="<unk>", **how)
        made.normalizer, made.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        special = [*special, "<mask>"]  # it stands at the end
    elif family == "modernbert":
        made = Tokenizer(models.BPE())
        trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **how)
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    else:
        made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(**{**how, "vocab_size": 700, "special_tokens": [*special, *alphabet]})
        made.normalizer = normalizers.Replace(" ", "▁")
    made.train_from_iterator((TEXTS + OTHERS) * 5, trainer)
    made.add_special_tokens(special)
    first, last = {"bert": (3, 4), "xlm-roberta": (0, 2), "modernbert": (2, 3), "gemma": (2, 1)}[family]
    made.post_processor = processors.TemplateProcessing(
        single=f"{special[first]} $A {special[last]}",
        special_tokens=[(special[n], made.token_to_id(special[n])) for n in (first, last)],
    )
    names = {"cls_token": special[first], "sep_token": special[last]}
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token=next(name for name in special if "pad" in name.lower()),
        unk_token=next(name for name in special if "unk" in name.lower() and "unused" not in name),
        mask_token=special[-1],
        **names,
    )


@pytest.mark.parametrize("family", SPECIAL_OF)
def test_each_family_with_its_tokenizer(family, tmp_path):
    torch.manual_seed(0)
    tokenizer = tokenizer_of(family)
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if (kind := {"gemma": "modernbert"}.get(family, family)) == "modernbert":
        sizes |= {f"{name}_token_id": tokenizer.convert_tokens_to_ids(tokenizer.cls_token) for name in ("cls", "bos")}
        sizes |= {f"{name}_token_id": tokenizer.convert_tokens_to_ids(tokenizer.sep_token) for name in ("sep", "eos")}
    model = AutoModel.from_config(family_config(kind, **sizes)).eval()
    small = shrink(model, tokenizer, needed(tokenizer, TEXTS), scripts=["Latn"])
    assert len(small.rows) < len(tokenizer) - 15
    assert find_difference(model, tokenizer, small, TEXTS) == 0
    for side in (small.model, small.tokenizer):
        side.save_pretrained(tmp_path)
    loaded, again = AutoModel.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert torch.equal(vectors(loaded, again, TEXTS), vectors(model, tokenizer, TEXTS))
    assert again.mask_token_id == again.convert_tokens_to_ids(tokenizer.mask_token) < len(small.rows)
    for text in ["dog über naïve", "кошка 猫 \U0001f600"]:  # new words are spelt, and no number is out of the table
        assert max(again(text)["input_ids"]) < len(small.rows)
        assert loaded(**again(text, return_tensors="pt", return_token_type_ids=False))[0].isfinite().all()
    if family in {"modernbert", "gemma"}:
        assert again.unk_token_id not in again("кошка 猫 \U0001f600")["input_ids"]  # bytes stay
