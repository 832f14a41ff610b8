import gzip

import pytest

from alignfreeze.corpora.annotated import UPOS, TaggedSentence, read_conllu
from alignfreeze.corpora.columns import read_columns
from alignfreeze.errors import DataError


def line(number, word, tag="NOUN"):
    return f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_"


def write(tmp_path, *lines):
    path = tmp_path / "test.conllu"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_multiword_tokens_empty_nodes_and_untagged_words(tmp_path):
    path = write(
        tmp_path,
        "# text = vámonos al mar",
        line("1-2", "vámonos", "_"),
        line(1, "vamos", "VERB"),
        line(2, "nos", "PRON"),
        line("2.1", "hidden", "VERB"),
        line(3, "mar", "_"),
        "",
        "",
        "# another",
        line(1, "Ja", "INTJ"),
    )
    assert read_conllu(path) == [
        TaggedSentence(("vamos", "nos", "mar"), ("VERB", "PRON", None)),
        TaggedSentence(("Ja",), ("INTJ",)),
    ]


@pytest.mark.parametrize("space", [" ", "  ", "\u00a0", "\u3000", "\u2028"])
def test_words_may_hold_spaces(tmp_path, space):
    assert read_conllu(write(tmp_path, line(1, f"10{space}000", "NUM")))[0].words == (f"10{space}000",)


@pytest.mark.parametrize("comment", [[], ["# sent_id = 2"]])
@pytest.mark.parametrize("first", [[line(1, "a")], [line(1, "a"), line("1.1", "x"), line(2, "b"), line("3-4", "cd")]])
def test_lost_empty_lines_are_refused(tmp_path, comment, first):
    path = write(tmp_path, "# sent_id = 1", *first, *comment, line(1, "c"))
    number = 2 + len(first) + len(comment)
    with pytest.raises(DataError, match=rf"line {number}: word 1 follows word \d in .* an empty line must stand"):
        read_conllu(path)
    assert len(read_conllu(write(tmp_path, *first, "", *comment, line(1, "c")))) == 2


def test_a_sentence_of_very_many_words_is_said(tmp_path, remarks):
    read_conllu(write(tmp_path, *(line(number, "a") for number in range(1, 1002))))
    assert "the whole file is one sentence of 1,001 words; is there an empty line after each sentence?" in remarks[0]


def test_no_more_than_the_wanted_sentences(tmp_path):
    path = write(tmp_path, *[line(1, "a"), ""] * 5)
    assert len(read_conllu(path, max_sentences=2)) == 2


def test_gzip(tmp_path):
    path = tmp_path / "t.conllu.gz"
    path.write_bytes(gzip.compress(line(1, "a").encode()))
    assert len(read_conllu(path)) == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line(1, "a"), line(2, "b")[:-2]], r"test\.conllu, line 2: .*10 columns.*but this line has 9"),
        (
            ["# c", line(1, "a", "NUON")],
            r"test\.conllu, line 2: 'NUON' is none of the 17 UPOS tags.*Did you mean 'NOUN'",
        ),
        ([line("x", "a")], r"test\.conllu, line 1: not a CoNLL-U line"),
        (["1\t\t_\tNOUN\t_\t_\t_\t_\t_\t_"], r"test\.conllu, line 1: the word is empty"),
        (["1\t \t_\tNOUN\t_\t_\t_\t_\t_\t_"], r"test\.conllu, line 1: the word is empty"),
        (["# nothing"], "no sentence found"),
        ([""], "no sentence found"),
    ],
)
def test_what_is_no_conllu_names_the_line(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read_conllu(write(tmp_path, *lines))


TREEBANKS = ("en-dev", "de-test", "ar-test", "ta-test")
"""An English one, one with multi-word tokens, one from right to left, the smallest."""


@pytest.mark.parametrize("names", [TREEBANKS, pytest.param(None, marks=pytest.mark.slow, id="all")])
def test_treebanks_are_read_as_they_are(shared_data, names):
    files = sorted((shared_data / "ud").glob("*.conllu"))
    assert len(files) == 36
    for path in files if names is None else [shared_data / "ud" / f"{name}.conllu" for name in names]:
        sentences = read_conllu(path)
        text = path.read_text(encoding="utf-8")
        plain = [row for row in text.split("\n") if row[:1].isdigit() and row.split("\t")[0].isdigit()]
        assert sum(len(sentence.words) for sentence in sentences) == len(plain), path.name
        tags = {tag for sentence in sentences for tag in sentence.tags if tag}
        assert tags <= set(UPOS)
        assert len(tags) > 10


@pytest.mark.parametrize("words", [["_", "_"], ["_"]])
def test_a_treebank_whose_words_are_left_out(tmp_path, words, remarks):
    left_out = [line(number, word) for number, word in enumerate(words * 2, start=1)]
    path = write(tmp_path, *left_out, "", *left_out)
    with pytest.raises(DataError, match=r"every word is '_': the text is left out.* Merge the text into them first"):
        read_conllu(path)
    with pytest.raises(DataError, match="every word is '_'"):
        read_columns(write(tmp_path, "_\tDET", "_\tNOUN"))
    sentences = read_conllu(write(tmp_path, line(1, "a_b"), "", line(1, "_", "PUNCT"), "", *left_out))
    assert [sentence.words for sentence in sentences][:2] == [("a_b",), ("_",)]
    assert any("the words of 1 sentences are left out ('_'), first in sentence 3" in text for text in remarks)
