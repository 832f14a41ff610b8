"""Encoders with the shapes of published ones and random weights, for benchmarks that download nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import Encoder, load_encoder

_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}


@dataclass(frozen=True)
class Shape:
    """The shape of a published encoder.

    Attributes:
        family: The `model_type` of its config.
        vocabulary: The rows of its embedding table.
        options: What else its config says.
    """

    family: str
    vocabulary: int
    options: dict[str, Any] = field(default_factory=dict)


SHAPES = {
    # Marone et al. 2025 (arXiv 2509.06888), table 1: mmBERT small.
    "mmBERT-small": Shape(
        "modernbert",
        256_000,
        {"hidden_size": 384, "num_hidden_layers": 22, "num_attention_heads": 6, "intermediate_size": 1152},
    ),
    # Conneau et al. 2020 (arXiv 1911.02116), table 5: XLM-R base.
    "XLM-R-base": Shape("xlm-roberta", 250_002, {**_BASE, "max_position_embeddings": 514, "type_vocab_size": 1}),
    # He et al. 2023 (arXiv 2111.09543), section 5.2: mDeBERTa base, with the attention of DeBERTa v3.
    "mDeBERTa-base": Shape(
        "deberta-v2",
        251_000,
        {
            **_BASE,
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_buckets": 256,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "position_biased_input": False,
        },
    ),
    # Boizard et al. 2025 (arXiv 2503.05500), table 1: EuroBERT-210m.
    "EuroBERT-210m": Shape("eurobert", 128_256, {**_BASE, "num_key_value_heads": 12, "mask_token_id": 4}),
}


def build(name: str, *, vocabulary: int | None = None) -> Encoder:
    """Return an encoder with random weights, and the tokenizer of the embedded encoder.

    Args:
        name: A name in `SHAPES`.
        vocabulary: The rows of the embedding table, instead of the published number. The tokenizer keeps as many of its
            pieces: other pieces would have no row.
    """
    shape = SHAPES[name]
    rows = vocabulary or shape.vocabulary
    tokenizer = cut(load_encoder(embedded.NAME).tokenizer, rows)
    special = {f"{part}_token_id": getattr(tokenizer, f"{part}_token_id") for part in ("bos", "eos", "pad")}
    special |= {"cls_token_id": special["bos_token_id"], "sep_token_id": special["eos_token_id"]}
    torch.manual_seed(0)
    config = AutoConfig.for_model(shape.family, vocab_size=rows, **special, **shape.options)
    return Encoder(name, AutoModel.from_config(config), tokenizer)


def cut(tokenizer: PreTrainedTokenizerFast, most: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer with the first pieces only, which are its special and its most probable ones."""
    if len(tokenizer) <= most:
        return tokenizer
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    parts["model"]["vocab"] = parts["model"]["vocab"][:most]
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["id"] < most]
    names = {name: token for name, token in tokenizer.special_tokens_map.items() if name != "mask_token"}
    whole = Tokenizer.from_str(json.dumps(parts))
    return PreTrainedTokenizerFast(tokenizer_object=whole, model_max_length=tokenizer.model_max_length, **names)
