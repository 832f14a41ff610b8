"""Chooses the form of a file: the requested form, or the form that belongs to the file's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from alignfreeze.errors import SettingsError, did_you_mean


def choose_form(
    out: Path, form: str | None, *, forms: Collection[str], endings: Mapping[str, str], otherwise: str
) -> str:
    """Choose the form of a file: the requested form, or the form that belongs to the file's name.

    Args:
        out: The file.
        form: The requested form; None to recognise the form from the name.
        forms: The forms that exist.
        endings: Forms by the ending of the name.
        otherwise: The advice in the message if the form cannot be recognised from the name.

    Raises:
        SettingsError: The form does not exist, or cannot be recognised from the name.
    """
    if form is None:
        if (told := endings.get(out.suffix.lower())) is None:
            raise SettingsError(f"{out}: the form cannot be recognised from the name; {otherwise}")
        return told
    if form not in forms:
        raise SettingsError(f"--format {form!r}: choose one of {', '.join(forms)}.{did_you_mean(form, forms)}")
    return form
