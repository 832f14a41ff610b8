import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import encode_pairs, move_batch
from alignfreeze.encoding.subwords import encode_words, lone_space


def sentencepiece_tokenizer():
    """A small tokenizer of XLM-R's kind: `▁` begins a word, and stands alone where no piece has it."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁the", "▁cat", "猫", "は", "▁un", "believ", "able"]
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0 - 0.1 * i) for i, piece in enumerate(pieces)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def byte_level_tokenizer(*, normalizer=False):
    """A tokenizer of ModernBERT's kind, or of Gemma's: a space begins a word, and none is put before the first."""
    space = "▁" if normalizer else "Ġ"
    vocabulary = ["<pad>", "<s>", "</s>", space, *"abdgox", f"{space}d", f"{space}a", "do", f"{space}do"]
    merges = [(space, "d"), (space, "a"), ("d", "o"), (f"{space}d", "o")]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(vocabulary)}, merges))
    if normalizer:
        tokenizer.normalizer = normalizers.Replace(" ", space)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


@pytest.mark.parametrize("normalizer", [False, True])
def test_words_given_one_by_one_are_those_of_running_text(normalizer):
    tokenizer = byte_level_tokenizer(normalizer=normalizer)
    (item,) = encode_words(tokenizer, [["do", "a", "dog"]], max_length=20)
    assert item.subwords.tolist() == tokenizer("do a dog")["input_ids"]
    assert item.words.tolist() == [0, 1, 2]
    # `x` begins no piece with a space: the space alone says nothing of it.
    (item,) = encode_words(tokenizer, [["do", "x"]], max_length=20)
    assert pieces_of(tokenizer, item) == ["do", "x"]


def pieces_of(tokenizer, item):
    return tokenizer.convert_ids_to_tokens(item.subwords.tolist())


def test_the_lone_space_is_removed_and_the_first_real_piece_stands_for_the_word():
    tokenizer = sentencepiece_tokenizer()
    (item,) = encode_words(tokenizer, [["the", "猫", "は", "unbelievable"]], max_length=20)
    assert pieces_of(tokenizer, item) == ["<s>", "▁the", "猫", "は", "▁un", "believ", "able", "</s>"]
    assert item.words.tolist() == [0, 1, 2, 3]
    assert item.first.tolist() == [1, 2, 3, 4]


def test_a_word_that_is_nothing_but_metaspace_is_lost():
    (item,) = encode_words(sentencepiece_tokenizer(), [["▁", "cat"]], max_length=20)
    assert item.words.tolist() == [1]


def test_other_tokenizers_have_no_metaspace_even_with_the_character_in_the_vocabulary(tiny_encoder):
    tiny_encoder.tokenizer.add_tokens(["▁"])
    assert lone_space(tiny_encoder.tokenizer) is None


def test_words_beyond_the_length_are_left_out(tiny_encoder):
    words = ["the", "dog", "sees", "the", "cat"]
    (item,) = encode_words(tiny_encoder.tokenizer, [words], max_length=5)
    assert len(item.subwords) == 5  # two special subwords and three words
    assert item.words.tolist() == [0, 1, 2]


def test_windows_hold_every_word_exactly_once():
    tokenizer = sentencepiece_tokenizer()
    sentence = ["the", "unbelievable", "猫"] * 9
    items = list(encode_words(tokenizer, [["cat"], sentence], max_length=7, windows=True))
    assert {item.sentence for item in items} == {0, 1}
    held = [word for item in items if item.sentence == 1 for word in item.words.tolist()]
    assert held == list(range(27))
    for item in items:
        first = [pieces_of(tokenizer, item)[position] for position in item.first]
        words = [["cat"], sentence][item.sentence]
        assert all(words[w].startswith(piece.lstrip("▁")) for w, piece in zip(item.words, first, strict=True))


def test_more_sentences_than_are_encoded_at_once(tiny_encoder, monkeypatch):
    monkeypatch.setattr("alignfreeze.encoding.subwords.SENTENCES_AT_ONCE", 2)
    items = list(encode_words(tiny_encoder.tokenizer, [["dog"]] * 5, max_length=8))
    assert [item.sentence for item in items] == [0, 1, 2, 3, 4]


def pair(source, target):
    return SentencePair(tuple(source.split()), tuple(target.split()), ("en", "de"))


def encode(tokenizer, pairs, links, **options):
    return encode_pairs(tokenizer, pairs, [WordAlignment.from_pharaoh(line) for line in links], **options)


def test_truncated_words_lose_their_links(tiny_encoder):
    pairs = [pair("the dog sees the cat", "eht god sees eht tac")]
    (encoded,) = encode(tiny_encoder.tokenizer, pairs, ["0-0 1-1 4-4"], max_length=5)
    assert len(encoded.source_words) == 3
    kept = encoded.links.tolist()
    assert [0, 0] in kept
    assert all(source < 3 for source, _ in kept)


def test_pairs_without_a_usable_link_are_skipped(tiny_encoder):
    pairs = [pair("the dog", "eht god"), pair("dog", "dog"), pair("the cat", "eht tac")]
    encoded = encode(tiny_encoder.tokenizer, pairs, ["0-0", "0-0", ""])
    assert len(encoded) == 1


def test_one_alignment_a_pair(tiny_encoder):
    with pytest.raises(ValueError, match="2 sentence pairs and 1 alignments"):
        encode_pairs(tiny_encoder.tokenizer, [pair("a", "b")] * 2, [WordAlignment(frozenset())])


def test_a_batch_equals_a_loop_over_pairs_and_words(tiny_encoder, toy_bitext):
    generator = np.random.default_rng(0)
    lines = [" ".join(f"{i}-{i}" for i in sorted(generator.choice(5, 3, replace=False))) for _ in toy_bitext]
    pairs = [
        SentencePair(p.source * (i % 3 + 1), p.target * (i % 2 + 1), p.languages) for i, p in enumerate(toy_bitext[:7])
    ]
    encoded = encode(tiny_encoder.tokenizer, pairs, lines[:7])
    numbers = [4, 0, 6]
    batch = encoded.batch(numbers)
    encoded = [encoded[number] for number in numbers]
    flat = batch["subwords"]
    found = [tuple(flat[batch["words"][row]].item() for row in link) for link in batch["links"]]
    expected = [
        (item.source[item.source_words[s]], item.target[item.target_words[t]])
        for item in encoded
        for s, t in item.links
    ]
    assert found == expected
    assert not batch["is_target"][batch["links"][:, 0]].any()
    assert batch["is_target"][batch["links"][:, 1]].all()
    assert len(batch["words"]) == sum(len(i.source_words) + len(i.target_words) for i in encoded)
    sides = [item.source for item in encoded] + [item.target for item in encoded]
    assert flat.tolist() == np.concatenate(sides).tolist()
    assert batch["lengths"].tolist() == [len(side) for side in sides]
    assert batch["longest"] == max(map(len, sides))
    assert batch["sentences"].tolist() == [8, 0, 12, 9, 1, 13]


def test_a_batch_is_moved_with_the_batches_inside_it():
    batch = {"items": {"labels": torch.zeros(2), "longest": 3}, "lengths": torch.ones(1)}
    moved = move_batch(batch, "meta")
    assert moved["items"]["labels"].device.type == moved["lengths"].device.type == "meta"
    assert moved["items"]["longest"] == 3
    assert batch["lengths"].device.type == "cpu"
