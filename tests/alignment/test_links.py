import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.alignment.agreement import read_gold, read_predicted
from alignfreeze.alignment.links import (
    Alignments,
    WordAlignment,
    read_pharaoh,
    select_links,
    to_alignments,
    write_pharaoh,
)
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError

alignments = st.frozensets(st.tuples(st.integers(0, 8), st.integers(0, 8))).map(WordAlignment)


@given(alignments)
def test_pharaoh_notation_is_read_again(alignment):
    assert WordAlignment.from_pharaoh(alignment.to_pharaoh()) == alignment


def test_pharaoh_notation_is_sorted():
    assert WordAlignment(frozenset({(10, 0), (2, 1), (2, 0)})).to_pharaoh() == "2-0 2-1 10-0"


@pytest.mark.parametrize("line", ["0", "0-", "a-b", "0-1-2", "-1-0", "0p1", "0–1", "٣-١"])
def test_what_is_no_pharaoh_notation(line):
    with pytest.raises(ValueError, match="is not a link"):
        WordAlignment.from_pharaoh(line)


def test_one_to_one_by_hand():
    # 0-0 stands alone; source 1 has two links; target 3 has two links.
    alignment = WordAlignment.from_pharaoh("0-0 1-1 1-2 2-3 3-3")
    assert alignment.one_to_one().to_pharaoh() == "0-0"


@given(alignments)
def test_one_to_one_keeps_a_subset_with_each_word_once(alignment):
    kept = alignment.one_to_one()
    assert kept.links <= alignment.links
    assert len({source for source, _ in kept.links}) == len(kept.links)
    assert len({target for _, target in kept.links}) == len(kept.links)
    assert kept.one_to_one() == kept


def test_links_between_identical_words_are_dropped_after_the_one_to_one_rule():
    pair = SentencePair(("Berlin", "is", "big"), ("Berlin", "ist", "Berlin"), ("en", "de"))
    # 0-0 is identical. 2-2 stays. Were identical links dropped first, 1-1 would become one-to-one: it has
    # the rival 1-0? No: 0-0 and 1-0 share target 0, so neither is one-to-one, whatever is dropped later.
    assert select_links(pair, WordAlignment.from_pharaoh("0-0 1-1 2-2")) == [(1, 1), (2, 2)]
    assert select_links(pair, WordAlignment.from_pharaoh("0-0 1-0 2-2")) == [(2, 2)]


def test_files_are_read_again(tmp_path, toy_bitext):
    written = [WordAlignment(frozenset({(0, i % 5)})) for i in range(len(toy_bitext) - 1)] + [
        WordAlignment(frozenset())
    ]
    write_pharaoh(tmp_path / "links", written)
    assert read_pharaoh(tmp_path / "links", toy_bitext) == written


def test_a_file_may_go_on_when_not_all_pairs_were_read(tmp_path):
    (tmp_path / "links").write_text("0-0\n1-1\n2-2\n")
    bitext = [SentencePair(("a",) * 3, ("b",) * 3, ("en", "de"))] * 2
    assert [alignment.to_pharaoh() for alignment in read_pharaoh(tmp_path / "links", bitext, more=True)] == [
        "0-0",
        "1-1",
    ]
    with pytest.raises(DataError, match="has 3 lines for 4 sentence pairs"):
        read_pharaoh(tmp_path / "links", bitext * 2, more=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-0\n0-2\n", r"links, line 2: link 0-2 is out of range: the sentences have 1 and 2 words"),
        ("0-0\n1-0\n", r"links, line 2: link 1-0 is out of range"),
        ("0-0\nx\n", r"links, line 2: 'x' is not a link"),
        ("0-0\n", r"links has 1 lines for 2 sentence pairs"),
        ("0-0\n\n0-0\n", r"links has 3 lines for 2 sentence pairs"),
    ],
)
def test_files_that_do_not_fit_the_bitext(tmp_path, text, message):
    (tmp_path / "links").write_text(text)
    bitext = [SentencePair(("a",), ("b", "c"), ("en", "de"))] * 2
    with pytest.raises(DataError, match=message):
        read_pharaoh(tmp_path / "links", bitext)


PAIRS = [SentencePair(("the", "dog"), ("der", "Hund"), ("en", "de")), SentencePair(("a",), ("ein",), ("en", "de"))]
LINKS = [WordAlignment(frozenset({(0, 0), (1, 1)})), WordAlignment(frozenset())]


@pytest.mark.parametrize(
    "links",
    [
        LINKS,
        tuple(LINKS),
        Alignments.of(LINKS),
        ["0-0 1-1", ""],
        [[(0, 0), (1, 1)], []],
        [{(1, 1), (0, 0)}, set()],
        [([0, 0], [1, 1]), ()],
        [np.array([[0, 0], [1, 1]]), np.empty((0, 2), dtype=int)],
        iter(LINKS),
        {("en", "de"): ["1-1 0-0", ""]},
    ],
)
def test_each_kind_of_links_gives_the_same(links):
    found = to_alignments(links, PAIRS)
    assert isinstance(found, Alignments)
    assert found == LINKS


def test_links_of_a_file(tmp_path):
    path = tmp_path / "links"
    write_pharaoh(path, LINKS)
    assert to_alignments(path, PAIRS) == to_alignments(str(path), PAIRS) == LINKS


def test_links_of_several_language_pairs_take_the_places_of_their_pairs():
    french = SentencePair(("the", "dog"), ("le", "chien"), ("en", "fr"))
    bitext = [PAIRS[0], french, PAIRS[1]]
    assert to_alignments({("en", "fr"): ["1-0"], ("en", "de"): LINKS}, bitext).to_pharaoh() == ["0-0 1-1", "1-0", ""]
    with pytest.raises(DataError, match=r"the links are of \('en', 'fr'\), and the sentence pairs of \('en', 'de'\)"):
        to_alignments({("en", "fr"): ["1-0"]}, PAIRS)


def test_alignments_are_a_table():
    found = Alignments.of(LINKS)
    assert found.rows() == [{"pair": 1, "links": "0-0 1-1"}, {"pair": 2, "links": ""}]
    assert found.to_dict() == {"rows": found.rows()}
    assert "<td>0-0 1-1</td>" in found._repr_html_()
    assert list(found.to_pandas()["links"]) == found.to_pharaoh() == ["0-0 1-1", ""]


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2009", "\x1f"])
def test_only_ascii_spaces_and_tabs_part_links(tmp_path, space):
    (tmp_path / "odd").write_text(f"0-0\n0-0{space}1-1\n")
    (tmp_path / "good").write_text("0-0\n\t0-0 \t 1-1 \n")
    pair = SentencePair(("a", "b"), ("c", "d"), ("en", "de"))
    gold = read_gold(tmp_path / "good")
    readers = [read_gold, lambda path: read_predicted(path, gold), lambda path: read_pharaoh(path, [pair, pair])]
    for read in readers:
        with pytest.raises(DataError, match=f"odd, line 2: {f'0-0{space}1-1'!r} is not a link".replace("\\", r"\\")):
            read(tmp_path / "odd")
        assert len(read(tmp_path / "good")) == 2
    assert gold[1].sure == {(0, 0), (1, 1)}
    assert WordAlignment.from_pharaoh("0-0\t1-1\r\n").links == gold[1].sure
