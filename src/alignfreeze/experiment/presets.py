"""Experiment files to begin with: usual settings of each task, with comments that say why."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alignfreeze.corpora import mini
from alignfreeze.corpora.hub import HUB
from alignfreeze.encoding import embedded
from alignfreeze.errors import DataError, OutputError, SettingsError
from alignfreeze.experiment.data import read_data
from alignfreeze.experiment.guessing import Found, find_data
from alignfreeze.experiment.names import BASELINE, PROJECTED
from alignfreeze.experiment.rendering import open_templates
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import explain_pattern, is_for_all_languages
from alignfreeze.files import check_file, make_folder, write_lines
from alignfreeze.languages import check_language, name_of
from alignfreeze.progress import remark
from alignfreeze.settings import check_known, write_value
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Task

_FEWEST_STEPS = 800
"""Steps of fine-tuning below which an encoder learns little of a task (docs/faq.md)."""

_SEEDS = [31, 42, 66]


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings of fine-tuning that suit a task.

    Attributes:
        epochs: Passes over the training items.
        batch_size: Items per step.
        learning_rate: The highest learning rate.
        max_length: The most subwords of an item.
        head_learning_rate: That of the head; None for the same.
        source: Where the settings come from.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    max_length: int
    head_learning_rate: float | None
    source: str


_PAPER = "The values of the paper."
_SMALL = "The embedded encoder is small and needs higher rates than those of the paper."

PRESETS = {
    "pos": Preset(5, 32, 2e-5, 96, None, _PAPER),
    "ner": Preset(5, 32, 2e-5, 96, None, _PAPER),
    "nli": Preset(2, 32, 2e-5, 96, None, _PAPER),
    "qa": Preset(5, 32, 2e-5, 128, None, _PAPER),
}
"""Settings for the encoders of the paper, by task; other tasks are like the one with the same head."""

SMALL_PRESETS = {
    "pos": Preset(5, 16, 5e-4, 96, None, _SMALL),
    "ner": Preset(5, 16, 1e-4, 96, 1e-3, _SMALL),
    "nli": Preset(2, 16, 1e-4, 96, None, _SMALL),
    "qa": Preset(3, 16, 2e-4, 128, 2e-3, _SMALL),
}
"""Settings for the embedded encoder, by task."""


def write_experiment(
    out: Path,
    *,
    task: str,
    languages: Sequence[str],
    folder: Path = Path(),
    train: str | None = None,
    test: str | None = None,
    bitext: str | None = None,
    encoder: str = embedded.NAME,
    source_language: str = "en",
) -> dict[str, Any]:
    """Write an experiment file with comments, whose data have been read, and return what it says.

    Args:
        out: The new file.
        task: A name in `TASKS`.
        languages: Codes of the target languages.
        folder: Where data that are not named are searched.
        train: The training items; None to find them.
        test: The test items, with `{language}`; None to find them.
        bitext: The sentence pairs, with `{language}`: a place, or two with a comma between them; None to find them.
        encoder: The encoder.
        source_language: The language of the training items.

    Raises:
        SettingsError: A task, a language or a setting is wrong.
        DataError: No data are found, or they cannot be read.
        OutputError: The file exists, or cannot be written.
    """
    check_file(out)
    if out.exists():
        raise OutputError(f"{out}: this file exists already; choose another name, or remove it")
    chosen = TASKS[check_known(task, TASKS, "task")]
    check_language(source_language)
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; name that of the data")
    for option, place in {"--test": test, "--bitext": bitext}.items():
        if place is not None and is_for_all_languages(place) and not (option == "--test" and chosen.names_languages):
            raise SettingsError(f"{option}: {explain_pattern(place)}")
    codes = [code for code in dict.fromkeys(map(check_language, languages)) if code != source_language]
    if not codes:
        raise SettingsError("--languages: name at least one target language, as in --languages sw,tr")
    found = _complete(chosen, train, test, bitext, folder=folder, languages=codes, source_language=source_language)
    base = out.resolve().parent
    missing = [place for place in (base, *base.parents) if not place.exists()]
    make_folder(base)
    try:
        return _write(out, chosen, found, codes, encoder=encoder, source_language=source_language)
    except BaseException:
        for place in missing:
            place.rmdir()
        raise


def _write(
    out: Path, task: Task, found: Found, codes: Sequence[str], *, encoder: str, source_language: str
) -> dict[str, Any]:
    """Write the file for data that are found, if they can be read."""
    base = out.resolve().parent
    found = replace(found, **{role: _from_here(place, base) for role, place in found.places.items()})
    how: dict[str, Any] = {"encoder": encoder, "source_language": source_language}
    text = _render(out, task, found, codes, **how)
    settings = ExperimentSettings.from_values(tomllib.loads(text), origin=str(out))
    if not any(place.startswith(HUB) for place in found.places.values()):
        n_items = len(read_data(settings, base=base).train)
        text = _render(out, task, found, codes, n_items=n_items, **how)
        settings = ExperimentSettings.from_values(tomllib.loads(text), origin=str(out))
    if found.source is None:
        pairs = ", ".join(f"{source_language}-{code}" for code in codes)
        remark(f"no bitext was found for {pairs}, so only the baseline is run; name it with --bitext")
    write_lines(out, text.splitlines())
    strategies = [str(strategy) for strategy in settings.strategies]
    return {
        "file": str(out),
        **found.places,
        **({"names": dict(found.names)} if found.names else {}),
        "strategies": strategies,
        "steps": settings.finetuning.steps,
    }


def _complete(
    task: Task,
    train: str | None,
    test: str | None,
    bitext: str | None,
    *,
    folder: Path,
    languages: Sequence[str],
    source_language: str,
) -> Found:
    """Return the data that are named, and for those that are not, what is found in the folder."""
    source, target = bitext.split(",", 1) if bitext is not None and "," in bitext else (bitext, None)
    if train is not None and test is not None and source is not None:
        return Found(train, test, source, target)
    found = find_data(
        folder,
        languages,
        source_language=source_language,
        one_test=task.names_languages,
        wanted={"train": train is None, "test": test is None, "bitext": source is None},
    )
    sides = (source, target) if source else (place and str(folder / place) for place in (found.source, found.target))
    return Found(
        train or str(folder / found.train),
        test or str(folder / found.test),
        *sides,
        names=found.names,
    )


def _from_here(place: str, base: Path) -> str:
    """Return a place as an experiment file in a folder names it."""
    if place.startswith((HUB, mini.PREFIX)) or Path(place).is_absolute():
        return place
    return Path(os.path.relpath(Path.cwd() / place, base)).as_posix()


def _render(
    out: Path,
    task: Task,
    found: Found,
    languages: Sequence[str],
    *,
    encoder: str,
    source_language: str,
    n_items: int | None = None,
) -> str:
    """Return the text of the file.

    Args:
        out: Its place.
        task: The task.
        found: The data.
        languages: The target languages.
        encoder: The encoder.
        source_language: The source language.
        n_items: The number of training items; None if they are not read yet.
    """
    is_small = encoder == embedded.NAME
    like = next(name for name in PRESETS if TASKS[name].kind.head is task.kind.head)
    presets = SMALL_PRESETS if is_small else PRESETS
    preset = presets.get(task.name, presets[like])
    passes = None if n_items is None else preset.epochs * -(-n_items // preset.batch_size)
    strategies = [BASELINE]
    if found.source is not None:
        strategies += ["full", "front", *([PROJECTED] if task.kind.pair_labeller is not None else [])]
    return (
        open_templates(toml=write_value)
        .get_template("experiment.toml.jinja")
        .render(
            name=out.stem,
            out=out.name,
            task=task,
            found=found,
            encoder=encoder,
            is_small=is_small,
            strategies=strategies,
            seeds=_SEEDS,
            source_language=source_language,
            source_name=name_of(source_language),
            languages=languages,
            named=", ".join(map(name_of, languages)),
            preset=preset,
            n_items=n_items,
            passes=passes,
            fewest=_FEWEST_STEPS,
            realigns=len(strategies) > 1,
        )
    )
