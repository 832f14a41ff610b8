"""Advice on which strategy to use for each language and how sure that is, without labels in the language."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from alignfreeze.advice.additions import root_of
from alignfreeze.advice.choices import StrategyChoices, choice_lines, choice_sheet
from alignfreeze.advice.gains import calibration_of
from alignfreeze.advice.judging import Advice, judge_pilots
from alignfreeze.advice.outcome import RECOMMENDED, AdviceOutcome, advice_doubts, advice_lines, advice_sheet
from alignfreeze.advice.per_language import choose_strategies
from alignfreeze.advice.pilots import (
    estimate_pilot_cost,
    fit_budget,
    least_fraction_of,
    run_pilots,
    shorten,
    split_data,
)
from alignfreeze.errors import DataError, SettingsError, show_value
from alignfreeze.evaluation.predictions import check_estimable
from alignfreeze.experiment.given import ExperimentLike, to_experiment
from alignfreeze.experiment.names import BASELINE, SEEDS
from alignfreeze.experiment.planning import anchor_paths, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.files import check_folder, to_path, write_json, write_lines
from alignfreeze.running.study import Study
from alignfreeze.settings import to_toml
from alignfreeze.sheets import Sheet, doubt_lines, markdown_text, to_markdown
from alignfreeze.tasks.table import TASKS

FRACTION = 0.25
"""The default share of the experiment's steps that pilots take."""

HEAD_SEED = 1
"""The seed of the head in an advised run. Models whose weights are averaged begin with the same head."""


@overload
def advise(
    settings: Mapping[str, Any] | ExperimentSettings,
    *,
    out: str | os.PathLike[str] | None = None,
    base: str | os.PathLike[str] | None = None,
    fraction: float | None = None,
    budget: float | None = None,
    held_out: int | None = None,
    n_seeds: int | None = None,
    **changes: Any,
) -> AdviceOutcome: ...


@overload
def advise(settings: Study, *, out: str | os.PathLike[str] | None = None) -> StrategyChoices: ...


@overload
def advise(
    settings: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    base: str | os.PathLike[str] | None = None,
    fraction: float | None = None,
    budget: float | None = None,
    held_out: int | None = None,
    n_seeds: int | None = None,
    **changes: Any,
) -> AdviceOutcome | StrategyChoices: ...


def advise(
    settings: ExperimentLike | Study,
    *,
    out: str | os.PathLike[str] | None = None,
    base: str | os.PathLike[str] | None = None,
    fraction: float | None = None,
    budget: float | None = None,
    held_out: int | None = None,
    n_seeds: int | None = None,
    **changes: Any,
) -> AdviceOutcome | StrategyChoices:
    """Advise without labels, from short runs (pilots), which strategy to use for each language and for all together.

    No labels of a target language are read. The baseline is always among the strategies. For complete runs, the advice
    is instead which of their models to use for which language.

    ```python
    advised = af.advise("experiment.toml", out="my-advice", budget=10)
    advised.advice.overall.strategy
    ```

    Args:
        settings: An experiment file, a dict with the names of such a file, or `ExperimentSettings`. Or complete runs
            with held-out sentence pairs (`bitext.held_out`): their folder, or what `run_experiment` returned.
        out: The folder for the pilots and the advice. After an interruption, the same call continues there. By default
            a folder beside the experiment file, named after that file. Advice on complete runs is written only if
            `out` is given.
        base: The folder at which relative paths in the settings start. By default that of the file, or the current one.
        fraction: The share of the experiment's steps that pilots take; by default 0.25.
        budget: The most minutes for the pilots. A budget may lower the fraction, but does not raise it.
        held_out: Sentence pairs per language that are held out of realignment.
        n_seeds: How many of the experiment's seeds the pilots use; by default 1.
        **changes: Settings that replace those of the experiment, as in `run_experiment`.

    Raises:
        SettingsError: Some settings are wrong, there is nothing to advise on, or the fraction or the budget is wrong.
        DataError: Something is wrong with the files, or there are too few sentence pairs.
    """
    given: dict[str, Any] = {"fraction": fraction, "budget": budget, "held_out": held_out, "n_seeds": n_seeds}
    if isinstance(settings, str | os.PathLike) and (runs := to_path(settings, "settings")).is_dir():
        _refuse_options(runs, [*(name for name, value in given.items() if value is not None), *changes])
        return _choose(runs, None if out is None else to_path(out, "out"))
    if isinstance(settings, Study):
        raise DataError(f"{settings.out}: the folder of the runs is not there any more")
    _check_options(given)
    experiment, start = to_experiment(settings, base=base, changes=changes)
    folder = folder_of(settings, out)
    check_folder(folder)
    how = {name: value for name, value in given.items() if value is not None}
    advised = _advise(experiment, base=start, out=folder, **how)
    values = advised.recommended.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    write_lines(folder / RECOMMENDED, to_toml(values))
    above = [*advice_doubts(advised), *advised.answers()]
    write_findings(folder, "advice", advice_sheet(advised), advice_lines(advised), advised.to_dict(), above=above)
    return advised


