"""The plan and the cost of an experiment, before it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignfreeze.experiment.cost import Cost, Lengths, estimate_cost
from alignfreeze.experiment.planning import is_remote, outline, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.reports.plans import outline_facts, outline_sheet, plan_facts, plan_sheet
from alignfreeze.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known about an experiment before it runs.

    Attributes:
        facts: The plan as plain values.
        sheet: The plan as a list.
        estimate: Times steps of the trainings, and returns the cost; None if the encoder is not available locally. This
            needs as much memory as a small training, so it is left until the plan has been shown.
    """

    facts: dict[str, Any]
    sheet: Sheet
    estimate: Callable[[], Cost | None]


def preview(settings: ExperimentSettings, *, base: Path) -> Preview:
    """Plan an experiment. Data on the hub are not fetched for this.

    Args:
        settings: The experiment.
        base: The folder at which relative paths of the experiment start.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    if is_remote(settings):
        outlined = outline(settings, base=base)
        estimate = partial(estimate_cost, outlined.settings, finetuning_steps=outlined.finetuning_steps)
        return Preview(outline_facts(outlined), outline_sheet(outlined), estimate)
    planned = plan(settings, base=base)
    estimate = partial(
        estimate_cost,
        planned.settings,
        finetuning_steps=planned.finetuning_steps,
        lengths=Lengths.of(planned),
        tokenizer=planned.tokenizer,
    )
    return Preview(plan_facts(planned), plan_sheet(planned), estimate)
