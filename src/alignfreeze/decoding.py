"""Bytes to lines of UTF-8: byte order marks, the three line ends, and a limit on the length of a line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, TypeVar

LONGEST_LINE = 2**22
"""The most bytes of a line. A small compressed file may hold a line that fills the memory."""

LONGEST_DOCUMENT = 2**28
"""The most bytes of a line in a file that is one document, such as JSON."""

RETURN_INSIDE = (
    "a carriage return (\\r) stands inside this line; if it ends a line, convert all line ends to \\n, and if not, "
    "replace it by a space"
)
"""What to say about a line that may be several lines."""

BLOCK = 2**16

_ENCODINGS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the mark of UTF-16, so it comes first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0": "utf-16-le",  # XML needs no mark
    b"\0<": "utf-16-be",
}
"""Encodings other than UTF-8 by the first bytes of a file."""


Text = TypeVar("Text", bytes, bytearray)


class NotTextError(ValueError):
    """The bytes of a file are no lines of text; the message says why."""


def encoding_of(beginning: bytes) -> str | None:
    """Return the encoding that the first bytes of a file name; None for UTF-8 and all that resembles ASCII.

    Raises:
        NotTextError: The text is in UTF-16 or UTF-32, but does not say so.
    """
    for mark, encoding in _ENCODINGS.items():
        if beginning.startswith(mark):
            return encoding
    whole = beginning[: len(beginning) // 4 * 4]
    for name, zeros in (("UTF-32LE", (2, 3)), ("UTF-32BE", (0, 1))):
        if len(whole) >= 16 and not any(any(whole[place::4]) for place in zeros):
            raise NotTextError(
                f"half of the bytes are 0, as in UTF-32 without a byte order mark; convert the file to UTF-8, for "
                f"example by iconv -f {name} -t UTF-8"
            )
    for name, spaces in (("UTF-16LE", _find_pairs(beginning, 0)), ("UTF-16BE", _find_pairs(beginning, 1))):
        if spaces:
            raise NotTextError(
                f"every second byte is 0, as in UTF-16 without a byte order mark; convert the file to UTF-8, for "
                f"example by iconv -f {name} -t UTF-8"
            )
    return None


def _find_pairs(beginning: bytes, place: int) -> bool:
    """Tell whether bytes look like UTF-16 whose lower bytes stand at even (0) or odd (1) places.

    Lone zero bytes may occur in UTF-8, too. In UTF-16, zeros stand at places of one kind, and beside most spaces and
    line ends, or they are a third of all bytes.
    """
    if len(beginning) < 8 or (len(beginning) < 64 and len(beginning) % 2):  # too little to tell
        return False
    lower, upper = beginning[place::2], beginning[1 - place :: 2]
    zeros = upper.count(0)
    if not zeros or lower.count(0):
        return False
    spaces = sum(beginning.count(sign) for sign in b" \n")
    pairs = sum(low in b" \n" and high == 0 for low, high in zip(lower, upper, strict=False))
    return 3 * zeros >= len(beginning) or (zeros > 2 and 2 * pairs > spaces)


class Recoded(io.RawIOBase):
    """A stream that reads text in another encoding, and gives it as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.file = file
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.ready = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fill a buffer with the next bytes, and return their number.

        Raises:
            UnicodeDecodeError: The bytes of the file are not in its encoding.
        """
        while not self.ready:
            block = self.file.read(BLOCK)
            self.ready = self.decoder.decode(block, final=not block).encode()
            if not block:
                break
        n = min(len(buffer), len(self.ready))
        buffer[:n], self.ready = self.ready[:n], self.ready[n:]
        return n


def split_into_lines(file: BinaryIO, longest: int) -> Iterator[bytes]:
    r"""Yield the lines of a file without `\n`. `\n`, `\r\n`, or `\r` in a file without any `\n`, end a line.

    No other sign ends a line; str.splitlines would also cut at U+2028 inside a sentence.

    Raises:
        NotTextError: A line has more bytes than `longest`, or some lines end in `\r` and others in `\n`.
    """
    beginning = file.readline(min(longest, LONGEST_LINE) + 1)
    if b"\r" in beginning and not beginning.endswith(b"\n"):
        yield from _split_at_returns(file, beginning, longest)
        return
    line, block = bytearray(), beginning
    while block:
        # A line at a time would take several times as long.
        *ends, rest = block.split(b"\n")
        if ends:
            line += ends[0]
            ends[0] = bytes(line)
            line = bytearray()
        if max(map(len, ends), default=0) <= longest:
            yield from ends
        else:
            yield from (_check_length(end, longest) for end in ends)
        line += rest
        _check_length(line, longest)
        block = _read_some(file)
    if line:
        yield bytes(line)


def _read_some(file: BinaryIO) -> bytes:
    """Return the next bytes: what comes before broken data is returned before the error is raised."""
    return file.read1(BLOCK)  # type: ignore[attr-defined]


def _split_at_returns(file: BinaryIO, beginning: bytes, longest: int) -> Iterator[bytes]:
    line, block = bytearray(), beginning
    while block:
        if b"\n" in block:
            raise NotTextError("lines above end in \\r alone, and lines below in \\n; convert all line ends to \\n")
        first, *others = block.split(b"\r")
        line += first
        for other in others:
            yield bytes(_check_length(line, longest))
            line = bytearray(other)
        _check_length(line, longest)
        block = file.read(BLOCK)
    if line:
        yield bytes(line)


def _check_length(line: Text, longest: int) -> Text:
    if len(line) > longest:
        raise NotTextError(f"this line has more than {longest:,} bytes; is it text with one item per line?")
    return line
