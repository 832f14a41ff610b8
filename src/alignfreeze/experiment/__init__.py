"""Stage 7: one run, many runs, and their records."""

from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sweep import Plan, Study, plan, run_experiment

__all__ = ["ExperimentSettings", "Plan", "Study", "plan", "run_experiment"]
