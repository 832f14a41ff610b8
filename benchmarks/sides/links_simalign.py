"""The side of simalign, in an environment with simalign alone. It aligns one sentence pair at a time."""

import time

from simalign import SentenceAligner

from benchmarks.sides.turns import Turns, peak

METHODS = {"argmax": "inter", "itermax": "itermax"}
"""Our name of a method, and simalign's."""


def main():
    turns = Turns()
    aligner = SentenceAligner(turns.how["model"], token_type="bpe", matching_methods="a", layer=turns.how["layer"])
    pairs = turns.pairs()
    turns.answer(ready=True)
    while request := turns.wait():
        name = METHODS[request["method"]]
        aligner.matching_methods = [name]
        began = time.perf_counter()
        found = [
            aligner.get_word_aligns(one, other)[name] for one, other, _ in pairs[request["start"] :: request["every"]]
        ]
        turns.answer(seconds=time.perf_counter() - began, peak=peak(), links=found)


if __name__ == "__main__":
    main()
