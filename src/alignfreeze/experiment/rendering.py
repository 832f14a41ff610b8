"""Templates of texts, such as cards and experiment files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def open_templates(**filters: Callable[..., Any]) -> Environment:
    """Return the templates of plain texts. Nothing is escaped as HTML: filters escape what comes from users.

    Args:
        filters: The filters that the templates use, by name.
    """
    how: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
    templates = Environment(loader=PackageLoader("alignfreeze.experiment"), undefined=StrictUndefined, **how)
    templates.filters |= filters
    return templates
