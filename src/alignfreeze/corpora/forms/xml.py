"""A stream of XML without what XML forbids: control characters, and references to them."""

from __future__ import annotations

import io
from typing import BinaryIO

import regex

from alignfreeze.decoding import BLOCK

_LONGEST_PART = 2**26
"""The most bytes that may stand between two units: all of them are held in memory."""

_REFERENCE = regex.compile(rb"&#(?:[xX]([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r\x1b"))
_SPACES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_TO_SPACE = bytes.maketrans(_CONTROLS + b"\x1b", b" " * (len(_CONTROLS) + 1))


class TooLongError(ValueError):
    """Too much stands between two units."""


class CleanXml(io.RawIOBase):
    """XML, read in blocks, with a space for each character that XML forbids.

    Attributes:
        replaced: The number of characters that became spaces.
        has_ended: Whether the file was read to its end.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.replaced = 0
        self.has_ended = False
        self.rest = b""
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
        self.since_unit += len(block)
        if self.since_unit > _LONGEST_PART:
            raise TooLongError(f"more than {_LONGEST_PART:,} bytes without a translation unit")
        if self.table is None:
            # In ISO-2022, an escape changes the alphabet.
            self.table = _SPACES if b"2022" in block[:200] else _TO_SPACE
        if bad := len(block) - len(block.translate(None, _CONTROLS)):
            self.replaced += bad
        text = self.rest + block.translate(self.table)
        # A reference may go on in the next block.
        start = text.rfind(b"&", -12) if block else -1
        text, self.rest = (text, b"") if start < 0 or b";" in text[start:] else (text[:start], text[start:])
        text = _REFERENCE.sub(self._to_allowed, text)
        return text or (self.read() if block else b"")

    def _to_allowed(self, reference: regex.Match[bytes]) -> bytes:
        number = int(reference[1], 16) if reference[1] else int(reference[2])
        allowed = number in {9, 10, 13} or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE
        if allowed or 0x10000 <= number < 0x110000:
            return reference[0]
        self.replaced += 1
        return b" "
