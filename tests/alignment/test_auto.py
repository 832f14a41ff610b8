"""The aligner `auto`: it takes vectors where sentence pairs are few, statistics where they are many, and says so."""

from dataclasses import replace

import pytest

import alignfreeze as af
from alignfreeze.alignment import auto
from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align, train_aligner
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding import embedded
from alignfreeze.encoding.requests import LinkRequest
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import SettingsError

AUTO = AlignmentSettings(aligner="auto")


@pytest.fixture
def fewer(monkeypatch):
    """A hundred sentence pairs are enough for statistics."""
    monkeypatch.setattr(auto, "ENOUGH", 100)


@pytest.fixture
def mixed(toy_bitext):
    """120 sentence pairs of one language pair, 20 of two others."""
    others = [SentencePair(p.source, p.target, ("en", code)) for code in ("tr", "fi") for p in toy_bitext[:20]]
    return [*toy_bitext, *others]


@pytest.fixture
def resources(tiny_encoder):
    return Resources(LayerVectors(tiny_encoder, device="cpu"))


def test_auto_is_the_default():
    assert AlignmentSettings().aligner == "auto"


def test_few_pairs_are_aligned_by_vectors_and_many_by_statistics(fewer, mixed):
    chosen = auto.choose_aligners(AUTO, mixed)
    assert {target: one.aligner for (_, target), one in chosen.items()} == {
        **{"de": "eflomal", "tr": "argmax", "fi": "argmax"}
    }
    assert chosen["en", "tr"].centred


def test_other_aligners_are_left_as_they_are(fewer, mixed):
    hmm = AlignmentSettings(aligner="hmm")
    assert set(auto.choose_aligners(hmm, mixed).values()) == {hmm}


def test_the_links_are_those_of_the_aligners_that_it_chooses(fewer, mixed, resources, remarks):
    found = align(mixed, aligner="auto", resources=resources)
    many = align(mixed[:120], aligner="eflomal")
    few = align(mixed[120:], aligner="argmax", centred=True, resources=resources)
    assert [*found] == [*many, *few]
    assert remarks == [
        "links by eflomal for en-de with at least 100 sentence pairs, "
        "by argmax for 2 language pairs with fewer than 100 sentence pairs"
    ]


def test_its_links_are_kept_in_the_cache_of_the_aligner_that_it_chooses(toy_bitext, resources, monkeypatch):
    expected = align(toy_bitext, aligner="argmax", centred=True, resources=resources)
    monkeypatch.setattr("alignfreeze.alignment.aligning._align_chunk", lambda *_: pytest.fail("aligned again"))
    assert align(toy_bitext, aligner="auto", resources=resources) == expected


def test_without_an_encoder_it_learns_from_few_pairs_and_says_so(toy_bitext, remarks):
    assert align(toy_bitext, aligner="auto") == align(toy_bitext, aligner="eflomal")
    (remark,) = remarks
    assert remark.startswith("links by eflomal for en-de with fewer than 20,000 sentence pairs; an encoder's vectors")
    assert "alignfreeze[embedded]" in remark


def test_it_is_no_aligner_of_its_own():
    with pytest.raises(AssertionError, match="auto stands for other aligners"):
        ALIGNERS["auto"].make(AUTO, Resources(), ("en", "de"))


def test_in_python_it_uses_the_embedded_encoder_if_that_is_installed(toy_bitext, tiny_encoder, monkeypatch):
    monkeypatch.setattr("alignfreeze.encoding.aligning.to_encoder", {embedded.NAME: tiny_encoder}.__getitem__)
    by_vectors = af.align(toy_bitext, aligner="argmax", centred=True, encoder=embedded.NAME, device="cpu")
    assert af.align(toy_bitext, device="cpu") == by_vectors
    monkeypatch.setattr(embedded, "is_installed", lambda: False)
    assert af.align(toy_bitext) == af.align(toy_bitext, aligner="eflomal")


def test_an_aligner_that_compares_vectors_is_given_no_encoder_unasked(toy_bitext):
    with pytest.raises(SettingsError, match="needs the vectors of an encoder"):
        af.align(toy_bitext, aligner="argmax")


def test_a_request_loads_no_encoder_that_is_not_needed(fewer, toy_bitext, tiny_encoder, monkeypatch):
    request = LinkRequest(AUTO)
    assert request.load(toy_bitext, "no such encoder", device="cpu").vectors is None
    assert request.load(toy_bitext[:20], tiny_encoder, device="cpu").vectors is not None
    monkeypatch.setattr(embedded, "is_installed", lambda: False)
    assert request.load(toy_bitext[:20], embedded.NAME, device="cpu").vectors is None


def test_only_an_aligner_that_learns_can_be_kept():
    assert auto.choose_learner(AUTO).aligner == "eflomal"
    assert auto.choose_learner(AlignmentSettings(aligner="hmm")).aligner == "hmm"


def test_a_trained_model_is_used_however_few_the_pairs(toy_bitext, tmp_path, resources):
    train_aligner(toy_bitext, AlignmentSettings(aligner="eflomal"), tmp_path / "model")
    trained = replace(resources, trained={("en", "de"): tmp_path / "model"})
    by_model = align(toy_bitext[:20], aligner="eflomal", resources=trained)
    assert align(toy_bitext[:20], aligner="auto", resources=trained) == by_model
    assert af.align(toy_bitext[:20], resources=Resources(trained=trained.trained)) == by_model
