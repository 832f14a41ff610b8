"""ONNX: a model of transformers as one file, checked against torch."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alignfreeze.errors import EncoderError
from alignfreeze.external.onnx_int8 import FLOAT, only_errors, store_in_int8
from alignfreeze.extras import import_extra

# The file is made by torch itself: optimum-onnx 0.1.0 requires transformers<4.58.

ONNX_FILE = "model.onnx"
"""The name under which optimum and sentence-transformers look for the file."""

OUTPUTS = ("last_hidden_state", "logits", "start_logits", "end_logits")
"""The outputs of models that are kept, by the names that optimum expects."""

TOLERANCE = 1e-4
"""The largest difference between ONNX and torch: of the value itself, or of 1 if the value is smaller."""

_OWN_FILE_FROM = 2**31 - 2**24
"""Bytes of weights from which they get a file of their own: a file in ONNX has less than 2 GiB."""

_SENTENCES = (
    "Cats sleep.",
    "Die Katze schläft auf dem alten Sofa, während es draußen regnet.",
    "La petite fille a demandé à sa grand-mère pourquoi les étoiles ne tombent pas du ciel pendant la nuit.",
    "Кошка спит на диване.",
    "القطة تنام على الأريكة القديمة.",
    "बिल्ली पुराने सोफ़े पर सो रही है।",
    "猫在旧沙发上睡觉。",
)
"""Text for the comparison with torch, in several scripts and of several lengths."""


class _Outputs(nn.Module):
    """A model with its inputs in a fixed order, and its outputs as a tuple."""

    def __init__(self, model: PreTrainedModel, inputs: Sequence[str], outputs: Sequence[str] = OUTPUTS) -> None:
        super().__init__()
        self.model = model
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the model."""
        found = self.model(**dict(zip(self.inputs, inputs, strict=True)), return_dict=True)
        return tuple(found[name] for name in self.outputs)


def holds_onnx(folder: Path) -> bool:
    """Return whether a folder holds a model in ONNX, and none of transformers."""
    return (folder / ONNX_FILE).exists() and not any(folder.glob("*.safetensors"))


def check_no_onnx(folder: Path) -> None:
    """Check that a folder holds no model in ONNX, where one is needed that can be changed.

    Raises:
        EncoderError: It holds one.
    """
    if holds_onnx(folder):
        raise EncoderError(f"{folder}: a model in ONNX can only be run; give the folder that it was made from")


def open_session(path: Path) -> Any:
    """Open a file of ONNX in onnxruntime, on the CPU.

    Raises:
        SettingsError: onnxruntime is not installed.
        Exception: onnxruntime cannot read the file.
    """
    runtime = import_extra("onnxruntime", extra="onnx", what="ONNX files")
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def import_runtime() -> Any:
    """Import onnxruntime, and check that torch can write ONNX.

    Raises:
        SettingsError: A library is not installed; the message names the extra.
    """
    for module in ("onnx", "onnxscript"):
        import_extra(module, extra="onnx", what="ONNX files")
    return import_extra("onnxruntime", extra="onnx", what="ONNX files")


def write_onnx(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    *,
    name: str,
    max_length: int,
    precision: str = FLOAT,
) -> dict[str, Any]:
    """Write a model as `model.onnx` with its config and tokenizer, and compare its outputs with those of torch.

    The number of texts and their length are free. The model and the tokenizer of the caller stay as they are.

    Args:
        model: An encoder, or a model with a head.
        tokenizer: Its tokenizer.
        folder: The folder, which exists.
        name: The name of the model, for messages.
        max_length: The most subwords of a text, special ones included. The tokenizer in the folder knows it.
        precision: How weights are stored, a name in `PRECISIONS`. What is computed in float32 is compared first.

    Returns:
        The largest difference from torch, as `TOLERANCE` counts it; and the bytes of the files with the weights, here
        and in float32.

    Raises:
        SettingsError: A library is not installed.
        EncoderError: The model cannot be written as ONNX, or gives other outputs there.
    """
    runtime = import_runtime()
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.model_max_length = min(tokenizer.model_max_length, max_length)
    tokenizer.save_pretrained(folder)
    samples = _samples(tokenizer, max_length)
    # A copy, because the caller's model may be on another device, or have another precision or attention.
    ours = copy.deepcopy(model).to("cpu", torch.float32).eval()  # type: ignore[call-arg]
    ours.set_attn_implementation("eager")  # the only one that all families have
    ours.config.architectures = [type(model).__name__]
    ours.config.save_pretrained(folder)
    inputs = _inputs_of(ours, samples[0])
    with torch.inference_mode():
        found = ours(**{name: samples[0][name] for name in inputs}, return_dict=True)
    traced = _Outputs(ours, inputs, [name for name in OUTPUTS if name in found])
    path = folder / ONNX_FILE
    with _explaining(f"{name!r} cannot be written as ONNX by torch {torch.__version__}"):
        own_file = _trace(traced, samples[0], path)
        difference = _compare_all(traced, path, samples)
    if not difference <= TOLERANCE:
        raise EncoderError(
            f"{name!r} gives other outputs in ONNX than in torch {torch.__version__}: they differ by {difference:.1e}, "
            f"and {TOLERANCE:.0e} is allowed. Nothing was written; try another version of torch or onnxscript"
        )
    n_bytes = _count_bytes(folder)
    if precision != FLOAT:
        with _explaining(f"{name!r} cannot be stored in {precision} by onnxruntime {runtime.__version__}"):
            store_in_int8(path, precision, own_file=own_file)
            difference = _compare_all(traced, path, samples)
        if not math.isfinite(difference):
            raise EncoderError(f"{name!r} has outputs in {precision} that are not finite; keep {FLOAT}")
    return {"difference": difference, "bytes": _count_bytes(folder), "bytes_before": n_bytes}


