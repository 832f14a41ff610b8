"""The plan and the cost of an experiment, before it runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignfreeze.experiment.cost import Lengths, estimate_cost
from alignfreeze.experiment.planning import is_remote, outline, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.reports.plans import estimate_text, outline_facts, outline_text, plan_facts, plan_text


def preview(settings: ExperimentSettings, *, base: Path) -> tuple[dict[str, Any], str]:
    """Plan an experiment and estimate its cost. Data on the hub are not fetched for this.

    Args:
        settings: The experiment.
        base: The folder at which relative paths of the experiment start.

    Returns:
        The plan and the estimate as plain values, and as text.

    Raises:
        AlignFreezeError: Something is wrong with the settings, the files or the encoder.
    """
    if is_remote(settings):
        outlined = outline(settings, base=base)
        cost = estimate_cost(outlined.settings, finetuning_steps=outlined.finetuning_steps)
        facts, text = outline_facts(outlined), outline_text(outlined)
    else:
        planned = plan(settings, base=base)
        cost = estimate_cost(planned.settings, finetuning_steps=planned.finetuning_steps, lengths=Lengths.of(planned))
        facts, text = plan_facts(planned), plan_text(planned)
    facts["estimate"] = None if cost is None else asdict(cost)
    return facts, f"{text}\n{estimate_text(cost)}"
