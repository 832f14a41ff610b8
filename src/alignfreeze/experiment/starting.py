"""The encoders that runs start from. If several runs share a realigned encoder, it is made once and then read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from alignfreeze.encoding.encoder import Encoder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.records import realignment_from_json
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.files import make_folder, new_folder, read_json, remove_leftovers, write_json
from alignfreeze.progress import remark
from alignfreeze.realignment.averaging import average_encoders
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.trainer import RealignmentHistory

_STAGE = "realignment"
_HISTORY = "realignment.json"


def lock_of(place: Path) -> FileLock:
    """Return the lock of a shared encoder. Its file is in the folder with the locks of the runs."""
    return FileLock(place.parent.parent / "locks" / f"{place.parent.name}-{place.name}.lock")


@dataclass(frozen=True, slots=True)
class EncoderMaker:
    """Makes the encoders that a run starts from.

    Attributes:
        load: Loads the encoder in a folder; for None, the pretrained encoder.
        realign: Realigns an encoder in place with a freeze policy, and measures this as the stage `realignment`.
        describe: Writes a card into the folder of a realigned encoder.
        meter: Receives the time and memory of realignments, including those that another run did.
    """

    load: Callable[[Path | None], Encoder]
    realign: Callable[[Encoder, FreezePolicy, Meter], RealignmentHistory]
    describe: Callable[[Path, RealignmentHistory], None]
    meter: Meter

    def make(self, strategy: Strategy, places: Mapping[str, Path]) -> tuple[Encoder, list[RealignmentHistory]]:
        """Return the encoder that a strategy fine-tunes, and the histories of the realignments.

        Args:
            strategy: How the encoder is made: one realigned encoder, or the mean of several.
            places: The folders of the realigned encoders that other runs also start from, by freeze policy.
        """
        histories = []

        def make_member(policy: FreezePolicy | None) -> Encoder:
            if policy is None:
                return self.load(None)
            if (place := places.get(str(policy))) is not None:
                encoder, history = self.realign_once(place, policy)
            else:
                encoder = self.load(None)
                history = self.realign(encoder, policy, self.meter)
            histories.append(history)
            if strategy.is_average:
                encoder.model.to("cpu")  # type: ignore[arg-type] - on a GPU the next realignment needs the memory
            return encoder

        return average_encoders(map(make_member, strategy.members), weights=strategy.shares), histories

    def realign_once(self, place: Path, policy: FreezePolicy) -> tuple[Encoder, RealignmentHistory]:
        """Realign an encoder, or read the one that another run has made. If two processes ask at once, one waits.

        Args:
            place: The folder of the realigned encoder, named after everything that the encoder depends on.
            policy: What is frozen.
        """
        make_folder(place.parent)
        make_folder(place.parent.parent / "locks")
        lock = lock_of(place)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            remark(f"{place.name}: another process is realigning this encoder; waiting for it")
            lock.acquire()
        try:
            if (made := read_json(place / _HISTORY)) is not None:
                self.meter.add(_STAGE, made["seconds"], made["memory"])
                remark(f"{place.name}: realigned before")
                return self.load(place), realignment_from_json(made["history"])
            # The run may also realign other encoders, so this encoder has a separate meter.
            own = Meter(self.meter.device)
            encoder = self.load(None)
            history = self.realign(encoder, policy, own)
            seconds, memory = own.seconds[_STAGE], own.memory[_STAGE]
            self.meter.add(_STAGE, seconds, memory)
            remove_leftovers(place.parent, of=place.name, is_ours=True)
            shutil.rmtree(place, ignore_errors=True)  # a folder without history was not removed as a whole
            with new_folder(place) as folder:
                encoder.save(folder)
                write_json(folder / _HISTORY, {"history": asdict(history), "seconds": seconds, "memory": memory})
                self.describe(folder, history)
            return encoder, history
        finally:
            lock.release()
