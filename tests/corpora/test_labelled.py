import json

import pytest

from alignfreeze.corpora.labelled import NLI, LabelledText, read_labelled
from alignfreeze.errors import DataError

ROWS = [
    {"gold_label": "neutral", "language": "en", "sentence1": "A dog.", "sentence2": "A cat."},
    {"gold_label": "entailment", "language": "de", "sentence1": "Ein Hund.", "sentence2": "Ein Tier."},
]


def write(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    return path


def test_json_lines_and_columns_hold_the_same(tmp_path):
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    expected = [LabelledText("A dog.", "A cat.", "neutral"), LabelledText("Ein Hund.", "Ein Tier.", "entailment")]
    assert read_labelled(write(tmp_path, lines), labels=NLI) == expected
    table = "\n".join("\t".join(row) for row in [list(ROWS[0]), *(list(row.values()) for row in ROWS)])
    assert read_labelled(write(tmp_path, table), labels=NLI) == expected
    assert read_labelled(write(tmp_path, table), labels=NLI, language="de") == expected[1:]
    assert read_labelled(write(tmp_path, table), max_texts=1) == expected[:1]


def test_the_translated_training_data_of_xnli(tmp_path):
    text = 'premise\thypo\tlabel\nHe said "no\tHe agreed .\tcontradictory\n'
    assert read_labelled(write(tmp_path, text), labels=NLI) == [
        LabelledText('He said "no', "He agreed .", "contradiction")
    ]


def test_single_texts_with_any_label(tmp_path):
    assert read_labelled(write(tmp_path, "label\ttext\ngood\tFine.\n")) == [LabelledText("Fine.", None, "good")]


def test_rows_without_a_label_are_passed_over_and_said(tmp_path, remarks):
    lines = "".join(json.dumps({**ROWS[0], "gold_label": label}) + "\n" for label in ("-", "neutral"))
    assert len(read_labelled(write(tmp_path, lines), labels=NLI)) == 1
    assert "1 rows without a label are skipped" in remarks[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"label": "neutrel", "premise": "a"}',
            "line 1: the label 'neutrel' is none of .*'neutral'",
        ),
        ('{"label": "neutral", "a": "b"}', "line 1: expected a field sentence1 or premise"),
        ('{"label": "neutral", "premise": 3}', "line 1: expected text, found int"),
        ('{"label": "neutral", "premise": "a"}', "line 1: a second text is missing: expected a field sentence2 or hyp"),
        ('{"label": "neutral", "premise": "a", "hypothesis": null}', "line 1: a second text is missing"),
        ('{"label": "neutral"', "line 1: not JSON"),
        ("a\tb\tc\n", "line 1: the first line must name the columns"),
        ("label\ttext\nneutral\n", "line 2: expected 2 columns separated by tabs, found 1"),
        ("", "no labelled text found"),
        ('{"label": 0, "premise": "a", "hypothesis": "b"}', "line 1: the label '0' is none of .*names of the labels"),
        ("premise,hypothesis,label\na,b,neutral\n", r"line 1: the columns are separated by commas \(CSV\); save"),
        ("premise;hypothesis;label\na;b;neutral\n", r"line 1: the columns are separated by semicolons \(CSV\)"),
        ('[\n{"label": "neutral"}]', r"line 1: this is a JSON array, .* one object per line: jq -c '\.\[\]'"),
        ('[{"label": "neutral"}]', "line 1: this is a JSON array"),
        ('{\n"label": "neutral"}', "line 1: not JSON .*each object must be in one line: jq -c"),
        ("label\tpremise\thypothesis\nneutral\ta\tb\nlabel\tpremise\thypothesis\n", "line 3: the names of the columns"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_labelled(write(tmp_path, text), labels=NLI, pairs=True)


def test_null_is_no_label(tmp_path, remarks):
    path = write(tmp_path, '{"text": "a", "label": null}\n{"text": "b", "label": "x"}\n')
    assert [item.label for item in read_labelled(path)] == ["x"]
    assert any("1 rows without a label are skipped" in text for text in remarks)


def test_minus_one_is_no_label(tmp_path, remarks):
    lines = '{"text": "a", "label": 0}\n{"text": "b", "label": -1}\n{"text": "c", "label": 1.0}\n'
    assert [item.label for item in read_labelled(write(tmp_path, lines))] == ["0", "1"]
    assert "1 rows without a label are skipped, first line 2" in remarks[0]
    table = "text\tlabel\na\t0.0\nb\t-1\nc\t-1.0\nd\t1\n"
    assert [item.label for item in read_labelled(write(tmp_path, table))] == ["0", "1"]


def test_a_version_is_no_whole_number(tmp_path):
    assert [item.label for item in read_labelled(write(tmp_path, "text\tlabel\na\t1.0.0\nb\t2.5\n"))] == [
        "1.0.0",
        "2.5",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a", "label": NaN}', "line 1: the label 'nan' is what programs write for a missing number"),
        ("text\tlabel\na\tx\nb\tNaN\n", "line 3: the label 'NaN' is what programs write"),
        ('{"text": "a", "label": ["x"]}', "line 1: a label is a word or a number, but this one is a list"),
        ('{"text": "a", "label": {"x": 1}}', "line 1: a label is a word or a number, but this one is a dict"),
        ('{"text": "a", "label": "label"}', "line 1: the label is 'label', the name of its column"),
        ('{"text": "a \\ud83d b", "label": "x"}', r"line 1: \\ud83d is half a character .*, after 'a '"),
        ('{"text": "a", "text2": "\\ude00", "label": "x"}', r"line 1: \\ude00 is half a character"),
        ('{"text": "a", "label": "\\ud83d"}', r"line 1: \\ud83d is half a character"),
        ('{"text": "a", "label": "x", "text": "b"}', "line 1: not JSON .* has 2 fields 'text', the last with 'b'"),
        ('{"text": "a", "label": "x", "label": "x"}', "line 1: not JSON .an object has 2 fields 'label'"),
    ],
)
def test_what_is_no_label_or_no_text_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_labelled(write(tmp_path, text))


