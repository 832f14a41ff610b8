"""`af.align` takes what a caller holds: bitext of any kind, and settings as names, dicts and keywords."""

import pytest

import alignfreeze as af
from alignfreeze.alignment.settings import AlignmentSettings, to_alignment_settings
from alignfreeze.errors import SettingsError

TEXTS = [("the dog sees the cat", "der Hund sieht die Katze"), ("the cat", "die Katze"), ("the dog", "der Hund")] * 20


def test_pairs_of_texts_are_aligned_as_sentence_pairs(tmp_path):
    path = tmp_path / "bitext.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in TEXTS))
    expected = af.align(af.read_bitext(path, languages=("en", "de")))
    assert af.align(TEXTS, languages=("en", "de")) == expected
    assert af.align(path, languages=("en", "de")) == expected
    assert af.align([{"en": source, "de": target} for source, target in TEXTS]) == expected
    assert expected.rows()[0]["links"] == expected.to_pharaoh()[0] != ""


@pytest.mark.parametrize(
    "how",
    [
        {"aligner": AlignmentSettings(aligner="hmm", symmetrization="union")},
        {"aligner": {"aligner": "hmm", "symmetrization": "union"}},
        {"aligner": "hmm", "symmetrization": "union"},
        {"aligner": AlignmentSettings(aligner="hmm"), "symmetrization": "union"},
        {"aligner": {"aligner": "hmm", "symmetrization": "intersection"}, "symmetrization": "union"},
    ],
)
def test_settings_in_any_form_are_the_same(how):
    assert to_alignment_settings(**how) == AlignmentSettings(aligner="hmm", symmetrization="union")


def test_keywords_are_settings():
    how = {"aligner": "hmm", "languages": ("en", "de")}
    by_keyword = af.align(TEXTS, symmetrization="intersection", **how)
    settings = AlignmentSettings(aligner="hmm", symmetrization="intersection")
    assert by_keyword == af.align(TEXTS, languages=("en", "de"), aligner=settings)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"aligner": "fast-aling"}, "unknown aligner 'fast-aling'.*Did you mean 'fast-align'"),
        ({"aligner": {"aligner": "fast-aling"}}, "unknown aligner 'fast-aling'"),
        ({"symmetrisation": "union"}, "symmetrisation: there is no such setting. Did you mean 'symmetrization'"),
        ({"layer": -1, "threshold": 2}, "align has 2 wrong settings"),
        ({"aligner": None}, "aligner: expected a name, a dict of settings or AlignmentSettings, got None"),
    ],
)
def test_wrong_settings(how, message):
    with pytest.raises(SettingsError, match=message):
        af.align(TEXTS, languages=("en", "de"), **how)
