"""The errors that a user can cause.

Each error is a child of `AlignFreezeError`. Its message says what was found, where, and what to do. The command line
shows this message in red and exits with code 2. A programmer's mistake stays a `ValueError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Self


class AlignFreezeError(Exception):
    """Something in the user's input, settings or environment is wrong."""


class SettingsError(AlignFreezeError, ValueError):
    """One or more settings are wrong; the message names all of them.

    It is a `ValueError`, too, so that pydantic collects it with the other wrong settings.
    """


class DataError(AlignFreezeError):
    """A data file cannot be used as it is."""

    @classmethod
    def at(cls, path: Path | str, line: int, problem: str) -> Self:
        """Return an error that points at a line, counted from 1."""
        return cls(f"{path}, line {line}: {problem}")


class EndsEarlyError(DataError):
    """A compressed file ends too early, for example after a broken download; its beginning can be read."""


class UnlabelledError(DataError):
    """Task data hold items, but none of them has a label: nothing can be learnt from them or compared with them."""


class CountError(DataError, ValueError):
    """Two lists that belong together, such as sentence pairs and their links, have different lengths."""


class EncoderError(AlignFreezeError):
    """An encoder cannot be found, loaded or used as requested."""


class TrainingError(AlignFreezeError):
    """A training failed, and its settings explain why."""


class OutputError(AlignFreezeError):
    """A result cannot be written to the place that the user chose."""


class HubError(AlignFreezeError):
    """The hub refuses, cannot be reached, or lacks something; the message is the end of a sentence."""


def show_value(value: object) -> str:
    """Return a wrong value for a message: its beginning, and its type."""
    text = repr(value)
    return f"{text[:60]}{'...' if len(text) > 60 else ''} ({type(value).__name__})"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest choice; an empty text if no choice is near."""
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def counted(n: int, thing: str) -> str:
    """Return a number of things in words: `1 item`, `3,000 items`."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
