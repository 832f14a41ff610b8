import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.errors import DataError
from tests.support.bitext import EN_DE, PO, TMX, texts, tmx, unit, write


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
    with pytest.raises(DataError, match=r"declares XML entities.*remove them"):
        texts(path)


def test_a_file_of_the_machine_cannot_be_fetched_by_an_entity(tmp_path):
    secret = write(tmp_path / "secret", "hidden")
    text = TMX.format(encoding="utf-8", units=unit(("en", "&x;"), ("de", "y")))
    path = write(tmp_path / "t.tmx", text.replace('SYSTEM "tmx14.dtd"', f'[<!ENTITY x SYSTEM "file://{secret}">]'))
    with pytest.raises(DataError, match="remove them"):
        texts(path)


def test_xml_that_is_no_translation_memory(tmp_path):
    with pytest.raises(DataError, match="the file has no element <tmx>"):
        texts(write(tmp_path / "t.tmx", "<html></html>"))


def test_other_tags_of_a_language_in_a_memory_and_a_catalogue(tmp_path):
    memory = tmx(tmp_path / "t.tmx", unit(("en", "A dog"), ("nb-NO", "En hund")))
    assert list(BitextReader(memory, languages=("en-GB", "no"))) == [("A dog", "En hund")]
    catalogue = write(tmp_path / "zh.po", PO.replace("Language: de", "Language: zh_CN"))
    assert len(list(BitextReader(catalogue, languages=("en", "zh-Hans")))) == 4
    with pytest.raises(DataError, match="names the language 'zh_CN', not 'zh-Hant'"):
        list(BitextReader(catalogue, languages=("en", "zh-Hant")))
