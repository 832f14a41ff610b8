"""Translation memories (TMX), read unit by unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from alignfreeze.corpora.forms.form import Form, Sides, Texts, begins_with
from alignfreeze.corpora.forms.markup import simplify
from alignfreeze.corpora.forms.xml import CleanXml, TooLongError
from alignfreeze.errors import DataError
from alignfreeze.files import open_text
from alignfreeze.languages import tag_fits
from alignfreeze.progress import remark


def read_tmx(paths: tuple[Path, ...], sides: Sides, left_out: Counter[str]) -> Iterator[Texts]:
    """Yield every pair of a source and a target text of each translation unit.

    Raises:
        DataError: The file is not well-formed, is not a translation memory, or declares XML entities.
    """
    from lxml import etree  # type: ignore[attr-defined]
    from translate.storage.tmx import tmxunit

    path = paths[0]
    with open_text(path) as (file, encoding):
        source = CleanXml(file)
        # Entities are neither expanded nor fetched, so an XML bomb stays small.
        units = etree.iterparse(
            source,
            events=("start", "end"),
            tag=("{*}tu", "{*}tmx", *_OTHER_FORMATS),
            resolve_entities=False,
            no_network=True,
            encoding=encoding and "utf-8",
        )
        try:
            for event, element in units:
                if event == "start":
                    _check_root(path, etree.QName(units.root or element).localname)
                    continue
                if etree.QName(element).localname != "tu":
                    continue
                source.begin_unit()
                _refuse_entities(path, element, source)
                _forget_namespaces(element)
                unit = tmxunit.createfromxmlElement(element)
                sources, targets = (_texts_of(unit, code) for code in sides.languages)
                if not (sources and targets):
                    left_out["units without both languages"] += 1
                yield from product(sources, targets)
                _forget(element)
        except etree.XMLSyntaxError as error:
            if encoding is None and (declared := _WIDE.match(source.beginning)):
                raise DataError.at(path, 1, f"the declaration names {declared[1].decode()}{_NOT_WIDE}") from error
            raise _explain(path, error, source) from error
        except TooLongError as error:
            raise DataError(f"{path}: {error}; is this a translation memory?") from error
        except UnicodeDecodeError:
            raise
        except ValueError as error:  # lxml reads some names that it does not know what to do with
            raise DataError(f"{path}: not well-formed XML ({error})") from error
        if units.root is None or etree.QName(units.root).localname != "tmx":
            raise DataError(f"{path}: not a translation memory: the file has no element <tmx>")
        if source.named:
            remark(f"{path}: {source.named:,} entities of HTML, such as &nbsp;, are read as their characters")
        if source.replaced:
            remark(f"{path}: {source.replaced:,} characters that XML forbids are read as spaces")


_WIDE = re.compile(rb"""[^<]*<\?xml[^>]*?\bencoding\s*=\s*["']((?:utf|UTF)-?(?:16|32)[-\w]*)""")
_NOT_WIDE = ', but the file is not in this encoding; is it UTF-8? Then write encoding="utf-8" in the first line'

_OTHER_FORMATS = {
    "{*}xliff": "this is XLIFF, which is not read; turn it into a catalogue, for example by xliff2po of the Translate "
    "Toolkit, or export it as TMX",
    "{*}TS": "this is a file of Qt Linguist, which is not read; turn it into a catalogue, for example by ts2po of the "
    "Translate Toolkit",
    "{*}cesAlign": "this is a list of the links between sentences of OPUS, without their texts; download the data as "
    "Moses or TMX",
    "{*}martif": "this is a term base (TBX), which is not read",
    "{*}html": "this is a web page; was the download refused?",
}
"""What to say about other formats, by the name of their root."""


def _check_root(path: Path, name: str) -> None:
    if (problem := _OTHER_FORMATS.get(f"{{*}}{name}")) is not None:
        raise DataError(f"{path}: not a translation memory: the file has no element <tmx>: {problem}")


def _explain(path: Path, error: Any, source: CleanXml) -> DataError:
    if "amplification" in error.msg:
        return _entities_error(path)
    if source.unknown:
        return _unknown_error(path, *source.unknown)
    hint = ""
    if "EntityRef" in error.msg:
        hint = "; write &amp; for the sign &"
    elif source.has_ended and (error.lineno or 0) >= source.lines:
        hint = "; is the file cut off?"
    return DataError.at(path, error.lineno or 1, f"not well-formed XML{hint} ({error.msg})")


def _refuse_entities(path: Path, element: Any, source: CleanXml) -> None:
    document = element.getroottree().docinfo.internalDTD
    if document is not None and any(True for _ in document.iterentities()):
        raise _entities_error(path)
    if source.unknown:
        raise _unknown_error(path, *source.unknown)


def _unknown_error(path: Path, entity: str, line: int) -> DataError:
    problem = f"neither XML nor HTML has the entity {entity}; write the character itself, or &amp; for the sign &"
    return DataError.at(path, line, problem)


def _entities_error(path: Path) -> DataError:
    return DataError(
        f"{path}: this file declares XML entities, which can fill the memory or fetch other files; remove them"
    )


def _forget_namespaces(element: Any) -> None:
    """Take the names of elements out of their namespace: translate-toolkit knows them without one."""
    for part in element.iter("{*}*"):
        if part.tag.startswith("{"):
            with suppress(ValueError):  # lxml reads names such as `_:`, but does not write them
                part.tag = part.tag.rpartition("}")[2]


def _texts_of(unit: Any, code: str) -> list[str]:
    """Return the texts of a unit in a language, without native markup codes."""
    from lxml import etree  # type: ignore[attr-defined]
    from translate.misc.xml_helpers import getXMLlang

    texts = []
    for node in unit.getlanguageNodes():
        if tag_fits(getXMLlang(node) or node.get("lang") or "", code):
            for segment in node.iterdescendants("seg"):
                etree.strip_elements(segment, etree.Comment, etree.ProcessingInstruction, with_tail=False)
                simplify(segment)
            text = unit.getNodeText(node)
            if text and text.strip():
                texts.append(" ".join(text.split()))
    return texts


def _forget(element: Any) -> None:
    """Free what has been read: the file may be larger than memory."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


TMX = Form(
    read_tmx,
    endings=(".tmx",),
    fits_line=lambda line: begins_with(line, "<?xml", "<tmx"),
)