def test_a_whole_emoji_and_half_of_one_that_nobody_reads_are_no_fault(tmp_path):
    line = '{"text": "\\ud83d\\ude00", "label": "x", "author": "\\ud83d"}'
    assert read_labelled(write(tmp_path, line)) == [LabelledText("\U0001f600", None, "x")]


def test_a_text_that_is_null_stops_no_file(tmp_path, remarks):
    good = '{"premise": "a", "hypothesis": "b", "label": "neutral"}\n'
    lines = good + good.replace('"a"', "null") + good.replace('"b"', "null")
    assert len(read_labelled(write(tmp_path, lines), labels=NLI, pairs=True)) == 1
    assert "2 rows without a text are skipped, first line 2" in remarks[0]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_of_null_is_passed_over_and_said(tmp_path, remarks, place):
    lines = ['{"text": "a", "label": "x"}', '{"text": "b", "label": "y"}']
    lines.insert(place, "null")
    assert [item.text for item in read_labelled(write(tmp_path, "\n".join(lines)))] == ["a", "b"]
    assert f"1 rows without a text are skipped, first line {place + 1}" in remarks[0]


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_one_file_holds_several_languages_by_any_code(tmp_path, form):
    rows = [{"language": code, "text": f"in {code}", "label": "x"} for code in ("en", "de-AT", "zh_CN", "cmn")]
    lines = [json.dumps(row) for row in rows]
    if form == "tsv":
        lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    path = write(tmp_path, "\n".join(lines))
    for code, expected in {"en": ["in en"], "de": ["in de-AT"], "zh": ["in zh_CN", "in cmn"]}.items():
        assert [item.text for item in read_labelled(path, language=code, several=True)] == expected
    with pytest.raises(DataError, match=r"of the language 'tr' \(the rows name cmn, de-AT, en, zh_CN\) found"):
        read_labelled(path, language="tr")


def test_a_file_for_several_languages_must_name_them(tmp_path):
    path = write(tmp_path, "text\tlabel\nFine.\tgood\n")
    assert len(read_labelled(path, language="de")) == 1
    with pytest.raises(DataError, match="line 2: the file is for several languages, so each row needs a field 'lang"):
        read_labelled(path, language="de", several=True)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_text_is_passed_over_and_said(tmp_path, remarks, empty):
    pairs = f"premise\thypothesis\tlabel\na\t{empty}\tneutral\na\tb\tneutral\n{empty}\tb\tneutral\n"
    texts = read_labelled(write(tmp_path, pairs), labels=NLI, pairs=True)
    assert texts == [LabelledText("a", "b", "neutral")]
    assert "2 rows without a text are skipped, first line 2" in remarks[-1]
    assert read_labelled(write(tmp_path, f"text\tlabel\nFine.\tgood\n{empty}\tgood\n")) == [
        LabelledText("Fine.", None, "good")
    ]
    assert "1 rows without a text are skipped, first line 3" in remarks[-1]


@pytest.mark.parametrize("names", ["text\tlabel", "sentence1\tgold_label"])
def test_quotes_of_spreadsheets(tmp_path, remarks, names):
    with pytest.raises(DataError, match=r'line 3: the label "pos" is in quotes, .* export the sheet without quotes'):
        read_labelled(write(tmp_path, f'{names}\nb\tpos\n"a"\t"pos"\n'))
    assert not remarks
    rows = '"Yes"\tpos\n"He said ""yes"""\tneg\nSay "a" or "b"\tpos\n"a" or "b"\tneg\n'
    texts = read_labelled(write(tmp_path, f"{names}\n{rows}"))
    assert [text.text for text in texts] == ['"Yes"', '"He said ""yes"""', 'Say "a" or "b"', '"a" or "b"']
    assert len(remarks) == 1 and "line 3: " in remarks[0] and "in quotes, as spreadsheets write cells" in remarks[0]
