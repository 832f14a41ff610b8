"""The paper: its twelve experiments as files, and the scores that it published.

The tables (CSV) hold the scores of single runs from the paper's repository, posos-tech/multilingual-alignment-and-
transfer, scripts/2025_naacl/results, rounded to five digits (benchmarks/published.py). Bakos et al., AlignFreeze,
NAACL 2025.
"""

from __future__ import annotations

from pathlib import Path

from alignfreeze.errors import SettingsError, did_you_mean

PREFIX = "paper:"
"""Begins the name of a published table where results are named: `paper:pos-xlmr`."""

FOLDER = Path(__file__).parent


def list_experiments() -> list[str]:
    """Return the names of the paper's experiments: the task, and the encoder."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def experiment_path(name: str) -> Path:
    """Return the file of an experiment of the paper.

    Raises:
        SettingsError: There is no such experiment.
    """
    return _find(name, ".toml")


def table_path(name: str) -> Path:
    """Return the table of the scores that the paper published for an experiment.

    Raises:
        SettingsError: There is no such experiment.
    """
    return _find(name, ".csv")


def _find(name: str, ending: str) -> Path:
    known = list_experiments()
    if name not in known:
        raise SettingsError(
            f"the paper has no experiment {name!r}; it has {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return FOLDER / f"{name}{ending}"
