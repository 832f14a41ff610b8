"""The plan of an experiment, as plain values and as a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from alignfreeze.alignment.auto import describe_choice
from alignfreeze.corpora.bitext import group_by_languages
from alignfreeze.corpora.choice import LanguageChoice, judge_choice
from alignfreeze.experiment.cost import Cost
from alignfreeze.experiment.data import aligner_of
from alignfreeze.experiment.names import TAUGHT
from alignfreeze.experiment.planning import Outline, Plan
from alignfreeze.experiment.recipe import RunSpec
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.history import Freezing
from alignfreeze.sheets import Sheet, list_pairs
from alignfreeze.tasks.table import TASKS


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values: settings, runs, steps, data, what is frozen, files."""
    pairs = group_by_languages(plan.data.bitext)
    return {
        "settings": plan.settings.model_dump(mode="json"),
        "runs": [_run_facts(spec) for spec in plan.specs],
        "finetuning_steps": plan.finetuning_steps,
        "second_finetuning_steps": _second_steps(plan.settings, plan.finetuning_steps),
        "training_sentences": len(plan.data.train),
        "realignment_steps": plan.settings.realignment.steps if plan.freezing else 0,
        "choice": _choice_facts(plan.settings),
        "sentence_pairs": {"-".join(languages): len(positions) for languages, positions in pairs.items()},
        "held_out": {
            "-".join(languages): len(positions) for languages, positions in group_by_languages(plan.data.held).items()
        },
        "frozen": _frozen_facts(plan.freezing),
        "finetuning_frozen": plan.tuning and _held_facts(plan.tuning),
        "overlaps": [asdict(overlap) for overlap in plan.overlaps],
        "unscored": plan.data.unscored,
        "test_sentences": {language: len(sentences) for language, sentences in plan.data.tests.items()},
        "files": [{**asdict(file), "path": str(file.path)} for file in plan.data.files],
    }


def _run_facts(spec: RunSpec) -> dict[str, Any]:
    facts = {"strategy": str(spec.strategy), "seed": spec.seed, "folder": spec.folder}
    return {**facts, "seeds": list(spec.identity.seeds)} if spec.members else facts


def _name_run(spec: RunSpec) -> str:
    """Return the name of a run with its seed, or with all seeds that it joins: `seeds(full) 31+42+66`."""
    return f"{spec.strategy} {'+'.join(map(str, spec.identity.seeds))}"


def _second_steps(settings: ExperimentSettings, steps: int) -> int:
    """Return the steps of the second fine-tuning of strategies that have one; 0 if there is none."""
    return max(settings.teaching.count_steps(strategy.taught, steps)[1] for strategy in settings.strategies)


def _taught(settings: ExperimentSettings, *, has_labels: bool) -> list[str]:
    """Return the strategies that learn target-language items whose labels are given, or made by a first model."""
    taught = [(str(strategy), strategy.taught) for strategy in settings.strategies if strategy.taught is not None]
    return [name for name, word in taught if TAUGHT[word].has_labels is has_labels]


def _teaching_lines(settings: ExperimentSettings, steps: int) -> Iterator[tuple[str, str]]:
    """Yield the fine-tunings of strategies that learn target-language items, with their steps."""
    teaching = settings.teaching
    n, batch = f"{teaching.total_steps(steps):,}", settings.finetuning.batch_size
    share = f"{teaching.source_share:.0%} of the items in {settings.source_language}"
    if given := _taught(settings, has_labels=True):
        yield "fine-tuning", f"{', '.join(given)}: {n} steps of {batch}, {share}"
    if not (taught := _taught(settings, has_labels=False)):
        return
    yield "fine-tuning again", f"{', '.join(taught)}: {n} more steps of {batch}, {share}"
    if teaching.models > 1:
        yield "first models", f"{teaching.models} of different seeds, {steps:,} steps each, give the labels together"
    most = "all" if teaching.max_pairs is None else f"at most {teaching.max_pairs:,}"
    guard = "labels that would do harm are refused" if teaching.guard else "no labels are refused"
    yield "labels", f"for {most} sentence pairs of each language; {guard}"


def _frozen_facts(freezing: Mapping[str, Freezing]) -> dict[str, Any]:
    return {strategy: _held_facts(held) for strategy, held in freezing.items()}


def _held_facts(held: Freezing) -> dict[str, Any]:
    return {**asdict(held), "share": held.share}


