"""The card of a saved model: how the model was made, its scores, and how to use it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from jinja2 import Environment

from alignfreeze.encoding import embedded
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment.leaderboards import (
    HubTest,
    card_results,
    leaderboard_entries,
    write_leaderboard_entries,
)
from alignfreeze.experiment.names import is_average_name, is_merged_name
from alignfreeze.experiment.rendering import open_templates
from alignfreeze.experiment.uses import Use, plain_uses, uses_of
from alignfreeze.external.lora import Lora
from alignfreeze.files import write_lines
from alignfreeze.languages import name_of
from alignfreeze.realignment.history import Freezing
from alignfreeze.tasks.heads import Head
from alignfreeze.tasks.table import TASKS
from alignfreeze.version import __version__

CARD = "README.md"

MARK = "alignfreeze"
"""The tag of the cards that are written here."""

_USE = "\n## Use\n"

FROM_FILES = "read from files"
"""What cards name instead of an aligner if links were given."""

NOTHING = "full"
"""The freeze policy that trains all parts."""

LICENCES = {embedded.NAME: "mit"}
"""The licences of well-known encoders. For other encoders, the user fills in the licence."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The facts of a card.

    Attributes:
        encoder: The encoder that the model was made from, as the user named it.
        languages: Codes of the languages that the model was made with, the source language first.
        task: A name in `TASKS`; None for an encoder.
        strategy: How the encoder was realigned: a freeze policy, or how several are merged; None if it was not.
        freezing: What was frozen meanwhile.
        aligner: The aligner that found the word links.
        schedule: When the encoder was realigned.
        digests: Digests of the files that the model was made from, by the purpose of the files.
        scores: The scores of the model.
        doubts: Signs that the scores cannot be right.
        tests: The test items that come from data sets on the hub, by language.
        head: The head of the model, that of the task by default; None for an encoder.
        tuned: The adapters that were trained in fine-tuning; None if the weights were.
        taught: How the model was trained a second time, in words; None if it was not.
        is_adapter: Whether the folder holds only an adapter, which belongs to the encoder.
        seeds: The random starts of the trainings; several if the model is the mean of several.
        notes: Sentences on what was done with the model afterwards.
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
    tests: Mapping[str, HubTest] = field(default_factory=dict)
    head: Head | None = None
    tuned: Lora | None = None
    taught: str | None = None
    is_adapter: bool = False
    seeds: Sequence[int] = ()
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.task is not None:
            object.__setattr__(self, "head", TASKS[self.task].kind.head)

    @property
    def name(self) -> str:
        """The name of the encoder for other people."""
        return base_name(self.encoder)

    @property
    def is_average(self) -> bool:
        """Whether the encoder is the mean of several."""
        return self.strategy is not None and is_average_name(self.strategy)

    @property
    def is_swap(self) -> bool:
        """Whether the encoder is merged from several in another way than as their mean."""
        return self.strategy is not None and is_merged_name(self.strategy) and not self.is_average

    @property
    def title(self) -> str:
        """What the model is: its encoder, how that was realigned, and what the model has learnt."""
        parts = [self.name]
        if self.is_average:
            parts.append(f"averaged: {self.strategy}")
        elif self.is_swap:
            parts.append(f"merged: {self.strategy}")
        elif self.strategy is not None:
            how = "nothing frozen" if self.strategy == NOTHING else f"frozen: {self.strategy}"
            has_lora = self.freezing is not None and self.freezing.adapter is not None
            parts.append(f"realigned ({self.strategy if has_lora else how})")
        if self.head is not None:
            how = "" if self.taught is None else f" with {self.taught}"
            parts.append(f"fine-tuned{how}: {TASKS[self.task].what if self.task else f'labels of {self.head.name}'}")
        if len(self.seeds) > 1:
            parts.append(f"mean of {len(self.seeds)} seeds")
        return ", ".join(parts)


def write_card(folder: Path, facts: CardFacts) -> None:
    """Write the card of a model into its folder, and its scores for leaderboards.

    The card shows the use of the folder in the frameworks that can read what is in it. Doubtful scores are in the card
    only.

    Raises:
        OutputError: The folder cannot be written.
    """
    write_lines(folder / CARD, card_text(facts, uses_of(folder, facts.head, facts.task, base=facts.name)).splitlines())
    if facts.tests and not facts.doubts:
        write_leaderboard_entries(folder, leaderboard_entries(facts.scores, facts.tests, source=facts.languages[0]))


