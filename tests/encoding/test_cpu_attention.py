"""The attention of packed sentences on a CPU, against one that is written sentence by sentence."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.encoding import attention, cpu_attention
from alignfreeze.encoding.attention import attend
from alignfreeze.encoding.packed import Layout

WIDTH = 4


def make_sides(lengths, heads, key_heads):
    generator = torch.Generator().manual_seed(sum(lengths) + 7 * heads)
    shapes = [(1, n, sum(lengths), WIDTH) for n in (heads, key_heads, key_heads)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def one_by_one(sides, lengths, *, window=None, factors=None):
    """Each sentence and head by itself. The factors of dropout are [sentences, heads, longest, longest]."""
    heads, sharing = sides[0].shape[1], sides[0].shape[1] // sides[1].shape[1]
    found = []
    for number, (start, n) in enumerate(zip(torch.tensor([0, *lengths]).cumsum(0).tolist(), lengths, strict=False)):
        query, key, value = (side[0, :, start : start + n] for side in sides)
        for head in range(heads):
            scores = query[head] @ key[head // sharing].T / WIDTH**0.5
            if window is not None:
                distances = (torch.arange(n)[:, None] - torch.arange(n)).abs()
                scores = scores.masked_fill(distances >= window, -torch.inf)
            shares = scores.softmax(-1)
            if factors is not None:
                shares = shares * factors[number, head, :n, :n]
            found.append(shares @ value[head // sharing])
    by_sentence = [torch.stack(found[start : start + heads]) for start in range(0, len(found), heads)]
    return torch.cat(by_sentence, dim=1).transpose(0, 1)[None]  # [1, subwords, heads, width of a head]


def check(sides, found, expected):
    torch.testing.assert_close(found, expected)
    wanted = torch.arange(found.numel(), dtype=torch.float64).view_as(found).sin()
    ours, theirs = (torch.autograd.grad((one * wanted).sum(), sides) for one in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def lay_out(lengths):
    return Layout.of(torch.tensor(lengths), max(lengths), sum(lengths))


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.sampled_from([(1, 1), (3, 3), (4, 2), (6, 1)]),
    st.sampled_from([None, 1, 3]),
)
def test_it_gives_what_each_sentence_gives_alone(lengths, heads, window):
    sides = make_sides(lengths, *heads)
    found, _ = attend(None, *sides, None, layout=lay_out(lengths), sliding_window=window)
    check(sides, found, one_by_one(sides, lengths, window=window))


@pytest.mark.parametrize("heads", [(2, 2), (4, 2)])
def test_dropout_hits_what_its_factors_say(monkeypatch, heads):
    lengths, drawn = [3, 1, 5], []

    def draw(values, probability):
        drawn.append((torch.arange(values.numel()).view_as(values) % 3 > 0) / (1 - probability))
        return drawn[-1].to(values.dtype)

    monkeypatch.setattr(cpu_attention, "draw_factors", draw)
    sides = make_sides(lengths, *heads)
    found, _ = attend(None, *sides, None, layout=lay_out(lengths), dropout=0.25)
    factors = drawn[0].view(3, heads[0], 5, 5)
    check(sides, found, one_by_one(sides, lengths, factors=factors))


def test_long_sentences_are_left_to_torch_and_give_the_same(monkeypatch):
    lengths = [7, 2, 5]
    sides = make_sides(lengths, 4, 2)
    found, _ = attend(None, *sides, None, layout=lay_out(lengths))
    monkeypatch.setattr(attention, "LONGEST_ROW", 6)
    monkeypatch.setattr(attention, "attend_on_cpu", None)  # whoever calls it fails
    by_torch, _ = attend(None, *sides, None, layout=lay_out(lengths))
    check(sides, by_torch, found)
