import pytest

from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.corpora.chosen import BitextRequest
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.encoding.requests import LinkRequest
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.probing import probe, shorten_names
from tests.conftest import write_bars


def test_names_of_encoders_are_as_short_as_tells_them_apart():
    assert shorten_names(["xlm-roberta-base", "out/realigned"]) == ["xlm-roberta-base", "realigned"]
    assert shorten_names(["a/front/model", "a/back/model"]) == ["front/model", "back/model"]
    with pytest.raises(SettingsError, match="named twice"):
        shorten_names(["a/model", "a/model"])


def test_a_probe_takes_the_sentence_pairs_that_are_asked_for(tmp_path, tiny_folder, toy_bitext):
    (tmp_path / "en-de.txt").write_text("\n".join(write_bars(toy_bitext)))
    reader = BitextReader(tmp_path / "en-de.txt", languages=("en", "de"))

    (tmp_path / "words").write_text("\n".join({f"{word} {word[::-1]}" for pair in toy_bitext for word in pair.source}))
    links = LinkRequest(AlignmentSettings(aligner="dictionary"), {("en", "de"): tmp_path / "words"})

    def n_words(**selection):
        request = BitextRequest([reader], SelectionSettings(**selection), pretokenized=True)
        probed = probe(str(tiny_folder), request, alignments=links, device="cpu")
        return probed.retrieval[tiny_folder.name][0].n

    # Of three sentence pairs there are at most nine different nouns and verbs.
    assert n_words(keep_best=3 / len(toy_bitext)) <= 9 < n_words()
