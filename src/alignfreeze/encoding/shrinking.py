"""Makes a model smaller: it keeps only the subwords that some texts need.

Most weights of a small multilingual model are word embeddings for a hundred languages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.initialization import no_init_weights

from alignfreeze.encoding.encoder import most_subwords
from alignfreeze.encoding.pieces import cut_tokenizer
from alignfreeze.errors import EncoderError

_LONGEST = 256
"""The most subwords of a text whose outputs are compared."""


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
    named: set[int] = set()
    _change_numbers(model.config.to_dict(), named.add)
    small_tokenizer, rows = cut_tokenizer(
        tokenizer, {*wanted, *(number for number in named if number < n_rows)}, scripts=scripts
    )
    return Shrunk(_cut_model(model, rows), small_tokenizer, rows)


def _table_of(model: PreTrainedModel) -> Any:
    table: Any = model.get_input_embeddings()
    return table.weight


def _change_numbers(values: dict[str, Any], change: Callable[[int], Any]) -> None:
    """Replace the numbers of subwords that the values of a config name."""
    for name, value in values.items():
        if name.endswith("_token_id"):
            if isinstance(value, list):
                values[name] = [change(number) for number in value]
            elif isinstance(value, int):
                values[name] = change(value)


def _cut_model(model: PreTrainedModel, rows: NDArray[np.int64]) -> PreTrainedModel:
    """Return a copy of a model with only some rows of its table of word embeddings."""
    values = model.config.to_dict()
    _change_numbers(values, {int(old): place for place, old in enumerate(rows)}.get)
    config = type(model.config).from_dict({**values, "vocab_size": len(rows)})
    weights, table = model.state_dict(), _table_of(model)
    names = [name for name, weight in model.named_parameters(remove_duplicate=False) if weight is table]
    weights |= {name: table.detach()[rows] for name in names}
    with no_init_weights():  # all weights are overwritten
        small = type(model)(config)
    small.to(model.dtype)  # type: ignore[call-arg]
    small.load_state_dict(weights)
    return small.eval()


def find_difference(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, small: Shrunk, texts: Sequence[str]
) -> float:
    """Return the largest difference between the outputs of a full and a small model, as a share of the largest output.

    Args:
        model: The full model.
        tokenizer: Its tokenizer.
        small: The small model.
        texts: Texts, of which those are compared whose subwords are all kept.

    Raises:
        EncoderError: No subwords of a text are all kept, or the small tokenizer splits a text otherwise.
    """
    most = min(_LONGEST, most_subwords(model, tokenizer))
    kept = set(small.rows.tolist())
    largest = difference = 0.0
    was_training, place = model.training, small.model.device
    model.eval()
    small.model.to(model.device)  # type: ignore[arg-type] - other devices round otherwise
    try:
        for text in texts:
            before = tokenizer(text, truncation=True, max_length=most)["input_ids"]
            if not kept.issuperset(before):
                continue
            after = small.tokenizer(text, truncation=True, max_length=most)["input_ids"]
            if small.rows[after].tolist() != before:
                raise EncoderError(f"the small tokenizer splits {text!r} otherwise although its subwords are kept")
            expected, found = _run(model, before), _run(small.model, after)
            largest = max(largest, float(expected.abs().max()))
            difference = max(difference, float((expected - found).abs().max()))
    finally:
        model.train(was_training)
        small.model.to(place)  # type: ignore[arg-type]
    if not largest:
        raise EncoderError("no text has only subwords that are kept, so the outputs cannot be compared; keep more")
    return difference / largest


def _run(model: PreTrainedModel, subwords: list[int]) -> torch.Tensor:
    """Return the first output of a model for one text."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([subwords], device=model.device))[0].float().cpu()
