"""Files that commands read."""

import pytest

from tests.conftest import write_bars


@pytest.fixture(scope="module")
def bitext_file(tmp_path_factory, toy_bitext):
    path = tmp_path_factory.mktemp("bitext") / "en-de.txt"
    path.write_text("\n".join(write_bars(toy_bitext)))
    return path


@pytest.fixture(scope="module")
def tagged_file(tmp_path_factory, toy_tagged):
    path = tmp_path_factory.mktemp("tagged") / "en.conllu"
    rows = []
    for sentence in toy_tagged:
        words = enumerate(zip(sentence.words, sentence.tags, strict=True), start=1)
        rows += [*(f"{number}\t{word}\t_\t{tag}" + "\t_" * 6 for number, (word, tag) in words), ""]
    path.write_text("\n".join(rows))
    return path
