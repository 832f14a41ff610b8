"""The card of a saved model: what it was made from and how, what it scores, how it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, HfApi, ModelCardData
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import digest_of_encoder
from alignfreeze.errors import OutputError
from alignfreeze.evaluation.zero_shot import Score
from alignfreeze.experiment.strategies import is_average_name, name_average
from alignfreeze.files import write_lines
from alignfreeze.languages import name_of
from alignfreeze.realignment.freezing import Freezing
from alignfreeze.tasks.table import TASKS
from alignfreeze.version import __version__

CARD = "README.md"
RECORD = "alignfreeze.json"
"""In the folder of a model that a command wrote: how it came about."""

LICENCES = {embedded.NAME: "mit"}
"""Of encoders that are known here; those of others are for the user to fill in."""

CITATION = """@inproceedings{bakos-etal-2025-alignfreeze,
  title = {{AlignFreeze}: Navigating the Impact of Realignment on the Layers of Multilingual Models
           Across Diverse Languages},
  author = {Bakos, Steve and Guzm{\\'a}n, David and More, Riddhi and Li, Kelly Chutong and Gaschi, F{\\'e}lix
            and Lee, En-Shiun Annie},
  booktitle = {Proceedings of NAACL 2025 (Short Papers)},
  year = {2025}
}"""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card tells.

    Attributes:
        encoder: The encoder that the model was made from, as the user named it.
        languages: Codes of the languages it was made with, the source language first.
        task: A name in `TASKS`; None for an encoder.
        strategy: How it was realigned: a freeze policy, or an average of several; None if it was not.
        freezing: What was held fixed meanwhile.
        aligner: What found the word links.
        schedule: When it was realigned.
        digests: Of the files it was made from, by what they were for.
        scores: What it scores.
        doubts: What cannot be right in the scores.
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


def realigned_facts(encoder: str) -> CardFacts:
    """Return what is known of how an encoder came about: it may be a folder that `alignfreeze realign` wrote."""
    try:
        return facts_of(realignment_record(encoder))
    except (KeyError, TypeError, AttributeError):
        return CardFacts(encoder, [])


def facts_of(record: Mapping[str, Any]) -> CardFacts:
    """Return what is known of how an encoder came about, from what `realign` or `average` writes of it.

    Raises:
        KeyError, TypeError, AttributeError: It is no such record.
    """
    frozen = record["frozen"]
    return CardFacts(
        record["encoder"],
        record.get("languages", []),
        strategy=record["freeze"],
        freezing=frozen and Freezing(tuple(frozen["parts"]), frozen["parameters"], frozen["n_parameters"]),
        aligner=(record["alignment"] or {}).get("aligner"),
        digests={role: digest for role, found in record["digests"].items() for digest in found},
    )


def averaged_record(encoders: Sequence[str], weights: Sequence[float]) -> dict[str, Any]:
    """Return how the mean of the weights of encoders came about, as `alignfreeze realign` writes it of one.

    Args:
        encoders: As the user named them; some may be folders that `alignfreeze realign` wrote.
        weights: How much each counts; none where all count alike.
    """
    members = [realigned_facts(encoder) for encoder in encoders]
    aligners = {member.aligner for member in members if member.strategy is not None}
    return {
        "encoder": members[0].encoder,
        "freeze": name_average([facts.strategy or _shown(facts.encoder) for facts in members], weights),
        "frozen": None,  # of encoders that are no realigned ones that is not known
        "alignment": {"aligner": aligners.pop()} if len(aligners) == 1 else None,
        "languages": list(dict.fromkeys(code for member in members for code in member.languages)),
        "digests": {f"encoder {n}": [digest_of_encoder(encoder)] for n, encoder in enumerate(encoders, start=1)},
        "encoders": list(encoders),
        "weights": list(weights) or [1.0] * len(encoders),
        "members": [realignment_record(encoder) for encoder in encoders],
    }


def realignment_record(encoder: str) -> dict[str, Any]:
    """Return what `alignfreeze realign` wrote of an encoder, or of the one that a model was fine-tuned from."""
    try:
        record = json.loads((Path(encoder) / RECORD).read_text(encoding="utf-8"))
        return record if "freeze" in record else record["realigned"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_card(folder: Path, facts: CardFacts) -> None:
    """Write the card of a model into its folder.

    Raises:
        OutputError: The folder cannot be written.
    """
    write_lines(folder / CARD, card_text(facts).splitlines())


def card_text(facts: CardFacts) -> str:
    """Return the card of a model: its data as the hub reads them, then text in Markdown."""
    return f"---\n{_data(facts).to_yaml()}\n---\n\n" + "\n\n".join(_sections(facts)) + "\n"


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
        library_name="transformers",
        pipeline_tag=task.kind.head.pipeline if task else "feature-extraction",
        tags=["alignfreeze", "cross-lingual", *(["realignment"] if facts.strategy else [])],
        base_model=_base_model(facts.encoder),
        model_name="model" if results else None,
        eval_results=results or None,
    )


def _base_model(encoder: str) -> str | None:
    """Return the name of an encoder on the hub; a folder of this machine is nobody else's business."""
    if encoder == embedded.NAME:
        return "intfloat/multilingual-e5-small"
    return None if Path(encoder).exists() else encoder


