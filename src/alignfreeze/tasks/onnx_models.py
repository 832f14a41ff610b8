"""Task models in ONNX, which onnxruntime runs in the place of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.utils.generic import ModelOutput

from alignfreeze.encoding.families import Family
from alignfreeze.errors import EncoderError
from alignfreeze.external.onnx import ONNX_FILE, open_session

_FAMILY = Family(layers="", embeddings="", attention=(), feed_forward=(), slices=False)
"""Nothing of what is inside can be reached."""


_TYPES = "token_type_ids"
_KNOWN = {"input_ids", "attention_mask", _TYPES}


class OnnxModel(nn.Module):
    """A model in ONNX that takes the place of a model of transformers where one is only run.

    Attributes:
        config: The config of the model of transformers.
        name_or_path: The folder of the model.
    """

    family = _FAMILY

    def __init__(self, session: Any, config: PreTrainedConfig, name_or_path: str) -> None:
        super().__init__()
        self.config = config
        self.name_or_path = name_or_path
        self._session = session
        self._inputs = [one.name for one in session.get_inputs()]
        self._outputs = [one.name for one in session.get_outputs()]
        self._place = nn.Parameter(torch.zeros(()), requires_grad=False)  # moves with `to`, as weights would

    @property
    def base_model(self) -> OnnxModel:
        """The model itself: its head cannot be taken off."""
        return self

    @property
    def class_name(self) -> str:
        """The name of the class of transformers that the model had."""
        return (self.config.architectures or [""])[0]

    @property
    def n_rows(self) -> int:
        """The number of word embeddings."""
        return self.config.vocab_size

    @property
    def device(self) -> torch.device:
        """Where inputs are expected. onnxruntime computes on the CPU."""
        return self._place.device

    def forward(self, **inputs: Tensor) -> ModelOutput:
        """Run the model on padded texts, and return its outputs by name."""
        if _TYPES in self._inputs:  # all subwords are of one text unless it is said otherwise
            inputs.setdefault(_TYPES, torch.zeros_like(inputs["input_ids"]))
        given = {name: inputs[name].cpu().numpy() for name in self._inputs}
        found = self._session.run(self._outputs, given)
        outputs = [torch.from_numpy(value).to(self.device) for value in found]
        return ModelOutput(zip(self._outputs, outputs, strict=True))


def open_onnx(folder: Path, config: PreTrainedConfig) -> OnnxModel:
    """Open the model in ONNX in a folder.

    Raises:
        SettingsError: onnxruntime is not installed.
        EncoderError: The model has other inputs than texts.
        Exception: onnxruntime cannot read the file.
    """
    session = open_session(folder / ONNX_FILE)
    if other := {one.name for one in session.get_inputs()} - _KNOWN:
        raise EncoderError(f"{folder / ONNX_FILE}: inputs {', '.join(sorted(other))} are not known; convert it anew")
    return OnnxModel(session, config, str(folder))
