import gzip

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


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ('First line<ph type="lb"/>second line', "First line second line"),
        ('Press<ph x="1">&lt;br/&gt;</ph>Start', "Press Start"),
        ('One<x id="1"/>two<lb/>three<br/>four', "One two three four"),
        ("Give<ph>{0}</ph><ph>{1}</ph>now", "Give now"),
        ("Give <ph>{0}</ph>.", "Give ."),
        ("un<bpt i='1'>&lt;b&gt;</bpt>believ<ept i='1'>&lt;/b&gt;</ept>able", "unbelievable"),
        ("one<it pos='begin'>&lt;br&gt;</it>two", "one two"),
        ("one<ut>\\line</ut>two th<ut>{\\b</ut>r<ut>}</ut>ee", "one two three"),
        ('Hi <hi>th<ph/>ere</hi> <g id="1">fri<hi>end</hi></g>s', "Hi th ere friends"),
    ],
)
def test_breaks_and_placeholders_part_words_and_other_markup_does_not(tmp_path, segment, text):
    path = tmx(tmp_path / "t.tmx", unit(("en", segment), ("de", "Ja")))
    assert texts(path) == [(text, "Ja")]


def code(text, tag="ph", attributes=""):
    return f"<{tag} {attributes}>{text.replace('&', '&amp;').replace('<', '&lt;')}</{tag}>"


BREAKS = [
    *(
        "<td>",
        "</td>",
        "<tr class='x'>",
        "</h1>",
        "<H2>",
        "<p>",
        "</li>",
        "<br />",
        "<w:br/>",
        "<text:line-break/>",
        "[br]",
    ),
    *("\\cell", "{\\par", "\\tab ", "\\row\\pard", "\\line1", "\\n", "\\\\", "&nbsp;", "&lt;td&gt;", "\t"),
]


@pytest.mark.parametrize("native", BREAKS)
@pytest.mark.parametrize("tag", ["ph", "bpt", "ept", "it", "ut"])
def test_native_codes_of_cells_paragraphs_and_tabs_part_words(tmp_path, native, tag):
    path = tmx(tmp_path / "t.tmx", unit(("en", f"One.{code(native, tag)}two{code('<b>', 'bpt')}ty"), ("de", "Ja")))
    assert texts(path) == [("One. twoty", "Ja")]


@pytest.mark.parametrize(
    "kind", ["x-tab", "x-paragraph", "lb", "x-html-td", "x-line-break", "xlf:lb", "cell", "x-LB", "list-item"]
)
@pytest.mark.parametrize("name", ["type", "ctype", "subType"])
def test_types_of_breaks_part_words(tmp_path, kind, name):
    attribute = f'{name}="{kind}"'
    segment = (
        f'A,<ph {attribute}/>b,<bpt i="1" {attribute}/>c<ept i="1"/>d <hi {attribute}>e</hi><hi {attribute}>f</hi>g'
    )
    assert texts(tmx(tmp_path / "t.tmx", unit(("en", segment), ("de", "Ja")))) == [("A, b, c d e f g", "Ja")]


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ("<p>One</p><td>two</td>three", "One two three"),
        ('A<x id="1" equiv-text="&lt;br/&gt;"/>,B', "A ,B"),
        ('A.<bx rid="1" ctype="x-td"/>b<ex rid="1"/>c', "A. b c"),
        ('A<g ctype="x-p">b</g>c', "A b c"),
        ('A<g ctype="bold">b</g>c', "Abc"),
    ],
)
def test_elements_of_other_formats_in_a_memory(tmp_path, segment, text):
    assert texts(tmx(tmp_path / "t.tmx", unit(("en", segment), ("de", "Ja")))) == [(text, "Ja")]


@pytest.mark.parametrize("tag", ["ph", "it", "bpt", "ut"])
@pytest.mark.parametrize(
    "native", ["<b>", "</strong>", "<i class='x'>", "<span><u>", "\\b0 ", "{\\b", "<sub>", "[b]", "<font color='h1'>"]
)
def test_native_codes_of_bold_letters_part_no_word(tmp_path, tag, native):
    bold = 'type="bold"'
    segment = f"un{code(native, tag)}believ{code('', tag, bold)}able"
    assert texts(tmx(tmp_path / "t.tmx", unit(("en", segment), ("de", "Ja")))) == [("unbelievable", "Ja")]


