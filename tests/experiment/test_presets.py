"""`init`: an experiment file for files that are found by their names."""

import json

import pytest

from alignfreeze.corpora.mini import mini_path
from alignfreeze.errors import DataError, OutputError, SettingsError
from alignfreeze.experiment.guessing import find_data
from alignfreeze.experiment.presets import write_experiment
from alignfreeze.experiment.settings import ExperimentSettings
from tests.support.cli import alignfreeze, refused

FILES = {
    "pos": ("en-train.conllu", "{}-test.conllu"),
    "ner": ("ner-en-train.iob2", "ner-{}-test.iob2"),
    "nli": ("nli-en-train.jsonl", "nli-{}-test.jsonl"),
    "qa": ("qa-en-train.json", "qa-{}-test.json"),
}


def copy(folder, task, *, bitext=True):
    """Put the mini corpus of a task into a folder, as a user might have it."""
    (folder / "data").mkdir()
    train, test = FILES[task]
    names = [
        train,
        *(test.format(code) for code in ("en", "sw", "tr")),
        *(["en-sw.tsv", "en-tr.tsv"] if bitext else []),
    ]
    for name in names:
        (folder / "data" / name).write_bytes(mini_path(name).read_bytes())
    (folder / "data" / "README.md").write_text("train test en sw")


@pytest.mark.parametrize("task", FILES)
def test_files_of_each_task_are_found_and_planned(tmp_path, task, monkeypatch):
    copy(tmp_path, task)
    monkeypatch.chdir(tmp_path)
    done = alignfreeze("init", "study/mine.toml", "--task", task, "--languages", "sw,tr", "--data", "data", "--json")
    assert done.returncode == 0, done.stderr
    train, test = FILES[task]
    facts = json.loads(done.stdout)
    assert (facts["train"], facts["test"]) == (f"../data/{train}", f"../data/{test.format('{language}')}")
    assert facts["source"] == "../data/en-{language}.tsv"
    settings = ExperimentSettings.from_toml(tmp_path / "study" / "mine.toml")
    assert (settings.name, settings.task, settings.languages) == ("mine", task, ["sw", "tr"])
    planned = alignfreeze("run", "study/mine.toml", "--dry-run", "--no-timing", "--json")
    assert planned.returncode == 0, planned.stderr


def test_comments_explain_and_small_data_get_enough_steps(tmp_path):
    copy(tmp_path, "pos")
    write_experiment(tmp_path / "a.toml", task="pos", languages=["sw"], folder=tmp_path / "data")
    text = (tmp_path / "a.toml").read_text()
    assert "steps = 800" in text
    assert "zero-shot" in text or "without training data" in text
    assert not any(line.endswith(" ") or len(line) > 120 for line in text.splitlines())
    assert "\n\n\n" not in text


def test_without_bitext_only_the_baseline(tmp_path):
    copy(tmp_path, "ner", bitext=False)
    facts = write_experiment(tmp_path / "a.toml", task="ner", languages=["sw"], folder=tmp_path / "data")
    assert facts["strategies"] == ["baseline"]
    assert "No bitext was found" in (tmp_path / "a.toml").read_text()


def test_places_that_are_named_are_taken(tmp_path):
    facts = write_experiment(
        tmp_path / "a.toml",
        task="pos",
        languages=["de"],
        folder=tmp_path,
        train="mini:en-train.conllu",
        test="mini:{language}-test.conllu",
        bitext="mini:en-{language}.tsv",
        encoder="some/encoder",
    )
    assert facts["train"] == "mini:en-train.conllu"
    assert "learning_rate = 2e-05" in (tmp_path / "a.toml").read_text()


