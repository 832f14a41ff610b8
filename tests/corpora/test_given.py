"""Whatever a caller holds becomes sentence pairs."""

import copy
import itertools
import json
import sys
from collections import OrderedDict

import pytest

from alignfreeze.corpora.bitext import SentencePair, read_bitext
from alignfreeze.corpora.given import to_bitext
from alignfreeze.errors import AlignFreezeError, DataError, SettingsError

datasets = pytest.importorskip("datasets")
pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

EN_DE = ("en", "de")
ENGLISH = ["The cat sleeps.", "It isn't cold, is it?", "A tab\tand\x01more"]
GERMAN = ["Die Katze schläft.", "Es ist nicht kalt, oder?", "Ein Tabulator"]
TEXTS = list(zip(ENGLISH, GERMAN, strict=True))
ROWS = [{"en": source, "de": target} for source, target in TEXTS]
TRANSLATIONS = [{"id": str(n), "translation": row} for n, row in enumerate(ROWS)]
TRANSLATED = datasets.Features(
    {"id": datasets.Value("string"), "translation": datasets.Translation(languages=list(EN_DE))}
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "bitext.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def expected(file):
    return read_bitext(file, languages=EN_DE)


def words():
    return [(list(pair.source), tuple(pair.target)) for pair in to_bitext(TEXTS, languages=EN_DE)]


KINDS = {
    "pairs of texts": lambda: TEXTS,
    "a tuple of lists": lambda: tuple(map(list, TEXTS)),
    "an iterator": lambda: zip(ENGLISH, GERMAN, strict=True),
    "pairs of lists of words": words,
    "sentence pairs": lambda: to_bitext(TEXTS, languages=EN_DE),
    "dicts by language": lambda: ROWS,
    "other mappings": lambda: [OrderedDict(row) for row in ROWS],
    "dicts with more fields": lambda: [{"id": 3, **row} for row in ROWS],
    "source and target": lambda: [{"target": target, "source": source} for source, target in TEXTS],
    "codes of other styles": lambda: [{"en_US": source, "deu": target} for source, target in TEXTS],
    "translations": lambda: TRANSLATIONS,
    "columns": lambda: {"en": ENGLISH, "de": GERMAN},
    "a data set": lambda: datasets.Dataset.from_list(TRANSLATIONS, features=TRANSLATED),
    "a data set of columns": lambda: datasets.Dataset.from_list(ROWS),
    "a data set of tensors": lambda: datasets.Dataset.from_list(ROWS).with_format("torch"),
    "rows of a data set": lambda: datasets.Dataset.from_list(ROWS)[:],
    "a column of a data set": lambda: datasets.Dataset.from_list(TRANSLATIONS, features=TRANSLATED)["translation"],
    "a stream": lambda: datasets.Dataset.from_list(ROWS).to_iterable_dataset(),
    "a generated stream": lambda: datasets.IterableDataset.from_generator(lambda: iter(TRANSLATIONS)),
    "pandas": lambda: pandas.DataFrame(ROWS),
    "pandas, source and target": lambda: pandas.DataFrame(TEXTS, columns=["source", "target"]),
    "pandas, any names": lambda: pandas.DataFrame(TEXTS, columns=["x", "y"]).assign(n=[1, 2, 3]),
    "pandas, no names": lambda: pandas.DataFrame(TEXTS),
    "pandas, names of languages": lambda: pandas.DataFrame({"German": GERMAN, "note": "n", "English": ENGLISH}),
    "pandas, names with codes": lambda: pandas.DataFrame({"text_de": GERMAN, "text_en": ENGLISH, "text_fr": "x"}),
    "pandas, lists of words": lambda: pandas.DataFrame(words(), columns=["en", "de"]),
    "polars": lambda: polars.DataFrame(ROWS),
    "polars, lazy": lambda: polars.LazyFrame(ROWS),
    "by language pair": lambda: {EN_DE: TEXTS},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_object_gives_what_the_file_gives(kind, expected):
    held = KINDS[kind]()
    before = None if kind in {"an iterator", "a generated stream"} else copy.deepcopy(held)
    assert to_bitext(held, languages=EN_DE) == expected
    if before is not None:
        assert to_bitext(before, languages=EN_DE) == to_bitext(held, languages=EN_DE)
    if type(before) in {list, dict, tuple}:
        assert held == before


@pytest.mark.parametrize("place", [str, lambda path: path, lambda path: path.parent, lambda p: str(p.parent / "*l")])
def test_a_place_is_read(file, place, expected):
    assert to_bitext(place(file), languages=EN_DE) == expected


def test_our_own_list_is_returned_as_it_is(expected):
    assert to_bitext(expected) is expected
    assert to_bitext(expected, languages=("fr", "tr")) is expected
    assert to_bitext(expected, max_pairs=2) == expected[:2]
    assert to_bitext(tuple(expected)) == expected
    assert to_bitext(iter(expected)) == expected
    assert to_bitext([]) == []


def test_several_language_pairs(expected):
    turkish = [("the cat", "kedi")]
    held = {("en", "tr"): turkish, ("en", "de"): pandas.DataFrame(ROWS)}
    assert to_bitext(held) == [*to_bitext(turkish, languages=("en", "tr")), *expected]


@pytest.mark.parametrize("held", [ROWS, TRANSLATIONS, pandas.DataFrame(ROWS), polars.DataFrame(ROWS)])
def test_an_object_may_tell_its_languages(held, remarks, expected):
    assert to_bitext(held) == expected
    assert any("the source is English, the target German, by the names of the fields" in text for text in remarks)


@pytest.mark.parametrize(
    "held",
    [
        TEXTS,
        words(),
        [{"source": "a", "target": "b"}],
        [{"src": "a", "tgt": "b"}],
        [{"en": "a", "de": "b", "tr": "c"}],
        pandas.DataFrame({"x": ["a"], "y": ["b"]}),
        "bitext.tsv",
    ],
)
def test_languages_that_nothing_tells_are_asked_for(held):
    with pytest.raises(DataError, match=r"languages=\('en', 'de'\)"):
        to_bitext(held)


def test_a_stream_without_end_is_cut():
    def rows():
        for number in itertools.count():
            yield {"en": f"dog {number}", "de": f"Hund {number}"}

    stream = datasets.IterableDataset.from_generator(rows)
    assert len(to_bitext(stream, languages=EN_DE, max_pairs=250)) == 250
    assert len(to_bitext(rows(), languages=EN_DE, max_pairs=3)) == 3


@pytest.mark.parametrize(
    "held",
    [
        [("the cat", "die Katze"), (None, "der Hund"), ("the dog", float("nan"))],
        pandas.DataFrame({"en": ["the cat", None, "the dog"], "de": ["die Katze", "der Hund", float("nan")]}),
        polars.DataFrame({"en": ["the cat", None, "the dog"], "de": ["die Katze", "der Hund", None]}),
        datasets.Dataset.from_dict({"en": ["the cat", None, "the dog"], "de": ["die Katze", "der Hund", None]}),
    ],
)
def test_a_missing_sentence_leaves_an_empty_side_and_is_said_once(held, remarks):
    pairs = to_bitext(held, languages=EN_DE)
    assert [(pair.source, pair.target) for pair in pairs] == [
        (("the", "cat"), ("die", "Katze")),
        ((), ("der", "Hund")),
        (("the", "dog"), ()),
    ]
    assert [text for text in remarks if "2 of 3 sentence pairs, first in sentence pair 2" in text] == remarks[-1:]


def test_columns_that_are_guessed_are_said(remarks):
    to_bitext(pandas.DataFrame(TEXTS, columns=["x", "y"]), languages=EN_DE)
    assert "English in 'x' and German in 'y'; rename the fields" in remarks[0]
    frame = pandas.DataFrame({"x": ENGLISH, "y": GERMAN, "z": GERMAN})
    assert to_bitext(frame, languages=EN_DE, columns=("x", "z")) == to_bitext(TEXTS, languages=EN_DE)


def test_how_texts_are_split():
    texts = [("don't stop &apos;now&apos;", "nicht anhalten !")]
    (pair,) = to_bitext(texts, languages=EN_DE, pretokenized=True)
    assert pair.source == ("don't", "stop", "&apos;now&apos;")
    (pair,) = to_bitext(texts, languages=EN_DE, unescape=True)
    assert pair.source == ("don't", "stop", "'", "now", "'")


def test_words_of_a_language_without_spaces_stay_as_they_are(remarks):
    (pair,) = to_bitext([(["the", "cat"], ["小猫"])], languages=("en", "zh"))
    assert pair.target == ("小猫",)
    assert not remarks


def test_odd_characters_are_said(remarks):
    to_bitext([*TEXTS, ("a &amp; b", "c")], languages=EN_DE)
    assert "the bitext: control characters in 1 sentence pairs are read as spaces" in remarks
    assert any("1 of 4 sentence pairs hold escapes" in text for text in remarks)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (None, "expected a list of pairs such as .*; got None"),
        (3, "or the path of a file; got 3"),
        (b"the cat", r"got b'the cat' \(bytes\)"),
        ({"en": "the cat", "de": "die Katze"}, "expected a list of pairs"),
        ([*TEXTS, 3], r"sentence pair 4 is 3 \(int\); expected pairs such as"),
        (["the cat"], r"sentence pair 1 is 'the cat' \(str\); expected pairs"),
        ([ENGLISH, GERMAN], r"sentence pair 1 is .*, which has 3 parts .* give list\(zip\(source, target\)\)"),
        ([("the cat", 3)], "sentence pair 1: the target holds int, not a sentence"),
        ([(["the", 3], ["die"])], r"sentence pair 1: a word of the source is 3 \(int\), not a word"),
        ([*TEXTS, ("a \ud83d", "b")], "sentence pair 4: the source: .* is half a character"),
        ([{"fr": "le chat", "de": "die Katze"}], "sentence pair 1: expected the fields en and de, found 'fr', 'de'"),
        ([{"French": "le chat", "German": "die Katze"}], "expected the fields en and de, found 'French', 'German'"),
        ([{"en_a": "x", "en_b": "y"}], "expected the fields en and de, found 'en_a', 'en_b'"),
        ([*ROWS, {"en": "x"}], "sentence pair 4: expected the fields en and de, found 'en'"),
        ({"en": ENGLISH, "de": GERMAN[:2]}, "different lengths: 3 of 'en', 2 of 'de'"),
        (datasets.DatasetDict(train=datasets.Dataset.from_list(ROWS)), r"got the splits train; .* data\['train'\]"),
        (
            pandas.DataFrame({"a": ["x"], "b": ["y"], "c": ["z"]}),
            "expected the fields en and de, .* rename the two",
        ),
        (pandas.DataFrame({"en": [1], "de": [2]}), "sentence pair 1: the source holds int"),
        (pandas.DataFrame({"en": [], "de": []}), "the bitext: no sentence pair found"),
        ([("", " ")], "the bitext: no sentence pair found"),
        ([SentencePair(("a",), ("b",), EN_DE), ("a",)], "sentence pair 2 is .* has 1 parts instead of two"),
    ],
)
def test_what_is_no_bitext(held, message):
    with pytest.raises(DataError, match=message):
        to_bitext(held, languages=EN_DE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"languages": ("en", "xx")}, "unknown language code 'xx'"),
        ({"languages": "en"}, "the bitext: the languages are 'en'"),
        ({"columns": "ab"}, "columns: expected the names of two columns"),
        ({"max_pairs": 0}, "max_pairs: expected a number from 1 on"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(AlignFreezeError, match=message):
        to_bitext(TEXTS, **{"languages": EN_DE, **options})


def test_no_framework_is_needed_for_lists_and_files(monkeypatch, file, expected):
    for name in ("datasets", "pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    assert to_bitext(TEXTS, languages=EN_DE) == to_bitext(file, languages=EN_DE) == expected
    with pytest.raises(SettingsError, match=r'hub:a/b/c: .* pip install "alignfreeze\[hub\]"'):
        to_bitext("hub:a/b/c", languages=EN_DE)
