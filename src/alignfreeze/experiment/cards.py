"""The card of a saved model: how the model was made, its scores, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from alignfreeze.encoding import embedded
from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.experiment.strategies import is_average_name
from alignfreeze.external.peft import Lora
from alignfreeze.files import write_lines
from alignfreeze.languages import name_of
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.tasks.table import TASKS
from alignfreeze.version import __version__

CARD = "README.md"

FROM_FILES = "read from files"
"""What cards name instead of an aligner if links were given."""

LICENCES = {embedded.NAME: "mit"}
"""The licences of well-known encoders. For other encoders, the user fills in the licence."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The facts of a card.

    Attributes:
        encoder: The encoder that the model was made from, as the user named it.
        languages: Codes of the languages that the model was made with, the source language first.
        task: A name in `TASKS`; None for an encoder.
        strategy: How the encoder was realigned: a freeze policy, or an average of several; None if it was not.
        freezing: What was frozen meanwhile.
        aligner: The aligner that found the word links.
        schedule: When the encoder was realigned.
        digests: Digests of the files that the model was made from, by the purpose of the files.
        scores: The scores of the model.
        doubts: Signs that the scores cannot be right.
        tuned: The adapters that were trained in fine-tuning; None if the weights were.
        is_adapter: Whether the folder holds only an adapter, which belongs to the encoder.
    """

    encoder: str
    languages: Sequence[str]
    task: str | None = None
    strategy: str | None = None
    freezing: Freezing | None = None
    aligner: str | None = None
    schedule: str = "before"
    digests: Mapping[str, str] = field(default_factory=dict)
    scores: Sequence[Score] = ()
    doubts: Sequence[str] = ()
    tuned: Lora | None = None
    is_adapter: bool = False


def write_card(folder: Path, facts: CardFacts) -> None:
    """Write the card of a model into its folder.

    Raises:
        OutputError: The folder cannot be written.
    """
    write_lines(folder / CARD, card_text(facts).splitlines())


def card_text(facts: CardFacts) -> str:
    """Return the card of a model: its data in the form of the hub, then text in Markdown."""
    how: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    # Nothing is escaped: cards are Markdown.
    templates = Environment(loader=PackageLoader("alignfreeze.experiment"), undefined=StrictUndefined, **how)
    return templates.get_template("card.md.jinja").render(
        facts=facts,
        data=_data(facts).to_yaml(),
        name=base_name(facts.encoder),
        is_average=facts.strategy is not None and is_average_name(facts.strategy),
        task=TASKS[facts.task] if facts.task else None,
        code=_use(facts),
        version=__version__,
        name_of=name_of,
    )


def _data(facts: CardFacts) -> ModelCardData:
    task = None if facts.task is None else TASKS[facts.task]
    results = [
        EvalResult(
            task_type=task.kind.head.pipeline,
            dataset_type=f"{facts.task}-{score.language}",
            dataset_name=f"{task.what} ({name_of(score.language)})",
            metric_type=score.metric.replace(" ", "_"),
            metric_value=round(score.value, 4),
        )
        for score in facts.scores
        if task is not None
    ]
    return ModelCardData(
        language=list(facts.languages),
        license=LICENCES.get(facts.encoder, "unknown"),
        library_name="peft" if facts.is_adapter else "transformers",
        pipeline_tag=task.kind.head.pipeline if task else "feature-extraction",
        tags=["alignfreeze", "cross-lingual", *(["realignment"] if facts.strategy else [])],
        base_model=_base_model(facts.encoder),
        model_name="model" if results else None,
        eval_results=results or None,
    )


def _base_model(encoder: str) -> str | None:
    """Return the name of an encoder on the hub; None for a folder, which other people do not have."""
    if encoder == embedded.NAME:
        return "intfloat/multilingual-e5-small"
    return None if Path(encoder).exists() else encoder


def base_name(encoder: str) -> str:
    """Return the name of an encoder for other people: its name on the hub, or the name of its folder without a path."""
    return _base_model(encoder) or Path(encoder).name


def _use(facts: CardFacts) -> str:
    head = TASKS[facts.task].kind.head if facts.task else None
    if facts.is_adapter:
        return _use_of_adapter("AutoModel" if head is None else head.auto_class.__name__, base_name(facts.encoder))
    if head is not None and head.has_pipeline:
        return f'from transformers import pipeline\n\nmodel = pipeline("{head.pipeline}", model="FOLDER")'
    name = "AutoModel" if head is None else head.auto_class.__name__
    return f'from transformers import {name}, AutoTokenizer\n\nmodel = {name}.from_pretrained("FOLDER")'


def _use_of_adapter(name: str, base: str) -> str:
    return f"""from peft import PeftModel
from transformers import AutoConfig, {name}, AutoTokenizer

base = {name}.from_pretrained("{base}", config=AutoConfig.from_pretrained("FOLDER"))
model = PeftModel.from_pretrained(base, "FOLDER")  # model.merge_and_unload() makes an ordinary model of it"""
