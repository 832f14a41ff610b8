import json
import string

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from alignfreeze.corpora.questions import Question
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.evaluation.zero_shot import evaluate
from alignfreeze.tasks.answering import (
    LONGEST_ANSWER,
    best_span,
    examples_of,
    loss_of_spans,
    predict,
    windows_of,
)
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune, n_examples
from alignfreeze.tasks.heads import SPANS
from alignfreeze.tasks.metrics import measure_answers
from alignfreeze.tasks.models import add_head
from alignfreeze.tasks.table import TASKS

QA = TASKS["qa"]


@pytest.fixture(scope="module")
def answerer(tiny_folder, toy_items):
    settings = FinetuningSettings(epochs=40, batch_size=16, learning_rate=5e-3, max_length=32, stride=4)
    return finetune(load_encoder(str(tiny_folder)), QA, toy_items["qa"], settings=settings, device="cpu")[0]


def test_fine_tuning_learns_where_the_answers_are(answerer, toy_items):
    f1, exact = evaluate(answerer, QA, {"en": toy_items["qa"]}, device="cpu")
    assert (f1.metric, exact.metric) == ("f1", "exact match")
    assert f1.value > 0.9
    assert (f1.n, f1.unit) == (60, "questions")


def test_the_places_of_answers_in_windows(tiny_encoder):
    """Every window that holds the whole answer points at it; the others point at the first subword."""
    context = "the dog sees the cat " * 6 + "the bird likes the lamp"
    question = Question("1", "the bird likes", context, ("the lamp",), (context.rindex("the lamp"),))
    model = add_head(tiny_encoder, SPANS, (), max_length=20, stride=6)
    found = list(windows_of(model, [question]))
    assert len(found) > 2
    assert all(len(window.subwords) <= 20 for window in found)
    examples = examples_of(model, [question])
    pointed = 0
    for window, (start, end) in zip(found, examples.labels.values.reshape(-1, 2).tolist(), strict=True):
        if (start, end) == (0, 0):
            continue
        assert context[window.places[start, 0] : window.places[end, 1]] == "the lamp"
        pointed += 1
    assert pointed >= 1
    covered = {int(place) for window in found for place in window.places[:, 0] if place >= 0}
    assert covered >= {i for i, c in enumerate(context) if c != " " and (i == 0 or context[i - 1] == " ")}


def test_a_question_that_leaves_no_room_is_cut(tiny_encoder):
    question = Question("1", "the dog " * 100, "the cat sees the bird", ("cat",), (4,))
    model = add_head(tiny_encoder, SPANS, (), max_length=24)
    assert all(len(window.subwords) <= 24 for window in windows_of(model, [question]))
    assert "cat" in "".join(question.context[a:b] for w in windows_of(model, [question]) for a, b in w.places if a >= 0)


def test_the_best_span_is_that_of_a_slow_search():
    generator = np.random.default_rng(0)
    for _ in range(30):
        logits = generator.normal(size=(60, 2)).astype(np.float32)
        places = np.stack([np.arange(60) * 2, np.arange(60) * 2 + 1], axis=1)
        places[:10] = -1
        # The best spans begin and end at the best 20 of either, as in the official scripts.
        tops = [set(np.argsort(-logits[10:, side])[:20] + 10) for side in (0, 1)]
        spans = [(logits[i, 0] + logits[j, 1], i, j) for i in tops[0] for j in tops[1] if 0 <= j - i < LONGEST_ANSWER]
        score, start, end = max(spans)
        assert best_span(logits, places) == (pytest.approx(score), places[start, 0], places[end, 1])
    assert best_span(logits, np.full((60, 2), -1)) == (-np.inf, 0, 0)


