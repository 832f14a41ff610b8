"""Characters that are no text, in bitext of any form."""

import json

import pytest

from alignfreeze.corpora.bitext import BitextReader, choose_pairs, read_bitext
from alignfreeze.corpora.cleaning import clean, to_characters
from alignfreeze.corpora.selection import SelectionSettings
from tests.support.bitext import EN_DE, in_form, texts, write


@pytest.mark.parametrize("separator", ["\r\t", "\r ||| ", "\t", " ||| "])
def test_a_return_at_the_end_of_a_side_is_no_text(tmp_path, separator):
    path = tmp_path / "t"
    path.write_bytes(f"The cat sleeps .{separator}Die Katze schläft .\r\n".encode() * 2)
    assert texts(path) == [("The cat sleeps .", "Die Katze schläft .")] * 2


def test_pairs_that_differ_in_returns_alone_are_one(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b"The cat .\r\tDie Katze .\nThe cat .\tDie Katze .\n")
    assert len(choose_pairs(BitextReader(path, languages=EN_DE), SelectionSettings(deduplicate=True)).texts) == 1


@pytest.mark.parametrize("sign", ["\0", "\x02", "\x0b", "\x1f", "\x7f", "\x85", "\x9d"])
@pytest.mark.parametrize("form", ["tsv", "jsonl"])
def test_control_characters_are_spaces_and_that_is_said(tmp_path, sign, form, remarks):
    path = write(tmp_path / f"t.{form}", in_form(form, [(f"A{sign}dog", "Ein Hund"), ("A cat", "Die Katze")]))
    assert [pair.source for pair in read_bitext(path, languages=EN_DE)] == [("A", "dog"), ("A", "cat")]
    assert f"{path}: control characters in 1 sentence pairs are read as spaces" in remarks
    given = read_bitext(path, languages=EN_DE, pretokenized=True)
    assert given[0].source == (f"A{sign}dog",)
    assert remarks[-1].endswith("are left as they are")


def test_line_ends_inside_a_sentence_are_spaces_even_between_given_words(tmp_path, remarks):
    path = write(tmp_path / "t.jsonl", json.dumps({"en": "A\r\ndog\n", "de": "Ein\nHund"}))
    for pretokenized in (False, True):
        assert read_bitext(path, languages=EN_DE, pretokenized=pretokenized)[0].source == ("A", "dog")
    assert not any("control" in text for text in remarks)


def test_what_follows_a_zero_byte_in_japanese_is_kept(tmp_path):
    source, target = (
        write(tmp_path / "t.en", "The weather is fine.\n"),
        write(tmp_path / "t.ja", "今日は\0天気がいい。\n"),
    )
    pair = read_bitext(source, target, languages=("en", "ja"))[0]
    assert "".join(pair.target) == "今日は天気がいい。"


ESCAPED = ("I don &apos;t know Tom &amp; Co &#91; 1 &#93; .", "Ich kenne Tom &amp; Co nicht &quot; &#124; .")


def test_escapes_are_said_and_an_option_turns_them_into_characters(tmp_path, remarks):
    path = write(tmp_path / "t.tsv", "\t".join(ESCAPED) + "\n")
    assert texts(path) == [ESCAPED]
    read_bitext(path, languages=EN_DE)
    assert f"{path}: 1 of 1 sentence pairs hold escapes such as &apos;; --unescape" in remarks[-1]
    assert texts(path, unescape=True) == [("I don 't know Tom & Co [ 1 ] .", 'Ich kenne Tom & Co nicht " | .')]
    pair = read_bitext(path, languages=EN_DE, unescape=True, pretokenized=True)[0]
    assert pair.source == ("I", "don", "'t", "know", "Tom", "&", "Co", "[", "1", "]", ".")
    assert "unescape" not in remarks[-1]


def test_text_without_escapes_says_nothing(tmp_path, remarks):
    read_bitext(write(tmp_path / "t.tsv", "R&D; AT&T\tF&E\n" * 3), languages=EN_DE)
    assert remarks == [f"{tmp_path / 't.tsv'}: read as tsv"]


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("&amp;apos;", "&apos;"),
        ("&bar; &bra;&ket;", "| []"),
        ("&#x27;&#39;", "''"),
        ("a&#10;b&nbsp;c&#32;d", "a\xa0b\xa0c\xa0d"),
        ("&unknown; & &amp", "&unknown; & &amp"),
    ],
)
def test_escapes_stand_for_one_character_each(escaped, plain):
    assert to_characters(escaped) == plain


def test_tabs_and_other_text_stay():
    for text in ("a\tb", "10\xa0000 猫\u3000犬 😀", "می\u200cروم", ""):
        assert clean(text) == clean(text, pretokenized=True) == text


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("caf&eacute; na&iuml;ve", "café naïve"),
        ("Es &uuml;ber&hellip;", "Es über…"),
        ("Smith &co; x &bar; y", "Smith &co; x | y"),
        ("a&ensp;b", "a\xa0b"),
    ],
)
def test_all_names_of_html_are_escapes(tmp_path, remarks, text, characters):
    assert to_characters(text) == characters
    path = write(tmp_path / "t.tsv", f"{text}\tx\n" * 3)
    read_bitext(path, languages=EN_DE)
    assert any("3 of 3 sentence pairs hold escapes" in remark for remark in remarks)


def test_what_html_has_no_name_for_is_no_escape(tmp_path, remarks):
    read_bitext(write(tmp_path / "t.tsv", "Smith &co; AT&T;\tx\n" * 3), languages=EN_DE)
    assert not any("escapes" in remark for remark in remarks)
