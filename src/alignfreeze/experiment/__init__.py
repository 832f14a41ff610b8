"""Stage 7: one run, many runs, and their records."""

from alignfreeze.experiment.planning import Plan, plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sweep import Study, run_experiment, run_experiments

__all__ = ["ExperimentSettings", "Plan", "Study", "plan", "run_experiment", "run_experiments"]
