"""Where each family of models keeps its embeddings and layers, and what its models can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from alignfreeze.errors import EncoderError
from alignfreeze.registry import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model family: where the parts of its models are, and what its models can do.

    Paths lead from `base_model` through the names of modules, as in `encoder.layer`.

    Attributes:
        layers: Path of the list of layers.
        embeddings: Path of the module that turns subwords into vectors.
        attention: Names of the children of a layer that make up its attention block, norms included.
        feed_forward: Names of the children of a layer that make up its feed-forward block, norms included.
        positions: Path of the table of position embeddings; empty if there is none. This table limits the length of a
            sentence. If the table has a padding index, positions start after this index.
        norm: Path of a norm that follows the last layer; empty if there is none.
        group: Name of the list inside a layer whose items have the two blocks; empty if the layer itself has them.
        packs: Whether sentences can lie end to end, without padding. Every part but the attention must work on each
            subword alone, and `set_attn_implementation` must choose the attention.
        slices: Whether some layers can run without the others: the model calls its layers one after the other and
            does nothing in between.
        shared: Whether all layers have the same weights.
    """

    layers: str
    embeddings: str
    attention: tuple[str, ...]
    feed_forward: tuple[str, ...]
    positions: str = ""
    norm: str = ""
    group: str = ""
    packs: bool = False
    slices: bool = True
    shared: bool = False


_BERT = Family(
    layers="encoder.layer",
    embeddings="embeddings",
    attention=("attention",),
    feed_forward=("intermediate", "output"),
    positions="embeddings.position_embeddings",
    packs=True,
)

# LaBSE and MiniLM are `bert`; Glot500 and multilingual-e5 are `xlm-roberta` or `bert`; mDeBERTa is `deberta-v2`, mmBERT
# `modernbert`.
FAMILIES = Table(
    "model family",
    {
        "bert": _BERT,
        "roberta": _BERT,
        "xlm-roberta": _BERT,
        "camembert": _BERT,
        "distilbert": Family(
            layers="transformer.layer",
            embeddings="embeddings",
            attention=("attention", "sa_layer_norm"),
            feed_forward=("ffn", "output_layer_norm"),
            positions="embeddings.position_embeddings",
            packs=True,
        ),
        "albert": Family(
            layers="encoder.albert_layer_groups",
            embeddings="embeddings",
            attention=("attention",),
            feed_forward=("ffn", "ffn_output", "full_layer_layer_norm"),
            positions="embeddings.position_embeddings",
            group="albert_layers",
            slices=False,
            shared=True,
        ),
        "deberta-v2": replace(_BERT, packs=False),
        "modernbert": Family(
            layers="layers",
            embeddings="embeddings",
            attention=("attn_norm", "attn"),
            feed_forward=("mlp_norm", "mlp"),
            norm="final_norm",
            packs=True,
        ),
        "eurobert": Family(
            layers="layers",
            embeddings="embed_tokens",
            attention=("input_layernorm", "self_attn"),
            feed_forward=("post_attention_layernorm", "mlp"),
            norm="norm",
            packs=True,
        ),
    },
)
"""The model families by the `model_type` of their configs."""

_searched: WeakKeyDictionary[nn.Module, Family] = WeakKeyDictionary()
"""The families of models that are not in the table."""


def register_family(name: str, family: Family) -> None:
    """Add a model family, so that its encoders can be frozen, realigned and fine-tuned like all others.

    Args:
        name: The `model_type` in the configs of its models.
        family: Where the parts of its models are, and what its models can do.

    Raises:
        ValueError: There is a family of this name already.
    """
    FAMILIES.add(name, family)


def family_of(model: nn.Module) -> Family:
    """Return a model's family: its own attribute `family`, or that of the table.

    If the family is not in the table, describe it by a search for the list of layers.

    Raises:
        EncoderError: No list of layers is found.
    """
    base = base_of(model)
    if (known := _known_family(base)) is not None:
        return known
    if base not in _searched:
        _searched[base] = _search(base)
    return _searched[base]


def is_known(model: nn.Module) -> bool:
    """Return whether a model's family does not have to be searched for."""
    return _known_family(base_of(model)) is not None


def _known_family(base: Any) -> Family | None:
    own = getattr(base, "family", None)
    return own if isinstance(own, Family) else FAMILIES.get(base.config.model_type)