def _check_options(given: Mapping[str, Any]) -> None:
    """Check the options of pilots; a share is checked where it is used."""
    wholes = {"held_out": (int, 1), "n_seeds": (int, 1)}
    for name, value in given.items():
        kinds, least = wholes.get(name, ((int, float), 0))
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or value < least):
            raise SettingsError(f"{name}: expected a number from {least} on, got {show_value(value)}")


def _refuse_options(runs: Path, given: Sequence[str]) -> None:
    if given:
        names = ", ".join(f"--{name.removeprefix('n_').replace('_', '-')}" for name in given)
        raise SettingsError(f"{names}: only for pilots, but {runs} is a folder of complete runs")


def _choose(runs: Path, out: Path | None) -> StrategyChoices:
    if out is not None:
        check_folder(out)
    choices = choose_strategies(runs)
    if out is not None:
        sheet, lines = choice_sheet(choices), choice_lines(choices)
        above = [*doubt_lines(choices.doubts), *choices.answers()]
        write_findings(out, "choice", sheet, lines, choices.to_dict(), above=above)
    return choices


def folder_of(settings: ExperimentLike, out: str | os.PathLike[str] | None) -> Path:
    """Return the folder of an advice: beside the experiment file by default."""
    if out is not None:
        return to_path(out, "out")
    if isinstance(settings, str | os.PathLike):
        path = to_path(settings, "settings")
        return path.with_name(f"{path.stem}-advice")
    raise SettingsError("out: name a folder for the pilots and the advice, such as out='my-advice'")


def _advise(
    settings: ExperimentSettings,
    *,
    base: Path,
    out: Path,
    fraction: float = FRACTION,
    budget: float | None = None,
    held_out: int | None = None,
    n_seeds: int = 1,
) -> AdviceOutcome:
    """Do the pilots of an experiment, and turn their predictions into advice."""
    check_estimable(TASKS[settings.task])
    if settings.bitext is None:
        raise SettingsError(
            "advice needs [bitext]: estimates use sentence pairs that are held out of realignment; name their files"
        )
    strategies = list(dict.fromkeys([Strategy.parse(BASELINE), *settings.strategies]))
    if len(strategies) == 1:
        raise SettingsError(
            f"strategies: {BASELINE!r} is the only one; name strategies to compare with it, such as full"
        )
    seeds = list(dict.fromkeys(settings.seeds))[:n_seeds]
    # Pilots are trained for what estimates can judge; what is added to that is known from a study.
    pilots_of = list(dict.fromkeys(root_of(strategy) for strategy in strategies))
    whole = plan(settings.model_copy(update={"strategies": pilots_of}), base=base, tests=False)
    steps = whole.finetuning_steps
    shorten(whole.settings, fraction, finetuning_steps=steps)  # reports a wrong fraction before anything is computed
    data, held = split_data(whole, most=held_out)
    if budget is not None and (cost := estimate_pilot_cost(whole, len(data.held), n_seeds=len(seeds))) is not None:
        least = least_fraction_of(whole.settings, finetuning_steps=steps)
        # A fraction below the least useful one would not lower the number of steps.
        fraction = min(fraction, fit_budget(cost, budget=budget, least=least, most=max(least, fraction)))
    short = shorten(whole.settings, fraction, finetuning_steps=steps)
    pilots = run_pilots(short, whole, data, held, seeds=seeds, out=out)
    advice = judge_pilots(pilots, strategies=strategies, calibration=calibration_of(TASKS[settings.task]))
    return AdviceOutcome(
        advice,
        whole.settings,
        (short.finetuning.steps or 0, short.realignment.steps or 0),
        fraction,
        apply_advice(settings, advice, base=base),
        out,
    )


def apply_advice(settings: ExperimentSettings, advice: Advice, *, base: Path) -> ExperimentSettings:
    """Return the experiment with the baseline and the advised strategy, so that it can be judged.

    If there are enough seeds, the mean of their models is added: it costs only tests. Paths are absolute.
    """
    advised = Strategy.parse(advice.overall.strategy)
    strategies = [Strategy.parse(BASELINE), advised.of_one_seed, advised]
    changes: dict[str, Any] = {"name": f"{settings.name}: advised"}
    if settings.seed_groups and advised.joined is None:
        strategies.append(replace(advised, joined=SEEDS))
        if settings.finetuning.head_seed is None:
            changes["finetuning"] = settings.finetuning.model_copy(update={"head_seed": HEAD_SEED})
    changes["strategies"] = list(dict.fromkeys(strategies))
    return anchor_paths(settings.model_copy(update=changes), base)


def write_findings(
    folder: Path, name: str, sheet: Sheet, lines: Iterable[str], facts: dict[str, Any], *, above: Iterable[str]
) -> None:
    """Write findings as `NAME.md`, with doubts and answers above the table and lines below it, and as `NAME.json`."""
    write_json(folder / f"{name}.json", facts)
    first = [f"- {markdown_text(line)}" for line in above]
    write_lines(
        folder / f"{name}.md", [*first, "", *to_markdown(sheet).splitlines(), "", *(f"- {line}" for line in lines)]
    )
