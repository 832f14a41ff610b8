"""Markup inside the segments of memories: breaks part words, bold letters do not."""

from __future__ import annotations

import html
import re
from typing import Any

_CODES = {"bpt", "ept", "it", "ut"}
"""Tags around native codes, such as those of bold letters, which may stand inside words."""

_TEXT = {"hi", "sub", "g", "mrk", "pc"}
"""Tags around text."""

_BREAKS = {
    *("address", "article", "aside", "blockquote", "br", "caption", "cell", "center", "column"),
    *("dd", "details", "dialog", "div", "dl", "dt", "entry", "fieldset", "figcaption"),
    *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("header", "heading", "hr", "lb", "legend", "li", "line", "linebreak", "listitem"),
    *("main", "menu", "nav", "newline", "nl", "ol", "optgroup", "option", "p"),
    *("page", "pagebreak", "par", "para", "paragraph", "pb", "pre", "row", "section"),
    *("select", "softreturn", "tab", "table", "tbody", "tc", "td", "tfoot", "th"),
    *("thead", "title", "tr", "ul"),
}
"""Names of breaks: elements of HTML, DocBook and Office, and values of `type` in TMX and XLIFF."""

_NAMES = "|".join(sorted(_BREAKS))
_BREAK = re.compile(
    rf"[<\[]\s*[/:]?\s*(?:\w+:)?(?:{_NAMES}|line-break|text:s)(?![\w-])"
    r"|\\(?:n|r|t|line|lbr|softline|par|pard|tab|cell|nestcell|row|nestrow|trowd|sect|page|column|newline|linebreak"
    r"|pagebreak|newpage|item)(?![a-zA-Z])"
    r"|[\n\r]|^\\\\$",
    re.IGNORECASE,
)
"""Native codes of breaks in HTML, XML, BBCode, RTF, LaTeX and escapes of programs."""

_FORMAT = re.compile(
    r"(?:<\s*/?\s*(?:a|abbr|b|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt"
    r"|u|var|w:r|w:rpr|cf)(?:\s[^<>]*|/)?>|\[/?(?:b|i|u|s)\]|\\(?:b|i|ul|ulnone|plain|super|sub|nosupersub)[01]?\s?|[{}])+",
    re.IGNORECASE,
)
"""Native codes of the look of letters."""

_LOOKS = {
    *("b", "bold", "i", "italic", "italics", "u", "ulined", "underline", "underlined", "dulined", "color", "font"),
    *("strike", "strikethrough", "s", "sub", "subscript", "sup", "super", "superscript", "em", "strong", "span"),
}
"""Values of `type` for the look of letters."""

_TYPES = ("type", "ctype", "subType")
_COPIES = ("equiv-text", "equiv", "disp", "dispStart", "dispEnd")
"""Attributes of XLIFF with a native code, or what stands for it."""


def simplify(segment: Any) -> None:
    """Remove the codes of the inline elements of a segment; their text stays.

    A break leaves a space, and so does a placeholder between two words.
    """
    inlines = list(segment.iterdescendants())
    ended = {number for inline in inlines if inline.tag in _STARTS and _is_break(inline) for number in _numbers(inline)}
    for inline in inlines:
        _simplify(inline, ends_break=inline.tag in _ENDS and not ended.isdisjoint(_numbers(inline)))


_STARTS, _ENDS = {"bpt", "bx", "sc"}, {"ept", "ex", "ec"}


def _numbers(inline: Any) -> set[str]:
    """Return what joins the start and the end of a code."""
    return {inline.get(name) for name in ("i", "rid", "startRef") if inline.get(name)} | (
        {inline.get("id")} if inline.tag == "sc" and inline.get("id") else set()
    )


def _simplify(inline: Any, *, ends_break: bool) -> None:
    parent = inline.getparent()
    if parent is None:
        return
    is_break = ends_break or _is_break(inline)
    if inline.tag in _TEXT or (inline.tag not in {*_CODES, "ph"} and _has_text(inline)):
        if is_break:
            inline.text, inline.tail = f" {inline.text or ''}", f" {inline.tail or ''}"
            _put_space_before(inline)
        return
    before, tail = inline.getprevious(), inline.tail or ""
    text = (parent.text if before is None else before.tail) or ""
    parts_words = inline.tag not in _CODES and not _is_look(inline)
    if is_break or (parts_words and (text[-1:].isalnum() or (before is not None and not text)) and tail[:1].isalnum()):
        tail = f" {tail}"
    if before is None:
        parent.text = text + tail
    else:
        before.tail = text + tail
    parent.remove(inline)


def _put_space_before(inline: Any) -> None:
    parent, before = inline.getparent(), inline.getprevious()
    if before is None:
        parent.text = f"{parent.text or ''} "
    else:
        before.tail = f"{before.tail or ''} "


def _is_break(inline: Any) -> bool:
    if inline.tag in _BREAKS or any(_names_break(inline.get(name, "")) for name in _TYPES):
        return True
    codes = [inline.get(name, "") for name in _COPIES]
    if inline.tag not in _TEXT and (inline.tag in {*_CODES, "ph"} or not _has_text(inline)):
        codes.append("".join(map(str, inline.itertext())))
    return any(_BREAK.search(text) or (text and text.isspace()) for text in map(html.unescape, codes))


def _names_break(kind: str) -> bool:
    """Tell whether a type, such as `x-tab`, `x-html-td` or `xlf:lb`, is that of a break."""
    parts = re.split(r"[-_:;\s]+", kind.casefold())
    return parts[-1] in _BREAKS or "".join(parts).removeprefix("x") in _BREAKS


def _is_look(inline: Any) -> bool:
    kinds = (re.split(r"[-_:;\s]+", inline.get(name, "").casefold())[-1] for name in _TYPES)
    code = html.unescape("".join(map(str, inline.itertext()))).strip()
    return any(kind in _LOOKS for kind in kinds) or _FORMAT.fullmatch(code) is not None


def _has_text(element: Any) -> bool:
    return any(str(text).strip() for text in element.itertext())
