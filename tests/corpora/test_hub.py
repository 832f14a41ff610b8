import pytest

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import NLI, LabelledText
from alignfreeze.corpora.questions import Question
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source

datasets = pytest.importorskip("datasets")


@pytest.fixture
def hub(monkeypatch):
    """Data sets as the hub has them, by name; and what was asked for."""
    asked = []
    shelf = {}

    def load_dataset(path, name=None, *, split, streaming):
        assert not streaming
        asked.append((path, name, split))
        return shelf[path]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return shelf, asked


def made(rows, **features):
    whole = datasets.Dataset.from_list(rows)
    return whole.cast(datasets.Features({**whole.features, **features}))


def labels(*names):
    return datasets.ClassLabel(names=list(names))


def test_named_entities_by_numbers_of_labels(hub):
    shelf, asked = hub
    rows = [{"tokens": ["Ann", "lives"], "ner_tags": [1, 0], "langs": ["en", "en"]}] * 3
    shelf["unimelb-nlp/wikiann"] = made(rows, ner_tags=datasets.List(labels("O", "B-PER", "I-PER")))
    items = TASKS["ner"].read(Source("hub:unimelb-nlp/wikiann/en", "en", "test", 2))
    assert items == [TaggedSentence(("Ann", "lives"), ("B-PER", "O"))] * 2
    assert asked == [("unimelb-nlp/wikiann", "en", "test")]


def test_tags_by_name_and_a_split_in_the_name(hub):
    shelf, asked = hub
    shelf["commul/universal_dependencies"] = made([{"tokens": ["dogs", "x"], "upos": ["NOUN", "_"]}])
    items = TASKS["pos"].read(Source("hub:commul/universal_dependencies/en_ewt/validation"))
    assert items == [TaggedSentence(("dogs", "x"), ("NOUN", None))]
    assert asked == [("commul/universal_dependencies", "en_ewt", "validation")]


def test_pairs_of_sentences(hub):
    shelf, _ = hub
    rows = [{"premise": "a", "hypothesis": "b", "label": 2}]
    shelf["facebook/xnli"] = made(rows, label=labels("entailment", "neutral", "contradiction"))
    assert TASKS["nli"].read(Source("hub:facebook/xnli/de", "de")) == [LabelledText("a", "b", "contradiction")]


def test_questions(hub):
    shelf, _ = hub
    row = {"id": "1", "title": "t", "context": "a dog", "question": "what?"}
    shelf["google/xquad"] = made([{**row, "answers": {"text": ["dog"], "answer_start": [2]}}])
    found = TASKS["qa"].read(Source("hub:google/xquad/xquad.de"))
    assert found == [Question("1", "what?", "a dog", ("dog",), (2,))]


def test_what_is_wrong_in_a_row_is_said(hub):
    shelf, _ = hub
    shelf["a/b"] = made([{"text": "x", "label": "maybe"}])
    with pytest.raises(DataError, match="hub:a/b, row 1: the label 'maybe' is none of"):
        TASKS["nli"].read(Source("hub:a/b"))
    with pytest.raises(DataError, match="hub:a/b, row 1: expected a field tokens or words, found text, label"):
        TASKS["ner"].read(Source("hub:a/b"))


def test_a_name_that_is_none():
    with pytest.raises(SettingsError, match="hub:xnli: expected hub:OWNER/NAME/CONFIGURATION"):
        TASKS["nli"].read(Source("hub:xnli"))


def test_no_connection_names_the_cache_and_the_way_without_it():
    """The real library, which may not connect in tests."""
    with pytest.raises(DataError) as error:
        TASKS["nli"].read(Source("hub:nobody/nothing/en"))
    message = str(error.value)
    assert "hub:nobody/nothing/en: cannot be read from the hub: HF_HUB_OFFLINE is set" in message
    assert "there is no earlier download of this data set in" in message
    assert str(datasets.config.HF_DATASETS_CACHE) in message
    assert "give the path of your own files" in message


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(SettingsError, match=r'pip install "alignfreeze\[hub\]"'):
        TASKS["nli"].read(Source("hub:facebook/xnli/en"))


