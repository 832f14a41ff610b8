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
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_labelled(write(tmp_path, text), labels=NLI, pairs=True)


def test_null_is_no_label(tmp_path, remarks):
    path = write(tmp_path, '{"text": "a", "label": null}\n{"text": "b", "label": "x"}\n')
    assert [item.label for item in read_labelled(path)] == ["x"]
    assert any("1 rows without a label are skipped" in text for text in remarks)
