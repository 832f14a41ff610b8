"""Addresses of the pages of a study: the text after the # in the browser."""

from __future__ import annotations

STUDY = "study"
"""The address of the first page."""


def address_of_language(code: str) -> str:
    """Return the address of the page of a language."""
    return f"language/{code}"


def address_of_run(name: str) -> str:
    """Return the address of the page of a run, given the name of its folder."""
    return f"run/{name}"


def address_of_comparison(number: int) -> str:
    """Return the address of the page of a comparison, given its number from 0."""
    return f"comparison/{number + 1}"
