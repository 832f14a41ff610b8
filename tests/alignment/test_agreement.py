import pytest

from alignfreeze.alignment.agreement import (
    GoldAlignment,
    check_gold,
    measure_agreement,
    read_gold,
    read_predicted,
)
from alignfreeze.alignment.links import WordAlignment, read_pharaoh
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


# --- files that count words from 1 ---------------------------------------------------

FROM_0 = "0-0 1-1 2-2\n0-0 1p1\n"
FROM_1 = "1-1 2-2 3-3\n1-1 2p2\n"
MIXED = "0-1 1-2 2-3\n0-1 1p2\n"  # source words from 0, target words from 1


def agreement(tmp_path, found, gold, *, first=0, gold_first=0):
    (tmp_path / "found").write_text(found.replace("p", "-"))
    (tmp_path / "gold").write_text(gold)
    by_hand = read_gold(tmp_path / "gold", first=gold_first)
    return measure_agreement(read_predicted(tmp_path / "found", by_hand, first=first), by_hand).aer


@pytest.mark.parametrize(
    ("found", "gold", "aer", "said"),
    [
        # 1-1, 2-2 and 1-1 agree by accident: 1 - (3 + 3) / (5 + 4)
        (
            FROM_0,
            FROM_1,
            1 / 3,
            ["made by hand is to word 0 of a source or target", "--gold-starts-at 1"],
        ),
        # the last of them is only possible: 1 - (3 + 2) / (5 + 4)
        (
            FROM_1,
            FROM_0,
            4 / 9,
            ["that was found is to word 0 of a source or target", "use --starts-at 1"],
        ),
        (FROM_0, MIXED, 1, ["no link made by hand is to word 0 of a target sentence, but found ones are"]),
    ],
)
def test_links_that_seem_to_count_from_1_are_said(*, found, gold, aer, said, tmp_path, remarks):
    assert agreement(tmp_path, found, gold) == pytest.approx(aer)
    (remark,) = remarks
    for text in said:
        assert text in remark


@pytest.mark.parametrize(
    ("found", "gold", "first"),
    [
        (FROM_0, FROM_0, {}),
        (FROM_1, FROM_1, {}),
        (FROM_0, FROM_1, {"gold_first": 1}),
        (FROM_1, FROM_0, {"first": 1}),
    ],
)
def test_nothing_is_said_of_links_that_count_alike(found, gold, first, tmp_path, remarks):
    assert agreement(tmp_path, found, gold, **first) == 0
    assert not remarks


def test_nothing_is_said_of_a_few_links(tmp_path, remarks):
    assert agreement(tmp_path, "0-0 1-1\n", "1-1 2-2\n") == 0.5
    assert not remarks


def test_gold_links_beyond_the_sentence_may_count_from_1(tmp_path):
    bitext = [SentencePair(("a", "b", "c"), ("d", "e", "f"), ("en", "fr"))] * 2
    (tmp_path / "gold").write_text(FROM_1)
    with pytest.raises(DataError, match=r"3-3 is out of range.*no link is to a word 0: if the file counts from 1, use"):
        check_gold(read_gold(tmp_path / "gold"), bitext, path="gold")


def test_links_for_realignment_that_seem_to_count_from_1_are_said(tmp_path, remarks):
    bitext = [SentencePair(("a", "b", "c", "d"), ("e", "f", "g", "h"), ("en", "fr"))] * 2
    (tmp_path / "links").write_text(FROM_0.replace("p", "-"))
    read_pharaoh(tmp_path / "links", bitext)
    assert not remarks
    (tmp_path / "links").write_text(FROM_1.replace("p", "-"))
    read_pharaoh(tmp_path / "links", bitext)
    (remark,) = remarks
    assert "links: no link is to word 0 of a source or target sentence; words count from 0 here, not from 1" in remark


def test_other_numbers_of_pairs():
    with pytest.raises(DataError, match="found links of 2 sentence pairs, but links made by hand of 1"):
        measure_agreement([WordAlignment(links())] * 2, [GoldAlignment(links(), links())])
