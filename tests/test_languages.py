import pytest

from alignfreeze.corpora import mini
from alignfreeze.errors import SettingsError
from alignfreeze.languages import check_language, has_spaces, name_of


@pytest.mark.parametrize("code", ["en", "de", "no", "zh", "zh-Hant", "yue", "sw", *mini.LANGUAGES])
def test_languages_that_exist(code):
    assert check_language(code) == code


@pytest.mark.parametrize(
    ("code", "proposal"),
    [
        ("german", "de"),
        ("Turkish", "tr"),
        ("zzh", "zh"),
        ("jp", "ja"),
        ("gr", "el"),
        ("cz", "cs"),
        ("dk", "da"),
        ("ger", "de"),
        ("ua", "uk"),
    ],
)
def test_unknown_codes_get_a_proposal(code, proposal):
    with pytest.raises(SettingsError, match=f"unknown language code '{code}'.*Did you mean '{proposal}'"):
        check_language(code)


@pytest.mark.parametrize("code", ["", "-", "../de", "d e"])
def test_no_code_at_all(code):
    with pytest.raises(SettingsError, match="unknown language code"):
        check_language(code)


def test_norwegian_is_a_language_and_not_a_boolean():
    assert name_of("no") == "Norwegian"


@pytest.mark.parametrize(
    ("code", "spaces"),
    [
        ("de", True),
        ("zh", False),
        ("zh-Hant", False),
        ("th", False),
        ("ko", True),
        ("cmn", False),
        ("yue", False),
        ("zh-Latn", True),
    ],
)
def test_which_scripts_separate_words(code, spaces):
    assert has_spaces(code) is spaces
