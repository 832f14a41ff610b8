from dataclasses import replace

import pytest
import torch
from transformers import pipeline

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.errors import DataError, EncoderError
from alignfreeze.evaluation.zero_shot import evaluate
from alignfreeze.tasks.finetuning import FinetuningSettings, Mixture, finetune
from alignfreeze.tasks.heads import WORDS
from alignfreeze.tasks.kinds import IGNORED
from alignfreeze.tasks.models import add_head, load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.tagging import examples_of, predict
from alignfreeze.tasks.task import Source

POS = TASKS["pos"]
QUICK = FinetuningSettings(epochs=12, batch_size=16, learning_rate=5e-3)


@pytest.fixture(scope="module")
def tagger(tiny_folder, toy_tagged):
    from alignfreeze.encoding.encoder import load_encoder

    return finetune(load_encoder(str(tiny_folder)), POS, toy_tagged, settings=QUICK, device="cpu")[0]


def test_labels_stand_on_first_subwords_of_tagged_words(tiny_encoder):
    model = add_head(tiny_encoder, WORDS, POS.labels, max_length=16)
    sentence = TaggedSentence(("the", "doghouse", "sees"), ("DET", "NOUN", None))
    example = examples_of(model, [sentence]).batch([0])
    pieces = tiny_encoder.tokenizer.convert_ids_to_tokens(example["subwords"].tolist())
    labelled = {p: POS.labels[n] for p, n in zip(pieces, example["labels"].tolist(), strict=True) if n != IGNORED}
    assert len(pieces) > 5  # doghouse is more than one subword
    assert list(labelled.values()) == ["DET", "NOUN"]
    assert list(labelled) == ["the", pieces[2]]


def test_the_head_starts_from_the_encoders_weights_and_leaves_them_alone(tiny_encoder, toy_tagged):
    before = {name: value.clone() for name, value in tiny_encoder.model.state_dict().items()}
    model = add_head(tiny_encoder, WORDS, POS.labels, max_length=16)
    assert torch.equal(model.model.bert.embeddings.word_embeddings.weight, before["embeddings.word_embeddings.weight"])
    finetune(tiny_encoder, POS, toy_tagged, settings=QUICK.model_copy(update={"steps": 2}), device="cpu")
    assert all(torch.equal(before[name], value) for name, value in tiny_encoder.model.state_dict().items())


def test_the_head_has_a_learning_rate_of_its_own(tiny_encoder, toy_tagged):
    def after_a_step(head):
        rates = FinetuningSettings(steps=1, warmup=0, learning_rate=1e-4, head_learning_rate=head)
        return finetune(tiny_encoder, POS, toy_tagged, settings=rates, device="cpu")[0].model.state_dict()

    same, faster = after_a_step(None), after_a_step(1e-2)
    differences = {name: (faster[name] - same[name]).abs().max().item() for name in same}
    head = {name for name in same if name.startswith("classifier")}
    # In its first step Adam moves a parameter by the learning rate, whatever the gradient.
    assert all(differences[name] == pytest.approx(1e-2 - 1e-4, rel=0.01) for name in head)
    assert all(difference == 0 for name, difference in differences.items() if name not in head)


def test_fine_tuning_learns_the_toy_tags(tagger, toy_tagged):
    score = evaluate(tagger, POS, {"en": toy_tagged}, device="cpu")[0]
    assert score.value > 0.95
    assert score.n == 5 * len(toy_tagged)
    assert score.metric == "accuracy"


def test_predictions_do_not_depend_on_the_batch(tagger, toy_tagged):
    words = [sentence.words[: 1 + i % 5] for i, sentence in enumerate(toy_tagged)]
    assert predict(tagger, words, at_once=1) == predict(tagger, words, at_once=50)


def test_a_sentence_longer_than_the_model_gets_a_tag_for_every_word(tagger, toy_tagged):
    words = [word for sentence in toy_tagged[:40] for word in sentence.words]  # 200 words; the model takes 64 subwords
    narrow = type(tagger)(tagger.model, tagger.tokenizer, 32)
    (tags,) = predict(narrow, [words])
    assert len(tags) == 200
    assert None not in tags


def test_words_without_a_subword_count_as_wrong(tagger):
    sentence = TaggedSentence(("the", " ", "dog"), ("DET", "NOUN", "NOUN"))
    (tags,) = predict(tagger, [sentence.words])
    score = evaluate(tagger, POS, {"en": [sentence]}, device="cpu")[0]
    assert tags[1] is None
    assert score.n == 3
    assert score.value <= 2 / 3


def test_the_saved_model_works_in_a_pipeline_without_alignfreeze(tagger, toy_tagged, tmp_path):
    tagger.save(tmp_path)
    words = toy_tagged[0].words
    found = pipeline("token-classification", model=str(tmp_path))(" ".join(words))
    ours = predict(tagger, [words])[0]
    by_start = {item["start"]: item["entity"] for item in found}
    starts = [len(" ".join(words[:i])) + bool(i) for i in range(len(words))]
    assert [by_start[start] for start in starts] == ours


