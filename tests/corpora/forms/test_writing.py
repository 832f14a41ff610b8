import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.corpora.forms.writing import check_writable, write_bitext
from alignfreeze.errors import OutputError
from tests.support.bitext import EN_DE, texts

SENTENCES = st.text(st.characters(exclude_characters="\ufeff", exclude_categories=["Cs", "Cc"]))


@given(
    st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1),
    st.sampled_from([".tsv", ".jsonl", ".json", ".NDJSON", ".TSV", ".tsv.gz", ".jsonl.zst"]),
)
def test_what_is_written_is_read_again(tmp_path_factory, pairs, ending):
    path = tmp_path_factory.mktemp("pairs") / f"pairs{ending}"
    pairs = [("A dog", "Ein Hund"), *pairs]  # columns of numbers alone are no bitext
    write_bitext(path, pairs, EN_DE)
    # An empty line, or one of spaces, is a pair of empty sentences in a table.
    kept = [pair if "json" in ending.lower() or "\t".join(pair).strip() else ("", "") for pair in pairs]
    assert texts(path) == kept


@pytest.mark.parametrize("name", ["pairs.txt", "pairs", "pairs.en-de", "PAIRS.TXT.GZ"])
def test_other_endings_get_columns_which_are_told_by_their_tab(tmp_path, name):
    write_bitext(tmp_path / name, [("{0} files ||| x", "y"), ("a\tb", "")], EN_DE)
    assert texts(tmp_path / name) == [("{0} files ||| x", "y"), ("a b", "")]


@pytest.mark.parametrize(
    ("name", "ending"),
    [("t.tmx", "tmx"), ("t.tmx.gz", "tmx"), ("t.PO", "PO"), ("t.pot", "pot"), ("t.tsv.bz2", "bz2"), ("t.7z", "7z")],
)
def test_forms_that_cannot_be_written_are_refused(name, ending, tmp_path):
    with pytest.raises(
        OutputError, match=rf"end in \.{ending} are not written; use a name that ends in \.tsv, or in \.jsonl"
    ):
        check_writable(tmp_path / name)