def _shown(encoder: str) -> str:
    return _base_model(encoder) or Path(encoder).name


def _sections(facts: CardFacts) -> list[str]:
    name = _shown(facts.encoder)
    averaged = facts.strategy is not None and is_average_name(facts.strategy)
    what = f"fine-tuned: {TASKS[facts.task].what}" if facts.task else "averaged" if averaged else "realigned"
    made = f"# {name}, {what}"
    return [made, "## How it was made\n\n" + "\n".join(_made(facts, name)), *_scores(facts), _use(facts), _closing()]


def _made(facts: CardFacts, name: str) -> list[str]:
    lines = [f"- encoder: `{name}`"]
    if facts.languages:
        lines.append(f"- languages: {', '.join(f'{name_of(c)} ({c})' for c in facts.languages)}")
    if facts.strategy is not None:
        lines.append(f"- {_how(facts.strategy, facts)}")
        if facts.freezing is not None:
            share = f"{facts.freezing.parameters:,} of {facts.freezing.n_parameters:,} ({facts.freezing.share:.1%})"
            lines.append(f"- frozen parameters: {share}")
        if facts.aligner is not None:
            lines.append(f"- word links: `{facts.aligner}`")
    elif facts.task:
        lines.append("- not realigned")
    lines += [f"- {role}: sha256 `{digest}`" for role, digest in facts.digests.items()]
    return [*lines, f"- made with alignfreeze {__version__}"]


def _how(strategy: str, facts: CardFacts) -> str:
    if is_average_name(strategy):
        return f"mean of the weights of several encoders{', before fine-tuning' if facts.task else ''}: `{strategy}`"
    return f"realigned {facts.schedule if facts.task else 'on its own'}, freezing: `{strategy}`"


def _scores(facts: CardFacts) -> list[str]:
    if not facts.scores:
        return []
    rows = [
        f"| {name_of(score.language)} | {score.metric} | {100 * score.value:.1f} | {score.n:,} {score.unit} |"
        for score in facts.scores
    ]
    table = "\n".join(["| language | metric | score | of |", "|---|---|---:|---:|", *rows])
    doubts = "".join(f"\n\n**Doubtful:** {doubt}" for doubt in facts.doubts)
    return [f"## Scores\n\nZero-shot but for the first language, in percent.\n\n{table}{doubts}"]


def _use(facts: CardFacts) -> str:
    head = TASKS[facts.task].kind.head if facts.task else None
    if head is not None and head.has_pipeline:
        code = f'from transformers import pipeline\n\nmodel = pipeline("{head.pipeline}", model="FOLDER")'
    else:
        name = "AutoModel" if head is None else head.auto_class.__name__
        code = f'from transformers import {name}, AutoTokenizer\n\nmodel = {name}.from_pretrained("FOLDER")'
    return f"## Use\n\n```python\n{code}\n```"


def _closing() -> str:
    return f"## Citation\n\n```bibtex\n{CITATION}\n```"


def check_hub(name: str) -> None:
    """Check that the user may write to the hub, before any work is done.

    Raises:
        OutputError: There is no connection, or nobody is logged in.
    """
    try:
        HfApi().whoami()
    except (LocalTokenNotFoundError, HfHubHTTPError) as error:
        raise OutputError(f"{name}: the hub does not know you ({error}); log in with: hf auth login") from error
    except (OfflineModeIsEnabled, OSError) as error:
        raise OutputError(f"{name}: the hub cannot be reached ({error}); leave --push-to-hub off") from error


def push(folder: Path, name: str) -> str:
    """Upload a model folder to the hub, and return its address.

    Raises:
        OutputError: It cannot be uploaded; the folder stays.
    """
    try:
        api = HfApi()
        api.create_repo(name, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload a model made with alignfreeze")
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        raise OutputError(f"{name}: cannot be uploaded ({error}); the model is in {folder}") from error
    return f"{api.endpoint}/{name}"
