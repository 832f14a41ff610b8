"""Chooses the form of a file: the one that is asked for, or the one that its name tells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from alignfreeze.errors import SettingsError, did_you_mean


def choose_form(
    out: Path, form: str | None, *, forms: Collection[str], endings: Mapping[str, str], otherwise: str
) -> str:
    """Choose the form of a file: the one that is asked for, or the one that its name tells.

    Args:
        out: The file.
        form: The form that is asked for; None to go by the name.
        forms: The forms that exist.
        endings: Forms by the ending of the name.
        otherwise: What the message advises if the name tells no form.

    Raises:
        SettingsError: There is no such form, or the name tells no form.
    """
    if form is None:
        if (told := endings.get(out.suffix.lower())) is None:
            raise SettingsError(f"{out}: its name tells no form; {otherwise}")
        return told
    if form not in forms:
        raise SettingsError(f"--format {form!r}: there are {', '.join(forms)}.{did_you_mean(form, forms)}")
    return form
