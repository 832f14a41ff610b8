"""Texts that are to be labelled: the form of a file, and what is wrong with it."""

import json

import pytest

from alignfreeze.corpora.unlabelled import FORMS, read_unlabelled
from alignfreeze.errors import DataError, SettingsError

CONLLU = (
    "# sent_id = 1\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\t_\t_\t_\t_\t_\t_\t_\t_\n2\tle\t_\tX\t_\t_\t_\t_\t_\t_\n"
)
SQUAD = {"data": [{"paragraphs": [{"context": "a b", "qas": [{"question": "a?"}, {"id": 3, "question": "b?"}]}]}]}
FILES = {
    "text": ("a.txt", "the dog\n\nthe cat\tthe bird\n", ["the dog", ("the cat", "the bird")]),
    "words": ("a.iob2", "the\tO\ndog B-X\n\n-DOCSTART- O\n\ncat O\n", [["the", "dog"], ["cat"]]),
    "conllu": ("a.txt", CONLLU + "\n" + CONLLU, [["de", "le"], ["de", "le"]]),
    "jsonl": ("a.jsonl", '{"text": "the dog"}\n\n{"text": "a"}\n', [{"text": "the dog"}, {"text": "a"}]),
    "tsv": ("a.tsv", "text\tid\nthe dog\t3\n", [{"text": "the dog", "id": "3"}]),
    "squad": ("a.json", json.dumps(SQUAD), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_file_tells_its_form(tmp_path, form):
    name, text, expected = FILES[form]
    path = tmp_path / name
    path.write_text(text)
    found = [item.value for item in read_unlabelled(path)]
    assert found == [item.value for item in read_unlabelled(path, form=form)]
    if expected is None:
        assert [(row["question"], row["context"]) for row in found] == [("a?", "a b"), ("b?", "a b")]
    else:
        assert found == expected


def test_lines_of_conllu_are_kept_and_places_are_named(tmp_path):
    (tmp_path / "a.conllu").write_text("\n" + CONLLU)
    (item,) = read_unlabelled(tmp_path / "a.conllu")
    assert item.lines == tuple(CONLLU.splitlines())
    assert item.place == f"{tmp_path / 'a.conllu'}, line 2"


WRONG = {
    "": "the file is empty",
    "\n\n": "no text found",
    '{"text": "a"}\nnull\n': "line 2: null is no text",
    '{"text": "a"}\n[1]\n': "line 2",
    CONLLU + "3\tx\n": "line 5: a CoNLL-U line has 10 columns",
    "text\tid\na\n": "line 2: expected 2 columns",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_files_are_one_error(tmp_path, text):
    (tmp_path / "a").write_text(text)
    form = "conllu" if text.startswith(CONLLU) else None
    with pytest.raises(DataError, match=WRONG[text]):
        list(read_unlabelled(tmp_path / "a", form=form))


def test_an_unknown_form(tmp_path):
    (tmp_path / "a").write_text("a")
    with pytest.raises(SettingsError, match="conllu"):
        read_unlabelled(tmp_path / "a", form="conlu")


def test_columns_of_words_are_those_of_the_labelled_reader(tmp_path):
    path = tmp_path / "a.iob2"
    path.write_text("# id = 1\n1\tthe\tO\t-\n2\tdog\tB-X\t-\n\n1\tcat\tO\t-\n2\tnaps\tO\t-\n")
    assert [item.value for item in read_unlabelled(path)] == [["the", "dog"], ["cat", "naps"]]


def test_an_ending_fixes_the_form_so_that_a_broken_line_is_said(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU + "3\tx\n")
    with pytest.raises(DataError, match="line 5: a CoNLL-U line has 10 columns"):
        list(read_unlabelled(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"text": "a", "data": 3}\n', [{"text": "a", "data": 3}]),
        ("{name} goes home\n", ["{name} goes home"]),
        ("\n" * 60 + "the dog\n", ["the dog"]),
        ("[Music]\n", ["[Music]"]),
    ],
)
def test_texts_that_look_like_another_form(tmp_path, text, expected):
    (tmp_path / "a").write_text(text)
    assert [item.value for item in read_unlabelled(tmp_path / "a")] == expected


def test_an_array_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('[{"text": "a"}]')
    with pytest.raises(DataError, match="this is a JSON array"):
        read_unlabelled(tmp_path / "a.json")


def test_a_tab_is_a_space_where_there_are_no_pairs(tmp_path):
    (tmp_path / "a").write_text("the dog\tthe cat\n")
    assert [item.value for item in read_unlabelled(tmp_path / "a", pairs=False)] == ["the dog the cat"]
