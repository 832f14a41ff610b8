import gzip

import pytest

from alignfreeze.corpora.bitext import BitextReader, read_bitext
from alignfreeze.errors import DataError
from tests.support.bitext import EN_DE, PO, texts, write


def test_a_catalogue_gives_its_finished_entries(tmp_path):
    reader = BitextReader(write(tmp_path / "de.po", PO), languages=EN_DE)
    assert list(reader) == [
        ("Save the file", "Datei speichern"),
        ("%d file", "%d Datei"),
        ("%d files", "%d Dateien"),
        ("Two lines", "Zwei Zeilen"),
    ]
    assert reader.left_out == {"fuzzy entries": 1, "untranslated entries": 1, "obsolete entries": 1}


@pytest.mark.parametrize("charset", ["ISO-8859-1", "iso-8859-15", "windows-1252", "UTF-8", "utf8", "KOI8-R", "GB18030"])
def test_a_catalogue_in_the_charset_that_it_declares(tmp_path, charset):
    letters = "ж" if charset == "KOI8-R" else "ü"
    text = PO.replace("charset=UTF-8", f"charset={charset}").replace("Datei speichern", f"Dat{letters}i")
    path = write(tmp_path / "de.po", text.replace("Schließen", "x"), charset)
    assert texts(path)[0] == ("Save the file", f"Dat{letters}i")


@pytest.mark.parametrize(
    "header", [PO.partition("#: main")[0], "", 'msgid ""\nmsgstr ""\n"Content-Type: x; charset=CHARSET"\n']
)
def test_a_catalogue_that_is_not_in_its_charset(tmp_path, header):
    body = '\nmsgid "a"\nmsgstr "b"\n\nmsgid "charset=ISO-8859-1"\nmsgstr "T\xfcr"\n'
    path = write(tmp_path / "de.po", header + body, "latin-1")
    line = (header + body).count("\n")
    with pytest.raises(DataError, match=rf"de\.po, line {line}: not valid UTF-8 \(byte 0xfc\)"):
        texts(path)


@pytest.mark.parametrize("charset", ["UFT-8", "\0UTF-8", "hex", "rot13", "undefined"])
def test_a_catalogue_in_a_charset_that_does_not_exist(tmp_path, charset):
    path = write(tmp_path / "de.po", PO.replace("UTF-8", charset))
    with pytest.raises(DataError, match=r"de\.po, line \d+: (there is no charset|not valid undefined)"):
        texts(path)


def test_a_catalogue_with_a_byte_order_mark_and_nothing_left_out(tmp_path):
    reader = BitextReader(write(tmp_path / "de.po", PO[1:].partition("#, fuzzy")[0], "utf-8-sig"), languages=EN_DE)
    assert list(reader) == [("Save the file", "Datei speichern")]
    assert reader.left_out == {}


def test_a_language_with_one_plural_form(tmp_path):
    text = PO.replace("Language: de", "Language: ja").replace('msgstr[1] "%d Dateien"\n', "")
    reader = BitextReader(write(tmp_path / "ja.po", text), languages=("en", "ja"))
    assert ("%d files", "%d Datei") in list(reader)


def test_a_language_with_three_plural_forms(tmp_path):
    text = PO.replace('msgstr[1] "%d Dateien"', 'msgstr[1] "%d few"\nmsgstr[2] "%d many"').replace(": de", ": ru")
    pairs = list(BitextReader(write(tmp_path / "ru.po", text), languages=("en", "ru")))
    assert pairs[1:4] == [("%d file", "%d Datei"), ("%d files", "%d few"), ("%d files", "%d many")]


def test_a_catalogue_of_another_language(tmp_path):
    with pytest.raises(DataError, match="names the language 'de', not 'fr'"):
        list(BitextReader(write(tmp_path / "x.po", PO), languages=("en", "fr")))


def test_something_that_is_no_catalogue(tmp_path):
    with pytest.raises(DataError, match=r"not a gettext catalogue|no sentence pair"):
        read_bitext(write(tmp_path / "x.po", "nonsense\n"), languages=EN_DE)


