"""Every form in which bitext comes, as real tools write it."""

import gzip
import json
import lzma
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.corpora.bitext import BitextReader, read_bitext
from alignfreeze.corpora.forms import ENDINGS, FORMS, WRITERS, form_to_write, same_language, write_bitext
from alignfreeze.errors import DataError, OutputError, SettingsError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

EN_DE = ("en", "de")


def texts(source, target=None, **options):
    return list(BitextReader(source, target, languages=EN_DE, **options))


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


# --- TSV and JSON lines ------------------------------------------------------


def test_columns_by_number(tmp_path):
    path = write(tmp_path / "t.tsv", "7\tEin Hund\t0.9\tA dog\n")
    assert texts(path, columns=("4", "2")) == [("A dog", "Ein Hund")]


def test_columns_by_name_skip_the_header(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ttgt\tsrc\n7\tEin Hund\tA dog\n")
    assert texts(path, columns=("src", "tgt")) == [("A dog", "Ein Hund")]


def test_a_column_that_is_not_there(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ttgt\n7\tEin Hund\n")
    with pytest.raises(DataError, match=r"t.tsv, line 1: no column is named 'src'; there are 'id', 'tgt'"):
        texts(path, columns=("src", "tgt"))


@pytest.mark.parametrize("columns", [("0", "1"), ("00", "1"), ("2", "000")])
def test_columns_are_counted_from_1(tmp_path, columns):
    with pytest.raises(SettingsError, match=r"columns 0*\d,0*\d: columns are numbered from 1"):
        BitextReader(write(tmp_path / "t.tsv", "a\tb\n"), languages=EN_DE, columns=columns)
    fields = write(tmp_path / "t.jsonl", json.dumps(dict(zip(columns, ("A dog", "Ein Hund"), strict=True))))
    assert texts(fields, columns=columns) == [("A dog", "Ein Hund")]


@pytest.mark.parametrize("form", ["tmx", "po", "bars", "moses"])
def test_columns_of_a_form_without_any(tmp_path, form):
    paths = [write(tmp_path / name, "x ||| y\n") for name in ("t", "u")[: 1 + (form == "moses")]]
    with pytest.raises(SettingsError, match=rf"t: the form {form} has no columns to choose from"):
        BitextReader(*paths, languages=EN_DE, form=form, columns=("1", "2"))


def test_a_line_with_too_few_columns(tmp_path):
    path = write(tmp_path / "t.tsv", "a\tb\tc\na\tb\n")
    with pytest.raises(DataError, match="line 2: expected 3 columns separated by a tab, found 2"):
        texts(path, columns=("1", "3"))


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ({"translation": {"en": "A dog", "de": "Ein Hund"}}, None),
        ({"de": "Ein Hund", "en": "A dog", "score": 1}, None),
        ({"source": "A dog", "target": "Ein Hund"}, None),
        ({"x": "A dog", "y": "Ein Hund"}, ("x", "y")),
        ({"en": "A\ndog", "de": "Ein\r\nHund"}, None),
        ({"text": "A dog", "translation": "Ein Hund"}, ("text", "translation")),
        ({"en": "A dog", "de": "Ein Hund", "translation": None}, None),
    ],
)
def test_json_lines(tmp_path, line, columns):
    path = write(tmp_path / "t.jsonl", json.dumps(line) + "\n")
    assert texts(path, columns=columns) == [("A dog", "Ein Hund")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not a JSON object"),
        ("[1, 2]", "line 1: expected an object with two sentences, found list"),
        ('{"fr": "x"}', "line 1: the fields 'fr' are not en and de"),
        ('{"en": 1, "de": "x"}', "line 1: the field 'en' holds int, not a sentence"),
        ('{"en": "x", "de": null}', "line 1: the field 'de' holds null, not a sentence"),
        ('{"en": "\\ud800", "de": "x"}', "line 1: the field 'en' holds half a character"),
        ("[" * 200_000, "line 1: not a JSON object of sentences .it is nested too deeply"),
    ],
)
def test_json_that_is_no_bitext(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        texts(write(tmp_path / "t.jsonl", line + "\n"))


# --- TMX ---------------------------------------------------------------------

TMX = """<?xml version="1.0" encoding="{encoding}"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
<header creationtool="OmegaT" segtype="sentence" adminlang="EN-US" srclang="EN-US" datatype="plaintext"/>
<body>
{units}
</body>
</tmx>
"""


def tmx(path, *units, encoding="utf-8"):
    return write(path, TMX.format(encoding=encoding, units="\n".join(units)), encoding)


def unit(*sides):
    variants = [f'<tuv xml:lang="{tag}"><seg>{text}</seg></tuv>' for tag, text in sides]
    return f"<tu>{''.join(variants)}</tu>"


def test_a_translation_memory_with_regions_and_other_languages(tmp_path):
    path = tmx(
        tmp_path / "t.tmx",
        unit(("EN-US", "A dog &amp; a cat"), ("fr", "Un chien"), ("de_DE", "Ein Hund &amp; eine Katze")),
        unit(("en", "Only English"), ("fr", "Seulement")),
        unit(("de", "Zuerst Deutsch"), ("en-GB", "German first")),
    )
    reader = BitextReader(path, languages=EN_DE)
    assert list(reader) == [("A dog & a cat", "Ein Hund & eine Katze"), ("German first", "Zuerst Deutsch")]
    assert reader.left_out == {"units without both languages": 1}


def test_several_translations_of_a_unit_are_pairs_of_their_own(tmp_path):
    path = tmx(tmp_path / "t.tmx", unit(("en", "Hi"), ("de", "Hallo"), ("de", "Grüß Gott")))
    assert texts(path) == [("Hi", "Hallo"), ("Hi", "Grüß Gott")]


def test_markup_inside_segments_is_left_out_and_its_text_stays(tmp_path):
    marked = 'Press <bpt i="1">&lt;b&gt;</bpt>Save<ept i="1">&lt;/b&gt;</ept> <hi type="x">now</hi><ph x="1">{0}</ph>.'
    path = tmx(tmp_path / "t.tmx", unit(("en", marked), ("de", "<it pos='begin'>[1}</it>Jetzt\n  <b/>speichern.")))
    assert texts(path) == [("Press Save now.", "Jetzt speichern.")]


def test_utf_16(tmp_path):
    path = tmx(tmp_path / "memory", unit(("en", "A door"), ("de", "Eine Tür")), encoding="utf-16")
    assert texts(path) == [("A door", "Eine Tür")]


def test_a_translation_memory_that_is_cut_off(tmp_path):
    path = tmx(tmp_path / "t.tmx", unit(("en", "A"), ("de", "B")))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DataError, match=r"t.tmx, line \d+: not well-formed XML; is the file cut off"):
        texts(path)


