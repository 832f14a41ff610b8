"""ONNX files whose weights are whole numbers of eight bits, made by onnxruntime."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLOAT = "float32"

_OPERATORS = {"int8": ("Gather", "MatMul"), "int8-embeddings": ("Gather",)}
"""The operators whose weights are stored in eight bits: tables of embeddings, and matrix products."""

INT8 = tuple(_OPERATORS)
"""Ways to store weights in eight bits."""

PRECISIONS = (FLOAT, *INT8)
"""Ways to store weights in ONNX."""


def store_in_int8(path: Path, precision: str, *, own_file: bool) -> None:
    """Store weights of an ONNX file in eight bits. Matrix products also round their inputs, to eight bits each time.

    Args:
        path: The file, which is replaced.
        precision: `int8` for embeddings and matrix products, `int8-embeddings` for embeddings only.
        own_file: Whether the weights are in a file of their own, because they are too large for one in ONNX.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = path.with_suffix(".prepared.onnx")
    how: dict[str, Any] = {"save_as_external_data": own_file, "skip_symbolic_shape": True}
    with only_errors(None):  # the root logger, with which onnxruntime recommends other tools
        quant_pre_process(path, prepared, **how)
        model = onnx.load(prepared)
        for old in (path, prepared):
            for file in old.parent.glob(f"{old.name}*"):
                file.unlink()
        quantize_dynamic(
            model,
            path,
            op_types_to_quantize=list(_OPERATORS[precision]),
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=own_file,
        )


@contextmanager
def only_errors(name: str | None) -> Iterator[None]:
    """Inside the block, a logger says errors only; None for the root logger."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