def _choice_facts(settings: ExperimentSettings) -> dict[str, Any] | None:
    choice = _judge_languages(settings)
    return None if choice is None else asdict(choice)


def _judge_languages(settings: ExperimentSettings) -> LanguageChoice | None:
    """Judge the chosen languages of the bitext; None if no languages were chosen."""
    if settings.bitext is None or settings.bitext.choice is None:
        return None
    return judge_choice(settings.bitext_languages, settings.bitext.choice, source=settings.source_language)


def outline_facts(outline: Outline) -> dict[str, Any]:
    """Return what is known about an experiment before its data are fetched, as plain values."""
    return {
        "settings": outline.settings.model_dump(mode="json"),
        "runs": [{"strategy": str(strategy), "seed": seed} for strategy, seed in outline.runs],
        "finetuning_steps": outline.finetuning_steps,
        "second_finetuning_steps": _second_steps(outline.settings, outline.finetuning_steps),
        "realignment_steps": outline.settings.realignment.steps,
        "choice": _choice_facts(outline.settings),
        "to_be_fetched": outline.fetched,
        "frozen": _frozen_facts(outline.freezing),
        "finetuning_frozen": outline.tuning and _held_facts(outline.tuning),
        "files": {role: str(path) for role, path in outline.files.items()},
    }


def outline_sheet(outline: Outline) -> Sheet:
    """Return what is known about an experiment before its data are fetched, as a list."""
    settings = outline.settings
    tuning, realignment = settings.finetuning, settings.realignment
    lines = [
        ("experiment", f"{settings.name}: {settings.task} with {settings.encoder} on {settings.device}"),
        ("runs", f"{len(outline.runs)}: {_join(settings.strategies)}; seeds {_join(settings.seeds)}"),
        (
            "fine-tuning",
            f"{_at_least(outline)}{outline.finetuning_steps:,} steps of {tuning.batch_size}, "
            f"learning rate {tuning.learning_rate:g}",
        ),
        *_teaching_lines(settings, outline.finetuning_steps),
        (
            "realignment",
            f"{realignment.schedule}: {realignment.steps:,} steps of {realignment.batch_size} sentence pairs, "
            f"learning rate {realignment.learning_rate:g}, links by {settings.alignment.aligner}",
        ),
        ("languages", " ".join(settings.languages)),
        *_choice_lines(settings),
        *_stopping_lines(settings),
    ]
    if settings.bitext is not None and settings.bitext.held_out:
        lines.append(("held out", f"{settings.bitext.held_out:,} sentence pairs of each language pair"))
    lines += _freezing_lines(outline.freezing, outline.tuning)
    lines += [("fetched", f"{role}: {', '.join(names)}") for role, names in outline.fetched.items()]
    files = {role: f"{path}{'' if path.is_file() else ' (missing)'}" for role, path in outline.files.items()}
    return list_pairs([*lines, *(("file", f"{role}: {text}") for role, text in files.items())])


def _stopping_lines(settings: ExperimentSettings) -> Iterator[tuple[str, str]]:
    if (stopping := settings.realignment.stopping) is not None:
        yield "stopping", f"by {stopping.by}, estimated every {stopping.every:,} steps; the steps are a maximum"


def _at_least(outline: Outline) -> str:
    """Return `at least ` if the steps are a lower limit: the number of windows of long contexts is not known yet."""
    known = outline.settings.finetuning.steps is not None or not TASKS[outline.settings.task].kind.overlaps
    return "" if known else "at least "


def estimate_sheet(estimate: Cost | None) -> Sheet:
    """Return an estimate as a list."""
    if estimate is None:
        return list_pairs([("estimate", "none: the encoder is not on this machine, and its shape is not known")])
    weights = ", random weights of the encoder's shape" if estimate.random_weights else ""
    lengths = "of usual length assumed" if estimate.assumed else "as long as those of the data"
    steps = (
        f"{estimate.realignment_step:.3g} s per realignment step, {estimate.finetuning_step:.3g} s per fine-tuning step"
    )
    lines = [
        f"about {estimate.hours:,.1f} hours of training, {estimate.memory_gib:.1f} GiB of memory",
        f"{steps} (timed on {estimate.device}{weights}; sentences {lengths})",
    ]
    if estimate.faster_in_bf16:
        lines.append(
            "less time with --set compute.precision=bf16, for which this device has units of its own; it rounds matrix "
            "products"
        )
    return list_pairs([("estimate", line) for line in lines])