def test_the_saved_model_is_loaded_again(tagger, toy_tagged, tmp_path):
    tagger.save(tmp_path)
    again = load_task_model(tmp_path)
    assert again.labels == list(POS.labels)
    words = [sentence.words for sentence in toy_tagged]
    assert predict(again, words) == predict(tagger, words)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(EncoderError, match="holds no fine-tuned model"):
        load_task_model(tmp_path)


def test_a_model_of_another_task(tiny_folder, tagger):
    """An encoder without a head would get a random one: it is refused."""
    with pytest.raises(EncoderError, match="no head"):
        load_task_model(tiny_folder)


def test_a_model_with_other_labels_is_not_scored(tagger, toy_tagged):
    other = replace(POS, name="chunks", labels=("B", "I", "O"))
    with pytest.raises(EncoderError, match="'chunks' has B, I, O"):
        evaluate(tagger, other, {"en": toy_tagged})


def test_data_without_any_tag(tiny_encoder, tagger, tmp_path):
    (tmp_path / "t.conllu").write_text("1\tdog\t_\t_\t_\t_\t_\t_\t_\t_\n")
    with pytest.raises(DataError, match="no word has a tag"):
        POS.read(Source(tmp_path / "t.conllu"))
    untagged = [TaggedSentence(("dog",), (None,))]
    with pytest.raises(DataError, match="no training item has a label, so nothing can be learnt"):
        finetune(tiny_encoder, POS, untagged, settings=QUICK)
    with pytest.raises(DataError, match="no labels to compare"):
        evaluate(tagger, POS, {"en": untagged}, device="cpu")


@pytest.mark.parametrize(
    ("settings", "examples", "steps"),
    [
        (FinetuningSettings(), 100, 20),  # 5 epochs of ceil(100 / 32) = 4 batches
        (FinetuningSettings(epochs=2, batch_size=10), 100, 20),
        (FinetuningSettings(steps=7), 100, 7),
    ],
)
def test_number_of_steps(settings, examples, steps):
    assert settings.total_steps(examples) == steps


def test_the_learning_rate_rises_over_a_tenth_of_the_steps_and_falls_to_zero(tiny_encoder, toy_tagged, monkeypatch):
    """The schedule follows optimiser steps, which the reference code's does not."""
    from alignfreeze.training import loop

    rates = []

    class Watching(loop.OrderedTrainer):
        def training_step(self, *args, **kwargs):
            rates.append(self.lr_scheduler.get_last_lr()[0])
            return super().training_step(*args, **kwargs)

    monkeypatch.setattr(loop, "OrderedTrainer", Watching)
    settings = FinetuningSettings(steps=20, batch_size=4, learning_rate=1.0)
    finetune(tiny_encoder, POS, toy_tagged, settings=settings, device="cpu")
    # Warm-up over 2 steps from 0, then linearly down over 18.
    assert rates[:3] == pytest.approx([0.0, 0.5, 1.0])
    assert rates[-1] == pytest.approx(1 / 18)


def test_a_mixture_is_learnt_together_with_the_items(tiny_encoder, tagger, toy_tagged):
    """The words of the other language are those of English, spelt backwards; alone, a model does not learn them."""
    others = [TaggedSentence(tuple(word[::-1] for word in item.words), item.tags) for item in toy_tagged]
    mixture = Mixture(others, source_share=0.5, steps=2 * QUICK.total_steps(len(toy_tagged)))
    mixed, history = finetune(tiny_encoder, POS, toy_tagged, settings=QUICK, mixture=mixture, device="cpu")
    assert history.steps == 96
    shares = [evaluate(model, POS, {"en": toy_tagged, "de": others}) for model in (tagger, mixed)]
    (alone_en, alone_de), (mixed_en, mixed_de) = ([score.value for score in scores] for scores in shares)
    assert min(alone_en, mixed_en) > 0.9
    assert mixed_de > alone_de + 0.1


def test_a_mixture_without_labels_is_an_error(tiny_encoder, toy_tagged):
    mixture = Mixture([TaggedSentence(("dog",), (None,))], source_share=0.5, steps=2)
    with pytest.raises(DataError, match="no item of the mixture has a label"):
        finetune(tiny_encoder, POS, toy_tagged, settings=QUICK, mixture=mixture, device="cpu")


def test_examples_are_joined_in_order(tiny_encoder):
    model = add_head(tiny_encoder, WORDS, POS.labels, max_length=16)
    items = [TaggedSentence((word,), (tag,)) for word, tag in (("the", "DET"), ("dog", "NOUN"), ("sees", "VERB"))]
    whole = examples_of(model, items)
    joined = examples_of(model, items[:2]).join(examples_of(model, items[2:]))
    assert joined.digest == whole.digest
    assert joined.batch([2])["labels"].tolist() == whole.batch([2])["labels"].tolist()