def test_an_entity_bomb_is_refused(tmp_path):
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    text = TMX.format(encoding="utf-8", units=unit(("en", "&e9;"), ("de", "x")))
    path = write(tmp_path / "t.tmx", text.replace('SYSTEM "tmx14.dtd"', f'[<!ENTITY e0 "ha">{bomb}]'))
    with pytest.raises(DataError, match=r"declares XML entities.*refused"):
        texts(path)


def test_a_file_of_the_machine_cannot_be_fetched_by_an_entity(tmp_path):
    secret = write(tmp_path / "secret", "hidden")
    text = TMX.format(encoding="utf-8", units=unit(("en", "&x;"), ("de", "y")))
    path = write(tmp_path / "t.tmx", text.replace('SYSTEM "tmx14.dtd"', f'[<!ENTITY x SYSTEM "file://{secret}">]'))
    with pytest.raises(DataError, match="refused"):
        texts(path)


def test_xml_that_is_no_translation_memory(tmp_path):
    with pytest.raises(DataError, match="there is no <tmx> in it"):
        texts(write(tmp_path / "t.tmx", "<html></html>"))


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("en", "en EN-US en_GB.UTF-8 eng"),
        ("en-GB", "en en-GB EN_gb"),
        ("no", "no nb nb-NO"),
        ("nb", "no nb nb_NO"),
        ("zh", "zh zh-TW zh_CN cmn-Hans"),
        ("zh-Hans", "zh zh_CN zh-Hans-SG"),
        ("zh-Hant", "zh_TW zh-HK"),
        ("pt-BR", "pt pt_BR"),
        ("sr-Latn", "sr@latin sr_RS.UTF-8@latin sh"),
        ("ca", "ca@valencia ca-valencia"),
        ("he", "iw he-IL"),
    ],
)
def test_language_tags_that_a_code_allows(code, tags):
    assert [tag for tag in tags.split() if not same_language(tag, code)] == []


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("es", "est et ca"),
        ("en-GB", "en-US fr-GB"),
        ("no", "nn da sv"),
        ("zh-Hans", "zh-TW zh-Hant yue"),
        ("zh-TW", "zh zh-CN zh-HK"),
        ("sr-Latn", "sr sr-Cyrl hr"),
        ("bs", "hr sr"),
        ("de", "gsw nds x-default * *all* und"),
        ("id", "ms"),
    ],
)
def test_language_tags_that_a_code_does_not_allow(code, tags):
    assert [tag for tag in ["", *tags.split()] if same_language(tag, code)] == []


