import pytest

from alignfreeze.alignment.agreement import GoldAlignment, check_gold, measure_agreement, read_gold
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError


def links(*pairs):
    return frozenset(pairs)


def test_a_worked_example():
    """Found 0-0, 1-1, 2-2, 3-3; sure 0-0, 1-1, 4-4; possible also 2-2.

    Precision 3/4, recall 2/3, AER = 1 - (2 + 3) / (4 + 3) = 2/7.
    """
    gold = [GoldAlignment(links((0, 0), (1, 1), (4, 4)), links((0, 0), (1, 1), (4, 4), (2, 2)))]
    found = measure_agreement([WordAlignment(links((0, 0), (1, 1), (2, 2), (3, 3)))], gold)
    assert (found.precision, found.recall) == (3 / 4, 2 / 3)
    assert found.aer == pytest.approx(2 / 7)
    assert (found.found, found.sure, found.possible, found.pairs) == (4, 3, 4, 1)


def test_nothing_found_and_nothing_to_find():
    empty = GoldAlignment(links(), links())
    assert measure_agreement([WordAlignment(links())], [empty]).aer == 0
    assert measure_agreement([WordAlignment(links())], [GoldAlignment(links((0, 0)), links((0, 0)))]).aer == 1


def test_gold_files_counted_from_0_or_1(tmp_path):
    path = tmp_path / "gold"
    path.write_text("1-1 2p3\n\n")
    expected = GoldAlignment(links((0, 0)), links((0, 0), (1, 2)))
    assert read_gold(path, first=1) == [expected, GoldAlignment(links(), links())]
    assert read_gold(path)[0].sure == {(1, 1)}


@pytest.mark.parametrize(("text", "message"), [("1:1", "'1:1' is not a link"), ("1-0", "counted from 1")])
def test_gold_files_with_something_else_in_them(tmp_path, text, message):
    (tmp_path / "gold").write_text(f"1-1\n{text}\n")
    with pytest.raises(DataError, match=f"gold, line 2: .*{message}"):
        read_gold(tmp_path / "gold", first=1)


def test_gold_links_beyond_the_sentence():
    bitext = [SentencePair(("a", "b"), ("c",), ("en", "fr"))]
    gold = [GoldAlignment(links((0, 0)), links((0, 0), (1, 1)))]
    with pytest.raises(DataError, match="gold, line 1: link 2-2 is out of range: the sentences have 2 and 1 words"):
        check_gold(gold, bitext, path="gold", first=1)
    with pytest.raises(DataError, match="gold has 1 lines for 2 sentence pairs"):
        check_gold(gold, bitext * 2, path="gold")


def test_the_gold_files_fit_their_sentences(shared_data):
    from alignfreeze.corpora.bitext import read_bitext

    for code in ("fr", "ro"):
        folder = shared_data / "gold_alignments"
        (source,) = folder.glob(f"*{code}*.src-tgt")
        bitext = read_bitext(source, languages=("en", code), pretokenized=True)
        path = source.with_suffix(".gold")
        check_gold(read_gold(path, first=1), bitext, path=path, first=1)
