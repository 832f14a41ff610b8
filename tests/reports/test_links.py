from alignfreeze.alignment.links import WordAlignment
from alignfreeze.reports.links import spread


def test_the_pairs_that_are_shown_are_spread_to_the_end(toy_bitext):
    linked, without = WordAlignment(frozenset({(0, 0)})), WordAlignment(frozenset())
    shown = spread(toy_bitext[:9], [linked, linked, without, linked, linked, linked, linked, linked, linked], 5)
    assert [item.number for item in shown] == [1, 2, 5, 6, 8]  # places 0, 1, 3, 4, 6 of the eight with links
    assert spread(toy_bitext[:3], [without] * 3, 5) == []
    assert spread(toy_bitext[:3], [linked] * 3, 0) == []
