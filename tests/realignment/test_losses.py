import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.realignment.losses import contrastive_loss, l2_loss


def batch(n_source, n_target, n_links, seed, width=6):
    generator = torch.Generator().manual_seed(seed)
    words = torch.randn(n_source + n_target, width, dtype=torch.float64, generator=generator)
    sources = torch.randperm(n_source, generator=generator)[:n_links]
    targets = torch.randperm(n_target, generator=generator)[:n_links] + n_source
    is_target = torch.arange(n_source + n_target) >= n_source
    return words, torch.stack([sources, targets], dim=1), is_target


def slow_contrastive_loss(words, links, is_target, temperature, negatives):
    """The loss as method.md puts it, one word at a time."""
    losses = []
    for anchor, partner in [(s, t) for s, t in links.tolist()] + [(t, s) for s, t in links.tolist()]:
        exponents = {}
        for other in range(len(words)):
            same_language = bool(is_target[anchor] == is_target[other])
            if other == anchor or (negatives == "weak" and same_language):
                continue
            cosine = torch.cosine_similarity(words[anchor], words[other], dim=0)
            exponents[other] = math.exp(float(cosine) / temperature)
        losses.append(-math.log(exponents[partner] / sum(exponents.values())))
    return sum(losses) / len(losses)


def test_two_orthogonal_pairs_at_temperature_one():
    # Each word meets its partner (cosine 1) and two strangers (cosine 0):
    # -ln(e / (e + 1 + 1)) = ln(1 + 2/e) = 0.5514.
    words = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    links = torch.tensor([[0, 2], [1, 3]])
    is_target = torch.tensor([False, False, True, True])
    loss = contrastive_loss(words, links, is_target, temperature=1.0)
    assert loss.item() == pytest.approx(math.log(1 + 2 / math.e), abs=1e-6)


def test_weak_negatives_leave_out_the_own_language():
    # Against the other language only, each word meets its partner and one stranger: ln(1 + 1/e).
    words = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    links = torch.tensor([[0, 2], [1, 3]])
    is_target = torch.tensor([False, False, True, True])
    loss = contrastive_loss(words, links, is_target, temperature=1.0, negatives="weak")
    assert loss.item() == pytest.approx(math.log(1 + 1 / math.e), abs=1e-6)


def test_words_without_a_link_are_negatives_too():
    # The third source word has no link; it is orthogonal to both, one stranger more: ln(1 + 3/e) for
    # the first pair; the loss is the mean over linked words only.
    words = torch.tensor([[1.0, 0, 0], [0, 0, 1], [1, 0, 0]])
    loss = contrastive_loss(words, torch.tensor([[0, 2]]), torch.tensor([False, False, True]), temperature=1.0)
    assert loss.item() == pytest.approx(math.log(1 + 1 / math.e), abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    n_source=st.integers(1, 7),
    n_target=st.integers(1, 7),
    seed=st.integers(0, 10_000),
    temperature=st.sampled_from([0.05, 0.1, 1.0]),
    negatives=st.sampled_from(["strong", "weak"]),
)
def test_equals_a_slow_loop_over_words(n_source, n_target, seed, temperature, negatives):
    words, links, is_target = batch(n_source, n_target, min(n_source, n_target), seed)
    fast = contrastive_loss(words, links, is_target, temperature=temperature, negatives=negatives)
    slow = slow_contrastive_loss(words, links, is_target, temperature, negatives)
    assert fast.item() == pytest.approx(slow, rel=1e-9, abs=1e-9)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_the_length_of_vectors_does_not_matter(seed, scale):
    words, links, is_target = batch(4, 5, 3, seed)
    scaled = contrastive_loss(words * scale, links, is_target)
    assert scaled.item() == pytest.approx(contrastive_loss(words, links, is_target).item(), rel=1e-9)


def test_half_precision_is_computed_in_single():
    words, links, is_target = batch(4, 5, 3, seed=1)
    assert contrastive_loss(words.bfloat16(), links, is_target).dtype == torch.float32


def test_l2_is_the_mean_squared_difference():
    # (1-0)^2, (2-2)^2, (0-2)^2, (0-0)^2 over 2 links and width 2: 5 / 4.
    words = torch.tensor([[1.0, 2], [0, 0], [0, 2], [2, 0]])
    assert l2_loss(words, torch.tensor([[0, 2], [1, 3]])).item() == pytest.approx(1.25)


@pytest.mark.parametrize("links", [torch.zeros(0, 2, dtype=torch.long), torch.zeros(3, dtype=torch.long)])
def test_links_of_the_wrong_shape_are_refused(links):
    with pytest.raises(ValueError, match="links must be"):
        contrastive_loss(torch.eye(3), links, torch.tensor([False, True, True]))
