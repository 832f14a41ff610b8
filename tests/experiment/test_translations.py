"""Models that learn translations of the training data."""

import json
from pathlib import Path

import pytest

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.corpora.marked import UnusableLineError
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.cost import estimate_cost
from alignfreeze.experiment.data import read_data
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.planning import anchor_paths
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.taught import TeachingSettings
from alignfreeze.experiment.translations import check_labels, mark_items, read_plain, read_translated_lines
from alignfreeze.reports.lineage import trace
from alignfreeze.reports.plans import plan_facts, plan_sheet
from alignfreeze.reports.run_pages import run_page
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.pace import Pace, steps_of
from alignfreeze.studies.comparing import is_run_of
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_records, read_results
from alignfreeze.studies.summaries import name_strategy
from alignfreeze.tasks.table import TASKS
from tests.conftest import backwards, conllu
from tests.experiment.test_starting import realignments  # noqa: F401 - a fixture
from tests.experiment.test_teaching import SURE, count_steps, kept_weights, same
from tests.support.cli import alignfreeze, refused
from tests.support.runs import change, comparable, planned
from tests.support.terminal import text_of

TRAIN = {"train": "{language}-train.conllu"}
TEXT = {"text": "{language}-train.txt"}


@pytest.fixture
def translated(project, toy_tagged):
    """The toy experiment with training data in both target languages."""
    for code in ("de", "tr"):
        (project / f"{code}-train.conllu").write_text("\n".join(conllu(map(backwards, toy_tagged))))
    return project


@pytest.fixture
def named(project, toy_items):
    """The toy experiment for named entities, with translated lines: words spelt backwards, entities marked."""
    lines = "\n".join(
        "".join(f"{word}\t{tag}\n" for word, tag in zip(item.words, item.tags, strict=True))
        for item in toy_items["ner"]
    )
    for name in ("en-train", "en-test", "de-test", "tr-test"):
        (project / f"{name}.iob2").write_text(lines)
    for code in ("de", "tr"):
        marked = mark_items(TASKS["ner"], list(map(backwards, toy_items["ner"])))
        (project / f"{code}-train.txt").write_text("\n".join(marked) + "\n")
    return project


NER = {"task": "ner", "data": {"train": "en-train.iob2", "test": "{language}-test.iob2"}, "translations": TEXT}


def plans(project, *strategies, seeds=(1,), **changes):
    values = {**SURE, "seeds": list(seeds), "strategies": list(strategies), "translations": TRAIN, **changes}
    return planned(project, **values)


# --- runs ----------------------------------------------------------------------------


def test_one_model_learns_the_training_data_and_their_translations(translated):
    found, out = plans(translated, "baseline", "translated", bitext=None, keep_models=True), translated / "out"
    baseline, record = run_experiment(found, out=out).records
    assert record.teaching.first is None
    assert (baseline.finetuning.steps, record.finetuning.steps) == (30, 60)
    assert [(one.language, one.pairs, one.labelled, one.items) for one in record.teaching.languages] == [
        ("de", 60, 60, 60),
        ("tr", 60, 60, 60),
    ]
    assert {(one.decision, one.coverage) for one in record.teaching.languages} == {("keep", 1)}
    assert record.teaching.warnings == []
    assert (record.realignment, record.sees_bitext, record.aligner, record.realigned_languages) == (
        None,
        False,
        None,
        [],
    )
    assert {"translation de", "translation tr"} <= record.files.keys()
    assert "translation de" not in baseline.files
    assert not same(kept_weights(out, record), kept_weights(out, baseline))
    assert RunRecord.read(out / "runs" / record.folder / "record.json") == record
    card = (out / "runs" / record.folder / "model" / "README.md").read_text()
    assert "with translated training data" in card
    assert record.files["translation de"][:12] in card
    traced = trace([record])
    (box,) = (one for one in traced.boxes if one.label == "translated data")
    assert [cell.text for cell in box.parts] == ["German,", "Turkish"]
    assert [to.partition(" ")[0] for start, to in traced.arrows if start == box.name] == ["run"]
    by_language = {score.language: score.value for score in record.scores}
    assert by_language["de"] > {score.language: score.value for score in baseline.scores}["de"]
    (sheet,) = (one for one in run_page(record, [baseline, record]).sheets if one.title == "Labels in target languages")
    assert "translated training data are learnt" in text_of(sheet)


