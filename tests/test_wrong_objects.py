"""Wrong objects given to the Python functions: each is one error that names the item."""

import pytest

import alignfreeze as af
from alignfreeze.alignment.agreement import GoldAlignment, measure_agreement
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.errors import AlignFreezeError, DataError, EncoderError, SettingsError
from alignfreeze.tasks.table import TASKS

EN_DE = ("en", "de")
PAIR = af.SentencePair(("the", "dog"), ("der", "Hund"), EN_DE)


def links(*pairs):
    return WordAlignment(frozenset(pairs))


# --- texts in the place of words -----------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            "the dog",
            ("der", "Hund"),
            "is the text 'the dog'; give its words, as in ('the', 'dog')",
        ),
        (("the", "dog"), "der Hund", "the target of a sentence pair is the text 'der Hund'"),
        (None, ("der",), "the source of a sentence pair is None"),
        (("the",), 3, "the target of a sentence pair is 3 (int)"),
    ],
)
def test_the_sides_of_a_sentence_pair_are_words(source, target, message):
    with pytest.raises(DataError) as error:
        af.SentencePair(source, target, EN_DE)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        ("the dog", ("DET", "NOUN"), "the sentence is the text 'the dog'; give its words"),
        (("the", "dog"), "DN", "the tags of a sentence is the text 'DN'"),
        (("the", "dog"), ("DET",), "the sentence 'the dog' has 2 words and 1 tags; give each word one tag"),
    ],
)
def test_a_tagged_sentence_has_words_and_as_many_tags(words, tags, message):
    with pytest.raises(DataError) as error:
        TaggedSentence(words, tags)
    assert message in str(error.value)


def test_lists_of_words_are_words(toy_bitext):
    lists = [af.SentencePair(list(pair.source), list(pair.target), EN_DE) for pair in toy_bitext]  # type: ignore[arg-type]
    assert af.align(lists, cache=False) == af.align(toy_bitext, cache=False)


# --- bitext and links ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("bitext", "message"),
    [
        ([PAIR, (("the", "dog"), ("der", "Hund"))], "sentence pair 2 is (("),
        (
            [PAIR, af.SentencePair((1, 2), ("x",), EN_DE)],
            "sentence pair 2: a word of the source is 1 (int), not",
        ),
        ([af.SentencePair(("x",), ("y", None), EN_DE)], "sentence pair 1: a word of the target is None"),
        (
            [af.SentencePair(("x",), ("y",), "en-de")],
            "sentence pair 1: the languages are 'en-de' (str); expected",
        ),
        ([af.SentencePair(("x",), ("y",), ("en",))], "sentence pair 1: the languages are ('en',)"),
        ("the dog", "the dog: give the languages of this file, as in languages=('en', 'de')"),
        (None, "expected a list of pairs such as ('the cat', 'die Katze'), pairs of lists of words, dicts"),
        (3, "or the path of a file; got 3 (int)"),
    ],
)
@pytest.mark.parametrize("aligner", ["fast-align", "eflomal", "hmm", "sentence"])
def test_what_is_no_bitext_is_not_aligned(bitext, message, aligner):
    with pytest.raises(DataError) as error:
        af.align(bitext, aligner=aligner)
    assert message in str(error.value)


