"""Writes bitext in the form that belongs to the ending of the file's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from alignfreeze.compressed import COMPRESSED_NAMES, OTHER_COMPRESSED_NAMES, strip_compression
from alignfreeze.corpora.forms.form import Texts
from alignfreeze.corpora.forms.table import FORMS, USUAL, form_of_name
from alignfreeze.errors import OutputError
from alignfreeze.files import write_lines


def write_bitext(path: Path, texts: Iterable[Texts], languages: tuple[str, str]) -> None:
    """Write sentence pairs in the form that belongs to the ending of the file's name.

    Raises:
        OutputError: The file cannot be written.
    """
    write_lines(path, _find_writer(path)(texts, languages))


def check_writable(path: Path) -> None:
    """Check that a file of this name can be written: some forms and compressions can only be read.

    Raises:
        OutputError: The ending belongs to a form or a compression that is not written.
    """
    _find_writer(path)


def _find_writer(path: Path) -> Callable[[Iterable[Texts], tuple[str, str]], Iterator[str]]:
    to_lines = FORMS[form_of_name(path) or USUAL].to_lines
    if to_lines is not None and path.suffix.lower() not in OTHER_COMPRESSED_NAMES:
        return to_lines
    ending = strip_compression(path).suffix if to_lines is None else path.suffix
    *others, last = COMPRESSED_NAMES
    raise OutputError(
        f"{path}: files that end in {ending} are not written; use a name that ends in .tsv, or in .jsonl for JSON "
        f"lines; add {', '.join(others)} or {last} to the name to compress the file"
    )
