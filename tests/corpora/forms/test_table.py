"""How the form of a file is told from its name and its first line."""

import gzip
import os
import threading
from collections import Counter

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.corpora.forms.form import Form
from alignfreeze.corpora.forms.table import FORMS
from alignfreeze.corpora.forms.writing import write_bitext
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import digest_of_file, read_lines
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


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "A dog,Ein Hund\n", "line 1: this looks like CSV, with commas between columns"),
        ("t", '"A dog","Ein Hund"\n', "this looks like CSV"),
        ("t.txt", "en,de\nA dog,Ein Hund\n", "this looks like CSV"),
        ("t.json", '[{"en": "A dog", "de": "Ein Hund"}]', "this is a JSON array, .*one object per line.*jq -c"),
        ("t.json", '[\n  {"en": "A dog", "de": "Ein Hund"}\n]', "this is a JSON array"),
        ("t", '[\n  {"en": "A dog", "de": "Ein Hund"}\n]', "this is a JSON array"),
        ("t.xlf", "<xliff/>", "this is XLIFF"),
        ("t", '<?xml version="1.0"?>\n<xliff version="1.2"></xliff>', "this is XLIFF"),
        (
            "t",
            "A house\t, old ||| Ein Haus\nA tree ||| Ein Baum\n",
            "line 2: this line has .* --form bars or --form tsv",
        ),
    ],
)
def test_other_formats_are_named(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        texts(write(tmp_path / name, text))


def test_the_form_of_a_pipe_must_be_named(tmp_path):
    source, target = tmp_path / "pipe", tmp_path / "other"
    for path in (source, target):
        os.mkfifo(path)
    with pytest.raises(DataError, match=r"pipe: a pipe can be read only once, so its form cannot be guessed; .*--form"):
        texts(source)
    with pytest.raises(DataError, match="a pipe can be read only once, and the record needs a digest"):
        digest_of_file(source)

    def pour(path, content):
        writer = threading.Thread(target=path.write_text, args=(content,))
        writer.start()
        return writer

    lines = [(f"en {n}", f"de {n}") for n in range(5000)]
    writer = pour(source, "".join(f"{a}\t{b}\n" for a, b in lines))
    assert texts(source, form="tsv") == lines
    writer.join()
    writers = [pour(source, "a\nb\n"), pour(target, "c\n")]
    with pytest.raises(DataError, match=r"pipe has 2 lines and .*other 1;"):
        texts(source, target)
    for writer in writers:
        writer.join()


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("A tree |||", ("A tree", "")),
        ("||| Ein Baum", ("", "Ein Baum")),
        ("|||", ("", "")),
        ("A house||| Ein Haus", ("A house", "Ein Haus")),
        ("A house|||Ein Haus", ("A house", "Ein Haus")),
        ("a|||b ||| c", ("a|||b", "c")),
    ],
)
def test_bars_with_an_empty_side_or_without_spaces(tmp_path, line, pair):
    expected = [pair, ("A house", "Ein Haus")]
    assert texts(write(tmp_path / "t", f"{line}\nA house ||| Ein Haus\n")) == expected


@pytest.mark.parametrize(
    "lines",
    ["A house\t, old ||| Ein Haus\nA\ttree ||| Ein Baum\n", "A house ||| Ein\tHaus\n" * 2, "a\t||| b\nc\t||| d\n"],
)
def test_lines_with_bars_and_a_tab_are_ambiguous(tmp_path, lines):
    path = write(tmp_path / "t.txt", lines)
    with pytest.raises(DataError, match=r"line 1: every line has a tab and \|\|\|.*--form bars or --form tsv"):
        texts(path)
    assert texts(path, form="bars")[0][1] in {"Ein Haus", "Ein\tHaus", "b"}
