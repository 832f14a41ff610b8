"""How an encoder is realigned."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from alignfreeze.realignment.losses import LOSSES, Negatives
from alignfreeze.realignment.prefix import Keep
from alignfreeze.settings import Settings, check_known


def _layer(value: str | list[int]) -> str | list[int]:
    if not value:
        raise ValueError("name at least one layer")
    return check_known(value, ["last", "reference"], "layer") if isinstance(value, str) else value


class StoppingSettings(Settings):
    """By what a realignment ends before its last step; what is best of it is kept."""

    by: Literal["agreement", "retrieval"] = "agreement"
    """What is estimated without labels, in the mean over languages. `agreement`: a short fine-tuning from the encoder
    as it is, and how far its labels of the target sides agree with those of the source sides, carried over the links;
    `retrieval`: how many linked words find each other, at the layer where most do before realignment."""
    every: int = Field(default=50, gt=0)
    """Optimiser steps from one estimate to the next; the first is before realignment."""
    patience: int = Field(default=3, gt=0)
    """So many estimates in a row without a better one end the realignment."""
    finetuning_steps: int = Field(default=50, gt=0)
    """Of `agreement`: optimiser steps of the short fine-tuning."""


class RealignmentSettings(Settings):
    """Settings of the realignment stage; the defaults are the paper's."""

    schedule: Literal["before", "during", "after"] = "before"
    """When: `before` fine-tuning, `during` it (each of its steps adds the realignment loss), or `after` it."""
    steps: int | None = Field(default=None, gt=0)
    """Optimiser steps; left out, an experiment takes as many as fine-tuning does. `during` takes those of
    fine-tuning in any case."""
    batch_size: int = Field(default=16, gt=0)
    """Sentence pairs a step."""
    learning_rate: float = Field(default=2e-5, gt=0)
    """Of Adam, without a schedule. The paper takes 7.5e-6 for XLM-R. `during` takes that of fine-tuning."""
    loss: Annotated[str, AfterValidator(lambda name: check_known(name, LOSSES, "loss"))] = "contrastive"
    """`contrastive`: each linked word has to find its counterpart; `l2`: squared difference of linked words, and a
    pull to the initial model (Cao et al. 2020); `sentence`: each sentence has to find its translation, by mean-pooled
    vectors and without word links."""
    temperature: float = Field(default=0.1, gt=0)
    """Divides the cosine similarities of the contrastive losses; smaller is sharper."""
    negatives: Negatives = "strong"
    """`strong`: words of both languages stand against a counterpart; `weak`: of the other language only."""
    coefficient: float = Field(default=0.1, gt=0)
    """Of `during`: what the realignment loss counts beside the task's."""
    pull: float = Field(default=1.0, ge=0)
    """Of `l2`: what the squared difference from the initial model's states of the source sentences counts."""
    layer: Annotated[str | list[Annotated[int, Field(ge=0)]], AfterValidator(_layer)] = "last"
    """Whose output is realigned: the last layer's, or the last but one's as in the reference code; or a list of
    numbers (0 for the embeddings, 1 for the first layer, and so on), over which the loss is averaged."""
    projection: int = Field(default=128, ge=0)
    """Width of the projection head's output, of the contrastive losses; 0 for none."""
    max_length: int = Field(default=96, ge=3)
    """Most subwords a sentence; words beyond lose their links."""
    freeze_embeddings: bool = False
    """Freeze the embeddings too, as `+embeddings` in the name of a strategy does. They and the frozen layers above
    them then run without dropout, which the reference code never does."""
    keep_prefix: Keep = "no"
    """With frozen embeddings and frozen layers above them: keep what they compute for a sentence, so that it is
    computed once. 4 bytes times the encoder's width a subword."""
    stopping: StoppingSettings | None = None
    """End early by estimates from held-out pairs; `steps` are then the most. Left out: all steps."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.keep_prefix != "no" and (self.schedule == "during" or LOSSES[self.loss].needs_initial):
            raise ValueError(
                f"keep_prefix: with schedule {self.schedule!r} and loss {self.loss!r} nothing stays the same"
            )
        if self.stopping is not None and self.schedule != "before":
            raise ValueError(f"stopping goes with schedule 'before' only, not with {self.schedule!r}")
        return self

    @property
    def needs_links(self) -> bool:
        """Whether the loss goes by word links."""
        return LOSSES[self.loss].needs_links
