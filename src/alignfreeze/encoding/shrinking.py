"""Makes a model smaller: it keeps only the subwords that some texts need.

Most weights of a small multilingual model are word embeddings for a hundred languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.initialization import no_init_weights

from alignfreeze.encoding.pieces import cut_tokenizer
from alignfreeze.encoding.subwords import SENTENCES_AT_ONCE
from alignfreeze.errors import EncoderError


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A model with fewer subwords.

    Attributes:
        model: The model.
        tokenizer: Its tokenizer.
        rows: For each subword its number in the full model, ascending, [subwords].
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    rows: NDArray[np.int64]


def count_subwords(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Counter[int]:
    """Count the subwords of texts, without special ones."""
    counts: Counter[int] = Counter()
    waiting = iter(texts)
    while chunk := list(islice(waiting, SENTENCES_AT_ONCE)):
        for subwords in tokenizer(chunk, add_special_tokens=False)["input_ids"]:
            counts.update(subwords)
    return counts


def shrink(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    wanted: Collection[int],
    *,
    scripts: Collection[str] = (),
) -> Shrunk:
    """Return a model and a tokenizer that know only some subwords. The full ones stay unchanged.

    A text whose subwords are all kept gets the same vectors as before.

    Args:
        model: An encoder, or a task model.
        tokenizer: Its tokenizer.
        wanted: The numbers of the subwords to keep.
        scripts: Scripts whose single characters are kept too, by their Unicode names.

    Raises:
        EncoderError: The model predicts subwords, or the tokenizer is of a kind that cannot be cut down.
    """
    if model.get_output_embeddings() is not None:
        raise EncoderError(
            f"{type(model).__name__} predicts subwords, so it cannot do with fewer of them; load it as an encoder"
        )
    n_rows = len(_table_of(model))
    named = [number for number in _numbers_in(model.config) if number < n_rows]
    small_tokenizer, rows = cut_tokenizer(tokenizer, {*wanted, *named}, scripts=scripts)
    return Shrunk(_cut_model(model, rows), small_tokenizer, rows)


def _table_of(model: PreTrainedModel) -> Any:
    table: Any = model.get_input_embeddings()
    return table.weight


def _numbers_in(config: Any) -> Iterator[int]:
    """Yield the numbers of subwords that a config names."""
    for name, value in config.to_dict().items():
        if name.endswith("_token_id"):
            yield from value if isinstance(value, list) else [value] if isinstance(value, int) else []


def _cut_model(model: PreTrainedModel, rows: NDArray[np.int64]) -> PreTrainedModel:
    """Return a copy of a model with only some rows of its table of word embeddings."""
    new = {int(old): place for place, old in enumerate(rows)}
    values = model.config.to_dict()
    for name, value in values.items():
        if name.endswith("_token_id"):
            values[name] = [new.get(each) for each in value] if isinstance(value, list) else new.get(value)
    config = type(model.config).from_dict({**values, "vocab_size": len(rows)})
    weights, table = model.state_dict(), _table_of(model)
    names = [name for name, weight in model.named_parameters(remove_duplicate=False) if weight is table]
    weights |= {name: table.detach()[rows] for name in names}
    with no_init_weights():  # all weights are overwritten
        small = type(model)(config)
    small.to(model.dtype)  # type: ignore[call-arg]
    small.load_state_dict(weights)
    return small.eval()
