"""Realigned encoders that several runs start from, such as those of different tasks: made once, then read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.records import realignment_from_json
from alignfreeze.files import make_folder, new_folder, read_json, remove_leftovers, write_json
from alignfreeze.progress import remark
from alignfreeze.realignment.trainer import RealignmentHistory

REALIGNED = "realigned"
"""The folder of an experiment in which they are kept."""

_STAGE = "realignment"
_HISTORY = "realignment.json"


def remove_realigned(place: Path) -> None:
    """Remove a realigned encoder, unless another process is at it just now.

    Its lock stays: others may wait for it, and one that is taken away keeps nobody out.
    """
    with suppress(Timeout, OSError), _lock(place).acquire(timeout=0):
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):
            place.parent.rmdir()


def _lock(place: Path) -> FileLock:
    return FileLock(place.parent.parent / "locks" / f"{REALIGNED}-{place.name}.lock")


def realigned_once(
    place: Path,
    encoder: Encoder,
    realign: Callable[[Encoder], RealignmentHistory],
    *,
    meter: Meter,
    describe: Callable[[Path, RealignmentHistory], None],
) -> tuple[Encoder, RealignmentHistory]:
    """Realign an encoder, or return what another run has made of it; of two processes at once the second waits.

    Args:
        place: The folder of the realigned encoder, named by what it depends on.
        encoder: The encoder, which is realigned in place if it is done here.
        realign: Does it, and measures it as the stage `realignment`.
        meter: Is told what it took, by whichever run.
        describe: Puts a card into the folder.
    """
    make_folder(place.parent)
    make_folder(place.parent.parent / "locks")
    lock = _lock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        remark(f"{place.name}: another process is realigning this encoder; waiting for it")
        lock.acquire()
    try:
        if (made := read_json(place / _HISTORY)) is not None:
            meter.seconds[_STAGE], meter.memory[_STAGE] = made["seconds"], made["memory"]
            remark(f"{place.name}: realigned before")
            theirs = load_encoder(str(place), tokenizer=encoder.tokenizer)
            return Encoder(encoder.name, theirs.model, encoder.tokenizer), realignment_from_json(made["history"])
        history = realign(encoder)
        remove_leftovers(place.parent, of=place.name, is_ours=True)
        with new_folder(place) as folder:
            encoder.save(folder)
            facts = {"history": asdict(history), "seconds": meter.seconds[_STAGE], "memory": meter.memory[_STAGE]}
            write_json(folder / _HISTORY, facts)
            describe(folder, history)
        return encoder, history
    finally:
        lock.release()
