import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.corpora.chosen import BitextRequest, sum_up
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.files import digest_of_file


@pytest.fixture
def request_of(tmp_path):
    """Return a request for files with these contents, each with a language pair."""

    def request(*contents, **selection):
        readers = []
        for number, (languages, content) in enumerate(contents):
            path = tmp_path / f"{number}.tsv"
            path.write_text(content)
            readers.append(BitextReader(path, languages=languages))
        return BitextRequest(readers, SelectionSettings(**selection))

    return request


def test_two_files_of_one_language_pair_keep_both_digests(request_of):
    request = request_of((("en", "de"), "a\tA\n"), (("en", "tr"), "b\tB\n"), (("en", "de"), "c\tC\n"))
    first, second, third = map(digest_of_file, request.files)
    assert request.digests() == {"bitext en-de": [first, third], "bitext en-tr": [second]}


def test_pairs_of_several_files_are_summed_up(request_of):
    request = request_of(
        (("en", "de"), "a\tA\na\tA\nTom\tTom\n"), (("en", "de"), "b\tB\nTom\tTom\n"), drop_identical=True
    )
    chosen = request.choose()
    assert sum_up(chosen) == {
        "languages": "en-de",
        "forms": ["tsv"],
        "sentence_pairs_read": 5,
        "sentence_pairs": 3,
        "left_out": {"identical sides": 2},
    }
    assert [pair.target for pair in request.split(chosen)] == [("A",), ("A",), ("B",)]
