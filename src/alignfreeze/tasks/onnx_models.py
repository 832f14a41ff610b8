"""Task models in ONNX, which onnxruntime runs in the place of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.utils.generic import ModelOutput

from alignfreeze.encoding.families import Family
from alignfreeze.external.onnx import ONNX_FILE
from alignfreeze.extras import import_extra

_FAMILY = Family(layers="", embeddings="", attention=(), feed_forward=(), slices=False)
"""Nothing of what is inside can be reached."""


class OnnxModel(nn.Module):
    """A model in ONNX that takes the place of a model of transformers where one is only run.

    Attributes:
        config: The config of the model of transformers.
    """

    family = _FAMILY

    def __init__(self, session: Any, config: PreTrainedConfig) -> None:
        super().__init__()
        self.config = config
        self._session = session
        self._inputs = [one.name for one in session.get_inputs()]
        self._outputs = [one.name for one in session.get_outputs()]
        self._place = nn.Parameter(torch.zeros(()), requires_grad=False)  # moves with `to`, as weights would

    @property
    def base_model(self) -> OnnxModel:
        """The model itself: its head cannot be taken off."""
        return self

    @property
    def device(self) -> torch.device:
        """Where inputs are expected. onnxruntime computes on the CPU."""
        return self._place.device

    def forward(self, **inputs: Tensor) -> ModelOutput:
        """Run the model on padded texts, and return its outputs by name."""
        none = torch.zeros_like(inputs["input_ids"])  # types of subwords: where none are given, all are of one text
        given = {name: inputs.get(name, none).cpu().numpy() for name in self._inputs}
        found = self._session.run(self._outputs, given)
        outputs = [torch.from_numpy(value).to(self.device) for value in found]
        return ModelOutput(zip(self._outputs, outputs, strict=True))


def holds_onnx(folder: Path) -> bool:
    """Return whether a folder holds a model in ONNX, and none of transformers."""
    return (folder / ONNX_FILE).exists() and not any(folder.glob("*.safetensors"))


def open_onnx(folder: Path, config: PreTrainedConfig) -> OnnxModel:
    """Open the model in ONNX in a folder.

    Raises:
        SettingsError: onnxruntime is not installed.
        Exception: onnxruntime cannot read the file.
    """
    runtime = import_extra("onnxruntime", extra="onnx", what="ONNX files")
    return OnnxModel(runtime.InferenceSession(str(folder / ONNX_FILE), providers=["CPUExecutionProvider"]), config)
