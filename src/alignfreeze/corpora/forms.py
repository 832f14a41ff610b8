"""The forms in which bitext comes; each is read as a stream, a pair at a time.

A form is a function from the files of a bitext and what is wanted of them to
pairs of texts. What it leaves out, such as a fuzzy entry, it counts by reason.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product, zip_longest
from pathlib import Path
from typing import Any, NoReturn

import langcodes
from langcodes.tag_parser import LanguageTagError

from alignfreeze.corpora.hub import hub_rows
from alignfreeze.errors import DataError, EndsEarlyError, OutputError, SettingsError
from alignfreeze.files import COMPRESSED_NAMES, OTHER_COMPRESSED_NAMES, open_binary, read_lines, write_lines

Texts = tuple[str, str]
"""A source and a target sentence, not yet split into words."""

BARS = " ||| "
_CHARSET = re.compile(r"charset=\s*([^\s;\\\"]+)", re.IGNORECASE)
_BREAKS = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of the files of a bitext.

    Attributes:
        languages: Codes of the source and the target language.
        columns: Names or numbers, from 1, of the two columns or fields, where a form has several.
    """

    languages: tuple[str, str]
    columns: tuple[str, str] | None = None


def read_moses(paths: tuple[Path, ...], _: Wanted, __: Counter[str]) -> Iterator[Texts]:
    """Two files, of which line N of one is the translation of line N of the other."""
    source, target = paths
    for first, second in zip_longest(read_lines(source), read_lines(target)):
        if first is None or second is None:
            raise _unequal(source, target)
        yield first[1], second[1]


def _unequal(source: Path, target: Path) -> DataError:
    """Say how far two files differ in length, and where the first likely slip is."""
    counts = [sum(1 for _ in read_lines(path)) for path in (source, target)]
    message = (
        f"{source} has {counts[0]:,} lines and {target} {counts[1]:,}; "
        "line N of one must be the translation of line N of the other"
    )
    gap = _first_gap(source, target)
    return DataError(f"{message}. First line that is empty on one side only: {gap}" if gap else message)


def _first_gap(source: Path, target: Path) -> int | None:
    both = zip(read_lines(source), read_lines(target), strict=False)
    return next((number for (number, first), (_, second) in both if bool(first) != bool(second)), None)


def read_bars(paths: tuple[Path, ...], _: Wanted, __: Counter[str]) -> Iterator[Texts]:
    """One file with ` ||| ` between the sides, as fast_align takes it."""
    for number, line in read_lines(paths[0]):
        parts = line.split(BARS) if line.strip() else ["", ""]
        if len(parts) != 2:
            raise DataError.at(paths[0], number, f"expected 'source ||| target', found {len(parts)} part(s)")
        yield parts[0], parts[1]


def read_tsv(paths: tuple[Path, ...], wanted: Wanted, _: Counter[str]) -> Iterator[Texts]:
    """One file with tabs between its columns: the first two, or those that are named or numbered."""
    lines = read_lines(paths[0])
    first, second = _columns(paths[0], wanted, lines)
    for number, line in lines:
        parts = line.split("\t") if line.strip() else [""] * (max(first, second) + 1)
        if len(parts) <= max(first, second):
            expected = "two columns" if max(first, second) == 1 else f"{max(first, second) + 1} columns"
            raise DataError.at(paths[0], number, f"expected {expected} separated by a tab, found {len(parts)} part(s)")
        yield parts[first], parts[second]


def _columns(path: Path, wanted: Wanted, lines: Iterator[tuple[int, str]]) -> tuple[int, int]:
    """Return the places of the two columns; where they are named, the first line holds the names."""
    names = wanted.columns or ("1", "2")
    if (numbers := column_numbers(names)) is not None:
        return numbers
    header = next(lines, (1, ""))[1].split("\t")
    missing = [name for name in names if name not in header]
    if missing:
        raise DataError.at(path, 1, f"no column is named {missing[0]!r}; there are {', '.join(map(repr, header))}")
    return header.index(names[0]), header.index(names[1])


def column_numbers(names: tuple[str, str]) -> tuple[int, int] | None:
    """Return the places of two columns, from 0, if both are numbered; None if they are named.

    Raises:
        SettingsError: A number is 0.
    """
    if not all(name.isdecimal() for name in names):
        return None
    first, second = map(int, names)
    if 0 in {first, second}:
        raise SettingsError(f"columns {','.join(names)}: columns are numbered from 1")
    return first - 1, second - 1


