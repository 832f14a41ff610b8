import numpy as np
import pytest
import torch
from torch.utils import _pytree

from alignfreeze.encoding import packing
from alignfreeze.encoding.packed import Layout, Packed
from alignfreeze.ragged import Ragged

SUBWORDS = Ragged.of([np.arange(3), np.arange(10, 12), np.arange(20, 25)])
TYPES = Ragged.of([np.zeros(3), np.ones(2), np.array([0, 0, 1, 1, 1])])


def equal(ours, theirs):
    return all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(ours, theirs, strict=True))


def test_sentences_are_taken_from_a_corpus_in_the_given_order():
    packed = Packed.take(SUBWORDS, np.array([2, 0]), types=TYPES)
    assert packed.subwords.tolist() == [20, 21, 22, 23, 24, 0, 1, 2]
    assert packed.types.tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert (packed.lengths.tolist(), packed.longest, packed.n_sentences) == ([5, 3], 5, 2)
    assert packed.subwords.dtype == packed.types.dtype == torch.int64


@pytest.mark.parametrize("types", [None, TYPES])
def test_a_batch_holds_the_sentences_and_gives_them_back(types):
    packed = Packed.take(SUBWORDS, np.arange(3), types=types)
    batch = packed.to_batch()
    assert set(batch) == {"subwords", "lengths", "longest"} | ({"types"} if types else set())
    again = Packed.of({**batch, "labels": torch.ones(3)})
    assert equal(again[:3], packed[:3])
    assert (again.types is None) == (types is None)


def test_pieces_put_together_are_the_whole():
    packed = Packed.take(SUBWORDS, np.arange(3), types=TYPES)
    pieces = packed.split(2)
    assert [piece.longest for piece in pieces] == [3, 5]
    assert equal(packed.first(2), pieces[0])
    for name in ("subwords", "lengths", "types"):
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), getattr(packed, name))


def test_torch_finds_the_tensors_of_a_piece(monkeypatch):
    """A checkpoint repeats the random numbers of the devices that it finds there."""
    seen = []

    def spy(run, *arguments, **_):
        seen.append([leaf for leaf in _pytree.tree_leaves(arguments) if isinstance(leaf, torch.Tensor)])
        return run(*arguments)

    monkeypatch.setattr(packing, "checkpoint", spy)
    packed = Packed.take(SUBWORDS, np.arange(3))
    packing._run_in_pieces(lambda piece, _: piece.subwords, packed, None, at_once=2)
    assert [len(tensors) for tensors in seen] == [2, 2]


def test_rows_and_back():
    layout = Layout.of(torch.tensor([2, 0, 3]), 3, 5)
    packed = torch.arange(1, 6)
    assert layout.unpack(packed).tolist() == [[1, 2, 0], [0, 0, 0], [3, 4, 5]]
    assert layout.pack(layout.unpack(packed)).tolist() == packed.tolist()
    assert layout.ends.tolist() == [0, 2, 2, 5]
