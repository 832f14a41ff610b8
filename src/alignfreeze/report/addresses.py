"""Where the pages of a study are, behind the # of its address."""

from __future__ import annotations

STUDY = "study"
"""The page that comes first."""


def language_address(code: str) -> str:
    """Return the address of a language's page."""
    return f"language/{code}"


def run_address(name: str) -> str:
    """Return the address of the page of a run, by the name of its folder."""
    return f"run/{name}"


def comparison_address(number: int) -> str:
    """Return the address of the page of a comparison, counted from 0."""
    return f"comparison/{number + 1}"