def read_jsonl(paths: tuple[Path, ...], wanted: Wanted, _: Counter[str]) -> Iterator[Texts]:
    """One JSON object a line: fields by the language codes, `source` and `target`, or named; also in `translation`."""
    for number, line in read_lines(paths[0]):
        if not line.strip():
            yield "", ""
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise DataError.at(paths[0], number, f"not a JSON object ({error})") from error
        except RecursionError:
            raise DataError.at(paths[0], number, "not a JSON object of sentences (it is nested too deeply)") from None
        yield _fields(value, wanted, lambda problem, at=number: _raise(DataError.at(paths[0], at, problem)))


def _raise(error: Exception) -> NoReturn:
    raise error


def _fields(value: Any, wanted: Wanted, fail: Callable[[str], NoReturn]) -> Texts:
    """Return the two texts of an object with named fields."""
    if not isinstance(value, dict):
        fail(f"expected an object with two sentences, found {type(value).__name__}")
    inner = value.get("translation")  # may as well be the name of a column
    fields = inner if isinstance(inner, dict) else value
    choices = [wanted.columns] if wanted.columns else [wanted.languages, ("source", "target")]
    for names in choices:
        if all(name in fields for name in names):
            source, target = (_sentence(name, fields[name], fail) for name in names)
            return source, target
    fail(f"the fields {', '.join(map(repr, fields))} are not {' and '.join(wanted.columns or wanted.languages)}")


def _sentence(name: str, text: Any, fail: Callable[[str], NoReturn]) -> str:
    if not isinstance(text, str):
        fail(f"the field {name!r} holds {'null' if text is None else type(text).__name__}, not a sentence")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        fail(f"the field {name!r} holds half a character ({text[error.start]!r}), which is no text")
    # A line break inside a sentence would be another line in the files that go with it.
    return _BREAKS.sub(" ", text)


def read_tmx(paths: tuple[Path, ...], wanted: Wanted, left_out: Counter[str]) -> Iterator[Texts]:
    """A translation memory (TMX): each translation unit, with every pair of its sides where there are several."""
    from lxml import etree  # type: ignore[attr-defined]
    from translate.storage.tmx import tmxunit

    path = paths[0]
    with open_binary(path) as file:
        # Entities are neither expanded nor fetched: a bomb stays a few bytes.
        units = etree.iterparse(file, events=("end",), tag="{*}tu", resolve_entities=False, no_network=True)
        try:
            for _, element in units:
                _refuse_entities(path, element)
                unit = tmxunit.createfromxmlElement(element)
                sources, targets = (_tmx_sides(unit, code) for code in wanted.languages)
                if not (sources and targets):
                    left_out["units without both languages"] += 1
                yield from product(sources, targets)
                _forget(element)
        except etree.XMLSyntaxError as error:
            if "amplification" in error.msg:
                raise _entities(path) from error
            problem = f"not well-formed XML; is the file cut off? ({error.msg})"
            raise DataError.at(path, error.lineno or 1, problem) from error
        if units.root is None or etree.QName(units.root).localname != "tmx":
            raise DataError(f"{path}: not a translation memory: there is no <tmx> in it")


def _refuse_entities(path: Path, element: Any) -> None:
    document = element.getroottree().docinfo.internalDTD
    if document is not None and any(True for _ in document.iterentities()):
        raise _entities(path)


def _entities(path: Path) -> DataError:
    return DataError(f"{path}: this file declares XML entities, which can blow up or fetch other files; refused")


def _tmx_sides(unit: Any, code: str) -> list[str]:
    """Return the texts of a unit in a language, without native markup codes."""
    from translate.misc.xml_helpers import getXMLlang

    texts = []
    for node in unit.getlanguageNodes():
        if same_language(getXMLlang(node) or node.get("lang") or "", code):
            for inline in list(node.iterdescendants("{*}bpt", "{*}ept", "{*}it", "{*}ph", "{*}ut")):
                _remove(inline)
            text = unit.getNodeText(node)
            if text and text.strip():
                texts.append(" ".join(text.split()))
    return texts


def _remove(element: Any) -> None:
    """Take an element away, and leave the text behind it."""
    parent, before = element.getparent(), element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    parent.remove(element)