def test_what_is_no_aligner():
    with pytest.raises(SettingsError, match="aligner: expected a name, a dict of settings or AlignmentSettings, got 3"):
        af.align([PAIR], aligner=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alignments", "message"),
    [
        ([links((0, 0)), links((0, 2))], "sentence pair 2: link 0-2 is out of range: the sentences have 2 and 2 words"),
        ([links((0, 0)), links((-1, 0))], "sentence pair 2: link -1-0 is out of range"),
        (["0-0", "1-2"], "sentence pair 2: link 1-2 is out of range"),
        (["0-0", "1:1"], "alignment 2 is '1:1' (str); expected links in Pharaoh notation, such as '0-0 1-2', pairs"),
        ([links((0, 0)), {(0, "0")}], "alignment 2 is {(0, '0')} (set); expected links"),
        ([[(0, 0)], [0, 0]], "alignment 2 is [0, 0] (list); expected links"),
        ([[(0, 0)], None], "alignment 2 is None (NoneType); expected links"),
        ([links((0, 0))], "got 2 sentence pairs and 1 alignments"),
        (5, "the alignments of a bitext are a list of WordAlignment, of lines in Pharaoh notation, or"),
    ],
)
def test_links_that_do_not_fit_are_not_realigned_on(tiny_encoder, alignments, message):
    settings = af.RealignmentSettings(steps=1, batch_size=2)
    with pytest.raises(DataError) as error:
        af.realign(tiny_encoder, [PAIR, PAIR], alignments, settings=settings, device="cpu")
    assert message in str(error.value)


def test_an_aligner_of_another_package_that_returns_too_few(toy_bitext):
    from alignfreeze.alignment.aligners import ALIGNERS, WordAligner

    class Short(WordAligner):
        def align(self, bitext):
            return [links()] * (len(bitext) - 1)

    af.register_aligner("short", lambda *_: Short())
    try:
        with pytest.raises(DataError, match="got 120 sentence pairs and 119 alignments"):
            af.align(toy_bitext, aligner="short")
    finally:
        ALIGNERS.remove("short")


@pytest.mark.parametrize(
    ("found", "gold", "message"),
    [
        (
            [links()],
            [links()],
            "(WordAlignment) is no GoldAlignment",
        ),
        (
            [{(0, 0)}],
            [GoldAlignment(frozenset(), frozenset())],
            "sentence pair 1: {(0, 0)} (set) is no WordAlignment",
        ),
    ],
)
def test_what_are_no_links_are_not_measured(found, gold, message):
    with pytest.raises(DataError) as error:
        measure_agreement(found, gold)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"languages": "en-de"}, "the languages are 'en-de'"),
        ({"languages": ("en",)}, "the languages are ('en',)"),
        ({"languages": ("en", None)}, "the languages are ('en', None)"),
        ({"columns": ("1",)}, "columns: expected two names or numbers as texts"),
        ({"columns": (1, 2)}, "columns: expected two names or numbers as texts"),
        ({"columns": "12"}, "columns: expected two names or numbers as texts"),
        ({"max_pairs": -1}, "max_pairs: expected a number from 1 on, got -1"),
    ],
)
def test_wrong_options_of_a_bitext(tmp_path, options, message):
    (tmp_path / "bitext.tsv").write_text("a\tb\n")
    with pytest.raises(AlignFreezeError) as error:
        af.read_bitext(tmp_path / "bitext.tsv", **{"languages": EN_DE, **options})
    assert message in str(error.value)


# --- items of tasks ------------------------------------------------------------------


GOOD = TaggedSentence(("the", "dog"), ("DET", "NOUN"))


@pytest.mark.parametrize(
    ("task", "items", "message"),
    [
        ("pos", [GOOD, TaggedSentence(("the",), ("DT",))], "item 2 has the label 'DT'; the task 'pos' has ADJ, ADP"),
        (
            "ner",
            [TaggedSentence(("Oslo",), ("LOC",))],
            "label 'LOC'; the task 'ner' has labels such as B-PER",
        ),
        ("nli", [LabelledText("a", "b", "maybe")], "item 1 has the label 'maybe'; the task 'nli' has entailment"),
        ("nli", [LabelledText("a", "b", 1)], "item 1 has the label 1; labels are texts"),  # type: ignore[arg-type]
        ("nli", [GOOD], "item 1 is TaggedSentence("),
        ("classification", [LabelledText(None, None, "x")], "item 1 is LabelledText(text=None"),  # type: ignore[arg-type]
        ("qa", [GOOD], "the task 'qa' needs questions"),
        ("pos", [GOOD, (("the",), ("DET",))], "item 2 is (('the',), ('DET',)) (tuple); the task 'pos' needs sentences"),
        ("pos", [3], "item 1 is 3 (int); the task 'pos' needs sentences, such as (['the', 'dog'], ['DET', 'NOUN'])"),
        ("qa", [("what?", "a text")], "needs questions, such as {'question': ..., 'context': ..., 'answers'"),
        ("pos", None, "expected a list of sentences, a data set, a data frame or a path; got None"),
    ],
)
def test_what_are_no_items_of_a_task(tiny_encoder, task, items, message):
    settings = af.FinetuningSettings(steps=1, batch_size=2)
    with pytest.raises(DataError) as error:
        af.finetune(tiny_encoder, TASKS[task], items, settings=settings, device="cpu")
    assert str(error.value).startswith("training data: ")
    assert message in str(error.value)


