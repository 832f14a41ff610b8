"""Translation memories (TMX), read unit by unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from alignfreeze.corpora.forms.form import Form, Sides, Texts, begins_with
from alignfreeze.errors import DataError
from alignfreeze.files import open_binary
from alignfreeze.languages import tag_fits


def read_tmx(paths: tuple[Path, ...], sides: Sides, left_out: Counter[str]) -> Iterator[Texts]:
    """Yield every pair of a source and a target text of each translation unit.

    Raises:
        DataError: The file is not well-formed, is not a translation memory, or declares XML entities.
    """
    from lxml import etree  # type: ignore[attr-defined]
    from translate.storage.tmx import tmxunit

    path = paths[0]
    with open_binary(path) as file:
        # Entities are neither expanded nor fetched, so an XML bomb stays small.
        units = etree.iterparse(file, events=("end",), tag="{*}tu", resolve_entities=False, no_network=True)
        try:
            for _, element in units:
                _refuse_entities(path, element)
                unit = tmxunit.createfromxmlElement(element)
                sources, targets = (_texts_of(unit, code) for code in sides.languages)
                if not (sources and targets):
                    left_out["units without both languages"] += 1
                yield from product(sources, targets)
                _forget(element)
        except etree.XMLSyntaxError as error:
            if "amplification" in error.msg:
                raise _entities_error(path) from error
            problem = f"not well-formed XML; is the file cut off? ({error.msg})"
            raise DataError.at(path, error.lineno or 1, problem) from error
        if units.root is None or etree.QName(units.root).localname != "tmx":
            raise DataError(f"{path}: not a translation memory: the file has no element <tmx>")


def _refuse_entities(path: Path, element: Any) -> None:
    document = element.getroottree().docinfo.internalDTD
    if document is not None and any(True for _ in document.iterentities()):
        raise _entities_error(path)


def _entities_error(path: Path) -> DataError:
    return DataError(
        f"{path}: this file declares XML entities, which can fill the memory or fetch other files; remove them"
    )


def _texts_of(unit: Any, code: str) -> list[str]:
    """Return the texts of a unit in a language, without native markup codes."""
    from translate.misc.xml_helpers import getXMLlang

    texts = []
    for node in unit.getlanguageNodes():
        if tag_fits(getXMLlang(node) or node.get("lang") or "", code):
            for inline in list(node.iterdescendants("{*}bpt", "{*}ept", "{*}it", "{*}ph", "{*}ut")):
                _remove(inline)
            text = unit.getNodeText(node)
            if text and text.strip():
                texts.append(" ".join(text.split()))
    return texts


def _remove(element: Any) -> None:
    """Remove an element and leave the text behind it."""
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


TMX = Form(
    read_tmx,
    endings=(".tmx",),
    fits_line=lambda line: begins_with(line, "<?xml", "<tmx"),
    in_utf16=True,
)
