from dataclasses import replace

from alignfreeze.alignment.agreement import GoldAlignment
from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.vectors import LayerVectors, compare_layers
from tests.conftest import train_tokenizer


def test_pairs_that_are_longer_than_the_encoder_takes_are_counted(tiny_encoder, remarks):
    """Of 8 subwords two are special: the sixth word is the last one that has a vector."""
    long, fits = ("dog",) * 7, ("cat",) * 6
    pairs = [SentencePair(*sides, ("en", "de")) for sides in ((long, fits), (fits, long), (fits, fits), ((), fits))]
    vectors = LayerVectors(tiny_encoder, layer=1, max_length=8, device="cpu")
    assert [item.is_cut for item in vectors.vectors([long, fits, ()])] == [True, False, False]
    for centred in (False, True):
        remarks.clear()
        resources = Resources(vectors)
        align(pairs, aligner=AlignmentSettings(aligner="argmax", centred=centred), resources=resources)
        assert remarks == [
            "en-de: 2 of 4 sentence pairs are long: no links for the words that the encoder cannot read at once"
        ]


def test_the_comparison_of_layers_counts_them_too(tiny_encoder, remarks):
    long = ("dog",) * (tiny_encoder.max_length + 1)
    gold = [GoldAlignment(frozenset({(0, 0)}), frozenset({(0, 0)}))] * 2
    compare_layers(
        tiny_encoder, [SentencePair(long, side, ("en", "de")) for side in (long, ("cat",))], gold, device="cpu"
    )
    assert remarks == [
        "en-de: 2 of 2 sentence pairs are long: no links for the words that the encoder cannot read at once"
    ]


def test_vectors_of_another_tokenizer_are_others(tiny_encoder, toy_bitext):
    vectors = LayerVectors(tiny_encoder, device="cpu")
    before = vectors.identity
    vectors.vectors([("dog",)])  # sets how the tokenizer truncates
    assert vectors.identity == before
    other = replace(tiny_encoder, tokenizer=train_tokenizer([pair.source for pair in toy_bitext]))
    assert LayerVectors(other, device="cpu").identity != before
