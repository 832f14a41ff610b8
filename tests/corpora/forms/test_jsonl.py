import json

import pytest

from alignfreeze.corpora.bitext import BitextReader, choose_pairs
from alignfreeze.corpora.given import to_bitext
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.errors import DataError
from tests.support.bitext import EN_DE, texts, write


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
        ({"en_US": "A dog", "de_DE": "Ein Hund"}, None),
        ({"translation": {"eng_Latn": "A dog", "deu_Latn": "Ein Hund", "fra_Latn": "Un chien"}}, None),
        ({"en": "A dog", "en_GB": "A hound", "de-AT": "Ein Hund"}, None),
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
        ('{"fr": "x"}', "line 1: expected the fields en and de, found 'fr'"),
        ('{"en": 1, "de": "x"}', "line 1: the field 'en' holds int, not a sentence"),
        ('{"pt": "x", "pt_BR": "y", "en": "z"}', "line 1: expected the fields en and de, found 'pt', 'pt_BR', 'en'"),
        ('{"en_US": "x", "en_GB": "y", "de": "z"}', "line 1: 'en_US' and 'en_GB' are both 'en'; choose one with --col"),
        ('{"en": "\\ud800", "de": "x"}', r"line 1: the field 'en': \\ud800 is half a character"),
        ('{"en": "x", "de": "y", "en": "z"}', "line 1: not a JSON .* has 2 fields 'en', the last with 'z'; keep"),
        ('{"translation": {"en": "x", "de": "y", "de": "z"}}', "line 1: .*an object has 2 fields 'de'"),
        (' [ {"en": "x", "de": "y"}]', "line 1: this is a JSON array"),
        ("[" * 200_000, "line 1: not a JSON object of sentences .it is nested too deeply"),
    ],
)
def test_json_that_is_no_bitext(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        texts(write(tmp_path / "t.jsonl", line + "\n"))


def test_one_null_leaves_out_one_line_and_the_others_keep_their_numbers(tmp_path):
    lines = [
        {"translation": {"en": "One", "de": "Eins"}},
        {"translation": {"en": "Two", "de": None}},
        {"translation": None},
        None,
        {"en": float("nan"), "de": "x"},
        {"translation": {"en": "Three", "de": "Drei"}},
    ]
    reader = BitextReader(write(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines))), languages=EN_DE)
    assert list(reader) == [("One", "Eins"), ("Two", ""), ("", ""), ("", ""), ("", "x"), ("Three", "Drei")]
    chosen = choose_pairs(reader, SelectionSettings())
    assert len(chosen.texts) == 6
    assert chosen.left_out == {"with null instead of a sentence": 8}  # read twice


NAMES = [
    ("src_lang", "tgt_lang"),
    ("source_language", "target_language"),
    ("lang1", "lang2"),
    ("sourceLang", "targetLang"),
]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("tags", [("de", "en"), ("deu_Latn", "eng_Latn"), ("German", "English"), ("de", None)])
def test_fields_that_name_the_languages_decide_the_order(tmp_path, names, tags):
    row = {**dict(zip(names, tags, strict=True)), "source": "Das Haus", "target": "The house"}
    if None in tags:
        row["x"] = 1
    path = write(tmp_path / "t.jsonl", json.dumps(row) + "\n")
    assert texts(path) == [("The house", "Das Haus")]
    assert texts(path, columns=("source", "target")) == [("Das Haus", "The house")]
    (pair,) = to_bitext([row], languages=EN_DE)
    assert pair.source == ("The", "house")
    (pair,) = to_bitext({name: [value] for name, value in row.items()}, languages=EN_DE)
    assert pair.source == ("The", "house")


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("tags", [("eng", "fra"), ("de", "de"), ("fr", ""), ("web", "web")])
def test_fields_that_name_other_languages_are_refused(tmp_path, names, tags):
    row = {**dict(zip(names, tags, strict=True)), "source": "a", "target": "b"}
    good = {**row, names[0]: "en", names[1]: "de"}
    path = write(tmp_path / "t.jsonl", f"{json.dumps(good)}\n{json.dumps(row)}\n")
    with pytest.raises(DataError, match=r"line 2: the languages are .* in .*, not en and de; keep .*--columns source"):
        texts(path)
    with pytest.raises(DataError, match=r"sentence pair 2: the languages are .*, not en and de"):
        to_bitext([good, row], languages=EN_DE)


def test_tags_as_names_of_fields_are_right_whatever_others_name(tmp_path):
    row = {"en": "A dog", "de": "Ein Hund", "src_lang": "de", "tgt_lang": "en"}
    assert texts(write(tmp_path / "t.jsonl", json.dumps(row))) == [("A dog", "Ein Hund")]
