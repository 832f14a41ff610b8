"""What an experiment is going to do, as facts and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from alignfreeze.corpora.bitext import language_pairs
from alignfreeze.experiment.sweep import Freezing, Plan


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values: settings, runs, steps, data, what is frozen, files."""
    pairs = language_pairs(plan.data.bitext)
    return {
        "settings": plan.settings.model_dump(mode="json"),
        "runs": [{"strategy": s.strategy, "seed": s.seed, "folder": s.folder} for s in plan.specs],
        "finetuning_steps": plan.finetuning_steps,
        "training_sentences": len(plan.data.train),
        "realignment_steps": plan.settings.realignment.steps if plan.freezing else 0,
        "sentence_pairs": {"-".join(languages): len(positions) for languages, positions in pairs.items()},
        "frozen": {
            strategy: {**asdict(freezing), "layers": list(freezing.layers)}
            for strategy, freezing in plan.freezing.items()
        },
        "test_sentences": {language: len(sentences) for language, sentences in plan.data.tests.items()},
        "files": [{**asdict(file), "path": str(file.path)} for file in plan.data.files],
    }


def plan_text(plan: Plan) -> str:
    """Return the plan as lines to read."""
    return "\n".join(f"{name:<12}{text}" for name, text in _lines(plan))


def _lines(plan: Plan) -> Iterator[tuple[str, str]]:
    settings, data = plan.settings, plan.data
    yield "experiment", f"{settings.name}: {settings.task} with {settings.encoder} on {settings.device}"
    yield "runs", f"{len(plan.specs)}: {', '.join(f'{spec.strategy} {spec.seed}' for spec in plan.specs)}"
    sentences = f"{len(data.train):,} sentences ({settings.source_language})"
    yield "fine-tuning", f"{plan.finetuning_steps:,} steps of {settings.finetuning.batch_size}, over {sentences}"
    if plan.freezing:
        steps, batch = settings.realignment.steps or 0, settings.realignment.batch_size
        yield "realignment", f"{steps:,} steps of {batch} sentence pairs: {steps * batch:,} in all, over"
        for languages, positions in language_pairs(data.bitext).items():
            yield "", f"{'-'.join(languages)} {len(positions):,} sentence pairs"
    for strategy, freezing in plan.freezing.items():
        yield "frozen", f"{strategy}: {_freezing_text(freezing)}"
    for language, tests in data.tests.items():
        yield "test", f"{language} {len(tests):,} sentences"
    for file in data.files:
        yield "file", f"{file.role}: {file.path} (sha256 {file.digest[:12]})"


def _freezing_text(freezing: Freezing) -> str:
    frozen = freezing.layers
    layers = f"layers {frozen[0]} to {frozen[-1]}" if frozen else "no layer"
    if freezing.embeddings:
        layers = f"embeddings and {layers}"
    parameters = f"{freezing.parameters:,} of {freezing.n_parameters:,} parameters"
    share = freezing.parameters / freezing.n_parameters
    return f"{layers} of {freezing.n_layers}, {parameters} ({share:.1%})"
