"""Which form a file is to have: what is asked for, or what its name tells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from alignfreeze.errors import SettingsError, did_you_mean


def choose_form(
    out: Path, form: str | None, *, forms: Collection[str], endings: Mapping[str, str], otherwise: str
) -> str:
    """Return the form of a file: what is asked for, or what its name tells.

    Args:
        out: The file.
        form: What is asked for; None for what the name tells.
        forms: Those that there are.
        endings: Forms by the ending of a name.
        otherwise: What to do where the name tells none.

    Raises:
        SettingsError: There is no such form, or the name tells none.
    """
    if form is None:
        if (told := endings.get(out.suffix.lower())) is None:
            raise SettingsError(f"{out}: its name tells no form; {otherwise}")
        return told
    if form not in forms:
        raise SettingsError(f"--format {form!r}: there are {', '.join(forms)}.{did_you_mean(form, forms)}")
    return form
