"""Every public name as a user writes it. `make lint` checks the types: a result that is `Any` would be an error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import alignfreeze as af
from alignfreeze.corpora.mini import mini_path

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor
    from transformers import PreTrainedModel, TrainerCallback

    from alignfreeze.advice.choices import StrategyChoices
    from alignfreeze.advice.outcome import AdviceOutcome
    from alignfreeze.alignment.aligners import WordAligner
    from alignfreeze.corpora.annotated import TaggedSentence
    from alignfreeze.encoding.encoder import Encoder
    from alignfreeze.encoding.families import Family
    from alignfreeze.evaluation.probe import Probe
    from alignfreeze.evaluation.zero_shot import Scores
    from alignfreeze.labelling.outcome import Settlement
    from alignfreeze.realignment.losses import LossInputs
    from alignfreeze.realignment.trainer import Realigned
    from alignfreeze.reports.pages import StudyPage
    from alignfreeze.running.study import Study
    from alignfreeze.studies.comparing import Comparisons
    from alignfreeze.studies.comparison import Comparison
    from alignfreeze.tasks.finetuning import Finetuned
    from alignfreeze.tasks.models import TaskModel
    from alignfreeze.tasks.task import Task


def use_one_model() -> None:
    """Realign, fine-tune and test one model."""
    bitext = assert_type(af.read_bitext(mini_path("en-de.tsv"), languages=("en", "de")), list[af.SentencePair])
    alignments = af.align(bitext, aligner="fast-align")
    encoder = assert_type(af.load_encoder("embedded:e5-small"), Encoder)
    af.realign(encoder, bitext, alignments, freeze="front", settings=af.RealignmentSettings(steps=20))
    mean = assert_type(af.average_encoders([encoder, encoder], weights=[0.5, 0.5]), Encoder)
    assert_type(af.swap_parts(encoder, mean, "front+embeddings"), Encoder)
    probed = assert_type(af.probe({"before": "embedded:e5-small", "after": mean}, bitext), Probe)
    af.probe("embedded:e5-small", Path("en-de.tsv"), languages=("en", "de"), alignments=alignments, device="cpu")
    assert_type(probed.rows(), list[dict[str, Any]])
    assert_type(probed.to_pandas(), DataFrame)
    sentences = assert_type(af.read_conllu(mini_path("en-train.conllu")), list[TaggedSentence])
    task = assert_type(af.TASKS["pos"], Task)
    tagger, _ = af.finetune(encoder, task, sentences, settings=af.FinetuningSettings(epochs=1))
    assert_type(tagger, TaskModel)
    scores = af.evaluate(tagger, task, {"de": af.read_conllu(mini_path("de-test.conllu"))})
    assert_type(scores[0].value, float)
    assert_type(af.predict(tagger, ["Der Hund schläft."], language="de").to_pandas(), DataFrame)
    assert_type(af.convert_model(encoder, "vectors", to="sentence-transformers"), dict[str, Any])
    assert_type(af.shrink_model(encoder, "small", languages=["en"], texts={"sw": Path("sw.txt")}), dict[str, Any])


def realign_on_objects(folder: Path) -> None:
    """Give what people hold: names, models, pairs of texts, dicts and keywords."""
    pairs = [("the cat sleeps", "die Katze schläft")]
    with af.show_progress():
        realigned = assert_type(af.realign("embedded:e5-small", pairs, languages=("en", "de"), steps=2), Realigned)
    assert_type(realigned.encoder, Encoder)
    assert_type(realigned.history.pairs, int)
    realigned.save(folder)
    items = [{"tokens": ["the", "cat"], "tags": ["DET", "NOUN"]}]
    result = assert_type(af.finetune(realigned.encoder, "pos", items, epochs=1, device="cpu"), Finetuned)
    assert_type(result.model, TaskModel)
    assert_type(af.evaluate(folder, "pos", {"de": items}), Scores)


def realign_in_the_loops_of_others(model: PreTrainedModel, bitext: list[af.SentencePair]) -> None:
    """Add the loss of realignment to other losses."""
    loss = af.RealignmentLoss(model, bitext, freeze="front")
    assert_type(loss(), Tensor)
    callback: TrainerCallback = af.RealignmentCallback(bitext, freeze="front")
    assert callback is not None
    af.SentenceTransformerRealignment(model, bitext)


def use_studies(settings: af.ExperimentSettings, folder: Path) -> None:
    """Run experiments, and look at what they show."""
    study = assert_type(af.run_experiment("experiment.toml", out="my-study", seeds=[31]), Study)
    af.run_experiment(settings, out=folder, base=folder, workers=2, realignment={"steps": 20})
    af.run_experiment({"languages": ["de"], "data": {"train": "a", "test": "{language}"}}, out=folder)
    assert_type(study.to_dict(), dict[str, Any])
    found = assert_type(af.compare(study), Comparisons)
    assert_type(af.compare([study, "other-study", folder / "table.csv"], against=folder), Comparisons)
    assert_type(found[0], Comparison)
    assert_type([item.metric for item in found], list[str])
    assert_type(found.to_pandas(), DataFrame)
    advised = assert_type(af.advise(settings, out=folder, budget=10), AdviceOutcome)
    assert_type(advised.advice.overall.strategy, str)
    assert_type(af.advise(study), StrategyChoices)
    assert_type(af.advise("experiment.toml"), AdviceOutcome | StrategyChoices)
    assert_type(af.label(study, ["un", "deux mots"], language="fr", out="to-label.conllu").n_labels, int)
    settled = assert_type(af.settle(study, "to-label.conllu", margin=0.01), Settlement)
    assert_type(settled.chosen, str)
    several = af.label_languages(study, {"fr": ["un"], "de": ["eins"]}, out="{language}.conllu", sentences=60)
    assert_type([one.n_labels for one in several], list[int])
    assert_type(af.train_on_labels(study, "to-label.conllu", settled=settled, epochs=5).gain.value, float)
    assert_type(af.report([study, "other-study"], "page.html", title="Mine"), StudyPage)
    assert_type(af.study_page(study), StudyPage)
    assert_type(af.__version__, str)


def add_parts(aligner: WordAligner, family: Family, task: Task) -> None:
    """Add parts by name."""

    def loss(states: Tensor, inputs: LossInputs) -> Tensor:
        return inputs.project(states).mean()

    af.register_aligner("mine", lambda *_: aligner)
    af.register_family("mine", family)
    af.register_loss("mine", loss)
    af.register_task(task)
