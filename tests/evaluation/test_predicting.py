"""`af.predict` labels texts in whatever form a caller holds them."""

from pathlib import Path

import pytest

import alignfreeze as af
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError, EncoderError, SettingsError
from alignfreeze.evaluation.predicting import find_entities
from alignfreeze.tasks.given import task_of
from alignfreeze.tasks.heads import SPANS, TEXTS, WORDS
from alignfreeze.tasks.models import load_task_model

SETTINGS = af.FinetuningSettings(steps=3, batch_size=8)
SENTENCES = ["the dog sees the cat", "the bird likes the lamp"]
TOKENS = [sentence.split() for sentence in SENTENCES]


@pytest.fixture(scope="module")
def models(tiny_folder, toy_items):
    encoder = load_encoder(str(tiny_folder))
    return {
        name: af.finetune(encoder, name, items, settings=SETTINGS, device="cpu")[0] for name, items in toy_items.items()
    }


@pytest.mark.parametrize("task", ["pos", "ner", "nli", "qa"])
def test_the_task_is_told_by_the_model(models, task, tmp_path):
    assert task_of(models[task]).name == task
    models[task].save(tmp_path)
    head = {"nli": TEXTS, "qa": SPANS}.get(task, WORDS)
    assert task_of(load_task_model(tmp_path, head)).name == task


def test_a_record_tells_the_task_if_it_fits(models, tmp_path):
    models["ner"].save(tmp_path)
    for recorded, expected in {"tagging": "tagging", "nli": "ner", "gone": "ner"}.items():
        (tmp_path / "alignfreeze.json").write_text(f'{{"task": "{recorded}", "seed": 3}}')
        assert task_of(load_task_model(tmp_path)).name == expected


def frames(rows):
    pandas, polars, datasets = (pytest.importorskip(name) for name in ("pandas", "polars", "datasets"))
    dataset = datasets.Dataset.from_list(rows)
    return [rows, iter(rows), pandas.DataFrame(rows), polars.DataFrame(rows), dataset, dataset.to_iterable_dataset()]


def test_words_get_tags(models, toy_tagged, tmp_path):
    found = af.predict(models["pos"], TOKENS, device="cpu")
    assert [len(tags) for tags in found] == [5, 5]
    assert found.rows() == [{"words": words, "labels": tags} for words, tags in zip(TOKENS, found, strict=True)]
    assert af.predict(models["pos"], SENTENCES, language="en", task="pos", device="cpu") == found
    assert af.predict(models["pos"], [(words, ["X"] * 5) for words in TOKENS], device="cpu") == found
    assert af.predict(models["pos"], [[(word, "X") for word in words] for words in TOKENS], device="cpu") == found
    assert af.predict(models["pos"], [TaggedSentence(tuple(w), (None,) * 5) for w in TOKENS], device="cpu") == found
    for data in [*frames([{"tokens": words} for words in TOKENS]), {"tokens": TOKENS}]:
        assert af.predict(models["pos"], data, device="cpu") == found
    for data in frames([{"text": text} for text in SENTENCES]):
        assert af.predict(models["pos"], data, language="en", device="cpu") == found
    path = tmp_path / "test.conllu"
    path.write_text("".join(f"{n}\t{w}\t_\tX\t_\t_\t_\t_\t_\t_\n" for n, w in enumerate(TOKENS[0], start=1)))
    assert af.predict(models["pos"], path, device="cpu") == found[:1]
    assert not af.predict(models["pos"], [], device="cpu")


def test_entities_are_shown_with_their_places(models):
    (row,) = af.predict(models["ner"], [TOKENS[0]], device="cpu").rows()
    assert row["entities"] == find_entities(row["words"], row["labels"])
    assert find_entities(["Ann", "Lee", "saw", "Oslo"], ["B-PER", "I-PER", None, "B-LOC"]) == [
        {"kind": "PER", "text": "Ann Lee", "start": 0, "end": 2},
        {"kind": "LOC", "text": "Oslo", "start": 3, "end": 4},
    ]


def test_texts_get_labels(models):
    pairs = [(SENTENCES[0], "god"), (SENTENCES[1], "tac")]
    found = af.predict(models["nli"], pairs, device="cpu")
    assert set(found) <= {"entailment", "neutral", "contradiction"}
    assert found.rows()[0] == {"text": SENTENCES[0], "text2": "god", "label": found[0]}
    assert list(found.to_pandas()["label"]) == list(found)
    for data in frames([{"premise": first, "hypothesis": second, "label": None} for first, second in pairs]):
        assert af.predict(models["nli"], data, device="cpu") == found
    assert len(af.predict(models["nli"], SENTENCES, device="cpu")) == 2


def test_questions_get_answers(models):
    questions = [("who sees?", SENTENCES[0]), ("who likes?", SENTENCES[1])]
    found = af.predict(models["qa"], questions, device="cpu")
    assert all(row["answer"] in row["context"] for row in found.rows())
    for data in frames([{"question": question, "context": context} for question, context in questions]):
        assert af.predict(models["qa"], data, device="cpu") == found
    assert "<th>answer</th>" in found._repr_html_()


@pytest.mark.parametrize(
    ("task", "data", "message"),
    [
        ("pos", SENTENCES[0], "data: got the text 'the dog sees the cat'; give a list of texts, or a pathlib.Path"),
        ("pos", SENTENCES, "data: texts are split into words by their language; give it, as in language='de'"),
        ("pos", 3, "data: expected a list of sentences, a data set, a data frame or a path; got 3"),
        ("pos", [TOKENS[0], 3], "data, item 2 is 3 .*; expected a text, a list of words or a dict"),
        ("pos", [["a", 3]], r"data, item 1: expected a text or a list of words, got \['a', 3\]"),
        ("pos", {"tags": [["X"]]}, "data, row 1: expected a field tokens or words .*, found tags"),
        ("nli", [{"premise": None}], "data, item 1: the text is missing"),
        ("nli", [("a", "b", "c")], "data, item 1: expected a text or a pair of texts, got"),
        ("qa", ["who?"], "data, item 1: expected a question and its context, both texts, got 'who"),
        ("qa", [("who?", None)], "data, item 1: expected a question and its context"),
        ("pos", Path("nothing.conllu"), "nothing.conllu: cannot be read"),
    ],
)
def test_what_cannot_be_labelled(models, task, data, message):
    with pytest.raises(DataError, match=message):
        af.predict(models[task], data, device="cpu")


def test_wrong_models_tasks_and_languages(models, tiny_encoder):
    with pytest.raises(EncoderError, match="expected a fine-tuned model"):
        af.predict(tiny_encoder, TOKENS)
    with pytest.raises(SettingsError, match="unknown task 'poss'"):
        af.predict(models["pos"], TOKENS, task="poss")
    with pytest.raises(SettingsError, match="unknown language code 'xx'"):
        af.predict(models["pos"], SENTENCES, language="xx")


def test_scores_are_a_table_and_equal_a_list(models, toy_items):
    scores = af.evaluate(models["pos"], "pos", {"en": toy_items["pos"], "de": toy_items["pos"][:9]}, device="cpu")
    assert scores == list(scores)
    assert scores[:1] == [scores[0]]
    assert [row["language"] for row in scores.rows()] == ["en", "de"]
    assert scores.rows()[0].keys() == {"language", "metric", "value", "n", "unit"}
    assert list(scores.to_pandas()["value"]) == [score.value for score in scores]
    assert repr(scores).startswith("Scores([Score(language='en', metric='accuracy', value=")