def describe(model: nn.Module) -> str:
    """Say where a model's layers and embeddings are."""
    family = family_of(model)
    return f"{len(layers_of(model))} layers in {family.layers!r}, embeddings in {family.embeddings!r}"


def base_of(model: nn.Module) -> Any:
    """Return a model without its head."""
    return getattr(model, "base_model", model)


def layers_of(model: nn.Module) -> Sequence[nn.Module]:
    """Return the layers of a model, lowest first; layers that share their weights are the same module.

    Raises:
        EncoderError: The place of the layers in this family is not known, or the model has nothing there.
    """
    family = family_of(model)
    modules = list(_submodule(model, family.layers))
    if not family.shared:
        return modules
    n_layers = base_of(model).config.num_hidden_layers
    return [modules[number * len(modules) // n_layers] for number in range(n_layers)]


def embeddings_of(model: nn.Module) -> nn.Module:
    """Return the module that turns subwords into the vectors that go into the lowest layer.

    Raises:
        EncoderError: The place of the embeddings in this family is not known, or the model has nothing there.
    """
    return _submodule(model, family_of(model).embeddings)


def blocks_of(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Return the children of all layers that have one of the names.

    Raises:
        EncoderError: The layers have no such children.
    """
    group = family_of(model).group
    layers = dict.fromkeys(layers_of(model))
    owners = [owner for layer in layers for owner in (layer.get_submodule(group).children() if group else [layer])]
    found = [part for owner in owners for name, part in owner.named_children() if name in names]
    if not found:
        raise EncoderError(
            f"it is not known which parts of a layer of {base_of(model).config.model_type!r} are attention "
            "and which feed-forward"
        )
    return found


def positions_of(model: nn.Module) -> nn.Embedding | None:
    """Return the table of position embeddings, which limits the length of a sentence; None without such a table."""
    path = family_of(model).positions
    try:
        return base_of(model).get_submodule(path) if path else None
    except AttributeError:  # a family may have models with a table and models without
        return None


def first_position(model: nn.Module) -> int:
    """Return the index of a sentence's first position embedding.

    In RoBERTa and its relatives, positions start after the index of the padding token.
    """
    table = positions_of(model)
    return 0 if table is None or table.padding_idx is None else table.padding_idx + 1


def _submodule(model: nn.Module, path: str) -> Any:
    base = base_of(model)
    try:
        return base.get_submodule(path)
    except AttributeError:
        raise EncoderError(
            f"this model of the family {base.config.model_type!r} has no module {path!r} below its base model; "
            "register the family with the paths that model.base_model.named_modules() lists"
        ) from None


# --- families that are not in the table --------------------------------------------------


def _search(base: Any) -> Family:
    """Describe a model by its outermost list of modules of the same kind, one per layer in the config."""
    n_layers = getattr(base.config, "num_hidden_layers", None)
    lists = {
        name: module
        for name, module in base.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_layers and len({type(item) for item in module}) == 1
    }
    if not lists:
        raise EncoderError(
            f"it is not known where the model family {base.config.model_type!r} keeps its layers, and no list of "
            f"{n_layers} modules of the same kind was found in the model; known families: {', '.join(FAMILIES)}"
        )
    layers = min(lists, key=lambda name: name.count("."))
    children = [name for name, _ in lists[layers][0].named_children()]
    attention = tuple(name for name in children if "att" in name.lower())
    embeddings = _search_embeddings(base, layers)
    return Family(
        layers=layers,
        embeddings=embeddings,
        attention=attention,
        feed_forward=tuple(name for name in children if name not in attention),
        positions=_search_positions(base, embeddings),
        slices=False,
    )


def _search_embeddings(base: Any, layers: str) -> str:
    """Return the path of the outermost module that contains the word embeddings but not the layers."""
    table = base.get_input_embeddings()
    path = next(path for path, part in base.named_modules() if part is table)
    names = path.split(".")
    around = (".".join(names[:end]) for end in range(1, len(names) + 1))
    return next((outer for outer in around if not f"{layers}.".startswith(f"{outer}.")), path)


def _search_positions(base: Any, embeddings: str) -> str:
    """Return the path of the table of position embeddings beside the word embeddings; empty without one."""
    for name, module in base.get_submodule(embeddings).named_modules(prefix=embeddings):
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return name
    return ""
