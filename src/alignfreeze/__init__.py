"""Realign multilingual encoders with a choice of frozen layers, and see language by language what it changed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alignfreeze.version import __version__

if TYPE_CHECKING:
    from alignfreeze.alignment.aligners import register_aligner
    from alignfreeze.alignment.aligning import align
    from alignfreeze.corpora.annotated import read_conllu
    from alignfreeze.corpora.bitext import SentencePair, read_bitext
    from alignfreeze.encoding.encoder import load_encoder
    from alignfreeze.encoding.families import register_family
    from alignfreeze.evaluation.zero_shot import evaluate
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.progress import show_progress
    from alignfreeze.realignment.averaging import average_encoders
    from alignfreeze.realignment.callback import RealignmentCallback
    from alignfreeze.realignment.loops import RealignmentLoss, SentenceTransformerRealignment
    from alignfreeze.realignment.losses import register_loss
    from alignfreeze.realignment.settings import RealignmentSettings
    from alignfreeze.realignment.trainer import realign
    from alignfreeze.report.study import study_page
    from alignfreeze.running.dispatch import run_experiment
    from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
    from alignfreeze.tasks.table import TASKS, register_task

# The public names in the order of the pipeline, and the modules they live in. They are imported
# when they are first used: torch takes seconds, and `alignfreeze --help` should not wait for it.
_HOMES = {
    "SentencePair": "corpora.bitext",
    "read_bitext": "corpora.bitext",
    "read_conllu": "corpora.annotated",
    "align": "alignment.aligning",
    "register_aligner": "alignment.aligners",
    "load_encoder": "encoding.encoder",
    "register_family": "encoding.families",
    "RealignmentSettings": "realignment.settings",
    "realign": "realignment.trainer",
    "RealignmentLoss": "realignment.loops",
    "RealignmentCallback": "realignment.callback",
    "SentenceTransformerRealignment": "realignment.loops",
    "register_loss": "realignment.losses",
    "average_encoders": "realignment.averaging",
    "TASKS": "tasks.table",
    "register_task": "tasks.table",
    "FinetuningSettings": "tasks.finetuning",
    "finetune": "tasks.finetuning",
    "evaluate": "evaluation.zero_shot",
    "ExperimentSettings": "experiment.settings",
    "run_experiment": "running.dispatch",
    "study_page": "report.study",
    "show_progress": "progress",
}

__all__ = [
    "TASKS",
    "ExperimentSettings",
    "FinetuningSettings",
    "RealignmentCallback",
    "RealignmentLoss",
    "RealignmentSettings",
    "SentencePair",
    "SentenceTransformerRealignment",
    "__version__",
    "align",
    "average_encoders",
    "evaluate",
    "finetune",
    "load_encoder",
    "read_bitext",
    "read_conllu",
    "realign",
    "register_aligner",
    "register_family",
    "register_loss",
    "register_task",
    "run_experiment",
    "show_progress",
    "study_page",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'alignfreeze' has no attribute {name!r}")
    return getattr(import_module(f"alignfreeze.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
