"""Gettext catalogues (PO), in the charset that their header declares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alignfreeze.corpora.forms.access_keys import MARKS, KeyRemover
from alignfreeze.corpora.forms.form import Form, Sides, Texts, begins_with
from alignfreeze.decoding import LONGEST_LINE, NotTextError, split_into_lines
from alignfreeze.errors import DataError, EndsEarlyError
from alignfreeze.files import open_text
from alignfreeze.languages import tag_fits
from alignfreeze.progress import remark

_CHARSET = re.compile(r"charset=\s*([^\s;\\\"]+)", re.IGNORECASE)


_CHARSET_IN_BYTES = re.compile(_CHARSET.pattern.encode(), re.IGNORECASE)

_LARGEST = 2**26
"""The most bytes of a catalogue, which is held in memory as a whole."""


def read_po(paths: tuple[Path, ...], sides: Sides, left_out: Counter[str]) -> Iterator[Texts]:
    """Yield the finished entries; plural entries give the singular and each plural form.

    Raises:
        DataError: The file is not a catalogue, or is a catalogue of another language.
    """
    path = paths[0]
    lines, broken = _read_until_break(path)
    catalogue = _parse(path, lines)
    _check_language(path, catalogue.gettargetlanguage(), sides.languages[1])
    declared = str(catalogue.parseheader().get("X-Accelerator-Marker", "")).strip()
    keys = KeyRemover(declared if declared in set(MARKS) else "")
    for unit in catalogue.units[:-1] if broken else catalogue.units:  # a break may lie within the last unit
        if unit.isheader():
            continue
        reason = _why_unfinished(unit)
        if reason:
            left_out[reason] += 1
            continue
        for pair in _forms_of(unit):
            plain = keys.remove(pair)
            if pair[1]:
                yield _to_one_line(plain[0]), _to_one_line(plain[1])
    _tell_about_keys(path, keys)
    if broken is not None:
        raise broken


def _tell_about_keys(path: Path, keys: KeyRemover) -> None:
    if keys.removed:
        what = "marks of access keys, such as those of E_xit and &Open, are left out of"
        remark(f"{path}: {what} {keys.removed:,} pairs")
    if keys.doubtful:
        words = " and ".join(repr(text[:60]) for text in keys.doubtful)
        remark(f"{path}: signs inside words stay, as in {words}; declare X-Accelerator-Marker if they mark keys")


def _read_until_break(path: Path) -> tuple[list[bytes], EndsEarlyError | None]:
    """Return the lines of a file, and the error that came after them.

    Raises:
        DataError: The file is too large for a catalogue.
    """
    lines: list[bytes] = []
    size = 0
    try:
        with open_text(path) as (file, encoding):
            for line in split_into_lines(file, LONGEST_LINE):
                lines.extend(part + b"\n" for part in line.rstrip(b"\r\n").split(b"\r"))
                size += len(line) + 1
                if size > _LARGEST:
                    raise DataError(f"{path}: more than {_LARGEST:,} bytes, which is too much for a catalogue")
    except EndsEarlyError as error:
        return lines, error
    except NotTextError as error:
        raise DataError.at(path, len(lines) + 1, str(error)) from error
    if encoding is not None:  # the lines are UTF-8, whatever the header says
        lines = [_CHARSET_IN_BYTES.sub(b"charset=UTF-8", line) for line in lines]
    return lines, None


def _parse(path: Path, lines: list[bytes]) -> Any:
    from translate.storage.pypo import pofile

    text = _to_utf8(path, lines)
    try:
        return pofile.parsestring(text)
    except Exception as error:  # the parser raises all kinds
        raise DataError(f"{path}: not a gettext catalogue ({error})") from error


def _check_language(path: Path, stated: str | None, target: str) -> None:
    if stated and not tag_fits(stated, target) and not tag_fits(target, stated):
        raise DataError(
            f"{path}: the header of this catalogue names the language {stated!r}, not {target!r}; name the catalogue "
            f"of {target!r}"
        )


def _to_utf8(path: Path, lines: list[bytes]) -> bytes:
    """Return a catalogue in UTF-8: the parser of translate-toolkit reads UTF-8, whatever the header says.

    Raises:
        DataError: The header names a charset that does not exist, or a line is not in this charset.
    """
    number, charset = _find_charset(lines)
    try:
        bytes(4).decode(charset)
    except (LookupError, ValueError):  # no charset, or none of text
        raise DataError.at(path, number, f"there is no charset {charset!r}; convert the catalogue to UTF-8") from None
    text = []
    for at, line in enumerate(lines, start=1):
        try:
            decoded = line.decode(charset).removeprefix("\ufeff")
            decoded.encode()
        except UnicodeError as error:
            byte = f" (byte {line[error.start]:#04x})" if isinstance(error, UnicodeDecodeError) else ""
            problem = f"not valid {charset}{byte}, which is the charset of this catalogue"
            raise DataError.at(path, at, problem) from error
        text.append(_CHARSET.sub("charset=UTF-8", decoded) if at == number else decoded)
    return "".join(text).encode()


def _find_charset(lines: list[bytes]) -> tuple[int, str]:
    """Return the number of the header's line that names a charset, and the charset; UTF-8 if no line does."""
    entries = 0
    for number, line in enumerate(lines, start=1):
        entries += line.startswith(b"msgid")
        if entries > 1:
            break
        found = _CHARSET.search(line.decode("latin-1"))
        if found and line.startswith(b'"') and found[1] != "CHARSET":  # what gettext's template has instead
            return number, found[1]
    return 0, "UTF-8"


def _why_unfinished(unit: Any) -> str:
    """Return why an entry is not a finished translation; an empty text if it is one."""
    if unit.isobsolete():
        return "obsolete entries"
    if unit.isfuzzy():
        return "fuzzy entries"
    return "" if unit.istranslated() else "untranslated entries"


def _forms_of(unit: Any) -> Iterator[Texts]:
    """Yield the singular and each plural form of an entry, with its translation."""
    from translate.storage.pypo import unquotefrompo

    sources, targets = ([str(form) for form in getattr(text, "strings", [text])] for text in (unit.source, unit.target))
    if not sources[0] and unit.msgidcomments:  # a context of KDE 3 and its text in one line
        sources = [unquotefrompo(unit.msgidcomments)]
    if sources[0].startswith("_n: "):  # plural forms of KDE 3, one in each line
        sources, targets = sources[0].removeprefix("_n: ").split("\n"), targets[0].split("\n")
    elif sources[0].startswith("_: "):  # a context of KDE 3
        sources = [sources[0].partition("\n")[2], *sources[1:]]
    for number, target in enumerate(targets):
        # A language with one form uses it for the plural too; one with many, all but the first.
        source = sources[0] if number == 0 and len(targets) > 1 else sources[-1]
        yield source, target


def _to_one_line(text: str) -> str:
    return " ".join(text.split())


PO = Form(read_po, endings=(".po", ".pot"), fits_line=lambda line: begins_with(line, 'msgid "'))
