"""Realigns an encoder: translations of a word get similar vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase, TrainerCallback, set_seed

from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.encoding.batches import sides_of
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.families import family_of
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.encoding.lending import lending
from alignfreeze.encoding.packing import packing
from alignfreeze.encoding.vocabulary import compacting
from alignfreeze.errors import SettingsError
from alignfreeze.external.peft import Adapter, adapting, check_adapter
from alignfreeze.progress import as_one_stage
from alignfreeze.realignment.freezing import (
    FreezePolicy,
    frozen,
)
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.realignment.model import RealignmentModel, realigned_layers
from alignfreeze.realignment.prefix import Prefix, storing
from alignfreeze.realignment.preparing import Prepared, prepare_given
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.settings import to_settings
from alignfreeze.tabular import Tabular
from alignfreeze.training.callbacks import check_callbacks
from alignfreeze.training.history import TrainingHistory
from alignfreeze.training.judging import JudgingPlan, check_one_process
from alignfreeze.training.loop import order_visits, train
from alignfreeze.training.randomness import keeping_random_state
from alignfreeze.training.settings import ComputeSettings, TrainingPlan

Judge = Callable[[Encoder], float]
"""Returns how good an encoder is; a higher value is better."""


@dataclass(frozen=True, slots=True)
class Realigned(Tabular):
    """The outcome of a realignment.

    Attributes:
        encoder: The encoder with its new weights; its model is the caller's, if the caller gave a model.
        history: What was done.
        adapter: The adapter, which is also merged into the weights of the encoder; None if the weights were trained.
    """

    encoder: Encoder
    history: RealignmentHistory
    adapter: Adapter | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return the curve of the loss."""
        return [{"step": step, "loss": loss} for step, loss in self.history.training.losses]

    def to_dict(self) -> dict[str, Any]:
        """Return what was done as plain values."""
        return {"encoder": self.encoder.name, **asdict(self.history)}

    def save(self, folder: Path | str) -> None:
        """Write the encoder as an ordinary Hugging Face folder."""
        self.encoder.save(Path(folder))

    def save_adapter(self, folder: Path | str) -> None:
        """Write the adapter alone, as `peft.PeftModel.from_pretrained` reads it, with config and tokenizer.

        Raises:
            SettingsError: There is no adapter, or peft is not installed.
            OutputError: The folder cannot be written.
        """
        check_adapter(self.adapter).save(Path(folder), base=self.encoder.name)
        self.encoder.model.config.save_pretrained(folder)
        self.encoder.tokenizer.save_pretrained(folder)


def realign(
    encoder: Model,
    bitext: Any,
    alignments: Any = None,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    languages: tuple[str, str] | None = None,
    aligner: str | AlignmentSettings | Mapping[str, Any] = "auto",
    freeze: str | FreezePolicy = "full",
    settings: RealignmentSettings | Mapping[str, Any] | None = None,
    compute: ComputeSettings | Mapping[str, Any] | None = None,
    seed: int = 31,
    device: Device = "auto",
    checkpoints: Path | str | None = None,
    judge: Judge | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    **options: Any,
) -> Realigned:
    """Train an encoder in place until linked words have similar vectors (realignment_loss.py in the reference code).

    Frozen parts are bit-identical afterwards, and so are parameters that the caller has frozen; the history names both.
    A model of the caller has the same state afterwards, but for its weights: training or evaluation mode, which
    parameters require a gradient, precision, device and attention. Weights in half precision are trained in float32.

    Args:
        encoder: The encoder, or its name; the weights of a model change. A model of transformers, peft or
            sentence-transformers is taken too, and of a model with a head its encoder.
        bitext: Sentence pairs of one or several language pairs, in a form that `to_bitext` takes.
        alignments: The word alignments of these pairs, in the same order; None to find them.
        tokenizer: The tokenizer of a model.
        languages: Codes of the source and the target language, if the bitext does not tell.
        aligner: Finds the links if there are no alignments: a name in `ALIGNERS`, or settings.
        freeze: What stays frozen, such as `front` or `back+embeddings`. With `lora` (rank 8) or `lora:16`, such as
            `front+lora`, adapters are trained instead of the weights, and then merged into them.
        settings: How to train; `steps` is required.
        compute: How the training is computed.
        seed: The seed for the projection head, the order of the pairs and dropout.
        device: `auto`, or a device as torch names it.
        checkpoints: A folder for checkpoints. A training that was killed continues from there.
        judge: For `settings.stopping`: returns how good an encoder is; a higher value is better. The first call gets
            the encoder before realignment, even if the training continues from a checkpoint.
        callbacks: Callbacks of transformers' Trainer.
        options: Settings by name, such as `steps=200`; they replace those in `settings`.

    Raises:
        SettingsError: A setting, the policy or the device does not exist, the number of steps or the judge is missing,
            or nothing is left to train.
        EncoderError: This is no encoder, or its weights cannot be trained.
        DataError: The bitext or the links cannot be read, or no sentence pair has a usable link.
        TrainingError: The training diverges, or memory is too small.
    """
    settings = to_settings(RealignmentSettings, settings, "realignment", **options)
    compute = to_settings(ComputeSettings, compute, "compute")
    policy = FreezePolicy.parse(freeze)
    _check_settings(settings, judge)
    device, callbacks = check_device(device), check_callbacks(callbacks)
    found = to_encoder(encoder, tokenizer=tokenizer)
    with keeping_random_state(), lending(found.model):
        given = {"languages": languages, "aligner": aligner, "device": device}
        prepared = prepare_given(found, bitext, alignments, **given, freeze=policy, settings=settings, seed=seed)
        assert settings.steps is not None
        plan = TrainingPlan(
            title=f"realigning ({freeze})",
            steps=settings.steps,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            schedule="constant",
            warmup_steps=0,
            seed=seed,
            device=device,
        )
        how = {"compute": compute, "checkpoints": None if checkpoints is None else Path(checkpoints), "judge": judge}
        with adapting(found.model, prepared.freezing.adapter, seed=seed) as adapter:
            training = _train(found, prepared, plan, callbacks=callbacks, **how)
    return Realigned(found, prepared.history(training), adapter)