def _forget(element: Any) -> None:
    """Free what has been read: the file may be larger than memory."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


@cache
def same_language(tag: str, code: str) -> bool:
    """Tell whether a tag such as `en-US`, `pt_BR` or `nb` names a language, or a kind of it that its code allows.

    A code without a script or a region allows all kinds; one with a script, those written in it, and one with a
    region, those of no other region: `zh-Hans` allows `zh_CN`, and `en-GB` allows `en`, but not `en-US`.
    """
    try:
        found, wanted = (langcodes.Language.get(_bcp47(text)) for text in (tag, code))
        if langcodes.tag_distance(found.language or "und", wanted.language or "und") > _SAME:
            return False
    except LanguageTagError:
        return tag.casefold() == code.casefold()
    if not (wanted.script or wanted.territory):
        return True
    if found.maximize().script != wanted.maximize().script:
        return False
    return not (found.territory and wanted.territory) or found.territory == wanted.territory


def _bcp47(tag: str) -> str:
    """Return a tag without the charset of a locale, and with its modifier as a script: `sr_RS.UTF-8@latin`."""
    tag, _, modifier = tag.strip().partition("@")
    language, *regions = tag.partition(".")[0].replace("_", "-").split("-")
    script = _SCRIPTS_OF_LOCALES.get(modifier.casefold())
    return "-".join([language, *([script] if script else []), *regions])


_SAME = 1
"""The most that CLDR's distance between two codes of one language is: `nb` and `no`, `cmn` and `zh`."""

