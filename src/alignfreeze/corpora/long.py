"""Bitext that is too long to be held in memory: it is read twice, the second time in chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice, zip_longest

from alignfreeze.corpora.bitext import BitextReader, SentencePair, complete_selection
from alignfreeze.corpora.forms.form import Texts
from alignfreeze.corpora.selection import EvenSample, Selection
from alignfreeze.errors import DataError
from alignfreeze.progress import gathering_remarks, stage

HELD = 100_000
"""The most sentence pairs that a command holds in memory."""

CHUNK = 5_000
"""The sentence pairs that are read, aligned and kept together."""


@dataclass(frozen=True, slots=True)
class LongBitext:
    """What one reading of a bitext has found, so that it can be read again in chunks.

    Attributes:
        reader: The source of the pairs.
        summary: A selection without texts, for summaries.
        digests: A digest of the texts of each chunk.
        sample: Sentence pairs for training, evenly spread.
        seconds: How long reading took.
    """

    reader: BitextReader
    summary: Selection
    digests: tuple[str, ...]
    sample: list[SentencePair]
    seconds: float

    def chunks(self) -> Iterator[list[Texts]]:
        """Yield the texts in chunks.

        Raises:
            DataError: They differ from those that were read before.
        """
        chunks = batched_texts(iter(self.reader.again()))
        for texts, digest in zip_longest(chunks, self.digests):
            if texts is None or digest_of_texts(texts) != digest:
                raise DataError(f"{self.reader.name}: the file has changed while it was read; start again")
            yield texts


def scan(
    reader: BitextReader,
    *,
    held: int,
    sample: EvenSample[SentencePair],
    split: Callable[[Sequence[Texts]], list[SentencePair]],
    most_words: int | None = None,
) -> Selection | LongBitext:
    """Read a bitext once. Return its texts if they are few, else what is needed to read it again.

    Args:
        reader: The source of the pairs.
        held: The most pairs that may be held.
        sample: Gets sentence pairs for training; the weight of a pair is its number of possible links.
        split: Splits texts into words.
        most_words: Pairs with more words on a side are not for training; None for no limit. Nor are those with an
            empty side.

    Raises:
        DataError: A file cannot be read, or has no pair of sentences.
    """
    began = time.perf_counter()
    texts = iter(reader)
    with gathering_remarks(), stage(f"reading {reader.name}") as bar:
        first = list(islice(texts, held + 1))
        if len(first) <= held:
            return complete_selection(reader, Selection(first, len(first), {}))
        digests, n, has_text = [], 0, False
        for chunk in batched_texts(_chain(first, texts)):
            digests.append(digest_of_texts(chunk))
            has_text = has_text or any(source.strip() and target.strip() for source, target in chunk)
            for place in range(-n % sample.every, len(chunk), sample.every):
                if (n + place) % sample.every == 0:
                    (pair,) = split([chunk[place]])
                    words = sorted((len(pair.source), len(pair.target)))
                    if words[0] and (most_words is None or words[1] <= most_words):
                        sample.add(pair, words[0] * words[1])
            n += len(chunk)
            bar.advance(len(chunk))
        summary = Selection([], n, dict(reader.left_out))
        if not has_text:
            complete_selection(reader, summary)  # raises an error that says so
        reader.note_oddities()
    return LongBitext(reader, summary, tuple(digests), sample.take(), time.perf_counter() - began)


def _chain(first: list[Texts], texts: Iterator[Texts]) -> Iterator[Texts]:
    """Yield texts that are held, and let go of them, then those that follow."""
    first.reverse()
    while first:
        yield first.pop()
    yield from texts


def batched_texts(texts: Iterator[Texts]) -> Iterator[list[Texts]]:
    """Yield texts in chunks."""
    while chunk := list(islice(texts, CHUNK)):
        yield chunk


def digest_of_texts(texts: Sequence[Texts]) -> str:
    """Return a digest of sentence pairs as texts, in order."""
    # No text holds a line break.
    content = "\n".join([f"{source}\n{target}" for source, target in texts])
    return blake2b(content.encode(errors="surrogatepass"), digest_size=16).hexdigest()
