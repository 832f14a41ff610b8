"""Frameworks that are installed only if they are wanted: each has an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from alignfreeze.errors import SettingsError


def import_extra(module: str, *, extra: str, what: str) -> Any:
    """Import a module of a framework that comes with an extra.

    Args:
        module: The name of the module.
        extra: The name of the extra.
        what: What needs the framework, in the plural, for the message: `adapters`.

    Raises:
        SettingsError: The framework is not installed, or cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise SettingsError(
            f'{what} need the extra `{extra}`: pip install "alignfreeze[{extra}]" ({module}: {error})'
        ) from None


def packages_of(value: object) -> set[str]:
    """Return the names of the packages that the classes of a value come from, such as `pandas`.

    So a value of a framework is recognised without importing the framework.
    """
    return {kind.__module__.partition(".")[0] for kind in type(value).__mro__}