def test_other_tags_of_a_language_in_a_memory_and_a_catalogue(tmp_path):
    memory = tmx(tmp_path / "t.tmx", unit(("en", "A dog"), ("nb-NO", "En hund")))
    assert list(BitextReader(memory, languages=("en-GB", "no"))) == [("A dog", "En hund")]
    catalogue = write(tmp_path / "zh.po", PO.replace("Language: de", "Language: zh_CN"))
    assert len(list(BitextReader(catalogue, languages=("en", "zh-Hans")))) == 4
    with pytest.raises(DataError, match="says that it is in 'zh_CN', not in 'zh-Hant'"):
        list(BitextReader(catalogue, languages=("en", "zh-Hant")))


# --- PO ----------------------------------------------------------------------

PO = r"""
msgid ""
msgstr ""
"Language: de\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: main.c:1
msgid "Save the file"
msgstr "Datei speichern"

#, fuzzy
msgid "Open"
msgstr "Schließen"

msgid "Not done"
msgstr ""

#, c-format
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

msgctxt "menu"
msgid ""
"Two\n"
"lines"
msgstr "Zwei\nZeilen"

#~ msgid "Old"
#~ msgstr "Alt"
"""


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
    with pytest.raises(DataError, match="says that it is in 'de', not in 'fr'"):
        list(BitextReader(write(tmp_path / "x.po", PO), languages=("en", "fr")))


def test_something_that_is_no_catalogue(tmp_path):
    with pytest.raises(DataError, match=r"not a gettext catalogue|no sentence pair"):
        read_bitext(write(tmp_path / "x.po", "nonsense\n"), languages=EN_DE)


SENTENCES = st.text(st.characters(exclude_characters="\r\n\t\ufeff", exclude_categories=["Cs"]))


@given(
    st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1),
    st.sampled_from([".tsv", ".jsonl", ".json", ".NDJSON", ".TSV", ".tsv.gz", ".jsonl.zst"]),
)
def test_what_is_written_is_read_again(tmp_path_factory, pairs, ending):
    path = tmp_path_factory.mktemp("pairs") / f"pairs{ending}"
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
        OutputError, match=rf"end in \.{ending} are not written; name one that ends in \.tsv, or in \.jsonl"
    ):
        form_to_write(tmp_path / name)


