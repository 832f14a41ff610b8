# /// script
# requires-python = ">=3.11"
# dependencies = ["alignfreeze[embedded,hub,report]>=0.2"]
# ///
"""Run a study on a machine where nothing is installed; the lines above say what `uv run` installs.

    uv run examples/job.py                             # the demo
    uv run examples/job.py my-study.toml               # an experiment of your own
    hf jobs uv run --flavor a10g-small --secrets HF_TOKEN examples/job.py pos-xlmr me/pos-xlmr   # one of the paper

A job of the hub forgets its files, so its results go to a data set of yours, the second argument.
"""

import sys
from pathlib import Path

from huggingface_hub import HfApi

import alignfreeze as af
from alignfreeze.experiment.demo import settings_of_demo
from alignfreeze.experiment.paper import experiment_path, list_experiments


def main(experiment=None, repository=None, *, out="results", steps=None):
    if repository is not None:  # before hours of work
        HfApi().create_repo(repository, repo_type="dataset", exist_ok=True)
    if experiment is None:
        study = af.run_experiment(settings_of_demo(steps=steps), out=out)
    else:
        file = experiment_path(experiment) if experiment in list_experiments() else Path(experiment)
        study = af.run_experiment(file, out=out)
    try:
        for line in af.compare(study).answers():
            print(line)
        af.report(study, Path(out) / "report.html")
    finally:
        if repository is not None:
            HfApi().upload_folder(repo_id=repository, repo_type="dataset", folder_path=out)


if __name__ == "__main__":
    main(*sys.argv[1:])
