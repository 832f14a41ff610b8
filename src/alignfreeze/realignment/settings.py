"""The settings of realignment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from alignfreeze.realignment.losses import LOSSES, Negatives
from alignfreeze.realignment.prefix import Keep
from alignfreeze.settings import LearningRate, Settings, check_known


def _check_layer(value: str | list[int]) -> str | list[int]:
    if not value:
        raise ValueError("name at least one layer")
    return check_known(value, ["last", "reference"], "layer") if isinstance(value, str) else value


class StoppingSettings(Settings):
    """When a realignment ends before its last step. The best encoder so far is kept."""

    by: Literal["agreement", "retrieval"] = "agreement"
    """The estimate without labels, as a mean over languages. `agreement`: a short fine-tuning starts from the encoder.
    Its labels of the source sides are carried over the links and compared with its labels of the target sides.
    `retrieval`: the share of linked words that find each other, at the layer where most do before realignment."""
    every: int = Field(default=50, gt=0)
    """Optimiser steps from one estimate to the next. The first estimate is before realignment."""
    patience: int = Field(default=3, gt=0)
    """The realignment ends after this many estimates in a row that are not better than the best one."""
    finetuning_steps: int = Field(default=50, gt=0)
    """For `agreement`: optimiser steps of the short fine-tuning."""


class RealignmentSettings(Settings):
    """Settings of the realignment stage; the defaults are the paper's."""

    schedule: Literal["before", "during", "after"] = "before"
    """Realign `before` fine-tuning, `during` it (each of its steps adds the realignment loss), or `after` it."""
    steps: int | None = Field(default=None, gt=0)
    """Optimiser steps. In an experiment, the default is the number of steps of fine-tuning. `during` always uses the
    steps of fine-tuning."""
    batch_size: int = Field(default=16, gt=0)
    """Sentence pairs per step."""
    learning_rate: LearningRate = 2e-5
    """Learning rate of Adam, without a schedule. The paper uses 7.5e-6 for XLM-R. `during` uses the learning rate of
    fine-tuning."""
    loss: Annotated[str, AfterValidator(lambda name: check_known(name, LOSSES, "loss"))] = "contrastive"
    """`contrastive`: each linked word has to find its counterpart. `l2`: the squared difference of linked words, plus a
    pull towards the initial model (Cao et al. 2020). `sentence`: each sentence has to find its translation, by mean
    vectors and without word links."""
    temperature: float = Field(default=0.1, gt=0)
    """The number that cosine similarities are divided by in the contrastive losses. Smaller values are sharper."""
    negatives: Negatives = "strong"
    """Negatives of the contrastive losses. `strong`: words of both languages; `weak`: words of the other language
    only."""
    coefficient: float = Field(default=0.1, gt=0)
    """For `during`: the weight of the realignment loss. The loss of the task has the weight 1."""
    pull: float = Field(default=1.0, ge=0)
    """For `l2`: the weight of the squared difference from the initial model's states of the source sentences."""
    layer: Annotated[str | list[Annotated[int, Field(ge=0)]], AfterValidator(_check_layer)] = "last"
    """The layer whose output is realigned: `last`, or `reference` for the last but one, as in the reference code. A
    list of numbers (0 for the embeddings, 1 for the first layer, and so on) averages the loss over these layers."""
    projection: int = Field(default=128, ge=0)
    """For the contrastive losses: the width of the projection head's output; 0 for no head."""
    max_length: int = Field(default=96, ge=3)
    """The most subwords of a sentence. Words beyond this length lose their links."""
    freeze_embeddings: bool = False
    """Freeze the embeddings too, as `+embeddings` in the name of a strategy does. The embeddings and the frozen layers
    above them then run without dropout, unlike in the reference code."""
    keep_prefix: Keep = "no"
    """Keep the output of frozen embeddings and the frozen layers above them: `no`, in `memory` or on `disk`. A kept
    output is computed only once per sentence. This needs 4 bytes times the encoder's width per subword."""
    stopping: StoppingSettings | None = None
    """End early, depending on estimates from held-out pairs; `steps` is then the maximum. By default, do all steps."""

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.keep_prefix != "no" and (self.schedule == "during" or LOSSES[self.loss].needs_initial):
            raise ValueError(
                f"keep_prefix must be 'no' with schedule {self.schedule!r} and loss {self.loss!r}: the output of "
                "frozen parts cannot be kept"
            )
        if self.stopping is not None and self.schedule != "before":
            raise ValueError(f"stopping works only with schedule 'before', not with {self.schedule!r}")
        return self

    @property
    def needs_links(self) -> bool:
        """Whether the loss uses word links."""
        return LOSSES[self.loss].needs_links

    @property
    def projects(self) -> bool:
        """Whether a projection head stands between the vectors and the loss."""
        return bool(self.projection) and LOSSES[self.loss].projects