def card_text(facts: CardFacts, uses: Sequence[Use] | None = None) -> str:
    """Return the card of a model: its data in the form of the hub, then text in Markdown.

    Args:
        facts: The facts.
        uses: How frameworks use the folder; by default, those of an ordinary model folder.
    """
    uses = plain_uses(facts.head, facts.task) if uses is None else uses
    return (
        _templates()
        .get_template("card.md.jinja")
        .render(
            facts=facts,
            data=_data(facts, uses).to_yaml(),
            uses=_show_uses(uses),
            task=TASKS[facts.task] if facts.task else None,
            version=__version__,
            name_of=name_of,
        )
    )


def renew_card(text: str, uses: Sequence[Use]) -> str | None:
    """Return the card of a model for another form of its folder; None if it is not a card of alignfreeze.

    What the user has written into it stays, such as the licence. The section on use is made anew.

    Args:
        text: The card.
        uses: How frameworks use the new folder.
    """
    try:
        card = ModelCard(text, ignore_metadata_errors=False)
        data: Any = card.data
        tags = list(data.tags or [])
    except Exception:  # the hub's client and its YAML raise all kinds about a card that is damaged
        return None
    if MARK not in tags:
        return None
    for name, value in _form_data(uses, data.pipeline_tag, tags).items():
        setattr(data, name, value)
    before, found, after = card.text.partition(_USE)
    rest = "".join(re.split(r"(?m)^(?=## )", after)[1:]) if found else ""
    return f"---\n{data.to_yaml()}\n---\n{before}{_USE}\n{_show_uses(uses)}\n\n{rest}"


def _templates() -> Environment:
    return open_templates(plain=escape_markdown, code=to_code)  # cards are Markdown


def escape_markdown(text: str) -> str:
    """Return a text in which Markdown finds no markup, on one line."""
    return re.sub(r"([\\`*_\[\]<>|&~$#])", r"\\\1", " ".join(text.split()))


def to_code(text: str) -> str:
    """Return a text as code in Markdown, whatever backticks are in it, on one line."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _show_uses(uses: Sequence[Use]) -> str:
    return _templates().get_template("uses.md.jinja").render(uses=uses).strip()


def _data(facts: CardFacts, uses: Sequence[Use]) -> ModelCardData:
    results = card_results(TASKS[facts.task], facts.scores, facts.tests) if facts.task else []
    tags = [MARK, "cross-lingual", *(["realignment"] if facts.strategy else [])]
    data: dict[str, Any] = _form_data(uses, facts.head.pipeline if facts.head else "feature-extraction", tags)
    return ModelCardData(
        language=list(facts.languages) or None,
        license=LICENCES.get(facts.encoder, "unknown"),
        base_model=_base_model(facts.encoder),
        model_name=facts.title if results else None,
        eval_results=results or None,
        **data,
    )


def _form_data(uses: Sequence[Use], pipeline: str | None, tags: Sequence[str]) -> dict[str, Any]:
    """Return the data of a card that depend on the form of the folder.

    Args:
        uses: How frameworks use the folder.
        pipeline: The name that the hub gives to the use of the model with transformers.
        tags: Its other tags.
    """
    frameworks = [use.framework for use in uses]
    if "sentence-transformers" in frameworks:
        own = ["sentence-transformers", "sentence-similarity", "feature-extraction"]
        library, pipeline = own[:2]
    elif "onnxruntime" in frameworks:
        own, library = ["onnx"], "onnx"
    elif "peft" in frameworks:
        own, library = ["lora"], "peft"
    else:
        own, library = [], "transformers"
    return {"library_name": library, "pipeline_tag": pipeline, "tags": list(dict.fromkeys([*tags, *own]))}


def _base_model(encoder: str) -> str | None:
    """Return the name of an encoder on the hub; None for a folder, which other people do not have."""
    if encoder == embedded.NAME:
        return "intfloat/multilingual-e5-small"
    try:
        validate_repo_id(encoder)
    except HFValidationError:
        return None
    return None if Path(encoder).exists() else encoder


def base_name(encoder: str) -> str:
    """Return the name of an encoder for other people: its name on the hub, or the name of its folder without a path."""
    return _base_model(encoder) or Path(encoder).name
