"""How the form of a file is told from its name and its first line."""

import gzip
from collections import Counter

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.corpora.forms.form import Form
from alignfreeze.corpora.forms.table import FORMS
from alignfreeze.corpora.forms.writing import write_bitext
from alignfreeze.errors import SettingsError
from alignfreeze.files import read_lines
from tests.support.bitext import EN_DE, texts, write


def test_the_form_that_is_named_holds_and_the_guess_is_said(tmp_path, remarks):
    path = write(tmp_path / "t", "a ||| b\tc\n")
    assert texts(path) == [("a ||| b", "c")]
    assert f"{path}: read as tsv" in remarks
    assert texts(path, form="bars") == [("a", "b\tc")]
    assert set(FORMS) == {"moses", "tsv", "bars", "tmx", "po", "jsonl"}


@pytest.mark.parametrize("name", ["t", "t.tsv", "T.TSV.gz"])
@pytest.mark.parametrize("first", ["{0} files", "<?xml", "msgid", "a ||| b", ""])
def test_columns_are_told_by_the_ending_or_a_tab(tmp_path, name, first):
    content = f"{first}\tx\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert texts(tmp_path / name) == [(first, "x")]


def test_a_line_of_json_tells_its_form(tmp_path):
    assert texts(write(tmp_path / "t", '{"en": "A\\tdog ||| x", "de": "Hund"}\n')) == [("A\tdog ||| x", "Hund")]


@pytest.mark.parametrize(
    ("form", "files", "message"),
    [
        ("tvs", 1, "unknown form 'tvs'.*Did you mean 'tsv'"),
        ("moses", 1, "the form moses needs two files, but only"),
        ("tsv", 2, "two files were given"),
    ],
)
def test_forms_that_do_not_fit(tmp_path, form, files, message):
    paths = [write(tmp_path / name, "a\tb\n") for name in ("x", "y")[:files]]
    with pytest.raises(SettingsError, match=message):
        texts(*paths, form=form)


@pytest.mark.parametrize("form", ["tmx", "po", "bars", "moses"])
def test_columns_of_a_form_without_any(tmp_path, form):
    paths = [write(tmp_path / name, "x ||| y\n") for name in ("t", "u")[: 1 + (form == "moses")]]
    with pytest.raises(SettingsError, match=rf"t: the form {form} has no columns to choose from"):
        BitextReader(*paths, languages=EN_DE, form=form, columns=("1", "2"))


def test_every_ending_tells_one_form():
    endings = Counter(ending for form in FORMS.values() for ending in form.endings)
    assert set(endings) == {".tsv", ".tmx", ".po", ".pot", ".jsonl", ".ndjson", ".json"}
    assert set(endings.values()) == {1}
    assert {name for name, form in FORMS.items() if form.to_lines} == {"tsv", "jsonl"}


def test_a_form_is_a_value_of_the_table(tmp_path, monkeypatch, remarks):
    arrows = Form(
        lambda paths, *_: (tuple(line.split(" -> ")) for _, line in read_lines(paths[0])),
        endings=(".arrows",),
        fits_line=lambda line: " -> " in line,
        to_lines=lambda pairs, _: map(" -> ".join, pairs),
    )
    monkeypatch.setitem(FORMS, "arrows", arrows)
    write_bitext(tmp_path / "t.arrows", [("A dog", "Ein Hund")], EN_DE)
    assert texts(tmp_path / "t.arrows") == [("A dog", "Ein Hund")]
    assert texts(write(tmp_path / "t", "A dog -> Ein Hund\n")) == [("A dog", "Ein Hund")]
    assert f"{tmp_path / 't'}: read as arrows" in remarks
    with pytest.raises(
        SettingsError, match="the form arrows has no columns to choose from; only tsv and jsonl have columns"
    ):
        texts(tmp_path / "t", columns=("1", "2"))
