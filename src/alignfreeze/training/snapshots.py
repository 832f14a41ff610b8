"""The mean of the last snapshots of a training: weights along one path are averaged into one model.

In its last steps, a training moves around a good place more than towards it. The mean of several snapshots is nearer to
this place than the last one (Izmailov et al. 2018, arXiv 1803.05407). Schmidt, Vulić and Glavaš show this for the
cross-lingual transfer of fine-tuned encoders (2023, arXiv 2305.16834).
"""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.swa_utils import get_swa_multi_avg_fn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignfreeze.processes import process_number
from alignfreeze.training.checkpoints import checkpoint_of
from alignfreeze.training.model import LossModel

N_SNAPSHOTS = 10
"""How many snapshots a training is divided into."""

_MEAN = "mean.safetensors"
"""The file beside a checkpoint with the mean of the snapshots so far."""

_add_to_mean = get_swa_multi_avg_fn()


def steps_of_snapshots(steps: int) -> list[int]:
    """Return the steps after which snapshots are taken: at each tenth, or after each step if there are fewer than ten.

    The last snapshot is the last step.
    """
    n = min(N_SNAPSHOTS, steps)
    return [number * steps // n for number in range(1, n + 1)]


class SnapshotCallback(TrainerCallback):
    """Keeps the mean of the last snapshots in float32.

    `AveragedModel` of torch holds a second whole model. Here only the trained weights are kept, outside of the device.
    """

    def __init__(self, model: LossModel, *, steps: int, last: int) -> None:
        self.due = steps_of_snapshots(steps)[-last:]
        self.trained = {name: value for name, value in model.network.named_parameters() if value.requires_grad}
        self.mean: dict[str, Tensor] = {}
        self.n = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Continue with the mean beside a checkpoint."""
        self.n = sum(step <= state.global_step for step in self.due)
        if self.n:
            self.mean = load_file(checkpoint_of(args, state) / _MEAN)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Add the weights of this step to the mean if they are one of the last snapshots."""
        # A training may be killed after its end. The Trainer may then do one more step, which is not due.
        if state.global_step in self.due[self.n :]:
            self.add()

    @torch.no_grad()
    def add(self) -> None:
        """Add the weights as they are now to the mean."""
        now = {name: weights.detach().to("cpu", torch.float32) for name, weights in self.trained.items()}
        if self.n:
            _add_to_mean(list(self.mean.values()), [now[name] for name in self.mean], self.n)
        else:
            self.mean = {name: weights.clone() for name, weights in now.items()}
        self.n += 1

    def on_save(self, args: TrainingArguments, state: TrainerState, *_: Any, **__: Any) -> None:
        """Save the mean beside a checkpoint, where the seal of the checkpoint covers it."""
        if self.n and process_number() == 0:
            save_file(self.mean, checkpoint_of(args, state) / _MEAN)

    @torch.no_grad()
    def put_mean(self) -> None:
        """Put the mean into the network. Buffers stay as in the last model."""
        for name, weights in self.trained.items():
            weights.copy_(self.mean[name])
