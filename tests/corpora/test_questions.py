import json

import pytest

from alignfreeze.corpora.questions import Question, read_squad
from alignfreeze.errors import DataError

CONTEXT = "The dog sees the cat."


def squad(answers, context=CONTEXT):
    qas = [{"id": "q1", "question": "Who?", "answers": [{"text": t, "answer_start": s} for t, s in answers]}]
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]}]})


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
        ('{"data": [{"paragraphs": [{}]}]}', "not SQuAD v1.1 JSON"),
        ("[1]", "not SQuAD v1.1 JSON"),
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
