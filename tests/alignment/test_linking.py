import pytest

from alignfreeze.alignment.linking import read_links
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError

PAIRS = [
    SentencePair(("a", "b"), ("A", "B"), ("en", "de")),
    SentencePair(("a", "b"), ("X", "Y"), ("en", "tr")),
    SentencePair(("c",), ("C",), ("en", "de")),
]


def test_links_of_several_language_pairs_come_in_the_order_of_the_sentence_pairs(tmp_path):
    (tmp_path / "de").write_text("0-1\n0-0\n")
    (tmp_path / "tr").write_text("1-0\n")
    files = {("en", "de"): tmp_path / "de", ("en", "tr"): tmp_path / "tr"}
    assert [links.to_pharaoh() for links in read_links(files, PAIRS)] == ["0-1", "1-0", "0-0"]


def test_a_language_pair_without_a_file_is_named(tmp_path):
    (tmp_path / "de").write_text("0-1\n0-0\n")
    with pytest.raises(DataError, match="no file for en-tr"):
        read_links({("en", "de"): tmp_path / "de"}, PAIRS)