def test_a_realigned_encoder_learns_translations_too(translated, realignments):  # noqa: F811
    found = plans(translated, "baseline", "full", "translated", "full+translated")
    _, full, record, both = run_experiment(found, out=translated / "out").records
    assert realignments == ["full"]
    assert both.realignment == full.realignment
    assert (both.sees_bitext, record.sees_bitext) == (True, False)
    assert record.schedule is None
    (compared,) = compare_results(read_results([translated / "out"]))
    assert set(compared.strategies) == {"baseline", "full", "translated", "full+translated"}
    assert all(is_run_of(one, compared) for one in (full, record, both))


def test_named_entities_are_learnt_from_marked_lines(named):
    found, out = plans(named, "translated", bitext=None, **NER), named / "out"
    assert [item.tags for item in found.data.translations["de"].items] == [item.tags for item in found.data.train]
    (record,) = run_experiment(found, out=out).records
    assert record.teaching.items == 120
    assert record.identity.facts[Part.TEACHING] == {"splitters": {"de": ["spaces"], "tr": ["spaces"]}}


def test_several_seeds_are_joined(translated):
    changes = {"seeds_per_average": 2, "finetuning": {**SURE["finetuning"], "head_seed": 1}}
    found = plans(translated, "seeds(translated)", "ensemble(translated)", seeds=(1, 2), **changes)
    mean, together = run_experiment(found, out=translated / "out").records
    assert mean.teaching == together.teaching
    assert (mean.teaching.first, mean.teaching.items) == (None, 240)
    assert mean.finetuning.steps == 120


def test_what_was_killed_goes_on_where_it_was(translated, monkeypatch):
    found, out = plans(translated, "translated", compute={"checkpoint_steps": 20}), translated / "out"
    run_experiment(found, out=translated / "apart")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        count_steps(patch, killed_after=("fine-tuning (pos)", 50))
        run_experiment(found, out=out)
    with monkeypatch.context() as patch:
        titles = count_steps(patch)
        run_experiment(found, out=out)
    assert comparable(out) == comparable(translated / "apart")
    assert titles == ["fine-tuning (pos)"] * 20


def test_each_schedule_is_possible_without_realignment(translated):
    found = plans(translated, "full", "translated", realignment={"schedule": "during", "batch_size": 4})
    assert [record.strategy for record in run_experiment(found, out=translated / "out").records] == [
        "full",
        "translated",
    ]


def test_not_more_items_are_learnt_than_wanted(translated):
    found = plans(translated, "translated", translations={**TRAIN, "max_items": 10, "languages": ["tr"]})
    (record,) = run_experiment(found, out=translated / "out").records
    assert [(one.language, one.labelled, one.items) for one in record.teaching.languages] == [("tr", 60, 10)]


# --- reading and marking -----------------------------------------------------------------


def test_lines_that_do_not_fit_are_left_out_and_counted(named, remarks):
    path = named / "de-train.txt"
    lines = path.read_text().splitlines()
    lines[2], lines[6] = lines[2].replace("<b>", ""), "<a>"
    path.write_text("\n".join(lines) + "\n")
    found = plans(named, "translated", **NER).data.translations
    assert (len(found["de"].items), found["de"].n_lines, len(found["tr"].items)) == (58, 60, 60)
    wanted = "German: 2 of 60 translated lines are left out, first line 3: </b> stands there without <b> before it"
    assert [text for text in remarks if "translated lines" in text] == [f"{wanted} ({path})"]


def test_the_numbers_of_lines_and_items_must_be_the_same(named):
    path = named / "de-train.txt"
    path.write_text(path.read_text() + "one more\n")
    with pytest.raises(DataError, match=r"de-train.txt: 61 lines, but there are 60 training items"):
        plans(named, "translated", **NER)
    path.write_text("too few\n")
    with pytest.raises(DataError, match=r"1 lines, but there are 60"):
        plans(named, "translated", **NER)
    # A limit that cuts no training item explains no further line.
    (named / "de-train.txt").write_text((named / "tr-train.txt").read_text() + "one more\n")
    with pytest.raises(DataError, match=r"de-train.txt: 61 lines, but there are 60 training items"):
        plans(named, "translated", **{**NER, "data": {**NER["data"], "max_train": 61}})
    # With fewer training items, the first lines are theirs.
    (named / "de-train.txt").write_text((named / "tr-train.txt").read_text())
    few = {**NER, "data": {**NER["data"], "max_train": 20}}
    assert plans(named, "translated", **few).data.translations["de"].n_lines == 20


def test_a_file_without_any_line_that_fits_is_refused(named):
    (named / "de-train.txt").write_text("kein Name\n" * 60)
    with pytest.raises(DataError, match=r"none of the 60 lines can be used; line 1: <a> is missing"):
        plans(named, "translated", **NER)


