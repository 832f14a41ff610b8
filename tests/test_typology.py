"""Facts on languages; those from URIEL where its package is installed."""

import pytest

from alignfreeze.typology import CC100_GIB, facts_of, is_installed, language_family_of

uriel = pytest.mark.skipif(not is_installed(), reason="the extra `typology` is not installed")


@uriel
def test_families_by_their_names():
    families = {code: language_family_of(code) for code in ("en", "fi", "tr", "zh", "ta", "vi", "he", "xx")}
    assert families == {
        "en": "Indo-European",
        "fi": "Uralic",
        "tr": "Turkic",
        "zh": "Sino-Tibetan",
        "ta": "Dravidian",
        "vi": "Austroasiatic",
        "he": "Afro-Asiatic",
        "xx": None,
    }


@uriel
def test_distances_grow_as_languages_grow_apart():
    itself, german, japanese = (facts_of(code, "en").values for code in ("en", "de", "ja"))
    for kind in ("syntax", "phonology", "sounds", "genealogy", "geography"):
        assert itself[kind] == pytest.approx(0, abs=1e-6)
        assert 0 < german[kind] < japanese[kind] <= 1
    # Tokyo is some 9,500 km from London, of the 20,000 to the other side of the globe.
    assert japanese["geography"] == pytest.approx(0.475, abs=0.03)
    assert (german["same family"], japanese["same family"]) == (1, 0)


def test_scripts_and_sizes_need_no_package(without_typology):
    assert facts_of("ru", "en").values == {"same script": 0, "pretraining text": 278}
    assert facts_of("de", "en").values == {"same script": 1, "pretraining text": 66.6}
    assert facts_of("tlh", "en").values == {"same script": 1}
    assert facts_of("de", "en").family is None


def test_what_xlm_r_has_in_several_scripts_is_added_up():
    """Table 6: Chinese 46.9 and 16.6, Hindi 20.2 and 0.5, Urdu 5.7 and 0.5, Burmese 1.6 and 0.4."""
    assert [CC100_GIB[code] for code in ("zh", "hi", "ur", "my")] == [63.5, 20.7, 6.2, 2.0]