def test_what_are_no_items_of_a_test(tiny_encoder, toy_tagged):
    settings = af.FinetuningSettings(steps=1, batch_size=2)
    model, _ = af.finetune(tiny_encoder, TASKS["pos"], toy_tagged, settings=settings, device="cpu")
    for tests, message in (
        ({"de": [GOOD], "fr": [TaggedSentence(("the",), ("DT",))]}, "test fr: item 1 has the label 'DT'"),
        ({"de": [("the", "DET")]}, "test de, row 1: expected a list of words and a list of tags"),
        ({"de": [("the", "DET", "x")]}, "test de: item 1 is ('the', 'DET', 'x') (tuple)"),
        ([GOOD], "tests: expected sentences by language code"),
    ):
        with pytest.raises(DataError) as error:
            af.evaluate(model, TASKS["pos"], tests, device="cpu")  # type: ignore[arg-type]
        assert message in str(error.value)


def test_what_is_no_encoder_and_no_task(tiny_encoder):
    for wrong in (
        lambda: af.realign(5, [PAIR], [links((0, 0))], settings=af.RealignmentSettings(steps=1)),  # type: ignore[arg-type]
        lambda: af.finetune(5, TASKS["pos"], [GOOD]),  # type: ignore[arg-type]
        lambda: af.average_encoders([5, 5]),  # type: ignore[list-item]
    ):
        with pytest.raises(EncoderError, match=r"expected an encoder: a name or a folder, .*; got 5 \(int\)"):
            wrong()
    with pytest.raises(SettingsError, match=r"unknown task 'poss'.*Did you mean 'pos'"):
        af.finetune(tiny_encoder, "poss", [GOOD])
    with pytest.raises(SettingsError, match="expected a task or its name, such as 'pos', got 3"):
        af.finetune(tiny_encoder, 3, [GOOD])  # type: ignore[arg-type]
    with pytest.raises(EncoderError, match=r"expected a fine-tuned model: what finetune returns, .*; got Encoder"):
        af.evaluate(tiny_encoder, "pos", {"de": [GOOD]})


# --- weights, tests and files ----------------------------------------------------------


def test_weights_that_are_not_finite_give_no_numbers(tiny_encoder, toy_bitext, toy_tagged):
    model, _ = af.finetune(tiny_encoder, "pos", toy_tagged, steps=1, device="cpu")
    next(model.model.parameters()).data[0, 0] = float("nan")
    next(tiny_encoder.model.parameters()).data[0, 0] = float("nan")
    for wrong in (
        lambda: af.evaluate(model, "pos", {"en": toy_tagged}, device="cpu"),
        lambda: af.predict(model, [("the", "dog")], task="pos", device="cpu"),
        lambda: af.probe(tiny_encoder, toy_bitext, device="cpu"),
        lambda: af.realign(tiny_encoder, toy_bitext, steps=1, device="cpu"),
    ):
        with pytest.raises(EncoderError, match="has weights that are not finite: 1 of"):
            wrong()


