import gzip
import re

import pytest

from alignfreeze.corpora.bitext import SentencePair, digest_of, group_by_languages, read_bitext
from alignfreeze.errors import DataError, SettingsError
from tests.conftest import write_bars

EN_DE = ("en", "de")


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_two_parallel_files(tmp_path):
    source = write(tmp_path / "t.en", "A dog.\n\nThe end\n")
    target = write(tmp_path / "t.de", "Ein Hund.\nallein\nDas Ende\n")
    assert read_bitext(source, target, languages=EN_DE) == [
        SentencePair(("A", "dog", "."), ("Ein", "Hund", "."), EN_DE),
        SentencePair((), ("allein",), EN_DE),
        SentencePair(("The", "end"), ("Das", "Ende"), EN_DE),
    ]


@pytest.mark.parametrize("separator", ["\t", " ||| "])
def test_both_sides_in_one_file(tmp_path, separator):
    path = write(tmp_path / "t", f"A dog{separator}Ein Hund\n\nYes{separator}Ja\n")
    pairs = read_bitext(path, languages=EN_DE)
    assert [(pair.source, pair.target) for pair in pairs] == [
        (("A", "dog"), ("Ein", "Hund")),
        ((), ()),
        (("Yes",), ("Ja",)),
    ]


def test_further_columns_of_a_tsv_are_passed_over(tmp_path):
    path = write(tmp_path / "t.tsv", "A\tB\tCC-BY\n")
    assert read_bitext(path, languages=EN_DE)[0].target == ("B",)


def test_gzip(tmp_path):
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b"A\tB\n"))
    assert len(read_bitext(path, languages=EN_DE)) == 1


def test_pretokenized_text_is_split_at_spaces_only(tmp_path):
    path = write(tmp_path / "t", "do n't-go .\tgeh nicht.\n")
    pair = read_bitext(path, languages=EN_DE, pretokenized=True)[0]
    assert pair.source == ("do", "n't-go", ".")
    assert pair.target == ("geh", "nicht.")


def test_no_more_than_the_wanted_pairs(tmp_path):
    path = write(tmp_path / "t", "A\tB\n" * 10)
    assert len(read_bitext(path, languages=EN_DE, max_pairs=3)) == 3


def test_files_of_unequal_length_name_both_counts_and_the_first_gap(tmp_path):
    source = write(tmp_path / "t.en", "one\ntwo\nthree\n")
    target = write(tmp_path / "t.de", "eins\n\n")
    expected = "t.en has 3 lines and .*t.de 2.*First line that is empty on one side only: 2"
    with pytest.raises(DataError, match=expected):
        read_bitext(source, target, languages=EN_DE)


def test_files_of_unequal_length_are_refused_even_when_only_the_beginning_is_wanted(tmp_path):
    source, target = write(tmp_path / "t.en", "a\n" * 9), write(tmp_path / "t.de", "b\n" * 8)
    with pytest.raises(DataError, match=r"t\.en has 9 lines and .*t\.de 8"):
        read_bitext(source, target, languages=EN_DE, max_pairs=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no sentence pair found"),
        ("\n\n", "no sentence pair found"),
        ("one\ttwo\nthree\n", r"t, line 2: expected two columns separated by a tab, found 1 part"),
        ("a ||| b\na ||| b ||| c\n", r"t, line 2: expected 'source \|\|\| target', found 3 part"),
        ("no separator\n", "t, line 1: neither a tab nor"),
    ],
)
def test_files_that_are_no_bitext(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_bitext(write(tmp_path / "t", text), languages=EN_DE)


def test_an_unknown_language(tmp_path):
    with pytest.raises(SettingsError, match="unknown language code 'd1'"):
        read_bitext(write(tmp_path / "t", "A\tB\n"), languages=("en", "d1"))


def test_bars_are_read_again(tmp_path, toy_bitext):
    path = write(tmp_path / "t", "\n".join(write_bars(toy_bitext)))
    assert read_bitext(path, languages=EN_DE, pretokenized=True) == toy_bitext


def test_language_pairs_in_the_order_of_appearance():
    codes = [("en", "tr"), ("en", "de"), ("en", "tr")]
    bitext = [SentencePair(("a",), ("b",), languages) for languages in codes]
    assert group_by_languages(bitext) == {("en", "tr"): [0, 2], ("en", "de"): [1]}


def test_unlike_bitexts_have_unlike_digests():
    sides = [
        (("a", "b"), ("c",)),
        (("a",), ("b", "c")),
        (("a\x1fb",), ("c",)),
        (("a b",), ("c",)),
        ((), ("a", "b", "c")),
    ]
    bitexts = [[SentencePair(source, target, EN_DE)] for source, target in sides]
    bitexts += [bitexts[0] * 2, [SentencePair(*sides[0], ("de", "en"))], []]
    assert len({digest_of(bitext) for bitext in bitexts}) == len(bitexts)


@pytest.mark.parametrize("codes", [("ar", "ja", "tr"), pytest.param(None, marks=pytest.mark.slow, id="all")])
def test_tatoeba_is_read_whole(shared_data, codes):
    for target in sorted((shared_data / "tatoeba").glob("en-*.*")):
        code = target.suffix[1:]
        if code == "en" or (codes is not None and code not in codes):
            continue
        pairs = read_bitext(target.with_suffix(".en"), target, languages=("en", code))
        lines = target.read_text(encoding="utf-8").count("\n")
        assert len(pairs) == lines, code
        assert all(pair.source and pair.target for pair in pairs), code


def test_gold_alignment_sentences_are_read_whole(shared_data):
    path = shared_data / "gold_alignments" / "enfr.src-tgt"
    pairs = read_bitext(path, languages=("en", "fr"), pretokenized=True)
    assert len(pairs) == len(re.findall(r" \|\|\| ", path.read_text(encoding="utf-8")))