@pytest.mark.parametrize("name", ["tmx", "tmx:tmx"])
def test_a_memory_with_a_namespace(tmp_path, name):
    prefix = name.partition(":")[0] + ":" if ":" in name else ""
    declaration = f'xmlns{":tmx" if prefix else ""}="http://www.lisa.org/tmx14"'
    body = "<P:body><P:tu><P:tuv xml:lang='en'><P:seg>A<P:ph/>dog</P:seg></P:tuv>"
    body += "<P:tuv xml:lang='de'><P:seg>Ein Hund</P:seg></P:tuv></P:tu></P:body>"
    text = f"<{name} {declaration} version='1.4'>{body.replace('P:', prefix)}</{name}>"
    assert texts(write(tmp_path / "t.tmx", text)) == [("A dog", "Ein Hund")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
@pytest.mark.parametrize("bad", ["&#x0B;", "&#2;", "\x02", "\0", "&#xD83D;", "&#xFFFF;", "&#99999999;"])
def test_a_character_that_xml_forbids_is_a_space(tmp_path, remarks, encoding, bad):
    pairs = [
        ("A house", "Ein Haus"),
        (f"Bad {bad} sign", "Schlechtes Zeichen"),
        ("A tree &#228;&#x1F600;", "Ein Baum ä"),
    ]
    path = tmx(tmp_path / "t.tmx", *(unit(("en", one), ("de", other)) for one, other in pairs), encoding=encoding)
    assert texts(path) == [("A house", "Ein Haus"), ("Bad sign", "Schlechtes Zeichen"), ("A tree ä😀", "Ein Baum ä")]
    assert f"{path}: 1 characters that XML forbids are read as spaces" in remarks


DOCTYPE = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'


@pytest.mark.parametrize("doctype", [DOCTYPE, ""])
@pytest.mark.parametrize("block", [2**16, 5])
def test_entities_of_html_are_characters(tmp_path, remarks, monkeypatch, doctype, block):
    monkeypatch.setattr("alignfreeze.corpora.forms.xml.BLOCK", block)
    segments = [
        "Caf&eacute;&nbsp;A &lt; B",
        "<!-- &foo; -->x<![CDATA[ &nbsp; &#2; ]]>",
        "z&CounterClockwiseContourIntegral;",
    ]
    units = [unit(("en", segment), ("de", "Ja")) for segment in segments]
    text = TMX.format(encoding="utf-8", units="".join(units)).replace(DOCTYPE, doctype)
    sources = [source for source, _ in texts(write(tmp_path / "t.tmx", text))]
    assert sources == ["Café A < B", "x &nbsp; &#2;", "z\u2233"]
    assert any("3 entities of HTML, such as &nbsp;, are read as their characters" in remark for remark in remarks)


@pytest.mark.parametrize("doctype", [DOCTYPE, ""])
@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ("A &foo; B", "neither XML nor HTML has the entity &foo;; write the character itself"),
        ("AT&T", r"not well-formed XML; write &amp; for the sign & \("),
        ("A & B", r"not well-formed XML; write &amp; for the sign & \("),
    ],
)
def test_entities_that_do_not_exist_are_named_with_their_line(tmp_path, doctype, segment, message):
    text = TMX.format(encoding="utf-8", units="\n".join([unit(("en", "A"), ("de", "B")), unit(("en", segment))]))
    line = 7 if doctype else 6
    with pytest.raises(DataError, match=rf"t\.tmx, line {line}: {message}"):
        texts(write(tmp_path / "t.tmx", text.replace(DOCTYPE, doctype)))


def test_entities_of_html_that_a_file_declares_itself_are_refused(tmp_path):
    secret = write(tmp_path / "secret", '<!ENTITY eacute "hidden">')
    text = TMX.format(encoding="utf-8", units=unit(("en", "&eacute;"), ("de", "y")))
    for declaration in ('<!ENTITY eacute "long text">', f'<!ENTITY % x SYSTEM "file://{secret}"> %x;'):
        with pytest.raises(DataError, match="declares XML entities"):
            texts(write(tmp_path / "t.tmx", text.replace('SYSTEM "tmx14.dtd"', f"[{declaration}]")))


def test_references_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("alignfreeze.corpora.forms.xml.BLOCK", 7)
    path = tmx(tmp_path / "t.tmx", unit(("en", "A &#x0B; tree &#228; &amp; &#x1F600;"), ("de", "Baum")))
    assert texts(path) == [("A tree ä & 😀", "Baum")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<?xml version="1.0"?><xliff xmlns="urn:x"><file/></xliff>', "this is XLIFF, which is not read; .*xliff2po"),
        ("<?xml version='1.0'?><TS><context/></TS>", "this is a file of Qt Linguist"),
        ("<html><body>x</body></html>", "this is a web page"),
    ],
)
def test_other_formats_are_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        texts(write(tmp_path / "t.tmx", text))


def test_bad_markup_in_the_middle_is_not_called_cut_off(tmp_path):
    path = tmx(tmp_path / "t.tmx", unit(("en", "A </b> x"), ("de", "B")), *[unit(("en", "A"), ("de", "B"))] * 5000)
    with pytest.raises(DataError, match=r"t\.tmx, line 6: not well-formed XML \("):
        texts(path)


def test_a_memory_without_units_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "t.tmx.gz"
    path.write_bytes(gzip.compress(b"<tmx><header>" + b"<note>a</note>" * 6_000_000, compresslevel=1))
    with pytest.raises(DataError, match=r"more than 67,108,864 bytes without a translation unit"):
        texts(path)


@pytest.mark.parametrize("declared", ["utf-16", "UTF-16LE", "utf-32"])
def test_a_declaration_that_names_another_encoding_is_called_wrong(tmp_path, declared):
    text = TMX.format(encoding=declared, units=unit(("en", "A"), ("de", "Ä")))
    with pytest.raises(DataError, match=rf"line 1: the declaration names {declared}, but .* write encoding=\"utf-8\""):
        texts(write(tmp_path / "t.tmx", text))
    if declared == "utf-16":
        assert texts(write(tmp_path / "w.tmx", text, "utf-16")) == [("A", "Ä")]