def test_all_missing_files_are_named_at_once(project):
    with pytest.raises(DataError) as caught:
        plans(project, "translated")
    assert "translation de: " in str(caught.value)
    assert "translation tr: " in str(caught.value)
    assert plans(project, "baseline").data.translations == {}  # nobody learns them


def test_labels_that_the_training_data_do_not_have_are_named(named):
    for code in ("de", "tr"):
        (named / f"{code}-train.iob2").write_text("Hund\tB-BEAST\n")
    changes = {**NER, "translations": {"train": "{language}-train.iob2"}}
    with pytest.raises(DataError, match=r"de-train.iob2.* has the label 'B-BEAST', which does not occur"):
        plans(named, "translated", **changes)


def test_a_sentence_with_a_word_without_a_tag_is_left_out():
    item = TaggedSentence(("Ada", "Lovelace", "lebt"), ("B-PER", None, "O"))
    with pytest.raises(UnusableLineError, match="'Lovelace' has no tag in the training data"):
        TASKS["ner"].kind.lines.read(item, "<a>Ada</a> Lovelace lives", str.split)


def test_translations_without_any_label_are_refused():
    train = [LabelledText("the dog", None, "animal"), LabelledText("the sun", None, "star")]
    check_labels(TASKS["classification"], train[:1], train, name="de.tsv")
    without = [LabelledText("der Hund", None, None)]
    with pytest.raises(DataError, match=r"de\.tsv: none of the 1 items has a label; expected labelled items"):
        check_labels(TASKS["classification"], without, train, name="de.tsv")


def test_texts_get_the_labels_of_the_texts_that_they_translate(tmp_path):
    items = [LabelledText("the dog\nsleeps", "a dog", "entailment"), LabelledText("it rains", "sun", "contradiction")]
    task = TASKS["nli"]
    assert mark_items(task, items) == ["the dog sleeps\ta dog", "it rains\tsun"]
    path = tmp_path / "de.txt"
    path.write_text("der Hund schläft\tein Hund\nes regnet\n")
    found = read_translated_lines(task, path, items, language="de")
    assert found.items == [LabelledText("der Hund schläft", "ein Hund", "entailment")]
    one = [LabelledText("good", None, "+")]
    path.write_text("gut\n")
    assert read_translated_lines(TASKS["classification"], path, one, language="de").items[0].label == "+"


def test_a_language_without_spaces_is_split_into_words(tmp_path):
    path = tmp_path / "th.txt"
    path.write_text("<a>กา</a>ขา\n")
    train = [TaggedSentence(("Ada", "sleeps"), ("B-PER", "O"))]
    (item,) = read_translated_lines(TASKS["ner"], path, train, language="th").items
    assert "".join(item.words) == "กาขา"
    assert item.tags[0] == "B-PER"


def test_the_marks_command_writes_what_reading_expects(named, toy_items):
    file = named / "experiment.toml"
    changes = ["--set", "task=ner", "--set", "data.train=en-train.iob2", "--set", "strategies=['translated']"]
    changes += ["--set", "translations.text={language}.txt"]
    done = alignfreeze("mark", file, "-o", named / "english.txt", *changes)
    assert done.returncode == 0, done.stderr
    found = read_translated_lines(TASKS["ner"], named / "english.txt", toy_items["ner"], language="en")
    assert found.items == toy_items["ner"]
    refused(alignfreeze("mark", file, "-o", named / "english.txt"), "does not say which words", "translations.train")
    refused(alignfreeze("mark", file, "-o", named / "en-train.conllu", *changes[:2]), "also an input")


# --- plans, identities and refusals --------------------------------------------------------


def test_a_plan_counts_one_training(translated):
    found = plans(translated, "baseline", "translated", "full+translated", "projected")
    shown = text_of(plan_sheet(found))
    assert "translated, full+translated: 60 steps of 16, 50% of the items in en" in shown
    assert "translation de" in shown
    assert plan_facts(plans(translated, "translated"))["second_finetuning_steps"] == 0
    steps = [steps_of(spec, finetuning_steps=found.finetuning_steps) for spec in found.specs]
    assert steps[:3] == [{"fine-tuning": 30}, {"fine-tuning": 60}, {"realigning": 4, "fine-tuning": 60}]
    cost = estimate_cost(change(found.settings, strategies=["translated"]), finetuning_steps=30)
    assert cost.hours == pytest.approx(60 * cost.finetuning_step / 3600)
    (record,) = run_experiment(plans(translated, "translated"), out=translated / "out").records
    assert Pace.of(record).per_step.keys() == {"fine-tuning"}
    assert TeachingSettings(source_share=0.25).count_steps("translated", 30) == (120, 0)