def test_a_number_without_a_name_is_no_label(hub):
    shelf, _ = hub

    class Rows(list):
        def __init__(self, rows):
            super().__init__(rows)
            self.features = {"label": labels("bad", "good")}

    shelf["some/labels"] = Rows([{"text": "a", "label": 1}, {"text": "b", "label": 2}])
    with pytest.raises(DataError, match=r"hub:some/labels/x, row 2: the label 2 of 'label' has no name; .* bad, good"):
        TASKS["classification"].read(Source("hub:some/labels/x"))


def test_minus_one_is_no_label_and_no_tag(hub):
    shelf, _ = hub
    rows = [{"premise": "a", "hypothesis": "b", "label": n} for n in (0, -1)]
    shelf["stanfordnlp/snli"] = made(rows, label=labels(*NLI))
    assert [item.label for item in TASKS["nli"].read(Source("hub:stanfordnlp/snli/x"))] == ["entailment"]
    shelf["some/tags"] = made([{"tokens": ["a", "b", "c"], "tags": [0, -1, -100]}])
    assert TASKS["tagging"].read(Source("hub:some/tags/x"))[0].tags == ("0", None, None)
    shelf["some/names"] = made([{"tokens": ["a", "b"], "ner_tags": [0, -1]}], ner_tags=datasets.List(labels("O")))
    assert TASKS["ner"].read(Source("hub:some/names/x"))[0].tags == ("O", None)
    shelf["some/null"] = made([{"tokens": ["a", "b"], "tags": ["X", None]}])
    assert TASKS["tagging"].read(Source("hub:some/null/x"))[0].tags == ("X", None)


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("pos", {"tokens": ["dogs"], "upos": ["NNS"]}, "sentence 1 has the tag 'NNS'; UPOS has"),
        ("ner", {"tokens": ["Ann"], "ner_tags": ["PER"]}, "sentence 1: the tag 'PER' of 'Ann' is not IOB2"),
        ("ner", {"tokens": ["Ann"], "ner_tags": ["I-PER"]}, "in IOB2 an entity begins with 'B-PER'"),
        ("ner", {"tokens": ["Ann"], "ner_tags": [3]}, "the tag '3' of 'Ann' is not IOB2"),
        ("tagging", {"tokens": "Ann", "tags": ["A", "B", "C"]}, "row 1: expected a list of words and a list of tags"),
        ("tagging", {"tokens": None, "tags": ["A"]}, "row 1: expected a list of words and a list of tags"),
        ("tagging", {"tokens": ["Ann"], "tags": ["nan"]}, "row 1: the label 'nan' is what programs write"),
        ("tagging", {"tokens": ["Ann"], "tags": [""]}, "row 1: the tag of 'Ann' is empty"),
        (
            "classification",
            {"text": "Ann", "label": ["x"]},
            "row 1: a label is a word or a number, but this one is a l",
        ),
        (
            "qa",
            {"id": "1", "question": "q", "context": "c", "answers": {"text": ["c", "c"], "answer_start": [0]}},
            "row 1: not a question in the form of SQuAD .*every answer needs a start",
        ),
    ],
)
def test_rows_that_no_task_can_read(hub, task, row, message):
    shelf, _ = hub
    shelf["some/data"] = datasets.Dataset.from_list([row])
    with pytest.raises(DataError, match=message):
        TASKS[task].read(Source("hub:some/data/x"))


@pytest.mark.parametrize(("task", "tag"), [("ner", "O"), ("pos", "X"), ("tagging", "x")])
@pytest.mark.parametrize("word", ["", " ", "\t"])
def test_empty_words_are_refused_as_in_files(hub, task, tag, word):
    shelf, _ = hub
    shelf["some/words"] = made([{"tokens": ["a"], "tags": [tag]}, {"tokens": ["b", word], "tags": [tag, tag]}])
    with pytest.raises(DataError, match="hub:some/words/x, row 2, word 2: the word is empty; give every tag a word"):
        TASKS[task].read(Source("hub:some/words/x"))
