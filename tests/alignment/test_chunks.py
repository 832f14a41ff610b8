from alignfreeze.alignment.chunks import _choose_examples
from alignfreeze.alignment.links import WordAlignment, to_alignments


def test_the_pairs_that_are_shown_are_spread_to_the_end(toy_bitext):
    linked, without = WordAlignment(frozenset({(0, 0)})), WordAlignment(frozenset())

    def choose(alignments, n):
        pairs = toy_bitext[: len(alignments)]
        return _choose_examples(pairs, to_alignments(alignments, pairs).links, n)

    some = [linked, linked, without, *[linked] * 6]
    shown = choose(some, 5)
    assert [place for place, _, _ in shown] == [0, 1, 4, 5, 7]  # places 0, 1, 3, 4, 6 of the eight with links
    assert all((pair, links) == (toy_bitext[place], some[place]) for place, pair, links in shown)
    assert choose([without] * 3, 5) == []
    assert choose([linked] * 3, 0) == []
