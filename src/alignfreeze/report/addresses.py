"""Addresses of the pages of a study: what stands after the # in the browser."""

from __future__ import annotations

STUDY = "study"
"""The address of the first page."""


def language_address(code: str) -> str:
    """Return the address of the page of a language."""
    return f"language/{code}"


def run_address(name: str) -> str:
    """Return the address of the page of a run, given the name of its folder."""
    return f"run/{name}"


def comparison_address(number: int) -> str:
    """Return the address of the page of a comparison, given its number from 0."""
    return f"comparison/{number + 1}"