def plan_sheet(plan: Plan) -> Sheet:
    """Return the plan as a list."""
    return list_pairs(_lines(plan))


def _lines(plan: Plan) -> Iterator[tuple[str, str]]:
    settings, data = plan.settings, plan.data
    yield "experiment", f"{settings.name}: {settings.task} with {settings.encoder} on {settings.device}"
    yield "runs", f"{len(plan.specs)}: {', '.join(map(_name_run, plan.specs))}"
    sentences = f"{len(data.train):,} {TASKS[settings.task].kind.item_name} ({settings.source_language})"
    yield "fine-tuning", f"{plan.finetuning_steps:,} steps of {settings.finetuning.batch_size}, over {sentences}"
    yield from _teaching_lines(settings, plan.finetuning_steps)
    if plan.freezing:
        yield "schedule", settings.realignment.schedule
        yield from _choice_lines(settings)
        steps, batch = settings.realignment.steps or 0, settings.realignment.batch_size
        yield "realignment", f"{steps:,} steps of {batch} sentence pairs: {steps * batch:,} in all, over"
        for languages, positions in group_by_languages(data.bitext).items():
            yield "realignment", f"{'-'.join(languages)} {len(positions):,} sentence pairs"
    needs_links = settings.carries_labels or (plan.freezing and settings.realignment.needs_links)
    if needs_links and settings.alignment.links is None:
        yield "links", describe_choice(aligner_of(settings), data.bitext)
    if plan.freezing:
        yield from _stopping_lines(settings)
    if data.held:
        groups = group_by_languages(data.held)
        each = len(next(iter(groups.values())))
        yield "held out", f"{each:,} sentence pairs of each of {len(groups)} language pairs"
    yield from _freezing_lines(plan.freezing, plan.tuning)
    for language, tests in data.tests.items():
        yield "test", f"{language} {len(tests):,} {TASKS[settings.task].kind.item_name}"
        yield from (("test", overlap.sentence) for overlap in plan.overlaps if overlap.language == language)
        if language in data.unscored:
            yield "test", f"no score: {data.unscored[language]}"
    for file in data.files:
        yield "file", f"{file.role}: {file.path} (sha256 {file.digest[:12]})"


def _choice_lines(settings: ExperimentSettings) -> Iterator[tuple[str, str]]:
    if (choice := _judge_languages(settings)) is None:
        return
    how = f"by {choice.by}" if choice.seed is None else f"at random (seed {choice.seed})"
    yield "chosen", f"{len(choice.languages)} of {choice.listed} languages {how}: {' '.join(choice.languages)}"
    if choice.diversity is not None and choice.at_random is not None:
        sets = "on average over all sets of equally many languages"
        yield "chosen", f"diversity {choice.diversity:.3f}; {choice.at_random:.3f} {sets}"


def _freezing_lines(freezing: Mapping[str, Freezing], tuning: Freezing | None) -> Iterator[tuple[str, str]]:
    """Yield what each strategy freezes, then what fine-tuning freezes if it trains adapters."""
    for name, held in (*freezing.items(), *([] if tuning is None else [("fine-tuning", tuning)])):
        yield "frozen", f"{name}: {_freezing_text(held)}"
        if held.adapter is not None:
            yield "frozen", f"{name} trains {held.adapter}"


def _freezing_text(freezing: Freezing) -> str:
    parts = ", ".join(_shorten_paths(freezing.parts)) or "nothing"
    counts = f"{freezing.parameters:,} of {freezing.n_parameters:,} parameters ({freezing.share:.1%})"
    return f"{parts}; {counts}"


def _shorten_paths(paths: Sequence[str]) -> Iterator[str]:
    """Yield paths. Paths that differ only in one number become a range: `encoder.layer.0..5`."""
    groups: dict[tuple[str, str], list[int]] = {}
    for path in paths:
        match = _NUMBER.search(path)
        if match is None:
            yield path
        else:
            groups.setdefault((path[: match.start()], path[match.end() :]), []).append(int(match[0]))
    for (before, after), numbers in groups.items():
        starts = [n for n in sorted(numbers) if n - 1 not in numbers]
        ends = [n for n in sorted(numbers) if n + 1 not in numbers]
        ranges = [str(a) if a == b else f"{a}..{b}" for a, b in zip(starts, ends, strict=True)]
        yield f"{before}{','.join(ranges)}{after}"


_NUMBER = re.compile(r"(?<=\.)[0-9]+")


def _join(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