def test_the_translations_are_part_of_the_runs_that_learn_them(translated, toy_tagged):
    def digests(**changes):
        found = plans(translated, "baseline", "projected", "translated", "seeds(translated)", **changes, **JOINED)
        return {str(spec.strategy): spec.digest for spec in found.specs}

    def changed(before, after):
        return {name for name in before if before[name] != after[name]}

    first, both = digests(), {"translated", "seeds(translated)"}
    assert changed(first, digests(translations={**TRAIN, "max_items": 9})) == both
    assert changed(first, digests(translations={**TRAIN, "languages": ["de"]})) == both
    assert changed(first, digests(translations={**TRAIN, "languages": ["de", "tr"]})) == set()
    assert changed(first, digests(teaching={"source_share": 0.4})) == {*both, "projected"}
    assert changed(first, digests(teaching={"models": 2, "guard": False, "max_pairs": 9})) == {"projected"}
    assert changed(first, digests(projection={"confidence": 0.6}, bitext={"source": "en-{language}.txt"})) >= {
        "projected"
    }
    (translated / "de-train.conllu").rename(translated / "german.conllu")
    (translated / "tr-train.conllu").rename(translated / "german-tr.conllu")
    (translated / "german-de.conllu").write_bytes((translated / "german.conllu").read_bytes())
    assert changed(first, digests(translations={"train": "german-{language}.conllu"})) == set()  # moved
    (translated / "german-de.conllu").write_text("\n".join(conllu(map(backwards, toy_tagged[:30]))))
    assert changed(first, digests(translations={"train": "german-{language}.conllu"})) == both


JOINED = {"seeds": (1, 2), "seeds_per_average": 2, "finetuning": {**SURE["finetuning"], "head_seed": 1}}


def test_translations_in_the_tests_are_reported(translated):
    found = plans(translated, "baseline", "projected", "translated")
    # The first 20 sentences of the training data are also those of the tests.
    assert [one.sentence for one in found.overlaps if one.place == "translated training data"] == [
        f"{name}: 20 of 20 test sentences stand word for word in the translated training data"
        for name in ("German", "Turkish")
    ]
    records = run_experiment(found, out=translated / "out").records
    places = [{one.place for one in record.overlaps} for record in records]
    assert ["translated training data" in one for one in places] == [False, False, True]


def test_each_translation_has_a_comparison_of_its_own(translated):
    (translated / "short").mkdir()
    for code in ("de", "tr"):
        whole = (translated / f"{code}-train.conllu").read_text()
        (translated / "short" / f"{code}.conllu").write_text(
            whole[: len(whole) // 120 * 60].rpartition("\n\n")[0] + "\n"
        )
    out = translated / "out"
    run_experiment(plans(translated, "baseline", "full", "translated"), out=out)
    (alone,) = compare_results(read_results([out]))
    assert set(alone.strategies) == {"baseline", "full", "translated"}
    run_experiment(plans(translated, "translated", translations={"train": "short/{language}.conllu"}), out=out)
    found = compare_results(read_results([out]))
    assert sorted(sorted(one.strategies) for one in found) == [
        ["baseline", "full"],
        ["baseline", "translated"],
        ["baseline", "translated"],
    ]
    records = [record for _, record in read_records(out) if record.strategy == "translated"]
    assert sorted(sum(is_run_of(record, one) for record in records) for one in found) == [0, 1, 1]


BASE = {
    "languages": ["de"],
    "strategies": ["translated"],
    "data": {"train": "t", "test": "{language}"},
    "translations": {"train": "{language}"},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"translations": None}, r"\[translations\] is required: translated learns translated training data"),
        ({"translations": {}}, r"translations: expected one of train and text, but neither is set"),
        ({"translations": {"train": "{language}", "text": "{language}"}}, "but both is set"),
        ({"translations": {"train": "de.conllu"}}, r"translations.train: 'de.conllu' must contain \{language\}"),
        ({"translations": {"text": "hub:a/{language}"}}, "expected files of plain text, got 'hub:a/{language}'"),
        ({"translations": {"text": "{language}"}}, "does not say which words have the labels of the task 'pos'"),
        ({"translations": {"text": "{language}"}, "task": "tagging"}, "does not say .* the task 'tagging'"),
        ({"task": "qa"}, r"translated learns translated sentences, which have no labels in the task 'qa'"),
        (
            {"strategies": ["full+translated"], "bitext": "{language}", "realignment": {"schedule": "after"}},
            r"full\+translated begins with an encoder .*schedule is 'after'; without realignment, translated works",
        ),
        ({"strategies": ["full+translated"]}, r"\[bitext\] is required: realignment needs sentence pairs"),
        ({"languages": ["en"]}, "only the source language is named"),
        ({"strategies": ["translated+full"]}, "'translated' stands last and once"),
        ({"strategies": ["transalted"]}, "unknown strategy 'transalted'"),
    ],
)
def test_what_cannot_be_learnt_is_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        ExperimentSettings.from_values({**BASE, **changes}, origin="x")


