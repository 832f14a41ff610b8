"""Several fine-tuned models that predict together."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.together import predict_together
from alignfreeze.evaluation.zero_shot import assess
from alignfreeze.ragged import Ragged
from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
from alignfreeze.tasks.table import TASKS

WORD = TaggedSentence(("a", "b"), (None, None))


def saying(labels, rows):
    """A model that gives these probabilities, [words, labels], to the words of one sentence."""
    return SimpleNamespace(labels=labels, model=nn.Linear(1, 1), said=Ragged.of([np.array(rows)], dtype=np.float32))


@pytest.fixture
def tagger():
    kind = TASKS["pos"].kind
    joint = replace(kind.joint, outputs=lambda model, items, **_: model.said)
    return replace(TASKS["pos"], kind=replace(kind, joint=joint))


def test_the_mean_of_probabilities_decides(tagger):
    """Two models choose Y for the first word, but the third is so sure of X that the mean is 0.6 for X.

    X: (0.4 + 0.45 + 0.95) / 3 = 0.6; Y: (0.6 + 0.55 + 0.05) / 3 = 0.4. The second word: X 0.3, Y 0.7.
    """
    several = [
        saying(["X", "Y"], [[0.4, 0.6], [0.3, 0.7]]),
        saying(["X", "Y"], [[0.45, 0.55], [0.3, 0.7]]),
        saying(["X", "Y"], [[0.95, 0.05], [0.3, 0.7]]),
    ]
    assert predict_together(several, tagger, [WORD], device="cpu") == [["X", "Y"]]
    assert predict_together(several[:2], tagger, [WORD], device="cpu") == [["Y", "Y"]]


def test_a_word_that_no_model_sees_has_no_label(tagger):
    unseen = saying(["X", "Y"], [[np.nan, np.nan], [0.3, 0.7]])
    assert predict_together([unseen, unseen], tagger, [WORD], device="cpu") == [[None, "Y"]]


def test_models_need_the_same_labels(tagger):
    several = [saying(["X", "Y"], [[0.4, 0.6], [0.3, 0.7]]), saying(["Y", "X"], [[0.4, 0.6], [0.3, 0.7]])]
    with pytest.raises(ValueError, match="need the same labels"):
        predict_together(several, tagger, [WORD], device="cpu")
    with pytest.raises(ValueError, match="no model"):
        predict_together([], tagger, [WORD], device="cpu")


def test_a_kind_that_cannot_do_it_is_refused(tagger):
    other = replace(tagger, kind=replace(tagger.kind, joint=None))
    with pytest.raises(SettingsError, match=r"'pos' cannot predict together.*use seeds\(\.\.\.\) instead"):
        predict_together([saying(["X"], [[1.0], [1.0]])], other, [WORD], device="cpu")


@pytest.fixture(scope="module")
def models(tiny_folder, toy_items):
    """Two models of each task that differ."""
    encoder = load_encoder(str(tiny_folder))
    settings = FinetuningSettings(steps=8, batch_size=8, learning_rate=3e-3, max_length=32, stride=4)
    return {
        task: [
            finetune(encoder, task, toy_items[task], settings=settings, seed=seed, device="cpu")[0] for seed in (1, 2)
        ]
        for task in ("pos", "ner", "nli", "qa")
    }


@pytest.mark.parametrize("task", ["pos", "ner", "nli", "qa"])
def test_equal_models_predict_what_one_of_them_predicts(models, toy_items, task):
    one, other = models[task]
    items = toy_items[task]
    alone = TASKS[task].kind.predict(one, items)
    assert predict_together([one] * 3, TASKS[task], items, device="cpu") == alone
    assert predict_together([one], TASKS[task], items, device="cpu") == alone
    # The order of two models does not matter, as a + b = b + a.
    both = predict_together([one, other], TASKS[task], items, device="cpu")
    again = predict_together([other, one], TASKS[task], items, device="cpu")
    assert sum(a == b for a, b in zip(both, again, strict=True)) >= len(items) - 1  # but for rounding


@pytest.mark.parametrize("task", ["pos", "nli", "qa"])
def test_it_is_scored_like_any_model(models, toy_items, task):
    one, _ = models[task]
    items = {"en": toy_items[task]}

    def together(stream):
        return predict_together([one, one], TASKS[task], stream, device="cpu")

    apart = assess(one, TASKS[task], items, device="cpu")
    joined = assess(one, TASKS[task], items, device="cpu", predict=together)
    assert (joined.scores, joined.doubts, joined.kept) == (apart.scores, apart.doubts, apart.kept)
