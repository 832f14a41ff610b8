import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from alignfreeze.disk import explain_lack_of_room
from alignfreeze.errors import OutputError
from alignfreeze.files import check_folder, make_folder, new_file, new_folder, write_json
from tests.support.limits import smallest_files

WEIGHTS = {"weights": torch.zeros(10_000)}

WRITERS = {
    "torch": lambda path: torch.save(WEIGHTS, path),
    "safetensors": lambda path: save_file(WEIGHTS, path),
    "numpy": lambda path: np.save(path.open("wb"), np.zeros(10_000)),
    "numpy, several": lambda path: np.savez(path.open("wb"), a=np.zeros(10_000)),
    "json": lambda path: write_json(path, list(range(10_000))),
    "python": lambda path: path.write_bytes(bytes(40_000)),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
@pytest.mark.parametrize("place", [new_folder, new_file])
def test_a_limit_of_the_size_of_files_is_one_error_and_leaves_nothing(tmp_path, place, write):
    with (
        smallest_files(8_192),
        pytest.raises(OutputError, match=r"result.*raise the limit \(ulimit -f\)"),
        place(tmp_path / "result") as unfinished,
    ):
        write(unfinished / "file" if place is new_folder else unfinished)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"), "the disk is full, or"),
        (OSError("300000 requested and 12484 written"), "the disk is full, or"),
    ],
)
def test_a_full_disk_is_explained_whatever_library_has_met_it(tmp_path, error, reason):
    with pytest.raises(OutputError, match=rf"result: cannot be written: .*{reason}"), new_folder(tmp_path / "result"):
        raise ValueError("it did not work") from error
    assert explain_lack_of_room(ValueError("something else")) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [new_folder, new_file])
def test_data_are_on_the_disk_before_they_get_their_name(tmp_path, monkeypatch, place):
    done = []
    fsync, replace = os.fsync, Path.replace
    name_of = {}

    def note_sync(number):
        done.append(Path(f"/proc/self/fd/{number}").readlink().name)
        fsync(number)

    def note_name(self, target):
        name_of[target.name] = self.name
        done.append(f"now called {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_name)
    with place(tmp_path / "result") as unfinished:
        if place is new_folder:
            (unfinished / "inner").mkdir()
            (unfinished / "inner" / "weights").write_bytes(b"1")
        else:
            unfinished.write_bytes(b"1")
    inside = ["weights", "inner"] if place is new_folder else []
    assert done == [*inside, name_of["result"], "now called result", tmp_path.name]


@pytest.mark.parametrize("check", [check_folder, make_folder])
def test_a_name_that_is_no_utf8_is_refused_before_anything_is_written(tmp_path, check):
    folder = tmp_path / os.fsdecode(b"caf\xe9") / "out"
    with pytest.raises(OutputError, match=r"caf\\udce9/out: this name is not UTF-8; rename the file or folder"):
        check(folder)
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_utf8_is_an_error_that_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="text that is not UTF-8"):
        write_json(tmp_path / "file.json", {"encoder": os.fsdecode(b"caf\xe9")})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_user_is_an_error_of_the_user(tmp_path, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"locks: cannot be written \(Permission denied\)"):
        make_folder(tmp_path / "locks")
