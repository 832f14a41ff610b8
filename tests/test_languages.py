import pytest

from alignfreeze.corpora import mini
from alignfreeze.errors import SettingsError
from alignfreeze.languages import check_language, has_spaces, name_of, tag_fits


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


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("en", "en EN-US en_GB.UTF-8 eng"),
        ("en-GB", "en en-GB EN_gb"),
        ("no", "no nb nb-NO"),
        ("nb", "no nb nb_NO"),
        ("zh", "zh zh-TW zh_CN cmn-Hans"),
        ("zh-Hans", "zh zh_CN zh-Hans-SG"),
        ("zh-Hant", "zh_TW zh-HK"),
        ("pt-BR", "pt pt_BR"),
        ("sr-Latn", "sr@latin sr_RS.UTF-8@latin sh"),
        ("ca", "ca@valencia ca-valencia"),
        ("he", "iw he-IL"),
    ],
)
def test_language_tags_that_a_code_allows(code, tags):
    assert [tag for tag in tags.split() if not tag_fits(tag, code)] == []


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("es", "est et ca"),
        ("en-GB", "en-US fr-GB"),
        ("no", "nn da sv"),
        ("zh-Hans", "zh-TW zh-Hant yue"),
        ("zh-TW", "zh zh-CN zh-HK"),
        ("sr-Latn", "sr sr-Cyrl hr"),
        ("bs", "hr sr"),
        ("de", "gsw nds x-default * *all* und"),
        ("id", "ms"),
    ],
)
def test_language_tags_that_a_code_does_not_allow(code, tags):
    assert [tag for tag in ["", *tags.split()] if tag_fits(tag, code)] == []
