"""The shapes of well-known encoders, which are known without their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from alignfreeze.registry import load_extensions

SHAPES: dict[str, dict[str, Any]] = {
    "google-bert/bert-base-multilingual-cased": {"model_type": "bert", "vocab_size": 119_547},
    "distilbert/distilbert-base-multilingual-cased": {"model_type": "distilbert", "vocab_size": 119_547},
    "FacebookAI/xlm-roberta-base": {
        "model_type": "xlm-roberta",
        "vocab_size": 250_002,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
    },
}
"""The shapes of the paper's encoders, where they differ from the default sizes of their families. A step takes equally
long with random weights, so an estimate needs no download."""


def config_of(name: str) -> PreTrainedConfig:
    """Return the configuration of an encoder in `SHAPES`."""
    shape = dict(SHAPES[name])
    return AutoConfig.for_model(shape.pop("model_type"), **shape)


def without_weights(name: str) -> PreTrainedModel | None:
    """Return a model with the shape of an encoder, which needs no memory; None if the shape is not known locally."""
    if name in SHAPES:
        config = config_of(name)
    elif (folder := Path(name)).is_dir() and (folder / "config.json").exists():
        load_extensions()  # an extension may add a family to transformers
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    else:
        return None
    with torch.device("meta"):
        return AutoModel.from_config(config)
