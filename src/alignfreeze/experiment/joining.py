"""Joins the fine-tuned models of several seeds. A model that several runs need is trained once and then read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from alignfreeze.encoding.encoder import Encoder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.names import ENSEMBLE, SEEDS
from alignfreeze.experiment.starting import hold_patiently, replacing_shared
from alignfreeze.experiment.taught import Teaching, join_teachings
from alignfreeze.files import make_folder, remove_folder, write_json
from alignfreeze.progress import remark
from alignfreeze.realignment.averaging import combine_encoders
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.seals import is_intact
from alignfreeze.stored import Stored
from alignfreeze.tasks.models import TaskModel
from alignfreeze.training.history import TrainingHistory, chain

if TYPE_CHECKING:
    from alignfreeze.experiment.recipe import Places, RunSpec

_HISTORY = "trainings.json"

_Histories = tuple[RealignmentHistory | None, TrainingHistory, Teaching | None]
"""What was done for the model of one seed, or of several as if they were one."""


class Made(NamedTuple):
    """What the trainings of a run have made.

    Attributes:
        model: The fine-tuned model; of models that predict together, the first.
        realignment: What the realignment did; None without one.
        finetuning: What the fine-tuning did; the last one, if there are two.
        teaching: What the model was taught in target languages, if it was trained a second time.
        others: Load the other models that predict together with the first; empty for a run with one model.
    """

    model: TaskModel
    realignment: RealignmentHistory | None
    finetuning: TrainingHistory
    teaching: Teaching | None = None
    others: tuple[Callable[[], TaskModel], ...] = ()

    @property
    def models(self) -> Iterator[TaskModel]:
        """The models of the run. All but the first are loaded when they are requested."""
        yield self.model
        yield from (load() for load in self.others)


@dataclass(frozen=True, slots=True)
class _Trained:
    """How a shared model was made: what the trainings did, and their time and memory by stage."""

    realignment: RealignmentHistory | None
    finetuning: TrainingHistory
    seconds: dict[str, float]
    memory: dict[str, dict[str, int]]
    teaching: Teaching | None = None


_TRAINED = Stored[_Trained](_Trained, "how a model was fine-tuned of this version")


@dataclass(frozen=True, slots=True)
class ModelMaker:
    """Makes the fine-tuned models of runs.

    Attributes:
        train: Does the trainings of a run of one seed, and measures their stages.
        load: Loads the fine-tuned model in a folder.
        describe: Writes a card into the folder of a fine-tuned model.
        meter: Receives the time and memory of trainings, including those that another run did.
    """

    train: Callable[[RunSpec, Places, Meter], Made]
    load: Callable[[Path], TaskModel]
    describe: Callable[[Path, RunSpec, Made], None]
    meter: Meter

    def make(self, spec: RunSpec, places: Places) -> Made:
        """Return the model of a run, or the models of its seeds, joined."""
        if spec.strategy.joined is not None:
            return JOINS[spec.strategy.joined](self, spec.members, places.members)
        if places.tuned is None:
            return self.train(spec, places, self.meter)
        return self.make_once(spec, places, places.tuned)

    def make_once(self, spec: RunSpec, places: Places, place: Path) -> Made:
        """Train the model of one seed, or read the one that another run has made. If two processes ask, one waits.

        Args:
            spec: The run of one seed.
            places: Where this run writes.
            place: The folder of the model, named after everything that its training depends on.

        Raises:
            OutputError: The folder cannot be written or locked.
        """
        make_folder(place.parent)
        with hold_patiently(place, "fine-tuning this model"):
            trained = _TRAINED.find(place / _HISTORY)
            if trained is not None and is_intact(place):
                self._count(trained)
                remark(f"{place.name}: fine-tuned before")
                return Made(self.load(place), trained.realignment, trained.finetuning, trained.teaching)
            if place.exists():
                remark(f"{place}: this fine-tuned model is damaged; training it again")
            own = Meter(self.meter.device)
            made = self.train(spec, places, own)
            trained = _Trained(made.realignment, made.finetuning, own.seconds, own.memory, made.teaching)
            self._count(trained)
            with replacing_shared(place) as folder:
                made.model.save(folder)
                write_json(folder / _HISTORY, asdict(trained))
                self.describe(folder, spec, made)
            remove_folder(places.checkpoints)  # the model is kept, and they take more room than it
            return made

    def _count(self, trained: _Trained) -> None:
        for name, seconds in trained.seconds.items():
            self.meter.add(name, seconds, trained.memory.get(name, {}))


def average_models(models: Iterable[tuple[str, TaskModel]]) -> TaskModel:
    """Return the mean of the weights of fine-tuned models. It is written into the first one.

    The models are requested and released one by one, so that at most two are in memory beside the mean.

    Args:
        models: Pairs of a name for messages and a model. All have the same architecture, labels and vocabulary, and
            their heads began alike.

    Raises:
        EncoderError: Two models cannot be averaged, or a weight is no number.
    """
    first: list[TaskModel] = []

    def as_encoders() -> Iterator[Encoder]:
        for name, model in models:
            model.model.to("cpu")  # type: ignore[arg-type] - on a GPU the next training needs the memory
            if not first:
                first.append(model)
            elif model.labels != first[0].labels:
                raise ValueError(f"{name}: models that are averaged need the same labels")
            yield Encoder(name, model.model, model.tokenizer)
            del model

    combine_encoders(as_encoders())
    return first[0]


def _average(maker: ModelMaker, members: Sequence[RunSpec], places: Sequence[Places]) -> Made:
    """Return the mean of the weights of the models of several seeds."""
    histories: list[_Histories] = []

    def make_members() -> Iterator[tuple[str, TaskModel]]:
        for spec, place in zip(members, places, strict=True):
            model, realignment, finetuning, teaching, _ = maker.make(spec, place)
            histories.append((realignment, finetuning, teaching))
            yield f"{spec.strategy}, seed {spec.seed}", model
            del model  # otherwise it would stay in memory while the next one is trained

    mean = average_models(make_members())
    return Made(mean, *_chain(histories))


def _gather(maker: ModelMaker, members: Sequence[RunSpec], places: Sequence[Places]) -> Made:
    """Return the models of several seeds, which predict together. Models on the disk are loaded when requested."""
    first: TaskModel | None = None
    others: list[Callable[[], TaskModel]] = []
    histories: list[_Histories] = []
    for spec, place in zip(members, places, strict=True):
        made = maker.make(spec, place)
        histories.append((made.realignment, made.finetuning, made.teaching))
        made.model.model.to("cpu")  # type: ignore[arg-type]
        if first is None:
            first = made.model
        else:
            others.append(_keep(made.model) if place.tuned is None else _load_later(maker, place.tuned))
        del made
    assert first is not None
    return Made(first, *_chain(histories), tuple(others))


def _keep(model: TaskModel) -> Callable[[], TaskModel]:
    """Return a function that returns a model. Processes that train together share no models on the disk."""
    return lambda: model


def _load_later(maker: ModelMaker, place: Path) -> Callable[[], TaskModel]:
    return lambda: maker.load(place)


JOINS: dict[str, Callable[[ModelMaker, Sequence[RunSpec], Sequence[Places]], Made]] = {
    SEEDS: _average,
    ENSEMBLE: _gather,
}
"""How the models of several seeds become one."""


def _chain(histories: Sequence[_Histories]) -> _Histories:
    """Return the trainings of several seeds as if each continued where the previous one ended."""
    realignments = [one for one, _, _ in histories if one is not None]
    tunings = [one for _, one, _ in histories]
    teachings = [one for _, _, one in histories if one is not None]
    realignment = None
    if realignments:
        realignment = replace(realignments[0], training=chain([one.training for one in realignments]))
    finetuning = replace(chain(tunings), adapter=tunings[0].adapter)
    return realignment, finetuning, join_teachings(teachings) if teachings else None
