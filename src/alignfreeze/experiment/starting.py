"""The encoders that runs start from. A realigned one that several runs share is made once, then read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
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

Realign = Callable[[Encoder, FreezePolicy, Meter], RealignmentHistory]
"""Realigns an encoder in place by a freeze policy, and measures it as the stage `realignment`."""

Load = Callable[[Path | None], Encoder]
"""Loads the encoder in a folder, or for None the pretrained one."""

_STAGE = "realignment"
_HISTORY = "realignment.json"


def lock_of(place: Path) -> FileLock:
    """Return the lock of a shared encoder, which stands with those of the runs."""
    return FileLock(place.parent.parent / "locks" / f"{place.parent.name}-{place.name}.lock")


def prepare_encoder(
    strategy: Strategy,
    places: Mapping[str, Path],
    load: Load,
    realign: Realign,
    *,
    meter: Meter,
    describe: Callable[[Path, RealignmentHistory], None],
) -> tuple[Encoder, list[RealignmentHistory]]:
    """Return the encoder that a strategy fine-tunes: a realigned one, or the mean of several and the pretrained one.

    Args:
        strategy: Which one.
        places: The folders of the realigned encoders that other runs start from too, by strategy.
        load: Loads an encoder.
        realign: Realigns it.
        meter: Is told what it took, by whichever run.
        describe: Puts a card into the folder of a realigned encoder.

    Returns:
        The encoder, and what the realignments did.
    """
    histories = []

    def load_member(policy: FreezePolicy | None) -> Encoder:
        if policy is None:
            return load(None)
        if (place := places.get(str(policy))) is not None:
            encoder, history = realign_once(place, policy, load, realign, meter=meter, describe=describe)
        else:
            encoder = load(None)
            history = realign(encoder, policy, meter)
        histories.append(history)
        if strategy.is_average:
            encoder.model.to("cpu")  # type: ignore[arg-type] - on a GPU the next realignment needs the room
        return encoder

    return average_encoders(map(load_member, strategy.members), weights=strategy.shares), histories


def realign_once(
    place: Path,
    policy: FreezePolicy,
    load: Load,
    realign: Realign,
    *,
    meter: Meter,
    describe: Callable[[Path, RealignmentHistory], None],
) -> tuple[Encoder, RealignmentHistory]:
    """Realign an encoder, or return what another run has made of it; of two processes at once the second waits.

    Args:
        place: The folder of the realigned encoder, named by what it depends on.
        policy: What is frozen.
        load: Loads an encoder.
        realign: Realigns it.
        meter: Is told what it took, by whichever run.
        describe: Puts a card into the folder.
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
            meter.add(_STAGE, made["seconds"], made["memory"])
            remark(f"{place.name}: realigned before")
            return load(place), realignment_from_json(made["history"])
        # The run may realign others too; what this one takes is kept apart.
        own = Meter(meter.device)
        encoder = load(None)
        history = realign(encoder, policy, own)
        seconds, memory = own.seconds[_STAGE], own.memory[_STAGE]
        meter.add(_STAGE, seconds, memory)
        remove_leftovers(place.parent, of=place.name, is_ours=True)
        with new_folder(place) as folder:
            encoder.save(folder)
            write_json(folder / _HISTORY, {"history": asdict(history), "seconds": seconds, "memory": memory})
            describe(folder, history)
        return encoder, history
    finally:
        lock.release()
