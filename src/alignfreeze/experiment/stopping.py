"""The judge that stops a realignment, as the settings of an experiment say."""

from __future__ import annotations

from alignfreeze.evaluation.judges import AgreementJudge, RetrievalJudge
from alignfreeze.experiment.data import ExperimentData
from alignfreeze.experiment.held_out import align_held_out, takes_two_texts
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.trainer import Judge
from alignfreeze.tasks.table import TASKS


def make_judge(settings: ExperimentSettings, data: ExperimentData, *, seed: int) -> Judge | None:
    """Return the judge that `realignment.stopping` requests; None without that setting.

    Args:
        settings: The experiment.
        data: The data with the held-out pairs.
        seed: The seed of all short fine-tunings.
    """
    stopping = settings.realignment.stopping
    if stopping is None:
        return None
    links = align_held_out(data.held, encoder=settings.encoder, device=settings.device)
    if stopping.by == "retrieval":
        return RetrievalJudge(data.held, links, settings.device)
    task = TASKS[settings.task]
    return AgreementJudge(
        task=task,
        items=data.train,
        settings=settings.finetuning.model_copy(update={"steps": stopping.finetuning_steps}),
        compute=settings.compute,
        bitext=data.held,
        links=links,
        two_texts=takes_two_texts(task, data),
        seed=seed,
        device=settings.device,
    )
