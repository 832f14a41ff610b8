"""Losses of realignment: tensors in, a scalar out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.processes import counts, gathered, n_processes, process_number, total
from alignfreeze.registry import Table

if TYPE_CHECKING:
    from alignfreeze.realignment.settings import RealignmentSettings

Negatives = Literal["strong", "weak"]


def contrastive_loss(
    words: Tensor,
    links: Tensor,
    is_target: Tensor,
    *,
    temperature: float = 0.1,
    negatives: Negatives = "strong",
) -> Tensor:
    """InfoNCE over linked words, with the words of the batch as negatives.

    Each word of a link has to find its counterpart by cosine similarity. Its
    negatives are all other words of the batch, linked or not: of both languages
    (`strong`), or of the other language only (`weak`); Wu and Dredze (2020),
    and realignment_loss.py in the reference code.

    Args:
        words: Vectors of all words of both sides, or of whole sentences, [words, width].
        links: Pairs of (row of a source word, row of a target word), [links, 2].
        is_target: Whether a word belongs to a target sentence, [words].
        temperature: Divides the cosine similarities; smaller is sharper.
        negatives: Which words stand against a counterpart.

    Returns:
        The mean loss of all 2 * links words, a scalar in float32 or wider.

    Raises:
        ValueError: There is no link, or the shapes do not fit together.
    """
    if links.ndim != 2 or links.shape[1] != 2 or not len(links):
        raise ValueError(f"links must be [links, 2] with at least one link, got {list(links.shape)}")
    if is_target.shape != words.shape[:1]:
        raise ValueError(f"is_target must have one value a word: {list(is_target.shape)} for {list(words.shape)}")
    rows = torch.cat([links[:, 0], links[:, 1]])  # [2 * links]
    partners = torch.cat([links[:, 1], links[:, 0]])  # [2 * links]
    # Half precision cannot hold a softmax over thousands of words, nor may autocast bring it back.
    with torch.autocast(words.device.type, enabled=False):
        directions = F.normalize(widen(words), dim=-1)
        similarity = directions.index_select(0, rows) @ directions.T / temperature  # [2 * links, words]
    if negatives == "strong":
        hidden = rows[:, None] == torch.arange(len(words), device=words.device)  # a word and itself
    else:
        hidden = is_target.index_select(0, rows)[:, None] == is_target  # words of the same language
    return F.cross_entropy(similarity.masked_fill(hidden, -torch.inf), partners)


def l2_loss(words: Tensor, links: Tensor) -> Tensor:
    """Mean squared difference between linked words (Cao, Kitaev and Klein 2020).

    Args:
        words: Vectors of all words of both sides, [words, width].
        links: Pairs of (row of a source word, row of a target word), [links, 2].

    Returns:
        The mean over links and width, a scalar in float32 or wider.
    """
    return F.mse_loss(widen(words.index_select(0, links[:, 0])), widen(words.index_select(0, links[:, 1])))


def pull_loss(states: Tensor, initial: Tensor) -> Tensor:
    """Mean squared difference from what the initial model computes, which keeps an encoder near it (Cao et al. 2020).

    Args:
        states: Hidden states, [subwords, width].
        initial: Those of the initial model, likewise.

    Returns:
        The mean over subwords and width, a scalar in float32 or wider.
    """
    return F.mse_loss(widen(states), widen(initial))


def pool_means(states: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean of each sentence's states, special subwords included, [sentences, width].

    Args:
        states: Hidden states of sentences that lie end to end, [subwords, width].
        lengths: How many subwords each has, [sentences].
    """
    states = widen(states)
    numbers = torch.arange(len(lengths), device=states.device)
    owner = numbers.repeat_interleave(lengths, output_size=len(states))  # [subwords]
    sums = states.new_zeros(len(lengths), states.shape[1]).index_add(0, owner, states)
    return sums / lengths[:, None]


def widen(values: Tensor) -> Tensor:
    """Return values in float32 at least: half precision loses too much in sums."""
    return values.float() if values.dtype.itemsize < 4 else values


