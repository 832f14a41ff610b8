"""Realign multilingual encoders with a choice of frozen layers, and see language by language what it changed.

The public names, in the order of the pipeline:

    read_bitext, SentencePair     sentence pairs
    read_conllu                   tagged sentences
    align                         the words that translate each other
    load_encoder                  an encoder
    realign                       pull translations together, with some layers frozen
    average_encoders, swap_parts  the mean of realigned encoders, or parts of one in another
    TASKS, finetune               learn a task in one language
    evaluate, predict             test it in others, and let it label texts
    convert_model                 a folder for sentence-transformers, or ONNX
    shrink_model                  a smaller model, with the subwords of some languages
    probe                         look into encoders, layer by layer
    run_experiment                all of this, for several strategies, seeds and languages
    compare                       gains over the baseline, with intervals and tests
    advise                        the best strategy for each language, without labels
    label, label_languages        the few items whose labels tell which model is best
    settle, train_on_labels       what these labels say, and a model that has learnt them
    report, study_page            a study as a page

    RealignmentLoss, RealignmentCallback, SentenceTransformerRealignment
                                  realignment in the training loops of others
    show_progress                 bars in scripts; notebooks have them

    RealignmentSettings, FinetuningSettings, ExperimentSettings
                                  settings; keywords and dicts will do as well
    register_aligner, register_family, register_loss, register_task
                                  own parts, by name

Results are tables: in a notebook, with `to_pandas()`, and with `to_dict()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alignfreeze.version import __version__

if TYPE_CHECKING:
    from alignfreeze.advice.advice import advise
    from alignfreeze.alignment.aligners import register_aligner
    from alignfreeze.corpora.annotated import read_conllu
    from alignfreeze.corpora.bitext import SentencePair, read_bitext
    from alignfreeze.encoding.aligning import align
    from alignfreeze.encoding.encoder import load_encoder
    from alignfreeze.encoding.families import register_family
    from alignfreeze.evaluation.predicting import predict
    from alignfreeze.evaluation.probing import probe
    from alignfreeze.evaluation.zero_shot import evaluate
    from alignfreeze.experiment.converting import convert_model
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.experiment.shrinking import shrink_model
    from alignfreeze.labelling.asking import label
    from alignfreeze.labelling.few_shot import train_on_labels
    from alignfreeze.labelling.settling import settle
    from alignfreeze.labelling.several import label_languages
    from alignfreeze.progress import show_progress
    from alignfreeze.realignment.averaging import average_encoders
    from alignfreeze.realignment.callback import RealignmentCallback
    from alignfreeze.realignment.loops import RealignmentLoss, SentenceTransformerRealignment
    from alignfreeze.realignment.losses import register_loss
    from alignfreeze.realignment.settings import RealignmentSettings
    from alignfreeze.realignment.swapping import swap_parts
    from alignfreeze.realignment.trainer import realign
    from alignfreeze.reports.study import study_page
    from alignfreeze.reports.writing import report
    from alignfreeze.running.dispatch import run_experiment
    from alignfreeze.studies.comparing import compare
    from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
    from alignfreeze.tasks.table import TASKS, register_task

# The public names in the order of the pipeline, and the modules they live in. They are imported
# when they are first used: torch takes seconds, and `alignfreeze --help` should not wait for it.
_HOMES = {
    "SentencePair": "corpora.bitext",
    "read_bitext": "corpora.bitext",
    "read_conllu": "corpora.annotated",
    "align": "encoding.aligning",
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
    "swap_parts": "realignment.swapping",
    "TASKS": "tasks.table",
    "register_task": "tasks.table",
    "FinetuningSettings": "tasks.finetuning",
    "finetune": "tasks.finetuning",
    "evaluate": "evaluation.zero_shot",
    "probe": "evaluation.probing",
    "convert_model": "experiment.converting",
    "shrink_model": "experiment.shrinking",
    "predict": "evaluation.predicting",
    "ExperimentSettings": "experiment.settings",
    "run_experiment": "running.dispatch",
    "compare": "studies.comparing",
    "advise": "advice.advice",
    "label": "labelling.asking",
    "label_languages": "labelling.several",
    "settle": "labelling.settling",
    "train_on_labels": "labelling.few_shot",
    "report": "reports.writing",
    "study_page": "reports.study",
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
    "advise",
    "align",
    "average_encoders",
    "compare",
    "convert_model",
    "evaluate",
    "finetune",
    "label",
    "label_languages",
    "load_encoder",
    "predict",
    "probe",
    "read_bitext",
    "read_conllu",
    "realign",
    "register_aligner",
    "register_family",
    "register_loss",
    "register_task",
    "report",
    "run_experiment",
    "settle",
    "show_progress",
    "shrink_model",
    "study_page",
    "swap_parts",
    "train_on_labels",
]


if not TYPE_CHECKING:  # a checker of types shall know only the names above

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'alignfreeze' has no attribute {name!r}")
        return getattr(import_module(f"alignfreeze.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
