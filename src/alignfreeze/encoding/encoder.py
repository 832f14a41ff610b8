"""Loads an encoder with its tokenizer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub.constants import HF_HUB_CACHE
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from alignfreeze.encoding import embedded
from alignfreeze.encoding.checking import check_tokenizer, check_weights, settle
from alignfreeze.encoding.families import describe, embeddings_of, first_position, is_known, layers_of, positions_of
from alignfreeze.encoding.fetching import fetch_small_files
from alignfreeze.encoding.modes import without_reports
from alignfreeze.errors import EncoderError, HubError, OutputError
from alignfreeze.external.onnx import check_no_onnx
from alignfreeze.external.peft import check_no_adapter_folder, merge_copy
from alignfreeze.files import digest_of_file, digest_of_json
from alignfreeze.hub import Repo, call_hub, first_line
from alignfreeze.progress import remark, stage
from alignfreeze.registry import load_extensions

T = TypeVar("T")

ORIGIN = "alignfreeze.json"
"""The file in a model's folder that records how the model was made."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A pretrained multilingual encoder and its tokenizer.

    Attributes:
        name: The name that the user gave: a folder, a name on the hub, or `embedded:e5-small`.
        model: The encoder without a head; training changes its weights in place.
        tokenizer: A fast tokenizer, which knows the word of each subword.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The layers, lowest first."""
        return layers_of(self.model)

    @property
    def embeddings(self) -> nn.Module:
        """The module that turns subwords into the vectors that go into the lowest layer."""
        return embeddings_of(self.model)

    @property
    def padding(self) -> int:
        """The number of the padding subword."""
        number = self.tokenizer.pad_token_id
        if not isinstance(number, int):
            raise EncoderError(f"the tokenizer of {self.name!r} has no padding token")
        return number

    @property
    def max_length(self) -> int:
        """The most subwords that the encoder can read at once, special ones included."""
        return most_subwords(self.model, self.tokenizer)

    def save(self, folder: Path) -> None:
        """Write an ordinary Hugging Face folder: weights as safetensors with adapters merged, config, tokenizer."""
        merge_copy(self.model).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load_encoder(name: str | Path, *, tokenizer: PreTrainedTokenizerFast | None = None) -> Encoder:
    """Load an encoder: `embedded:e5-small`, a folder, or a name on the hub.

    Weights are read from safetensors only. Code that comes with a model is never run.

    Args:
        name: The name.
        tokenizer: The tokenizer of this encoder, if it is already loaded. Loading a tokenizer takes longer than loading
            the weights.

    Raises:
        EncoderError: The encoder does not exist, its weights or tokenizer are missing or broken, its weights, config
            and tokenizer do not belong together, or the tokenizer does not know the word of each subword.
        OutputError: There is no room for a download.
    """
    name = str(name)
    with stage(f"loading {Path(name).name}"):
        return _load(name, tokenizer)


def _load(name: str, tokenizer: PreTrainedTokenizerFast | None) -> Encoder:
    place = _resolve(name)
    load_extensions()  # an extension may add a family to transformers
    try:
        model, loading, found = _call(name, partial(_read, place, tokenizer))
    except OutputError:
        raise
    except Exception as error:  # a broken checkpoint may raise anything
        raise _not_an_encoder(name, error) from error
    # transformers would continue, with random numbers for all other missing weights.
    missing = [key for key in loading["missing_keys"] if "pooler" not in key]
    if missing:
        raise EncoderError(f"{name!r} lacks {len(missing)} of its weights, such as {min(missing)}; is it complete?")
    check_weights(name, model, loading)
    check_tokenizer(name, found, model)
    if not is_known(model):
        remark(f"{name}: the family {model.config.model_type!r} is not known by name; found {describe(model)}")
    return Encoder(name, model, settle(found))


def _read(place: str, tokenizer: PreTrainedTokenizerFast | None) -> tuple[PreTrainedModel, dict[str, Any], Any]:
    """Return a model, what transformers says about its weights, and its tokenizer."""
    # Weights that a checkpoint lacks, such as a pooler's, get the same random numbers each time. They are not
    # reported: weights are checked by the caller, and a missing pooler is allowed.
    with torch.random.fork_rng(devices=[]), without_reports():
        torch.default_generator.manual_seed(0)
        model, loading = AutoModel.from_pretrained(
            place,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused by the caller, with a message that names them
        )
    return model, loading, tokenizer or AutoTokenizer.from_pretrained(place, trust_remote_code=False)


def _call(name: str, read: Callable[[], T]) -> T:
    """Read an encoder from its folder, or from the hub if its name can be one there."""
    if Path(_resolve(name)).exists() or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        return read()

    def fetch_and_read() -> T:
        fetch_small_files(name)
        return read()

    return call_hub(fetch_and_read, repo=Repo(name), cache=HF_HUB_CACHE)


def _resolve(name: str) -> str:
    """Return the folder or the name on the hub, for `from_pretrained`."""
    if name == embedded.NAME:
        return str(embedded.embedded_folder())
    if name.startswith("embedded:"):
        raise EncoderError(f"unknown embedded encoder {name!r}; the only one is {embedded.NAME!r}")
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - expanduser leaves an unknown ~user unchanged
    check_no_adapter_folder(path)
    check_no_onnx(path)
    if path.is_dir() and not (path / "config.json").exists():
        raise EncoderError(f"{name}: this folder holds no model (no config.json in it)")
    if path.is_file():
        raise EncoderError(f"{name}: this is a file; name the folder that holds config.json and model.safetensors")
    return str(path) if path.exists() else name


def _not_an_encoder(name: str, error: Exception) -> EncoderError:
    what = f"{name!r} cannot be loaded as an encoder: {first_line(error)}\n"
    local = f"Use {embedded.NAME!r}, or a folder with config.json and model.safetensors"
    if isinstance(error, HubError) or Path(_resolve(name)).exists():
        return EncoderError(f"{what}{local}.")
    return EncoderError(
        f"{what}An encoder on the hub needs a connection, or an earlier download in {HF_HUB_CACHE}. {local}."
    )


def most_subwords(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the most subwords that a model can read at once. Its positions and its tokenizer set this limit."""
    table = positions_of(model)
    most = tokenizer.model_max_length
    return most if table is None else min(most, table.num_embeddings - first_position(model))


def digest_of_encoder(name: str) -> str:
    """Return a digest of the files of an encoder on disk, or of its name and revision on the hub.

    Raises:
        EncoderError: There is no such encoder.
    """
    place = Path(_resolve(name))
    if place.is_dir():
        files = sorted(path for path in place.iterdir() if path.suffix in {".json", ".safetensors", ".model", ".txt"})
        # Our note on how the encoder was made tells the time, too. The same encoder, made again, is the same.
        files = [path for path in files if path.name != ORIGIN]
        return digest_of_json({path.name: digest_of_file(path) for path in files})
    try:
        config = _call(name, partial(AutoConfig.from_pretrained, name, trust_remote_code=False))
    except OutputError:
        raise
    except Exception as error:  # transformers and the hub raise all kinds
        raise _not_an_encoder(name, error) from error
    return digest_of_json([name, getattr(config, "_commit_hash", None)])