def test_places_are_found_from_anywhere(translated):
    settings = plans(translated, "translated").settings
    moved = anchor_paths(settings, translated)
    assert Path(moved.translations.train) == translated / "{language}-train.conllu"
    assert len(read_data(moved, base=Path("/")).translations) == 2


def test_translations_in_words():
    assert name_strategy("translated") == "translated training data"
    assert name_strategy("full+translated") == "full realignment with translated training data"


# --- self-training on plain text -------------------------------------------------------------


@pytest.fixture
def plain(project, toy_bitext):
    """The toy experiment with plain text in both target languages."""
    for code in ("de", "tr"):
        lines = [" ".join(pair.target) for pair in toy_bitext[:50]]
        (project / f"{code}.plain").write_text("\n".join(["", *lines]) + "\n")
    return project


OWN = {"confidence": 0.4, "text": "{language}.plain"}


def test_a_model_trains_itself_on_plain_text_without_any_bitext(plain, toy_bitext):
    found = plans(plain, "baseline", "self-trained", bitext=None, translations=None, self_training=OWN)
    assert found.data.plain["de"] == [pair.target for pair in toy_bitext[:50]]
    baseline, record = run_experiment(found, out=plain / "out").records
    assert [(one.language, one.pairs) for one in record.teaching.languages] == [("de", 50), ("tr", 50)]
    assert record.teaching.items > 0
    assert record.teaching.first.losses == baseline.finetuning.losses
    assert (record.sees_bitext, record.aligner, record.realigned_languages) == (False, None, [])
    assert {"plain de", "plain tr"} <= record.files.keys()
    (compared,) = compare_results(read_results([plain / "out"]))
    assert set(compared.strategies) == {"baseline", "self-trained"}
    assert is_run_of(record, compared)


def test_plain_text_labels_the_same_as_those_sentences_in_a_bitext(plain, toy_bitext):
    for code in ("de", "tr"):
        lines = [f"{' '.join(pair.source)} ||| {' '.join(pair.target)}" for pair in toy_bitext[:50]]
        (plain / f"en-{code}.txt").write_text("\n".join(lines))
    own = {"confidence": 0.4}
    (by_bitext,) = run_experiment(plans(plain, "self-trained", self_training=own), out=plain / "1").records
    (by_text,) = run_experiment(plans(plain, "self-trained", self_training=OWN), out=plain / "2").records
    assert by_bitext.teaching.languages == by_text.teaching.languages
    assert by_bitext.finetuning.losses == by_text.finetuning.losses
    assert by_bitext.digest != by_text.digest


def test_plain_text_is_part_of_self_trained_runs(plain):
    def digests(**changes):
        found = plans(plain, "baseline", "projected", "self-trained", **{"self_training": OWN, **changes})
        return [spec.digest for spec in found.specs]

    first = digests()
    assert digests(bitext={"source": "en-{language}.txt", "pretokenized": True, "max_pairs": 60})[2] == first[2]
    (plain / "de.plain").write_text("god\n")
    assert [one != other for one, other in zip(first, digests(), strict=True)] == [False, False, True]


def test_plain_text_that_cannot_be_used_is_refused(plain, tmp_path, toy_items):
    (plain / "tr.plain").write_text("\n \n")
    with pytest.raises(DataError, match=r"tr.plain: no sentence found; expected plain text in Turkish"):
        plans(plain, "self-trained", self_training=OWN)
    (plain / "tr.plain").unlink()
    with pytest.raises(DataError, match=r"plain tr: "):
        plans(plain, "self-trained", self_training=OWN)
    rows = [{"premise": item.text, "hypothesis": item.second, "label": item.label} for item in toy_items["nli"]]
    for name in ("en-train", "en-test", "de-test", "tr-test"):
        (plain / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (plain / "tr.plain").write_text("god\n")
    data = {"train": "en-train.jsonl", "test": "{language}-test.jsonl"}
    with pytest.raises(DataError, match="items of the task 'nli' have two texts"):
        plans(plain, "self-trained", self_training=OWN, task="nli", data=data)
    assert read_plain(plain / "de.plain", language="de")[0][0] == "eht"
