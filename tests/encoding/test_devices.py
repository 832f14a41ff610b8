"""What devices can do."""

import pytest
import torch

from alignfreeze.encoding.devices import multiplies_bf16


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"amx_bf16": True}, True),
        ({"amx_bf16": False, "avx512_bf16": True}, True),
        ({"amx_bf16": False, "avx512_bf16": False}, False),
        ({}, False),
    ],
)
def test_some_processors_multiply_bf16(monkeypatch, found, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert multiplies_bf16("cpu") == expected


def test_older_versions_of_torch_do_not_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not multiplies_bf16("cpu")
    assert not multiplies_bf16("mps")