@contextmanager
def _explaining(what: str) -> Iterator[None]:
    """Turn what the libraries raise into one error that begins with what cannot be done."""
    try:
        yield
    except Exception as error:  # they raise all kinds
        cause = error.__cause__ or error  # torch's own error is about the tools of its developers
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise EncoderError(f"{what}: {reason}") from error


def _count_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob(f"{ONNX_FILE}*"))


def _inputs_of(model: PreTrainedModel, given: Iterable[str]) -> list[str]:
    """Return the names of those outputs of a tokenizer that a model reads."""
    known = set(inspect.signature(model.forward).parameters)
    if (getattr(model.config, "type_vocab_size", 0) or 0) <= 1:  # the model does not tell two texts apart
        known.discard("token_type_ids")
    return [name for name in given if name in known]


def _samples(tokenizer: Any, max_length: int) -> list[dict[str, Tensor]]:
    """Return batches of texts: of different lengths, a single one, pairs, and the longest text that is possible."""
    batches: list[tuple[Sequence[str], ...]] = [
        (_SENTENCES,),
        (_SENTENCES[:1],),
        (_SENTENCES[1:3], _SENTENCES[:2]),
        ([" ".join(_SENTENCES) * (max_length // 8 + 1), _SENTENCES[0]],),
    ]
    how = {"padding": True, "truncation": True, "max_length": max_length, "return_tensors": "pt"}
    return [dict(tokenizer(*map(list, texts), **how)) for texts in batches]


@contextmanager
def _without_remarks_of_torch() -> Iterator[None]:
    """Silence what torch says of its inside, such as which other libraries it could export if they were installed."""
    with only_errors("torch.onnx"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _trace(traced: _Outputs, sample: Mapping[str, Tensor], path: Path) -> bool:
    """Write a model as ONNX, and return whether its weights have a file of their own."""
    own_file = sum(weight.numel() * weight.element_size() for weight in traced.parameters()) >= _OWN_FILE_FROM
    free = torch.export.Dim.DYNAMIC
    with _without_remarks_of_torch():
        torch.onnx.export(
            traced,
            tuple(sample[name] for name in traced.inputs),
            path,
            input_names=traced.inputs,
            output_names=traced.outputs,
            dynamic_shapes=(({0: free, 1: free},) * len(traced.inputs),),  # [texts, subwords] each
            dynamo=True,
            external_data=own_file,
            verbose=False,
        )
    return own_file


def _compare_all(traced: _Outputs, path: Path, samples: Iterable[Mapping[str, Tensor]]) -> float:
    """Return the largest difference between the ONNX in a file and torch, over batches of texts."""
    session = open_session(path)
    return max(_compare(traced, session, sample) for sample in samples)


def _compare(traced: _Outputs, session: Any, sample: Mapping[str, Tensor]) -> float:
    """Return the largest difference between ONNX and torch. What stands at padding does not count."""
    with torch.inference_mode():
        expected = [output.numpy() for output in traced(*(sample[name] for name in traced.inputs))]
    found = session.run(list(traced.outputs), {name: sample[name].numpy() for name in traced.inputs})
    real = sample["attention_mask"].bool().numpy()  # [texts, subwords]
    pairs = zip(traced.outputs, expected, found, strict=True)
    return max(_difference(*((a[real], b[real]) if _is_by_subword(name, a) else (a, b))) for name, a, b in pairs)


def _is_by_subword(name: str, output: NDArray[Any]) -> bool:
    """Tell whether an output has values for each subword. Logits of whole texts are [texts, labels]."""
    return name != "logits" or output.ndim == 3


def _difference(expected: NDArray[Any], found: NDArray[Any]) -> float:
    return float((abs(expected - found) / abs(expected).clip(min=1)).max())