def names(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


ALL = {"train": True, "test": True, "bitext": True}


def find(folder, *languages, **how):
    return find_data(folder, languages, **{"source_language": "en", "one_test": False, "wanted": ALL, **how})


def test_names_of_many_kinds(tmp_path):
    names(
        tmp_path,
        "ud/en/train.conllu.gz",
        "ud/en/test.conllu",
        "ud/sw/test.conllu",
        "bitext/en-sw.en",
        "bitext/en-sw.sw",
    )
    found = find(tmp_path, "sw")
    assert (found.train, found.test) == ("ud/en/train.conllu.gz", "ud/{language}/test.conllu")
    assert (found.source, found.target) == ("bitext/en-{language}.en", "bitext/en-{language}.{language}")


def test_names_of_treebanks(tmp_path):
    names(
        tmp_path,
        "UD_English-EWT/en_ewt-ud-train.conllu",
        "UD_English-EWT/en_ewt-ud-dev.conllu",
        "UD_English-EWT/en_ewt-ud-test.conllu",
        "UD_Turkish-BOUN/tr_boun-ud-test.conllu",
        "UD_Swahili-X/sw_x-ud-test.conllu",
    )
    found = find(tmp_path, "tr", "sw")
    assert found.train == "UD_English-EWT/en_ewt-ud-train.conllu"
    assert found.test == "{language}-ud-test.conllu"
    assert found.names == {
        "en": "UD_English-EWT/en_ewt",
        "tr": "UD_Turkish-BOUN/tr_boun",
        "sw": "UD_Swahili-X/sw_x",
    }


def test_treebanks_in_one_folder_that_end_alike(tmp_path):
    names(tmp_path, "ud/en_gum-ud-train.conllu", "ud/en_gum-ud-test.conllu", "ud/la_perseusgum-ud-test.conllu")
    found = find(tmp_path, "la")
    assert found.test == "ud/{language}-ud-test.conllu"
    assert found.names == {"en": "en_gum", "la": "la_perseusgum"}


def test_plain_texts_beside_treebanks_do_not_count(tmp_path):
    stems = ("en_ewt-ud-train", "en_ewt-ud-dev", "en_ewt-ud-test", "tr_boun-ud-test")
    names(tmp_path, *(f"{stem}.{ending}" for stem in stems for ending in ("conllu", "txt")))
    found = find(tmp_path, "tr")
    assert (found.train, found.test) == ("en_ewt-ud-train.conllu", "{language}-ud-test.conllu")


def test_a_file_of_both_languages_is_no_test_of_each(tmp_path):
    names(tmp_path, "train.conllu", "test-en-sw.conllu", "en-sw.tsv")
    with pytest.raises(DataError, match="no test items found for en, sw"):
        find(tmp_path, "sw")


def test_treebanks_make_a_study_that_is_planned(tmp_path, monkeypatch):
    (tmp_path / "ud").mkdir()
    for name, own in {"en-train": "en_ewt-ud-train", "en-test": "en_ewt-ud-test", "sw-test": "sw_x-ud-test"}.items():
        (tmp_path / "ud" / f"{own}.conllu").write_bytes(mini_path(f"{name}.conllu").read_bytes())
    monkeypatch.chdir(tmp_path)
    done = alignfreeze("init", "mine.toml", "--task", "pos", "--languages", "sw", "--json")
    assert json.loads(done.stdout)["names"] == {"en": "en_ewt", "sw": "sw_x"}
    assert ExperimentSettings.from_toml(tmp_path / "mine.toml").data.names == {"en": "en_ewt", "sw": "sw_x"}
    assert alignfreeze("run", "mine.toml", "--dry-run", "--no-timing").returncode == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["de-en.tsv", "en-sw.tsv"], ("{pair}.tsv", None)),
        (["de-en/a.tsv", "en-sw/a.tsv"], ("{pair}/a.tsv", None)),
        (["a.de-en.en", "a.de-en.de", "a.en-sw.en", "a.en-sw.sw"], ("a.{pair}.en", "a.{pair}.{language}")),
    ],
)
def test_bitext_with_codes_in_the_order_of_the_alphabet(tmp_path, files, expected):
    names(tmp_path, *files)
    found = find(tmp_path, "de", "sw", wanted={"train": False, "test": False, "bitext": True})
    assert (found.source, found.target) == expected


def test_one_file_of_tests_for_all_languages(tmp_path):
    names(tmp_path, "train.jsonl", "test.jsonl")
    assert find(tmp_path, "sw", one_test=True).test == "test.jsonl"
    with pytest.raises(DataError, match="no test items found for en, sw"):
        find(tmp_path, "sw")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "There is no file of data"),
        (["sw-test.conllu"], "no training items found"),
        (["a-train.txt", "b-train.txt"], "several files look like training items: a-train.txt, b-train.txt"),
        (["train.txt", "sw-test.txt"], "the source language too"),
        (
            ["train.txt", "a-sw-test.txt", "a-en-test.txt", "b-sw-test.txt", "b-en-test.txt"],
            "several files look like test",
        ),
        (
            ["train.txt", "en_x-test.txt", "sw_a-test.txt", "sw_b-test.txt"],
            "several files look like test items in Swahili: sw_a-test.txt, sw_b-test.txt",
        ),
        (["train.txt", "en-test.txt", "sw-test.txt", "x/en-sw.tsv", "y/en-sw.tsv"], "several files look like bitext"),
    ],
)
def test_what_is_missing_or_several_is_said(tmp_path, files, said):
    names(tmp_path, *files)
    with pytest.raises(DataError, match=said):
        find(tmp_path, "sw")


def test_nothing_is_overwritten_and_wrong_data_write_nothing(tmp_path):
    copy(tmp_path, "ner")
    (tmp_path / "a.toml").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_experiment(tmp_path / "a.toml", task="ner", languages=["sw"], folder=tmp_path / "data")
    (tmp_path / "data" / "ner-sw-test.iob2").write_text("a\tb\tc\n")
    with pytest.raises(DataError, match=r"ner-sw-test\.iob2"):
        write_experiment(tmp_path / "b.toml", task="ner", languages=["sw"], folder=tmp_path / "data")
    with pytest.raises(SettingsError, match="at least one target language"):
        write_experiment(tmp_path / "b.toml", task="ner", languages=["en"], folder=tmp_path / "data")
    assert not (tmp_path / "b.toml").exists()
    refused(alignfreeze("init", tmp_path / "b.toml", "--task", "nre", "--languages", "sw"), "ner")


def test_wrong_options_are_said_and_leave_no_folder(tmp_path):
    copy(tmp_path, "ner")
    (tmp_path / "data" / "ner-sw-test.iob2").write_text("a\tb\tc\n")
    how = {"task": "ner", "languages": ["sw"], "folder": tmp_path / "data"}
    for more, error, said in (
        ({}, DataError, "ner-sw-test"),
        ({"folder": tmp_path / "nowhere"}, DataError, "there is no such folder"),
        ({"bitext": "de-en.tsv"}, SettingsError, "--bitext: 'de-en.tsv' must contain"),
        ({"source_language": "eng lish"}, SettingsError, "unknown language code"),
    ):
        with pytest.raises(error, match=said):
            write_experiment(tmp_path / "new" / "deep" / "a.toml", **{**how, **more})
        assert not (tmp_path / "new").exists()
