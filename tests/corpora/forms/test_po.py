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


def test_a_catalogue_in_a_charset_that_does_not_exist(tmp_path):
    path = write(tmp_path / "de.po", PO.replace("UTF-8", "UFT-8"))
    with pytest.raises(DataError, match=r"de\.po, line 5: there is no charset 'UFT-8'"):
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