_SCRIPTS_OF_LOCALES = {"latin": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva", "arabic": "Arab"}


def read_po(paths: tuple[Path, ...], wanted: Wanted, left_out: Counter[str]) -> Iterator[Texts]:
    """A gettext catalogue (PO): finished entries; of plural entries the singular and each plural form."""
    from translate.storage.pypo import pofile

    path = paths[0]
    lines, broken = _lines_until_it_breaks(path)
    try:
        catalogue = pofile.parsestring(_in_utf8(path, lines))
    except DataError:
        raise
    except Exception as error:  # the parser raises all kinds
        raise DataError(f"{path}: not a gettext catalogue ({error})") from error
    stated = catalogue.gettargetlanguage()
    if stated and not same_language(stated, wanted.languages[1]) and not same_language(wanted.languages[1], stated):
        raise DataError(f"{path}: this catalogue says that it is in {stated!r}, not in {wanted.languages[1]!r}")
    for unit in catalogue.units[:-1] if broken else catalogue.units:  # a break may lie within the last
        if unit.isheader():
            continue
        reason = _unfinished(unit)
        if reason:
            left_out[reason] += 1
            continue
        yield from ((_one_line(source), _one_line(target)) for source, target in _plurals(unit) if target)
    if broken is not None:
        raise broken


def _lines_until_it_breaks(path: Path) -> tuple[list[bytes], EndsEarlyError | None]:
    """Return the lines of a file, and the error that came after them."""
    lines: list[bytes] = []
    try:
        with open_binary(path) as file:
            lines.extend(file)
    except EndsEarlyError as error:
        return lines, error
    return lines, None


def _in_utf8(path: Path, lines: list[bytes]) -> bytes:
    """Return a catalogue in UTF-8: the parser of translate-toolkit stays with it, whatever the header says.

    Raises:
        DataError: The header names a charset that does not exist, or a line is not in it.
    """
    number, charset = _charset(lines)
    try:
        codecs.lookup(charset)
    except LookupError:
        raise DataError.at(path, number, f"there is no charset {charset!r}; convert the catalogue to UTF-8") from None
    text = []
    for at, line in enumerate(lines, start=1):
        try:
            decoded = line.decode(charset).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            problem = f"not valid {charset} (byte {line[error.start]:#04x}), which is the charset of this catalogue"
            raise DataError.at(path, at, problem) from error
        text.append(_CHARSET.sub("charset=UTF-8", decoded) if at == number else decoded)
    return "".join(text).encode()


def _charset(lines: list[bytes]) -> tuple[int, str]:
    """Return the line of the header of a catalogue that names its charset, and the charset; UTF-8 if none does."""
    entries = 0
    for number, line in enumerate(lines, start=1):
        entries += line.startswith(b"msgid")
        if entries > 1:
            break
        found = _CHARSET.search(line.decode("latin-1"))
        if found and line.startswith(b'"') and found[1] != "CHARSET":  # what gettext's template has instead
            return number, found[1]
    return 0, "UTF-8"


def _unfinished(unit: Any) -> str:
    """Return why an entry of a catalogue is no translation; nothing if it is one."""
    if unit.isobsolete():
        return "obsolete entries"
    if unit.isfuzzy():
        return "fuzzy entries"
    return "" if unit.istranslated() else "untranslated entries"


def _plurals(unit: Any) -> Iterator[Texts]:
    sources, targets = (getattr(text, "strings", [text]) for text in (unit.source, unit.target))
    for number, target in enumerate(targets):
        # A language with one form uses it for the plural too; one with many, all but the first.
        source = sources[0] if number == 0 and len(targets) > 1 else sources[-1]
        yield str(source), str(target)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def read_hub(name: str, wanted: Wanted) -> Iterator[Texts]:
    """Rows of a data set on the hub, `hub:OWNER/NAME/CONFIG` or `.../CONFIG/SPLIT`, streamed."""
    for number, row in enumerate(hub_rows(name, streaming=True), start=1):
        yield _fields(row, wanted, lambda problem, at=number: _raise(DataError(f"{name}, row {at}: {problem}")))


Form = Callable[[tuple[Path, ...], Wanted, Counter[str]], Iterator[Texts]]

FORMS: dict[str, Form] = {
    "moses": read_moses,
    "tsv": read_tsv,
    "bars": read_bars,
    "tmx": read_tmx,
    "po": read_po,
    "jsonl": read_jsonl,
}
"""The forms by name; adding one is a function and a line."""

WITH_COLUMNS = ("tsv", "jsonl")
"""The forms in which two of several columns or fields are chosen."""

ENDINGS = {
    ".tmx": "tmx",
    ".po": "po",
    ".pot": "po",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".tsv": "tsv",
}
"""The form that the ending of a name stands for, for reading and for writing; adding one is a line."""

_BEGINNINGS = {"<?xml": "tmx", "<tmx": "tmx", 'msgid "': "po"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def form_of_name(path: Path) -> str | None:
    """Return the form that the ending of a name stands for, whatever its case and with a compression behind it."""
    return ENDINGS.get(plain_name(path).suffix.lower())


def form_to_write(path: Path) -> str:
    """Return the form in which a file of this name is written: columns with a tab between, where none is named.

    Raises:
        OutputError: The ending stands for a form that is not written, or for a compression that is not made.
    """
    form = form_of_name(path) or "tsv"
    if form in WRITERS and path.suffix.lower() not in OTHER_COMPRESSED_NAMES:
        return form
    ending = path.suffix if form in WRITERS else plain_name(path).suffix
    raise OutputError(
        f"{path}: files that end in {ending} are not written; name one that ends in .tsv, or in .jsonl for JSON "
        f"lines; {', '.join(COMPRESSED_NAMES)} behind it compress it"
    )


def write_bitext(path: Path, texts: Iterable[Texts], languages: tuple[str, str]) -> None:
    """Write sentence pairs in the form that the ending of the file stands for.

    Raises:
        OutputError: The file cannot be written.
    """
    write_lines(path, WRITERS[form_to_write(path)](texts, languages))


def _json_lines(texts: Iterable[Texts], languages: tuple[str, str]) -> Iterator[str]:
    return (json.dumps(dict(zip(languages, pair, strict=True)), ensure_ascii=False) for pair in texts)


def _columns_with_tabs(texts: Iterable[Texts], _: tuple[str, str]) -> Iterator[str]:
    # A tab inside a sentence would be another column.
    return ("\t".join(side.replace("\t", " ") for side in pair) for pair in texts)


WRITERS = {"jsonl": _json_lines, "tsv": _columns_with_tabs}
"""What makes the lines of a file, by the form; the forms that are written."""


def guessed(path: Path) -> str:
    """Return the form of a single file, by its name or else by its first line.

    Raises:
        DataError: It is none that is known.
    """
    if (named := form_of_name(path)) is not None:
        return named
    with open_binary(path) as file:
        if file.read(2) in _UTF16:
            return "tmx"  # the only form that comes in UTF-16
    number, line = next(((number, line) for number, line in read_lines(path) if line.strip()), (1, ""))
    if not line:
        return "tsv"  # an empty file, which is said by whoever finds no pair in it
    form = _form_of_line(line)
    if form is None:
        raise DataError.at(path, number, "neither a tab nor ' ||| ' separates two sides; for two files give both")
    return form


def _form_of_line(line: str) -> str | None:
    """Return the form that a first line tells; `{0} files` may begin a sentence, and ` ||| ` may stand in one."""
    if line.lstrip().startswith("{") and _is_object(line):
        return "jsonl"
    if "\t" in line.strip():
        return "tsv"
    for beginning, form in _BEGINNINGS.items():
        if line.lstrip().startswith(beginning):
            return form
    return "tsv" if "\t" in line else "bars" if BARS in line else None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def plain_name(path: Path) -> Path:
    """Return a path without the ending of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED_NAMES else path
