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
    "words": ("a.iob2", "the\tO\ndog B-X\n\n-DOCSTART- O\n\ncat\n", [["the", "dog"], ["cat"]]),
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
