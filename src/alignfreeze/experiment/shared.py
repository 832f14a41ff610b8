"""Realigned encoders that several runs start from, such as those of different tasks: made once, then read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.experiment.meter import Meter
from alignfreeze.experiment.records import realignment_from_json
from alignfreeze.files import make_folder, new_folder, read_json, write_json
from alignfreeze.progress import remark
from alignfreeze.realignment.trainer import RealignmentHistory

REALIGNED = "realigned"
"""The folder of an experiment in which they are kept."""

_STAGE = "realignment"
_HISTORY = "realignment.json"


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
    lock = FileLock(make_folder(place.parent) / f".{place.name}.lock")
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
        with new_folder(place) as folder:
            encoder.save(folder)
            facts = {"history": asdict(history), "seconds": meter.seconds[_STAGE], "memory": meter.memory[_STAGE]}
            write_json(folder / _HISTORY, facts)
            describe(folder, history)
        return encoder, history
    finally:
        lock.release()
