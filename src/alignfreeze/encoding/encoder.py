"""Loads an encoder with its tokenizer, and knows where its layers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.encoding import embedded
from alignfreeze.errors import EncoderError, SettingsError
from alignfreeze.files import digest_of_file, digest_of_json

# Where a model family keeps the list of its layers; adding a family is one line.
LAYER_PATHS = {
    "bert": "encoder.layer",
    "camembert": "encoder.layer",
    "distilbert": "transformer.layer",
    "electra": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
    "xlm-roberta-xl": "encoder.layer",
}

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Encoder:
    """A pretrained multilingual encoder and its tokenizer.

    Attributes:
        name: As the user named it.
        model: The encoder without a head; training changes its weights in place.
        tokenizer: A fast tokenizer, which knows the words of its subwords.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The layers, lowest first."""
        return layers_of(self.model)

    @property
    def padding(self) -> int:
        """Number of the padding subword."""
        number = self.tokenizer.pad_token_id
        if not isinstance(number, int):
            raise EncoderError(f"the tokenizer of {self.name!r} has no padding token")
        return number

    @property
    def max_length(self) -> int:
        """Most subwords that the encoder takes at once, special ones included."""
        return most_subwords(self.model, self.tokenizer)

    def save(self, folder: Path) -> None:
        """Write an ordinary Hugging Face folder: weights as safetensors, config, tokenizer."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load_encoder(name: str) -> Encoder:
    """Load an encoder: `embedded:e5-small`, a folder, or a name on the hub.

    Weights are read from safetensors only and no code that comes with a model is run.

    Raises:
        EncoderError: There is no such encoder, it has no safetensors, or no fast tokenizer.
    """
    place = _place(name)
    try:
        # What a checkpoint lacks (a pooler, say) is initialised alike each time, whatever the seed of the run.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = AutoModel.from_pretrained(place, use_safetensors=True, trust_remote_code=False, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _not_an_encoder(name, error) from error
    if not tokenizer.is_fast:
        raise EncoderError(f"the tokenizer of {name!r} has no fast version, which is needed to find words in subwords")
    return Encoder(name, model, tokenizer)


def _place(name: str) -> str:
    """Return what `from_pretrained` understands."""
    if name == embedded.NAME:
        return str(embedded.embedded_folder())
    if name.startswith("embedded:"):
        raise EncoderError(f"unknown embedded encoder {name!r}; there is {embedded.NAME!r}")
    path = Path(name).expanduser()
    if path.is_dir() and not (path / "config.json").exists():
        raise EncoderError(f"{name}: this folder holds no model (no config.json in it)")
    if path.is_file():
        raise EncoderError(f"{name}: this is a file; name the folder that holds config.json and model.safetensors")
    return str(path) if path.exists() else name


def _not_an_encoder(name: str, error: Exception) -> EncoderError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return EncoderError(
        f"{name!r} cannot be loaded as an encoder: {reason}\n"
        f"Name {embedded.NAME!r}, a folder with config.json and model.safetensors, or an encoder on the hub "
        "(which needs a connection, or an earlier download)."
    )


def layers_of(model: nn.Module) -> Sequence[nn.Module]:
    """Return the layers of a model, lowest first.

    Raises:
        EncoderError: It is not known where this family keeps them.
    """
    base: Any = getattr(model, "base_model", model)
    family = base.config.model_type
    if family not in LAYER_PATHS:
        raise EncoderError(
            f"it is not known where the model family {family!r} keeps its layers; known: {', '.join(LAYER_PATHS)}"
        )
    layers: Any = base.get_submodule(LAYER_PATHS[family])
    return list(layers)


def most_subwords(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    """Return how many subwords a model takes at once: what its positions allow and its tokenizer says."""
    limits = [tokenizer.model_max_length]
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # RoBERTa and its kin count positions from behind the padding's number.
            reserved = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - reserved)
    return min(limits)


def outline(name: str) -> PreTrainedModel:
    """Return an encoder's structure without its weights, to count layers and parameters.

    Raises:
        EncoderError: There is no such encoder.
    """
    try:
        config = AutoConfig.from_pretrained(_place(name), trust_remote_code=False)
        with torch.device("meta"):
            return AutoModel.from_config(config)
    except (OSError, ValueError, KeyError) as error:
        raise _not_an_encoder(name, error) from error


def digest_of_encoder(name: str) -> str:
    """Return a digest of the files of an encoder on disk, or of its name and revision on the hub."""
    place = Path(_place(name))
    if place.is_dir():
        files = sorted(path for path in place.iterdir() if path.suffix in {".json", ".safetensors", ".model", ".txt"})
        return digest_of_json({path.name: digest_of_file(path) for path in files})
    config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    return digest_of_json([name, getattr(config, "_commit_hash", None)])


def check_device(device: str) -> str:
    """Return the device's name when this machine has it; `auto` chooses the best there is.

    Raises:
        SettingsError: The device is unknown or not there.
    """
    available = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device not in available:
        raise SettingsError(f"unknown device {device!r}; there are {', '.join(DEVICES)}")
    if not available[device]:
        raise SettingsError(f"this machine, or this build of PyTorch, has no device {device!r}; use 'cpu' or 'auto'")
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    return device