def _check_settings(settings: RealignmentSettings, judge: Judge | None) -> None:
    """Check that what the settings need is given.

    Raises:
        SettingsError: The number of steps or the judge is missing, or several processes are to use a judge.
    """
    if settings.steps is None:
        raise SettingsError(
            "realignment.steps: give the number of steps (in the paper, the number of fine-tuning steps)"
        )
    if (settings.stopping is None) != (judge is None):
        raise SettingsError(
            "realignment: `stopping` says when to check, and `judge` says how good the encoder is: give both or "
            "neither, as in realign(..., settings=RealignmentSettings(steps=1000, stopping={'every': 100, "
            "'patience': 3}), judge=judge)"
        )
    if judge is not None:
        check_one_process()


def _train(
    encoder: Encoder,
    prepared: Prepared,
    plan: TrainingPlan,
    *,
    compute: ComputeSettings,
    checkpoints: Path | None,
    judge: Judge | None,
    callbacks: Sequence[TrainerCallback],
) -> TrainingHistory:
    """Train on encoded pairs, with some modules frozen."""
    pairs, settings = prepared.pairs, prepared.settings
    # A copy of the encoder as it is outside of a training: a training changes how it computes, and drops embeddings.
    spare, start = None, 0.0
    if settings.stopping is not None and judge is not None:
        spare, start = deepcopy(encoder.model), _ask(judge, encoder)
    order = order_visits(pairs.positions(), pairs.lengths(), plan)
    used = pairs.subwords.take(sides_of(np.unique(order)))
    with (
        packing(encoder.model),
        compacting(encoder.model, np.append(used, encoder.padding)) as vocabulary,
        frozen(prepared.fixed),
        _prefix(encoder, prepared) as prefix,
    ):
        set_seed(plan.seed)
        padding = int(vocabulary.numbers[encoder.padding])
        model = RealignmentModel(encoder.model, settings, padding=padding, prefix=prefix)
        # A pair has two sentences.
        model.at_once = None if compute.micro_batch is None else 2 * compute.micro_batch

        def collate(numbers: Sequence[int]) -> dict[str, Any]:
            batch = pairs.batch(numbers)
            return {**batch, "subwords": vocabulary.compact(batch["subwords"])}

        def judge_now() -> float:
            assert judge is not None and spare is not None
            vocabulary.write(encoder.model, spare)
            return _ask(judge, Encoder(encoder.name, spare, encoder.tokenizer))

        stopping = settings.stopping
        return train(
            model,
            collate,
            plan,
            order=order,
            compute=compute,
            checkpoints=checkpoints,
            identity=prepared.identity,
            judging=None if stopping is None else JudgingPlan(judge_now, start, stopping.every, stopping.patience),
            callbacks=callbacks,
        )


def _ask(judge: Judge, encoder: Encoder) -> float:
    # A judge may train and predict. The progress of the run must not show this as the run's own fine-tuning.
    with as_one_stage("estimating without labels"):
        return judge(encoder)


@contextmanager
def _prefix(encoder: Encoder, prepared: Prepared) -> Iterator[Prefix | None]:
    """Yield the frozen embeddings and the frozen layers right above them; None if the embeddings are trained."""
    # If a realigned layer lies within the prefix, the layers below need gradients.
    lowest = min(realigned_layers(encoder.model, prepared.settings.layer))
    layers = list(takewhile(lambda layer: layer in prepared.fixed, encoder.layers))[:lowest]
    if encoder.embeddings not in prepared.fixed or not family_of(encoder.model).slices:
        yield None
        return
    # Embeddings alone need no store: looking them up is as fast as reading their output.
    keep = prepared.settings.keep_prefix if layers else "no"
    with storing(keep, prepared.pairs.subwords, encoder.model.config.hidden_size) as store:
        yield Prefix(encoder.embeddings, layers, store)