# --- the losses of the table: from the states of a layer to a number ---------------------


@dataclass(frozen=True, slots=True)
class LossInputs:
    """What a loss is given beside the states of a layer.

    Attributes:
        batch: An `AlignedBatch`.
        project: The head between vectors and loss; it changes nothing where there is none.
        settings: Of the realignment.
        initial: The states of the source sentences in the initial model, [source subwords, width]; None unless the
            loss needs them.
    """

    batch: Mapping[str, Any]
    project: Callable[[Tensor], Tensor]
    settings: RealignmentSettings
    initial: Tensor | None = None


@dataclass(frozen=True, slots=True)
class RealignmentLoss:
    """A loss of realignment, and what it needs.

    Attributes:
        compute: From the states of a layer, [subwords, width], and the other inputs, to the loss of that layer.
        needs_links: Whether it goes by word links.
        projects: Whether vectors pass the projection head before it.
        needs_initial: Whether it compares with the initial model, as far as `pull` says; a copy of it is then kept.
    """

    compute: Callable[[Tensor, LossInputs], Tensor]
    needs_links: bool = True
    projects: bool = True
    needs_initial: bool = False


def _contrastive(states: Tensor, inputs: LossInputs) -> Tensor:
    """Return the loss over linked words; those of all processes stand against each other."""
    batch = inputs.batch
    vectors = states.index_select(0, batch["words"])  # [words, width]
    return _against_all(vectors, batch["links"], batch["is_target"], inputs)


def _sentence(states: Tensor, inputs: LossInputs) -> Tensor:
    """Return the loss over sentences, each of which has to find its translation."""
    vectors = pool_means(states, inputs.batch["lengths"])  # [2 * pairs, width]
    numbers = torch.arange(len(vectors), device=vectors.device)
    pairs = len(vectors) // 2
    return _against_all(vectors, torch.stack([numbers[:pairs], numbers[pairs:]], dim=1), numbers >= pairs, inputs)


def _against_all(vectors: Tensor, links: Tensor, is_target: Tensor, inputs: LossInputs) -> Tensor:
    rows = counts(len(vectors), vectors.device)
    before = sum(rows[: process_number()])
    return contrastive_loss(
        inputs.project(gathered(vectors, rows)),
        gathered(links + before),
        gathered(is_target, rows),
        temperature=inputs.settings.temperature,
        negatives=inputs.settings.negatives,
    )


def _l2(states: Tensor, inputs: LossInputs) -> Tensor:
    """Return the squared difference of linked words, each link of all processes alike, and the pull to the start."""
    links = inputs.batch["links"]
    count = torch.tensor(float(len(links)), device=states.device)
    loss = l2_loss(states.index_select(0, inputs.batch["words"]), links) * count * n_processes() / total(count)
    if inputs.initial is None:
        return loss
    return loss + inputs.settings.pull * pull_loss(states[: len(inputs.initial)], inputs.initial)


LOSSES = Table(
    "loss",
    {
        "contrastive": RealignmentLoss(_contrastive),
        "l2": RealignmentLoss(_l2, projects=False, needs_initial=True),
        "sentence": RealignmentLoss(_sentence, needs_links=False),
    },
)
"""The losses by name; a new one is a function and a line."""


def register_loss(
    name: str,
    compute: Callable[[Tensor, LossInputs], Tensor],
    *,
    needs_links: bool = True,
    projects: bool = True,
    needs_initial: bool = False,
) -> None:
    """Add a loss of realignment, which `realignment.loss` then takes.

    Args:
        name: In settings and records.
        compute: From the states of a layer, [subwords, width], and the other inputs, to the loss of that layer, a
            scalar that is least when translations are alike.
        needs_links: Whether it goes by word links.
        projects: Whether vectors pass the projection head before it.
        needs_initial: Whether it compares with the states of the initial model.

    Raises:
        ValueError: There is a loss of this name already.
    """
    LOSSES.add(name, RealignmentLoss(compute, needs_links, projects, needs_initial))
