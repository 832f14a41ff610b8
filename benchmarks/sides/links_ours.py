"""The side of alignfreeze that finds links by the vectors of an encoder."""

import time

from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.aligning import align
from alignfreeze.encoding.encoder import load_encoder
from benchmarks.sides.turns import Turns, peak


def main():
    turns = Turns()
    encoder, layer = load_encoder(turns.how["model"]), turns.how["layer"]
    bitext = [SentencePair(tuple(one), tuple(other), tuple(codes)) for one, other, codes in turns.pairs()]
    turns.answer(ready=True)
    while request := turns.wait():
        pairs = bitext[request["start"] :: request["every"]]
        began = time.perf_counter()
        found = align(pairs, aligner=request["method"], layer=layer, encoder=encoder, cache=False, device="cpu")
        seconds = time.perf_counter() - began
        turns.answer(seconds=seconds, peak=peak(), links=[sorted(alignment.links) for alignment in found])


if __name__ == "__main__":
    main()
