"""The reference algorithm, written plainly from its description, with the costs that it has there.

What the paper's code does in a step, and what makes it slow: it runs the encoder once for the source and once
for the target sentences, pads each side to its longest sentence, collects the vectors of words one by
one in Python, projects linked words a second time beside all words, and lets Adam update every
row of the embedding table. The tests compare our losses and gradients with it; the benchmarks our speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alignfreeze.alignment.links import Alignments
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import EncodedPair, encode_pairs
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.order import take_turns
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.realignment.model import ProjectionHead

IGNORED = -100


class Reference(nn.Module):
    """Realigns the encoder that it is given, in place."""

    def __init__(self, encoder: PreTrainedModel, projection: nn.Module, *, padding: int, temperature: float = 0.1):
        super().__init__()
        self.encoder = encoder
        self.projection = projection
        self.padding = padding
        self.temperature = temperature

    def forward(self, pairs: Sequence[EncodedPair]) -> Tensor:
        """Return the strong contrastive loss of a batch, at the last layer."""
        sides = []
        for sentences, firsts in (
            ([pair.source for pair in pairs], [pair.source_words for pair in pairs]),
            ([pair.target for pair in pairs], [pair.target_words for pair in pairs]),
        ):
            ids, mask = padded(sentences, self.padding)
            output = self.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
            sides.append((output.hidden_states[-1], firsts))
        words, linked = [], []
        for side, (hidden, firsts) in enumerate(sides):
            places, everything = {}, []
            for row, first in enumerate(firsts):
                for word, position in enumerate(first.tolist()):
                    places[row, word] = len(everything)
                    everything.append(hidden[row, position])
            aligned = [places[row, link[side]] for row, pair in enumerate(pairs) for link in pair.links.tolist()]
            words.append(self.projection(torch.stack(everything)))
            linked.append((self.projection(torch.stack([everything[place] for place in aligned])), aligned))
        everything = nn.functional.normalize(torch.cat(words), dim=-1)  # [words, projection]
        n_source = len(words[0])
        losses = []
        for side, other in ((0, 1), (1, 0)):
            vectors, own = linked[side]
            offset, partners = n_source * side, [n_source * other + place for place in linked[other][1]]
            similarity = nn.functional.normalize(vectors, dim=-1) @ everything.T / self.temperature
            for row, place in enumerate(own):
                similarity[row, offset + place] = float("-inf")  # a word is not its own negative
            losses.append(nn.functional.cross_entropy(similarity, torch.tensor(partners), reduction="sum"))
        return (losses[0] + losses[1]) / (2 * len(linked[0][1]))


def padded(sentences: Sequence[Iterable[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Pad sentences to the longest; return subwords and mask, [sentences, subwords]."""
    rows = [torch.as_tensor(list(sentence)).long() for sentence in sentences]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    return ids, mask


def tagging_loss(
    model: PreTrainedModel, sentences: Sequence[Iterable[int]], labels: Sequence[Iterable[int]], padding: int
) -> Tensor:
    """Return the loss of a task model on a batch of sentences, padded to the longest."""
    ids, mask = padded(sentences, padding)
    return model(input_ids=ids, attention_mask=mask, labels=padded(labels, IGNORED)[0]).loss


def adam(model: nn.Module, learning_rate: float = 2e-5) -> torch.optim.Optimizer:
    """Return the optimiser of the reference code, over every parameter that is trained."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.Adam(trained, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8)


def realigning(
    encoder: Encoder,
    bitext: Sequence[SentencePair],
    alignments: Alignments,
    *,
    policy: str,
    steps: int,
    batch_size: int,
    seed: int,
) -> Callable[[], None]:
    """Return a function that makes the next of some steps. It trains the encoder that it is given, in place."""
    pairs = encode_pairs(encoder.tokenizer, bitext, alignments)
    order = take_turns(pairs.positions(), steps * batch_size, seed=seed).reshape(-1, batch_size)
    model = Reference(encoder.model, ProjectionHead(encoder.model.config.hidden_size, 128), padding=encoder.padding)
    for part in FreezePolicy.parse(policy).parts_of(encoder.model):
        part.requires_grad_(False)
    optimizer, numbers = adam(model.train()), count()

    def step() -> None:
        model([pairs[place] for place in order[next(numbers)]]).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
