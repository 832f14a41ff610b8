"""Stage 7: one run, many runs, and their records."""

from alignfreeze.experiment.planning import Plan, plan, plan_all
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sweep import Study, run_experiment, run_experiments

__all__ = ["ExperimentSettings", "Plan", "Study", "plan", "plan_all", "run_experiment", "run_experiments"]