@pytest.mark.parametrize(
    ("source", "target", "pair"),
    [
        ("E_xit", "_Beenden", ("Exit", "Beenden")),
        ("&Open File", "Datei &öffnen", ("Open File", "Datei öffnen")),
        ("~File", "文件(~F)", ("File", "文件")),
        ("Save _as...", "另存为 (_A)...", ("Save as...", "另存为...")),
        ("set _name", "set _name", ("set _name", "set _name")),
        ("Research (R&D)", "Forschung (F&E)", ("Research (R&D)", "Forschung (F&E)")),
        ("a &lt; b", "a &lt; c", ("a &lt; b", "a &lt; c")),
        ("Tom & Ann", "Tom & Anne", ("Tom & Ann", "Tom & Anne")),
        ("Use my_file", "Datei nehmen", ("Use my_file", "Datei nehmen")),
        ("r&d costs", "f&e kosten", ("r&d costs", "f&e kosten")),
        ("the max_size", "die max_länge", ("the max_size", "die max_länge")),
        ("rock&roll", "rock&roll-musik", ("rock&roll", "rock&roll-musik")),
        ("AT&T and us", "wir und AT&T", ("AT&T and us", "wir und AT&T")),
        ("a snake_case_name", "ein snake_case_name", ("a snake_case_name", "ein snake_case_name")),
        ("see _Bool x", "siehe _Bool x", ("see _Bool x", "siehe _Bool x")),
        ("~5min left", "~5Min. übrig", ("~5min left", "~5Min. übrig")),
        ("a?x=1&lang=en", "a?x=1&lang=de", ("a?x=1&lang=en", "a?x=1&lang=de")),
        ("Cut && paste", "Schnitt &&Kleben", ("Cut && paste", "Schnitt &&Kleben")),
        ("_Help", "_Help", ("Help", "Help")),
        ("&Filter...", "&Filter …", ("Filter...", "Filter …")),
        ("Open (&O)", "打开（&O）", ("Open", "打开")),
        ("Cu_t", "(_T)裁", ("Cut", "裁")),
        ("_Élan", "_Schwung", ("Élan", "Schwung")),
    ],
)
def test_marks_of_access_keys_are_left_out(tmp_path, remarks, source, target, pair):
    path = write(tmp_path / "de.po", f'{PO.partition("#: main")[0]}\nmsgid "{source}"\nmsgstr "{target}"\n')
    assert texts(path) == [pair]
    assert any("marks of access keys" in text for text in remarks) == (pair != (source, target))


def test_a_catalogue_that_names_its_mark(tmp_path):
    header = PO.partition("#: main")[0].rstrip() + '\n"X-Accelerator-Marker: &\\n"\n\n'
    path = write(tmp_path / "de.po", header + 'msgid "a _b"\nmsgstr "c _d"\n\nmsgid "&Go"\nmsgstr "&Los"\n')
    assert texts(path) == [("a _b", "c _d"), ("Go", "Los")]
    path = write(tmp_path / "de.po", header + 'msgid "Cu&t"\nmsgstr "Schnei&den"\n\nmsgid "R&D"\nmsgstr "F&E"\n')
    assert texts(path) == [("Cut", "Schneiden"), ("R&D", "F&E")]


def test_signs_inside_words_of_both_sides_stay_and_that_is_said(tmp_path, remarks):
    body = 'msgid "_File"\nmsgstr "_Datei"\n\nmsgid "r&d"\nmsgstr "f&e"\n\nmsgid "Cu_t"\nmsgstr "Cou_per"\n'
    path = write(tmp_path / "de.po", PO.partition("#: main")[0] + body)
    assert texts(path) == [("File", "Datei"), ("r&d", "f&e"), ("Cu_t", "Cou_per")]
    assert f"{path}: signs inside words stay, as in 'r&d' and 'f&e'; declare X-Accelerator-Marker" in remarks[-1]


def test_contexts_and_plurals_of_kde_3(tmp_path):
    body = r"""
msgid ""
"_: noun\n"
"Open"
msgstr "Öffnung"

msgid ""
"_n: One file\n"
"%n files"
msgstr ""
"Eine Datei\n"
"%n Dateien"

msgid "_: noun\nClose"
msgstr "Schluss"
"""
    assert texts(write(tmp_path / "de.po", PO.partition("#: main")[0] + body)) == [
        ("Open", "Öffnung"),
        ("One file", "Eine Datei"),
        ("%n files", "%n Dateien"),
        ("Close", "Schluss"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_catalogue_with_any_line_end_and_mark(tmp_path, end, encoding):
    path = tmp_path / "de.po"
    declared = PO.replace("charset=UTF-8", "charset=UTF-16") if encoding == "utf-16" else PO
    path.write_bytes(declared.replace("\n", end).encode(encoding))
    assert texts(path)[-1] == ("Two lines", "Zwei Zeilen")


def test_a_catalogue_that_is_too_large(tmp_path):
    path = tmp_path / "de.po.gz"
    path.write_bytes(gzip.compress(b'msgid "a"\n' * 7_000_000, compresslevel=1))
    with pytest.raises(DataError, match=r"more than 67,108,864 bytes, which is too much for a catalogue"):
        texts(path)