def test_a_language_without_a_score_is_said(tiny_encoder, remarks):
    model, _ = af.finetune(tiny_encoder, "tagging", [(["a", "b"], ["X", "Y"])], steps=1, device="cpu")
    scores = af.evaluate(model, "tagging", {"de": [(["a"], ["X"])], "fr": [(["a"], ["Z"])]}, device="cpu")
    assert [score.language for score in scores] == ["de"]
    (doubt,) = [text for text in scores.doubts if "there is no score" in text]
    assert doubt.startswith("French: ") and "item 1 has the label 'Z', which does not occur in the training" in doubt
    assert doubt in remarks
    assert "French" in scores._repr_html_()


@pytest.mark.parametrize("items", [[(["a"], ["O"])], [(["a", "b"], ["O", "O"])] * 3], ids=len)
def test_training_items_with_one_label_are_said(tiny_encoder, items, remarks):
    af.finetune(tiny_encoder, "ner", items, steps=1, device="cpu")
    assert "training data: the training data have no entity: all tags are 'O'" in remarks[0]


@pytest.mark.parametrize("language", [None, 1])
def test_what_is_no_language_of_tests(tiny_encoder, language):
    model, _ = af.finetune(tiny_encoder, "pos", [GOOD], steps=1, device="cpu")
    with pytest.raises(DataError, match="is no language code; expected a text such as 'de'"):
        af.evaluate(model, "pos", {language: [GOOD]}, device="cpu")


@pytest.mark.parametrize(
    ("found", "gold", "message"),
    [
        (None, [], "expected a list of WordAlignment, one per sentence pair, got None"),
        ([links((0, 0))], "x", "expected a list of GoldAlignment, one per sentence pair, got 'x'"),
        ([WordAlignment([(0, 0)])], [GoldAlignment({(0, 0)}, {(0, 0)})], "is no WordAlignment with sets of links"),  # type: ignore[arg-type]
        ([links((0, 0))], [GoldAlignment({(0, 0)}, "x")], "is no GoldAlignment with sets of links"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_agree(found, gold, message):
    with pytest.raises(DataError) as error:
        measure_agreement(found, gold)
    assert message in str(error.value)


@pytest.mark.parametrize("wrong", [None, 5, b"x", ["a"]], ids=repr)
def test_what_is_no_file(wrong):
    from alignfreeze.alignment.agreement import read_gold

    for read in (af.read_conllu, read_gold):
        with pytest.raises(SettingsError, match="expected a path, as a text or a Path, got"):
            read(wrong)


@pytest.mark.parametrize("most", ["x", -1, 0, 2.5, True], ids=repr)
def test_what_is_no_number_of_sentences(most):
    with pytest.raises(SettingsError, match="max_sentences: expected a number from 1 on, got"):
        af.read_conllu("x.conllu", max_sentences=most)


def test_settings_of_reading_bitext(tmp_path):
    (tmp_path / "b.tsv").write_text("a b\tc d\ne f\tg h\n")
    how = {"languages": EN_DE}
    assert len(af.read_bitext(tmp_path / "b.tsv", selection={"sample": 1}, **how)) == 1
    with pytest.raises(SettingsError, match=r"selection has 1 wrong setting:\n  sampel: there is no such setting"):
        af.read_bitext(tmp_path / "b.tsv", selection={"sampel": 1}, **how)
    with pytest.raises(SettingsError, match=r"form: expected one of .*, got 3 \(int\)"):
        af.read_bitext(tmp_path / "b.tsv", form=3, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("sides", [(["The house", "A tree"], ["Das Haus", "Ein Baum"]), (["a"], ["b"])], ids=repr)
def test_two_lists_of_sentences_are_not_two_pairs(sides):
    with pytest.raises(DataError, match=r"a list of source sentences beside a list of target sentences; give pairs"):
        af.align(sides, languages=EN_DE)


def test_an_empty_word_is_no_word():
    with pytest.raises(DataError, match=r"sentence pair 1: a word of the target is ' ' \(str\), not a word"):
        af.align([(["a"], [" "])], languages=EN_DE)
