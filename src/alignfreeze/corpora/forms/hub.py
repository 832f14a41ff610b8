"""Bitext in data sets on the Hugging Face hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from alignfreeze.corpora.forms.fields import texts_of_fields
from alignfreeze.corpora.forms.form import Sides, Texts
from alignfreeze.corpora.hub import read_hub_rows
from alignfreeze.errors import DataError


def read_hub(name: str, sides: Sides, left_out: Counter[str]) -> Iterator[Texts]:
    """Yield the two texts of each row of a data set, which is streamed.

    Args:
        name: `hub:OWNER/NAME/CONFIG` or `hub:OWNER/NAME/CONFIG/SPLIT`.
        sides: The two sides that are read.
        left_out: Counts the rows without two sentences.

    Raises:
        DataError: The data set cannot be read, or a row is not a pair of texts.
    """
    for number, row in enumerate(read_hub_rows(name, streaming=True), start=1):
        try:
            texts = texts_of_fields(row, sides, left_out)
        except ValueError as error:
            raise DataError(f"{name}, row {number}: {error}") from error
        yield texts
