"""Runs as plain values, so that another process, on this machine or on a cluster, can do them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from alignfreeze.experiment.planning import Plan, plan_all
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running.sweep import Sweep


def pack_runs(plans: Sequence[Plan], out: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return runs as plain values for `do_packed`.

    Args:
        plans: The experiments.
        out: The folder of the runs.
        names: The runs.
    """
    experiments = [[str(plan.base.resolve()), plan.settings.model_dump(mode="json")] for plan in plans]
    return {"experiments": experiments, "out": str(out.resolve()), "only": list(names)}


def do_packed(packed: dict[str, Any]) -> None:
    """Do runs that `pack_runs` returned, unless another process holds them."""
    sweep = Sweep(_plan_again(json.dumps(packed["experiments"])), Path(packed["out"]))
    sweep.do(sweep.find_waiting(packed["only"]))


@lru_cache(maxsize=1)
def _plan_again(experiments: str) -> list[Plan]:
    """Plan the experiments. A process that does one run after the other reads the data once."""
    return plan_all((Path(base), ExperimentSettings.model_validate(s)) for base, s in json.loads(experiments))
