"""A fine-tuned model labels files: the same labels as in Python, in standard forms, chunk by chunk."""

import json

import pytest

import alignfreeze as af
from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.evaluation import predicting_files
from alignfreeze.evaluation.predicting_files import predict_files
from tests.support.cli import alignfreeze

SENTENCES = ["the dog sees the cat", "the bird likes the lamp", "the fish wants the road"]


@pytest.fixture(scope="module")
def models(tiny_folder, toy_items, tmp_path_factory):
    """The folders of fine-tuned models by task."""
    encoder = load_encoder(str(tiny_folder))
    folders = {}
    for task, items in toy_items.items():
        model = af.finetune(encoder, task, items, settings={"steps": 3, "batch_size": 8}, device="cpu")[0]
        folders[task] = tmp_path_factory.mktemp(task)
        model.save(folders[task])
    return folders


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(SENTENCES) + "\n")
    return path


def test_tags_as_conllu_are_those_of_predict(models, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(predicting_files, "_AT_ONCE", 2)
    lines = list(predict_files(models["pos"], [texts], language="en", device="cpu"))
    (tmp_path / "out.conllu").write_text("\n".join(lines) + "\n")
    found = read_conllu(tmp_path / "out.conllu")
    expected = af.predict(models["pos"], SENTENCES, language="en", device="cpu")
    assert [sentence.words for sentence in found] == [tuple(text.split()) for text in SENTENCES]
    assert [list(sentence.tags) for sentence in found] == list(expected)
    again = list(predict_files(models["pos"], [tmp_path / "out.conllu"], device="cpu"))
    assert again == lines  # comments and columns stay


def test_other_columns_of_conllu_stay(models, tmp_path):
    rows = [
        "# sent_id = a",
        "1-2\tthedog\t_\t_\t_\t_\t_\t_\t_\t_",
        "1\tthe\tthe\t_\t_\tA=b\t2\tdet\t_\tx",
        "2\tdog" + "\t_" * 8,
    ]
    (tmp_path / "a.conllu").write_text("\n".join(rows) + "\n\n")
    found = list(predict_files(models["pos"], [tmp_path / "a.conllu"], device="cpu"))
    tags = af.predict(models["pos"], [["the", "dog"]], device="cpu")[0]
    assert found == [
        *rows[:2],
        f"1\tthe\tthe\t{tags[0]}\t_\tA=b\t2\tdet\t_\tx",
        f"2\tdog\t_\t{tags[1]}" + "\t_" * 6,
        "",
    ]


def test_entities_as_iob2_and_as_json(models, texts):
    lines = list(predict_files(models["ner"], [texts], language="en", device="cpu"))
    expected = af.predict(models["ner"], SENTENCES, language="en", device="cpu")
    words = [
        f"{word}\t{tag}"
        for text, tags in zip(SENTENCES, expected, strict=True)
        for word, tag in zip(text.split(), tags, strict=True)
    ]
    assert [line for line in lines if line] == words
    rows = map(json.loads, predict_files(models["ner"], [texts], language="en", to="jsonl", device="cpu"))
    assert list(rows) == expected.rows()


def test_pairs_of_texts_and_questions_as_columns(models, tmp_path):
    (tmp_path / "pairs").write_text("the dog\tgod\nthe cat\ttac\n")
    lines = list(predict_files(models["nli"], [tmp_path / "pairs"], device="cpu"))
    expected = af.predict(models["nli"], [("the dog", "god"), ("the cat", "tac")], device="cpu")
    assert lines == ["text\ttext2\tlabel", f"the dog\tgod\t{expected[0]}", f"the cat\ttac\t{expected[1]}"]
    rows = [{"question": "the dog?", "context": "the dog sees"}, {"question": "the cat?", "context": "a cat\tis"}]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = list(predict_files(models["qa"], [tmp_path / "questions.jsonl"], device="cpu"))
    answers = [" ".join(answer.split()) for answer in af.predict(models["qa"], rows, device="cpu")]
    assert lines == [
        "question\tcontext\tanswer",
        f"the dog?\tthe dog sees\t{answers[0]}",
        f"the cat?\ta cat is\t{answers[1]}",
    ]


def test_the_command_prints_or_writes(models, texts, tmp_path):
    printed = alignfreeze("predict", models["pos"], texts, "--language", "en", "--device", "cpu")
    assert printed.returncode == 0, printed.stderr
    out = tmp_path / "out" / "tags.conllu"
    written = alignfreeze("predict", models["pos"], texts, "--language", "en", "--out", out, "--device", "cpu")
    assert (written.returncode, written.stdout) == (0, "")
    assert out.read_text() == printed.stdout


@pytest.mark.parametrize(
    ("task", "how", "said"),
    [
        ("pos", {}, "give it, as in language='de'"),
        ("nli", {"to": "conllu"}, "has no form 'conllu'; choose one of tsv, jsonl"),
        ("ner", {"to": "conllu", "language": "en"}, "choose one of iob2, jsonl"),
        ("qa", {}, "expected a question and its context"),
        ("pos", {"language": "xx"}, "unknown language code"),
        ("pos", {"form": "cvs"}, "form of texts"),
    ],
)
def test_what_does_not_fit_is_one_error(models, texts, task, how, said):
    with pytest.raises((DataError, SettingsError), match=said):
        list(predict_files(models[task], [texts], device="cpu", **how))


def test_a_wrong_line_leaves_no_file(models, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "text2": "b"}\n{"text": 3}\n')
    out = tmp_path / "out.tsv"
    done = alignfreeze("predict", models["nli"], tmp_path / "rows.jsonl", "--out", out, "--device", "cpu")
    assert done.returncode == 2
    assert "rows.jsonl, line 2" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
    same = alignfreeze("predict", models["nli"], tmp_path / "rows.jsonl", "--out", tmp_path / "rows.jsonl")
    assert (same.returncode, "also an input" in same.stderr) == (2, True)


def test_a_premise_alone_is_an_error_for_inference(models, texts):
    with pytest.raises(DataError, match=r"texts\.txt, line 1: the task 'nli' needs two texts"):
        list(predict_files(models["nli"], [texts], device="cpu"))


def test_columns_are_the_same_in_all_lines(tmp_path, tiny_folder):
    items = [{"text": text, "label": label} for text, label in zip(SENTENCES * 4, "ab" * 6, strict=True)]
    model = af.finetune(load_encoder(str(tiny_folder)), "classification", items, settings={"steps": 2}, device="cpu")[0]
    (tmp_path / "mixed").write_text("the dog\nthe cat\tthe bird\n")
    with pytest.raises(DataError, match="mixed, line 2: this text has the columns text, text2, label"):
        list(predict_files(model, [tmp_path / "mixed"], device="cpu"))


def test_whitespace_in_words_breaks_no_line(models, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": ["the\tdog", "c\nd", " "]}) + "\n")
    lines = list(predict_files(models["pos"], [tmp_path / "a.jsonl"], device="cpu"))
    assert [line.count("\t") for line in lines] == [0, 9, 9, 9, 0]


def test_missing_files_and_tasks_that_do_not_fit_are_said_first(models, texts, tmp_path):
    with pytest.raises(DataError, match=r"no such file: .*gone"):
        predict_files(models["pos"], [texts, tmp_path / "gone"], device="cpu")
    with pytest.raises(SettingsError, match=r"'ner' does not fit.*it has learnt 'pos'"):
        predict_files(models["pos"], [texts], task="ner", device="cpu")
