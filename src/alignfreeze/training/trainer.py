"""A Trainer that visits items in a given order, and computes a batch in smaller pieces when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedModel, PrinterCallback, Trainer

from alignfreeze.errors import TrainingError
from alignfreeze.processes import n_processes
from alignfreeze.progress import remark
from alignfreeze.training.model import LossModel


class OrderedTrainer(Trainer):
    """A Trainer that visits items in a given order, and computes a batch in smaller pieces when memory runs out.

    Attributes:
        order: The numbers of the items to visit; the collator turns numbers into a batch.
        head_learning_rate: The learning rate of the head; None for the same as that of the encoder.
    """

    model: LossModel

    def __init__(self, *args: Any, order: NDArray[Any], head_learning_rate: float | None, **options: Any) -> None:
        super().__init__(*args, train_dataset=_Numbers(int(order.max()) + 1), **options)
        self.remove_callback(PrinterCallback)
        self.order = order
        self.head_learning_rate = head_learning_rate

    def create_optimizer(self, *args: Any, **options: Any) -> torch.optim.Optimizer:
        """Create the optimiser, with a separate learning rate for the head if one is set."""
        optimizer = super().create_optimizer(*args, **options)
        if self.head_learning_rate is not None:
            _set_rate(optimizer, _head_of(self.model.network), self.head_learning_rate)
        return optimizer

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        return _Order(self.order)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        # Nothing goes on from the last step, so Adam's moments, two thirds of a checkpoint, are not needed there.
        # FSDP and DeepSpeed write the weights here too.
        if self.state.global_step < self.state.max_steps or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._save_optimizer_and_scheduler(output_dir)

    def _get_grad_norm(self, model: nn.Module, grad_norm: float | None = None) -> float | None:
        # Nothing is clipped and nobody reads the norm, so no time is spent on it.
        return None

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Compute loss and gradients of a batch, in smaller pieces after memory has run out."""
        while True:
            try:
                return super().training_step(model, inputs, num_items_in_batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, where no exception keeps the results so far in memory.
            self._halve_pieces(inputs)

    def _halve_pieces(self, batch: Mapping[str, Any]) -> None:
        sentences = self.model.n_sentences(batch)
        now = min(self.model.at_once or sentences, sentences)
        advice = "use a smaller encoder, shorter sentences (max_length) or compute.precision = 'bf16'"
        if now == 1:
            raise TrainingError(f"out of memory with one sentence at a time; {advice}")
        if n_processes() > 1:
            # The other processes wait for the gradients of this one.
            raise TrainingError(f"out of memory on one of several processes; set compute.micro_batch, or {advice}")
        self.model.at_once = -(-now // 2)
        self.model.zero_grad(set_to_none=True)
        clear_device_cache(garbage_collection=True)
        remark(f"out of memory: continuing with {self.model.at_once} sentences at once, and the same batches")

    def release(self) -> None:
        """Free the gradients and Adam's moments now. The Trainer's reference cycles would keep them much longer."""
        self.model.zero_grad(set_to_none=True)
        self.optimizer = self.lr_scheduler = None
        self.accelerator.free_memory()


class _Numbers(Dataset[int]):
    """Stands for data that the collator fetches: item i is the number i."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> int:
        return number


class _Order(Sampler[int]):
    """Visits items in a given order."""

    def __init__(self, order: NDArray[Any]) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())


def _head_of(network: PreTrainedModel) -> list[nn.Parameter]:
    """Return the parameters of a network that are not in its encoder."""
    encoder = {id(parameter) for parameter in network.base_model.parameters()}
    return [parameter for parameter in network.parameters() if id(parameter) not in encoder]


def _set_rate(optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], rate: float) -> None:
    """Give parameters a separate learning rate, in an optimiser that has no state yet."""
    chosen = {id(parameter) for parameter in parameters}
    for group in optimizer.param_groups:
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in chosen]
    optimizer.add_param_group({"params": list(parameters), "lr": rate})


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory, of the machine or of a GPU, does not suffice."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, Exception) and should_reduce_batch_size(error)
    )
