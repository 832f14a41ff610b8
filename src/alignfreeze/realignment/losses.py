"""The losses of realignment: tensors in, a scalar out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from alignfreeze.gathering import count_rows, gather_rows, sum_all
from alignfreeze.processes import n_processes, process_number
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

    Each word of a link has to find its counterpart by cosine similarity. Its negatives are all other words of the
    batch, linked or not: those of both languages (`strong`), or only those of the other language (`weak`). See Wu and
    Dredze (2020), and realignment_loss.py in the reference code.

    Args:
        words: Vectors of all words of both sides, or of whole sentences, [words, width].
        links: Pairs of (row of a source word, row of a target word), [links, 2].
        is_target: Whether a word belongs to a target sentence, [words].
        temperature: Divides the cosine similarities; smaller is sharper.
        negatives: Which words are the negatives.

    Returns:
        The mean loss over the words of all links, two per link, a scalar in float32 or wider.

    Raises:
        ValueError: There is no link, or the shapes do not match.
    """
    if links.ndim != 2 or links.shape[1] != 2 or not len(links):
        raise ValueError(f"links must be [links, 2] with at least one link, got {list(links.shape)}")
    if is_target.shape != words.shape[:1]:
        raise ValueError(f"is_target must have one value per word: {list(is_target.shape)} for {list(words.shape)}")
    rows = torch.cat([links[:, 0], links[:, 1]])  # [2 * links]
    partners = torch.cat([links[:, 1], links[:, 0]])  # [2 * links]
    # A softmax over thousands of words needs more than half precision, so autocast is off.
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
    """Mean squared difference from the states of the initial model.

    This loss keeps an encoder near the initial model (Cao et al. 2020).

    Args:
        states: Hidden states, [subwords, width].
        initial: Hidden states of the initial model, [subwords, width].

    Returns:
        The mean over subwords and width, a scalar in float32 or wider.
    """
    return F.mse_loss(widen(states), widen(initial))


def pool_means(states: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean of each sentence's states, special subwords included, [sentences, width].

    Args:
        states: Hidden states of sentences that lie end to end, [subwords, width].
        lengths: The number of subwords of each sentence, [sentences].
    """
    states = widen(states)
    numbers = torch.arange(len(lengths), device=states.device)
    owner = numbers.repeat_interleave(lengths, output_size=len(states))  # [subwords]
    sums = states.new_zeros(len(lengths), states.shape[1]).index_add(0, owner, states)
    return sums / lengths[:, None]


def widen(values: Tensor) -> Tensor:
    """Convert half precision to float32, because sums would be too inexact. Wider values stay unchanged."""
    return values.float() if values.dtype.itemsize < 4 else values


# --- the table of losses: from the states of a layer to a number -------------------------


@dataclass(frozen=True, slots=True)
class LossInputs:
    """The inputs of a loss besides the states of a layer.

    Attributes:
        batch: An `AlignedBatch`.
        project: Applies the projection head to vectors; without a head it returns them unchanged.
        settings: The settings of the realignment.
        initial: The states of the source sentences in the initial model, [source subwords, width]; None unless the loss
            needs these states.
    """

    batch: Mapping[str, Any]
    project: Callable[[Tensor], Tensor]
    settings: RealignmentSettings
    initial: Tensor | None = None


@dataclass(frozen=True, slots=True)
class LossKind:
    """A kind of realignment loss, and what it needs.

    Attributes:
        compute: Returns the loss of a layer, given its states, [subwords, width], and the other inputs.
        needs_links: Whether it uses word links.
        projects: Whether vectors go through the projection head first.
        needs_initial: Whether it compares with the initial model, with the weight `pull`. A copy of the initial model
            is then kept.
    """

    compute: Callable[[Tensor, LossInputs], Tensor]
    needs_links: bool = True
    projects: bool = True
    needs_initial: bool = False


def _contrastive(states: Tensor, inputs: LossInputs) -> Tensor:
    """Return the loss over linked words; the words of all processes are negatives of each other."""
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
    rows = count_rows(len(vectors), vectors.device)
    before = sum(rows[: process_number()])
    return contrastive_loss(
        inputs.project(gather_rows(vectors, rows)),
        gather_rows(links + before),
        gather_rows(is_target, rows),
        temperature=inputs.settings.temperature,
        negatives=inputs.settings.negatives,
    )


def _l2(states: Tensor, inputs: LossInputs) -> Tensor:
    """Return the squared difference of linked words, plus the pull. All links count the same, on every process."""
    links = inputs.batch["links"]
    count = torch.tensor(float(len(links)), device=states.device)
    loss = l2_loss(states.index_select(0, inputs.batch["words"]), links) * count * n_processes() / sum_all(count)
    if inputs.initial is None:
        return loss
    return loss + inputs.settings.pull * pull_loss(states[: len(inputs.initial)], inputs.initial)


LOSSES = Table(
    "loss",
    {
        "contrastive": LossKind(_contrastive),
        "l2": LossKind(_l2, projects=False, needs_initial=True),
        "sentence": LossKind(_sentence, needs_links=False),
    },
)
"""The losses by name. A new loss is a function and a line here, or a call of `register_loss`."""


def register_loss(
    name: str,
    compute: Callable[[Tensor, LossInputs], Tensor],
    *,
    needs_links: bool = True,
    projects: bool = True,
    needs_initial: bool = False,
) -> None:
    """Add a loss of realignment. Afterwards `realignment.loss` accepts its name.

    Args:
        name: The name in settings and records.
        compute: Returns the loss of a layer, a scalar, given the states of the layer, [subwords, width], and the other
            inputs. The loss is lowest when translations have the same vectors.
        needs_links: Whether it uses word links.
        projects: Whether vectors go through the projection head, `inputs.project`, first.
        needs_initial: Whether it compares with the states of the initial model, `inputs.initial`.

    Raises:
        ValueError: There is a loss of this name already.
    """
    LOSSES.add(name, LossKind(compute, needs_links, projects, needs_initial))
