"""Writes bitext in the form that the ending of the file's name tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from alignfreeze.corpora.forms.form import Texts
from alignfreeze.corpora.forms.table import FORMS, USUAL, form_of_name
from alignfreeze.errors import OutputError
from alignfreeze.files import COMPRESSED_NAMES, OTHER_COMPRESSED_NAMES, strip_compression, write_lines


def write_bitext(path: Path, texts: Iterable[Texts], languages: tuple[str, str]) -> None:
    """Write sentence pairs in the form that the ending of the file's name tells.

    Raises:
        OutputError: The file cannot be written.
    """
    write_lines(path, _find_writer(path)(texts, languages))


def check_writable(path: Path) -> None:
    """Check that files of this name are written: the ending may tell a form or a compression that is not.

    Raises:
        OutputError: They are not.
    """
    _find_writer(path)


def _find_writer(path: Path) -> Callable[[Iterable[Texts], tuple[str, str]], Iterator[str]]:
    to_lines = FORMS[form_of_name(path) or USUAL].to_lines
    if to_lines is not None and path.suffix.lower() not in OTHER_COMPRESSED_NAMES:
        return to_lines
    ending = strip_compression(path).suffix if to_lines is None else path.suffix
    raise OutputError(
        f"{path}: files that end in {ending} are not written; name one that ends in .tsv, or in .jsonl for JSON "
        f"lines; {', '.join(COMPRESSED_NAMES)} behind it compress it"
    )