def test_every_ending_is_read_or_written_as_one_of_the_forms():
    assert set(WRITERS) <= set(ENDINGS.values()) <= set(FORMS)


# --- compression, folders, patterns ------------------------------------------

COMPRESSORS = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstd.compress}


def in_form(form, pairs):
    """Return the text of a file of a form that holds these pairs."""
    return {
        "tsv": "".join(f"{one}\t{other}\n" for one, other in pairs),
        "jsonl": "".join(json.dumps({"en": one, "de": other}) + "\n" for one, other in pairs),
        "tmx": TMX.format(encoding="utf-8", units="\n".join(unit(("en", one), ("de", other)) for one, other in pairs)),
        "po": "".join(f'msgid "{one}"\nmsgstr "{other}"\n\n' for one, other in pairs),
    }[form]


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("form", ["tsv", "tmx", "jsonl", "po"])
def test_every_compression(tmp_path, ending, form):
    path = tmp_path / f"t.{form}.{ending}"
    path.write_bytes(COMPRESSORS[ending](in_form(form, [("A dog", "Ein Hund")]).encode()))
    assert texts(path) == [("A dog", "Ein Hund")]


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("form", ["tsv", "tmx", "jsonl", "po"])
def test_a_file_that_ends_early_is_used_as_far_as_it_goes_and_that_is_said(tmp_path, ending, form, remarks):
    pairs = [(f"line {n}", f"Zeile {n * 7919 % 20011}") for n in range(20_000)]
    path = tmp_path / f"t.{form}.{ending}"
    whole = COMPRESSORS[ending](in_form(form, pairs).encode())
    path.write_bytes(whole[: len(whole) // 2])
    reader = BitextReader(path, languages=EN_DE)
    found = list(reader)
    assert 1_000 < len(found) < 20_000
    assert found == pairs[: len(found)]
    assert "end early or are damaged" in reader.notes[0]
    assert reader.notes[0] in remarks


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_a_file_that_breaks_before_its_form_can_be_told(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(COMPRESSORS[ending](b"A dog\tEin Hund\n")[:12])
    with pytest.raises(DataError, match=r"t\.\w+.*end early or are damaged"):
        texts(path)


def test_a_folder_holds_files_of_several_forms(tmp_path):
    write(tmp_path / "b" / "news.en", "one\n")
    write(tmp_path / "b" / "news.de", "eins\n")
    write(tmp_path / "b" / "more.tsv", "two\tzwei\n")
    write(tmp_path / "b" / ".hidden", "x")
    assert texts(tmp_path / "b") == [("one", "eins"), ("two", "zwei")]


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no bitext in it"):
        texts(tmp_path)


def test_patterns(tmp_path):
    for n in (1, 2):
        write(tmp_path / f"part{n}.tsv", f"en{n}\tde{n}\n")
        write(tmp_path / f"part{n}.en", f"EN{n}\n")
        write(tmp_path / f"part{n}.de", f"DE{n}\n")
    assert texts(tmp_path / "*.tsv") == [("en1", "de1"), ("en2", "de2")]
    assert texts(tmp_path / "*.en", tmp_path / "*.de") == [("EN1", "DE1"), ("EN2", "DE2")]
    assert texts(tmp_path / "part1.[de][en]") == [("EN1", "DE1")]
    with pytest.raises(DataError, match="no file matches"):
        texts(tmp_path / "*.po")
    (tmp_path / "part2.de").unlink()
    with pytest.raises(DataError, match=r"2 files match .* and 1 match"):
        texts(tmp_path / "*.en", tmp_path / "*.de")


def test_signs_of_a_pattern_in_the_name_of_a_folder(tmp_path):
    write(tmp_path / "v[1]" / "part1.tsv", "en1\tde1\n")
    write(tmp_path / "v[1]" / "all[2].en", "EN\n")
    write(tmp_path / "v[1]" / "all[2].de", "DE\n")
    assert texts(tmp_path / "v[1]" / "*.tsv") == [("en1", "de1")]
    assert texts(tmp_path / "v[1]" / "all[2]") == [("EN", "DE")]


def test_the_common_beginning_of_two_files(tmp_path):
    write(tmp_path / "opus.en-de.en", "one\n")
    path = tmp_path / "opus.en-de.de.gz"
    path.write_bytes(gzip.compress(b"eins\n"))
    assert texts(tmp_path / "opus.en-de") == [("one", "eins")]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_other_files_that_begin_like_the_two_are_passed_over(tmp_path, ending):
    for name, line in (("en", b"one\n"), ("de", b"eins\n"), ("v2.en", b"two\n"), ("v2.de", b"zwei\n")):
        content = gzip.compress(line) if ending else line
        (tmp_path / f"opus.en-de.{name}{ending}").write_bytes(content)
    write(tmp_path / "opus.en-de.ids", "1\t1\n")
    write(tmp_path / "opus.en-de.links", "0-0\n")
    assert texts(tmp_path / "opus.en-de") == [("one", "eins")]


def test_a_beginning_without_the_two_files_takes_what_there_is(tmp_path):
    write(tmp_path / "news.tsv", "one\teins\n")
    assert texts(tmp_path / "news") == [("one", "eins")]


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
    [("tvs", 1, "unknown form 'tvs'.*Did you mean 'tsv'"), ("moses", 1, "has two files"), ("tsv", 2, "two files are")],
)
def test_forms_that_do_not_fit(tmp_path, form, files, message):
    paths = [write(tmp_path / name, "a\tb\n") for name in ("x", "y")[:files]]
    with pytest.raises(SettingsError, match=message):
        texts(*paths, form=form)


# --- the hub -----------------------------------------------------------------


class Rows(list):
    """A data set that is streamed."""

    features = None


def shelf(load_dataset):
    """Stands for the library of data sets."""
    return SimpleNamespace(load_dataset=load_dataset, config=SimpleNamespace(HF_DATASETS_CACHE="/cache"))


def test_a_data_set_of_the_hub_is_streamed(monkeypatch):
    asked = []

    def load_dataset(path, name=None, *, split, streaming):
        asked.append((path, name, split, streaming))
        return Rows([{"translation": {"en": "A dog", "de": "Ein Hund"}}])

    monkeypatch.setitem(sys.modules, "datasets", shelf(load_dataset))
    assert texts("hub:Helsinki-NLP/opus-100/de-en") == [("A dog", "Ein Hund")]
    assert asked == [("Helsinki-NLP/opus-100", "de-en", "train", True)]
    assert texts("hub:a/b/c/test") == [("A dog", "Ein Hund")]
    assert asked[1] == ("a/b", "c", "test", True)


def test_the_hub_without_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SettingsError, match=r"pip install 'alignfreeze\[hub\]'"):
        texts("hub:a/b/c")


def test_the_hub_without_a_connection(monkeypatch):
    def load_dataset(*_, **__):
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setitem(sys.modules, "datasets", shelf(load_dataset))
    with pytest.raises(DataError, match=r"cannot be read from the hub \(no route to host\).*download in /cache"):
        texts("hub:a/b/c")


def test_a_row_of_the_hub_that_is_no_pair_is_no_matter_of_the_connection(monkeypatch):
    rows = [{"en": "A dog", "de": "Ein Hund"}, {"en": None, "de": "x"}]
    monkeypatch.setitem(sys.modules, "datasets", shelf(lambda *_, **__: Rows(rows)))
    with pytest.raises(DataError, match=r"^hub:a/b, row 2: the field 'en' holds null, not a sentence$"):
        texts("hub:a/b")


def test_a_name_that_is_none_of_the_hub():
    with pytest.raises(SettingsError, match="expected hub:OWNER/NAME"):
        texts("hub:opus")
