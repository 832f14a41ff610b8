"""The templates of pages. They escape all values that are put into them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, Template

from alignfreeze.languages import direction_of, name_of
from alignfreeze.running.verdicts import VERDICT_TEXTS, VERDICTS
from alignfreeze.sheets import DOUBTFUL


def template(name: str) -> Template:
    """Return a template of this package. The template escapes all values that are not marked as safe."""
    environment = Environment(
        loader=PackageLoader("alignfreeze.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"name_of": name_of, "direction_of": direction_of}
    environment.globals |= {"verdicts": VERDICTS, "verdict_texts": VERDICT_TEXTS}
    environment.tests["is_doubt"] = _is_doubt
    return environment.get_template(name)


def read_template(name: str) -> str:
    """Return the text of a style or script of this package."""
    return (files("alignfreeze.reports") / "templates" / name).read_text(encoding="utf-8")


def script_json(value: Any) -> str:
    """Return a value as JSON that cannot end the script around it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _is_doubt(sentence: str) -> bool:
    return sentence.startswith(DOUBTFUL)
