import json

import pytest

from alignfreeze.corpora.questions import Question, read_squad
from alignfreeze.errors import DataError

CONTEXT = "The dog sees the cat."


def squad(answers, context=CONTEXT):
    qas = [{"id": "q1", "question": "Who?", "answers": [{"text": t, "answer_start": s} for t, s in answers]}]
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]}]})


def hub(changes):
    row = {"id": "q1", "question": "Who?", "context": CONTEXT, "answers": {"text": ["dog"], "answer_start": [4]}}
    return json.dumps({**row, **changes})


def read(tmp_path, text, **options):
    (tmp_path / "f.json").write_text(text, encoding="utf-8")
    return read_squad(tmp_path / "f.json", **options)


def test_questions_with_their_answers(tmp_path):
    assert read(tmp_path, squad([("The dog", 0), ("dog", 4)])) == [
        Question("q1", "Who?", CONTEXT, ("The dog", "dog"), (0, 4))
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            squad([("dog", 5)]),
            r"article 1, question 'q1': the answer 'dog' is not in its context at 5; the text there is 'og '",
        ),
        (squad([("cow", 4)]), "the answer 'cow' is not in its context"),
        (squad([("", 4)]), "the answer '' is not"),
        (squad([("dog", "x")]), "not a question in the form of SQuAD"),
        (squad([]), "no question with an answer found"),
        ("{", "not JSON"),
        ("", "no question with an answer found; the file is empty"),
        (squad([("dog", float("inf"))]), r"article 1, question 'q1': .*answer_start must be a whole number, not inf"),
        (squad([("dog", float("nan"))]), "answer_start must be a whole number, not nan"),
        (squad([("dog", 4.5)]), r"answer_start must be a whole number, not 4\.5"),
        (squad([("h", True)]), "answer_start must be a whole number, not True"),
        (squad([("dog", -1)]), "is not in its context at -1"),
        (
            squad([("dog", 4)], CONTEXT + " \ud83d!"),
            r"question 'q1': \\ud83d is half a character .* after 'e dog sees",
        ),
        (json.dumps([{"question": "q", "context": "c"}]), r"this is a JSON array, .* one object per line: jq -c"),
        ("id,question,context,answers\n1,a,b,c\n", r"line 1: the columns are separated by commas \(CSV\)"),
        (hub({}) + "\n[1]", "line 2: expected a JSON object, found list"),
        (
            '{"text": "a", "label": "b"}\n{"text": "a"}',
            r"line 1: not a question in the .* \(KeyError 'answers'",
        ),
        (hub({}) + "\n3", "line 2: expected a JSON object, found int"),
        (hub({"answers": {"text": "dog", "answer_start": [4, 5, 6]}}), "line 1: .*answers must be a list of texts"),
        ('{"data": [{"paragraphs": [{}]}]}', "not SQuAD v1.1 JSON"),
        ("[1]", "not SQuAD v1.1 JSON"),
        (hub({}) + "\n" + hub({})[:-1] + ', "question": "What?"}', "line 2: not JSON .* has 2 fields 'question'"),
        (squad([("dog", 4)]).replace('"answers"', '"id": "q2", "answers"'), "not JSON .*2 fields 'id', .* 'q2'"),
        ("null\n", "no question with an answer found; .*line 1: question, context and answers must be texts, not null"),
    ],
)
def test_what_is_no_squad(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_real_files(shared_data):
    counts = {len(read_squad(path)) for path in (shared_data / "xquad").iterdir()}
    assert counts == {426}
    assert len(read_squad(shared_data / "xquad" / "zh.json", max_questions=7)) == 7


def test_null_is_no_context(tmp_path):
    text = squad([("None", 0)], context=None)
    with pytest.raises(DataError, match="question, context and answers must be texts"):
        read(tmp_path, text)


def test_json_lines_in_the_form_of_the_hub(tmp_path, remarks):
    question = Question("q1", "Who?", CONTEXT, ("dog",), (4,))
    assert read(tmp_path, hub({})) == [question]
    assert read(tmp_path, "\n".join([hub({}), "", hub({}), hub({})]), max_questions=2) == [question] * 2
    lines = [
        hub({"answers": {"text": [], "answer_start": []}}),
        hub({"context": None}),
        hub({"answers": None}),
        hub({}),
    ]
    assert read(tmp_path, "\n".join(lines)) == [question]
    assert "1 questions without an answer are skipped, first line 1" in remarks[0]
    assert "2 questions without a question, context or answers (null) are skipped, first line 2" in remarks[1]


def test_a_whole_number_may_have_a_point(tmp_path):
    assert read(tmp_path, squad([("dog", 4.0)]))[0].starts == (4,)
    assert read(tmp_path, hub({"answers": {"text": ["dog"], "answer_start": ["4"]}}))[0].starts == (4,)


def test_a_line_of_null_is_passed_over_and_said(tmp_path, remarks):
    for lines in ([hub({}), "null", hub({})], ["null", hub({}), hub({})]):
        assert len(read(tmp_path, "\n".join(lines))) == 2
        said = "1 questions without a question, context or answers (null) are skipped, first line"
        assert f"{said} {lines.index('null') + 1}" in remarks[-1]
