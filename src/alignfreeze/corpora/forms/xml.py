"""A stream of XML without what XML forbids: control characters, references to them, and entities of HTML."""

from __future__ import annotations

import io
from html.entities import html5
from typing import BinaryIO

import regex

from alignfreeze.decoding import BLOCK

_LONGEST_PART = 2**26
"""The most bytes that may stand between two units: all of them are held in memory."""

_TOKEN = regex.compile(
    rb"&#(?:[xX](?P<hex>[0-9a-fA-F]{1,8})|(?P<number>[0-9]{1,10}));"
    rb"|&(?!(?:amp|lt|gt|quot|apos);)(?P<name>[A-Za-z_][\w.-]{0,40});"
    rb"|(?P<open><!--|<!\[CDATA\[)|-->|\]\]>"
)
_BEGUN = regex.compile(rb"(?:&[#\w.-]{0,41}|<|<!|<!-|<!\[[CDATA]{0,5}|--?|\]\]?)\Z")
"""The beginning of a token, which may go on in the next block."""

_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>"}
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r\x1b"))
_SPACES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_TO_SPACE = bytes.maketrans(_CONTROLS + b"\x1b", b" " * (len(_CONTROLS) + 1))


class TooLongError(ValueError):
    """Too much stands between two units."""


class CleanXml(io.RawIOBase):
    """XML, read in blocks, with a space for each character that XML forbids, and the characters of HTML's entities.

    Entities are looked up in HTML's table alone. What a file declares is never expanded.

    Attributes:
        replaced: The number of characters that became spaces.
        named: The number of references to entities of HTML, such as `&nbsp;`, that became characters.
        unknown: The first reference to an entity that neither XML nor HTML has, and its line.
        lines: The number of line ends that have been read.
        beginning: The first bytes of the file.
        has_ended: Whether the file was read to its end.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.replaced = 0
        self.named = 0
        self.unknown: tuple[str, int] | None = None
        self.lines = 0
        self.has_ended = False
        self.end = b""
        self.rest = b""
        self.beginning = b""
        self.since_unit = 0
        self.table: bytes | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def begin_unit(self) -> None:
        """Count from here how much is read before the next unit."""
        self.since_unit = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            TooLongError: Too many bytes were read since the last unit.
        """
        block = self.file.read(BLOCK)
        self.has_ended = not block
        self.beginning = self.beginning or block[:200]
        self.since_unit += len(block)
        if self.since_unit > _LONGEST_PART:
            raise TooLongError(f"more than {_LONGEST_PART:,} bytes without a translation unit")
        if self.table is None:
            # In ISO-2022, an escape changes the alphabet.
            self.table = _SPACES if b"2022" in block[:200] else _TO_SPACE
        if bad := len(block) - len(block.translate(None, _CONTROLS)):
            self.replaced += bad
        text = self.rest + block.translate(self.table)
        begun = _BEGUN.search(text, max(0, len(text) - 48)) if block else None
        text, self.rest = (text, b"") if begun is None else (text[: begun.start()], text[begun.start() :])
        clean = _TOKEN.sub(self._to_allowed, text)
        self.lines += text.count(b"\n")
        return clean or (self.read() if block else b"")

    def _to_allowed(self, token: regex.Match[bytes]) -> bytes:
        if self.end:  # inside a comment, or in text without references
            if token[0] == self.end:
                self.end = b""
            return token[0]
        if token["open"]:
            self.end = _ENDS[token[0]]
        elif token["name"]:
            return self._to_character(token)
        elif token["hex"] or token["number"]:
            number = int(token["hex"], 16) if token["hex"] else int(token["number"])
            allowed = number in {9, 10, 13} or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE
            if not (allowed or 0x10000 <= number < 0x110000):
                self.replaced += 1
                return b" "
        return token[0]

    def _to_character(self, token: regex.Match[bytes]) -> bytes:
        characters = html5.get(f"{token['name'].decode(errors='replace')};")
        if characters is None:
            line = self.lines + token.string.count(b"\n", 0, token.start()) + 1
            self.unknown = self.unknown or (token[0].decode(errors="replace"), line)
            return token[0]
        self.named += 1
        return "".join(f"&#{ord(character)};" for character in characters).encode()
