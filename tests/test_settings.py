import os
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.settings import to_toml

GOOD = """
languages = ["de", "no"]
[data]
train = "en.conllu"
test = "{language}.conllu"
[bitext]
source = "en-{language}.tsv"
"""


def load(tmp_path, text):
    path = tmp_path / "experiment.toml"
    path.write_text(text)
    return ExperimentSettings.from_toml(path)


def test_an_experiment_file_with_defaults(tmp_path):
    settings = load(tmp_path, GOOD)
    assert list(map(str, settings.strategies)) == ["baseline", "full", "front", "back"]
    assert settings.seeds == [31, 42, 66, 23, 17]
    assert settings.tested_languages == ["en", "de", "no"]
    assert settings.realigned_languages == ["de", "no"]
    assert settings.realignment.temperature == 0.1
    assert settings.finetuning.batch_size == 32


def test_three_mistakes_are_all_named(tmp_path):
    text = GOOD.replace('"no"', '"nno"') + "[realignment]\ntemperature = 0\nbatchsize = 3\n"
    with pytest.raises(SettingsError) as error:
        load(tmp_path, 'strategies = ["fornt"]\n' + text)
    message = str(error.value)
    assert "has 4 wrong settings" in message
    assert "strategies.0: unknown strategy 'fornt'; choose one of baseline, full, front, back, " in message
    assert "joined by +. Did you mean 'front'?" in message
    assert "languages.1: unknown language code 'nno'" in message
    assert "realignment.temperature: Input should be greater than 0 (got 0)" in message
    assert "realignment.batchsize: there is no such setting. Did you mean 'batch_size'?" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"{language}.conllu"', '"de.conllu"'), r"data\.test: 'de\.conllu' must contain \{language\}"),
        (('[bitext]\nsource = "en-{language}.tsv"', ""), r"\[bitext\] is required"),
        (('train = "en.conllu"', ""), r"data\.train: this setting is required"),
        (("languages", "seeds = [1, -1]\nlanguages"), r"seeds\.1: Input should be greater than or equal to 0"),
        (("[data]", "[realignment]\nlearning_rate = inf\n[data]"), r"realignment\.learning_rate: .*finite"),
        (
            ("languages", "task = 'poz'\nlanguages"),
            r"unknown task 'poz'; choose one of pos, ner.*Did you mean 'pos'",
        ),
        (("languages", "languages ="), "not valid TOML"),
        (('["de", "no"]', "[]"), r"languages: List should have at least 1 item"),
        (("[data]", "[realignment]\nsteps = true\n[data]"), r"realignment\.steps: a number is expected \(got true"),
        (("[data]", "[finetuning]\nwarmup = false\n[data]"), r"finetuning\.warmup: a number is expected \(got false"),
        (("languages", "seeds = [3, true]\nlanguages"), r"seeds: a number is expected \(got true"),
        (("[data]", "[realignment]\nlayer = true\n[data]"), r"realignment\.layer: a number is expected"),
        (("[data]", f"[realignment]\nsteps = {2**63}\n[data]"), r"steps: a number of 19 digits is too large"),
        (("languages", f"seeds = [{10**30}]\nlanguages"), r"seeds: a number of 31 digits is too large"),
        (("[data]", "[finetuning]\nlearning_rate = 1e30\n[data]"), r"learning_rate: .*less than or equal to 1 \(got"),
        (("[data]", "[finetuning]\nhead_learning_rate = 20\n[data]"), r"head_learning_rate: .*less than or equal to 1"),
        (("[data]", "[realignment]\nlearning_rate = 1e5\n[data]"), r"learning_rate: .*less than or equal to 1 \(got"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, change, message):
    with pytest.raises(SettingsError, match=message):
        load(tmp_path, GOOD.replace(*change))


def test_a_missing_experiment_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        ExperimentSettings.from_toml(tmp_path / "nothing.toml")


def test_settings_cannot_be_changed_afterwards(tmp_path):
    settings = load(tmp_path, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"


@pytest.mark.parametrize("values", [{"steps": True}, {"temperature": True}, {"steps": 2**70}, {"layer": [True]}])
def test_in_python_too_a_truth_value_is_no_number_and_numbers_have_64_bits(values):
    with pytest.raises(ValueError, match="a number"):
        RealignmentSettings(**values)
    assert RealignmentSettings(steps=2**63 - 1, freeze_embeddings=True).freeze_embeddings is True


def test_a_name_that_is_no_utf8_is_refused():
    with pytest.raises(SettingsError, match=r"encoder: 'caf\\udce9' is not UTF-8"):
        ExperimentSettings.from_values({"encoder": os.fsdecode(b"caf\xe9"), "languages": ["de"]}, origin="here")


NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
PLAIN = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), NAMES)
VALUES = st.recursive(
    st.one_of(PLAIN, st.lists(st.integers(-9, 9), max_size=3), st.lists(NAMES, max_size=3)),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_as_toml_is_read_back(values):
    assert tomllib.loads("\n".join(to_toml(values))) == values
