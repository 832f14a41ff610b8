import json

import pytest

from alignfreeze.errors import DataError
from tests.support.bitext import texts, write


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
        ('{"fr": "x"}', "line 1: expected the fields en and de, found 'fr'"),
        ('{"en": 1, "de": "x"}', "line 1: the field 'en' holds int, not a sentence"),
        ('{"en": "x", "de": null}', "line 1: the field 'de' holds null, not a sentence"),
        ('{"en": "\\ud800", "de": "x"}', "line 1: the field 'en' holds half a character"),
        ("[" * 200_000, "line 1: not a JSON object of sentences .it is nested too deeply"),
    ],
)
def test_json_that_is_no_bitext(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        texts(write(tmp_path / "t.jsonl", line + "\n"))
