"""The encoders that runs start from. If several runs share a realigned encoder, it is made once and then read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from alignfreeze.encoding.encoder import Encoder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.strategies import Member, Strategy, Swap
from alignfreeze.files import make_folder, new_folder, remove_folder, remove_leftovers, write_json
from alignfreeze.locks import HeldElsewhereError, hold_lock
from alignfreeze.progress import remark
from alignfreeze.realignment.averaging import combine_encoders
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.realignment.swapping import swap_parts
from alignfreeze.realignment.ties import merge_changes
from alignfreeze.seals import is_intact, seal
from alignfreeze.stored import Stored

_STAGE = "realignment"
_HISTORY = "realignment.json"


@dataclass(frozen=True, slots=True)
class _Made:
    """How a shared encoder was made: what the realignment did, and its time and memory."""

    history: RealignmentHistory
    seconds: float
    memory: dict[str, int]


_MADE = Stored[_Made](_Made, "how an encoder was realigned of this version")


def lock_of(place: Path, *, seconds: float = -1) -> AbstractContextManager[None]:
    """Return a block that holds the lock of a shared model. It is in the folder with the locks of the runs.

    Args:
        place: The folder of the model: of a realigned encoder, or of a fine-tuned model.
        seconds: How long to wait for another process, as in `hold_lock`.
    """
    return hold_lock(place.parent.parent / "locks" / f"{place.parent.name}-{place.name}.lock", seconds=seconds)


@contextmanager
def hold_patiently(place: Path, what: str) -> Iterator[None]:
    """Hold the lock of a shared model inside the block, and say if another process has to end first.

    Args:
        place: The folder of the model.
        what: What the other process does, for the remark.
    """
    try:
        with lock_of(place, seconds=0):
            yield
            return
    except HeldElsewhereError:
        remark(f"{place.name}: another process is {what}; waiting for it")
    with lock_of(place):
        yield


@contextmanager
def replacing_shared(place: Path) -> Iterator[Path]:
    """Give a new folder for a shared model, which is sealed and takes the place of an older one after the block.

    The lock of the model must be held.
    """
    remove_leftovers(place.parent, of=place.name, is_ours=True)
    remove_folder(place)
    with new_folder(place) as folder:
        yield folder
        seal(folder)


@dataclass(frozen=True, slots=True)
class EncoderMaker:
    """Makes the encoders that a run starts from.

    Attributes:
        load: Loads the encoder in a folder; for None, the pretrained encoder.
        realign: Realigns an encoder in place with a freeze policy, and measures this as the stage `realignment`.
        describe: Writes a card into the folder of a realigned encoder.
        meter: Receives the time and memory of realignments, including those that another run did.
        seed: The seed for parts that are chosen at random.
    """

    load: Callable[[Path | None], Encoder]
    realign: Callable[[Encoder, FreezePolicy, Meter], RealignmentHistory]
    describe: Callable[[Path, RealignmentHistory], None]
    meter: Meter
    seed: int

    def make(self, strategy: Strategy, places: Mapping[str, Path]) -> tuple[Encoder, list[RealignmentHistory]]:
        """Return the encoder that a strategy fine-tunes, and the histories of the realignments.

        Args:
            strategy: How the encoder is made: one realigned encoder, or one that is merged from several.
            places: The folders of the realigned encoders that other runs also start from, by freeze policy.
        """
        histories: list[RealignmentHistory] = []
        left = Counter(strategy.starts)
        kept: dict[FreezePolicy, Encoder] = {}

        def make_start(policy: FreezePolicy | None) -> Encoder:
            if policy is None:
                return self.load(None)
            left[policy] -= 1
            if (encoder := kept.pop(policy, None)) is None:
                encoder, history = self._realign(policy, places.get(str(policy)))
                histories.append(history)
            if strategy.is_merged:
                encoder.model.to("cpu")  # type: ignore[arg-type] - on a GPU the next realignment needs the memory
            if left[policy]:  # the strategy needs it again, and will change this one
                kept[policy] = replace(encoder, model=deepcopy(encoder.model))
            return encoder

        def make_member(member: Member) -> Encoder:
            if not isinstance(member, Swap):
                return make_start(member)
            encoder = make_start(member.base)
            return swap_parts(encoder, make_start(member.donor), member.parts, seed=self.seed)

        members = map(make_member, strategy.members)
        if strategy.density is not None:
            return merge_changes(self.load(None), members, density=strategy.density), histories
        return combine_encoders(members, strategy.shares), histories

    def _realign(self, policy: FreezePolicy, place: Path | None) -> tuple[Encoder, RealignmentHistory]:
        """Return a realigned encoder, which other runs share if it has a place."""
        if place is not None:
            return self.realign_once(place, policy)
        encoder = self.load(None)
        return encoder, self.realign(encoder, policy, self.meter)

    def realign_once(self, place: Path, policy: FreezePolicy) -> tuple[Encoder, RealignmentHistory]:
        """Realign an encoder, or read the one that another run has made. If two processes ask at once, one waits.

        Args:
            place: The folder of the realigned encoder, named after everything that the encoder depends on.
            policy: What is frozen.

        Raises:
            OutputError: The folder cannot be written or locked.
        """
        make_folder(place.parent)
        with hold_patiently(place, "realigning this encoder"):
            made = _MADE.find(place / _HISTORY)
            if made is not None and is_intact(place):
                self.meter.add(_STAGE, made.seconds, made.memory)
                remark(f"{place.name}: realigned before")
                return self.load(place), made.history
            if place.exists():
                remark(f"{place}: this realigned encoder is damaged; realigning again")
            # The run may realign other encoders too: this one has a meter of its own.
            own = Meter(self.meter.device)
            encoder = self.load(None)
            history = self.realign(encoder, policy, own)
            seconds, memory = own.seconds[_STAGE], own.memory[_STAGE]
            self.meter.add(_STAGE, seconds, memory)
            with replacing_shared(place) as folder:
                encoder.save(folder)
                write_json(folder / _HISTORY, asdict(_Made(history, seconds, memory)))
                self.describe(folder, history)
            return encoder, history