def test_the_loss_is_the_mean_cross_entropy_of_beginning_and_end():
    logits, lengths = torch.randn(9, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([4, 5])
    labels = torch.tensor([1, 2, 0, 4])
    total, count = loss_of_spans(logits, labels, lengths)
    pieces = logits.split([4, 5])
    slow = sum(
        F.cross_entropy(piece[:, side][None], labels[2 * n + side][None]) / 2
        for n, piece in enumerate(pieces)
        for side in (0, 1)
    )
    torch.testing.assert_close(total, slow)
    assert count == 2


def test_the_saved_model_works_without_alignfreeze(answerer, toy_items, tmp_path):
    """transformers has no pipeline for it any more: its model and tokenizer, and a slow search for the best span."""
    answerer.save(tmp_path)
    model = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    items = toy_items["qa"][:10]
    for item, ours in zip(items, predict(answerer, items), strict=True):
        encoding = tokenizer(item.question, item.context, return_offsets_mapping=True, return_tensors="pt")
        places = encoding.pop("offset_mapping")[0].tolist()
        inside = [i for i, side in enumerate(encoding.sequence_ids(0)) if side == 1]
        with torch.no_grad():
            output = model(**encoding)
        scores = {
            (i, j): float(output.start_logits[0, i] + output.end_logits[0, j]) for i in inside for j in inside if i <= j
        }
        start, end = max(scores, key=scores.__getitem__)
        assert item.context[places[start][0] : places[end][1]] == ours


# SQuAD's official normalisation, evaluate-v1.1.py: lower case, no punctuation, no articles, single spaces.
@pytest.mark.parametrize(
    ("predicted", "answers", "f1", "exact"),
    [
        ("The Cat!", ["cat"], 1, 1),  # articles and punctuation do not count
        ("a black cat", ["the black dog"], 0.5, 0),  # {black, cat} and {black, dog}: precision 1/2, recall 1/2
        ("cat", ["dog", "cat sat"], 2 / 3, 0),  # the best answer: precision 1, recall 1/2
        ("北京", ["北京。"], 0, 0),  # not a punctuation mark of string.punctuation: another word
        ("北京", ["北京"], 1, 1),
        ("", ["cat"], 0, 0),
        ("the", ["a"], 1, 1),  # both are empty when normalised: equal, by the script of SQuAD 2 (1.1's F1 is 0 here)
        ("cat cat", ["cat"], 2 / 3, 0),  # words are counted: precision 1/2, recall 1
    ],
)
def test_exact_match_and_f1_are_the_official_ones(predicted, answers, f1, exact):
    assert "。" not in string.punctuation
    question = Question("1", "?", " ".join(answers), tuple(answers), (0,) * len(answers))
    found = {measure.metric: measure.value for measure in measure_answers([predicted], [question])}
    assert found == {"f1": pytest.approx(f1), "exact match": exact}


def test_answers_do_not_depend_on_the_batch(answerer, toy_items):
    items = toy_items["qa"]
    assert predict(answerer, items, at_once=1) == predict(answerer, items, at_once=500)
    assert json.dumps(predict(answerer, items[:3]))


@pytest.mark.parametrize("answer", ["cat", " cat", "cat ", " cat "])
def test_a_space_at_the_edge_of_an_answer_is_no_part_of_it(tiny_encoder, answer):
    context = "the cat sees"
    question = Question("1", "who sees", context, (answer,), (context.index(answer),))
    model = add_head(tiny_encoder, SPANS, (), max_length=20, stride=4)
    (window,) = windows_of(model, [question])
    start, end = examples_of(model, [question]).labels.values.tolist()
    assert context[window.places[start, 0] : window.places[end, 1]] == "cat"


def test_an_epoch_visits_every_window(tiny_encoder):
    context = "the dog sees the cat " * 20
    question = Question("1", "who sees", context, ("the dog",), (0,))
    settings = FinetuningSettings(epochs=2, batch_size=4, max_length=24, stride=4)
    found = n_examples(tiny_encoder, QA, [question] * 3, settings)
    model, history = finetune(tiny_encoder, QA, [question] * 3, settings=settings, device="cpu")
    assert found == len(list(windows_of(model, [question] * 3))) > 12
    assert history.steps == 2 * -(-found // 4)
