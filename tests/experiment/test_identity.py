"""What the result of a run depends on: each setting is in one class, and complete runs are not repeated for nothing."""

import json
import shutil
from importlib.metadata import version

import pytest

from alignfreeze.alignment import auto
from alignfreeze.encoding.encoder import ORIGIN, digest_of_encoder
from alignfreeze.errors import EncoderError
from alignfreeze.experiment.data import DataFile, ExperimentData
from alignfreeze.experiment.identity import SETTING_PARTS, EncoderDigests, Identity, Part, flatten, identify, part_of
from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import LinkSettings
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.running import sweep
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.settings import describe_settings
from tests.conftest import write_bars
from tests.support.runs import planned

SETTINGS = {
    "languages": ["de", "tr"],
    "device": "cpu",
    "data": {"train": "en.conllu", "test": "{language}.conllu"},
    "bitext": {"source": "{language}.tsv", "held_out": 30, "pretokenized": True},
}

# Another value for each setting; a tuple stands for settings that go together.
OTHERS = {
    "name": "other",
    "encoder": "elsewhere",
    "task": "ner",
    "strategies": ["baseline"],
    "seeds": [7],
    "seeds_per_average": 2,
    "source_language": "fr",
    "languages": ["de"],
    "device": "cuda",
    "keep_models": True,
    "data.train": "other.conllu",
    "data.test": "other/{language}.conllu",
    "data.names": {"de": "german"},
    "data.train_split": "validation",
    "data.test_split": "validation",
    "data.max_train": 9,
    "data.max_test": 9,
    "data.n_train": 9,
    "bitext.source": "other/{language}.tsv",
    "bitext.target": "{language}.txt",
    "bitext.form": "tsv",
    "bitext.columns": ["1", "2"],
    "bitext.languages": ["tr"],
    "bitext.max_pairs": 99,
    "bitext.pretokenized": False,
    "bitext.unescape": True,
    "bitext.held_out": 40,
    "alignment.aligner": "eflomal",
    "alignment.symmetrization": "union",
    "alignment.max_training_pairs": 9,
    "alignment.layer": 2,
    "alignment.threshold": 0.5,
    "alignment.centred": True,
    "alignment.encoder": "elsewhere",
    "alignment.dictionary": "{language}.dictionary",
    "alignment.links": "{language}.links",
    "realignment.schedule": "during",
    "realignment.steps": 9,
    "realignment.batch_size": 9,
    "realignment.learning_rate": 0.5,
    "realignment.loss": "l2",
    "realignment.temperature": 0.5,
    "realignment.negatives": "weak",
    "realignment.coefficient": 0.5,
    "realignment.pull": 0.5,
    "realignment.layer": [1],
    "realignment.projection": 9,
    "realignment.max_length": 9,
    "realignment.freeze_embeddings": True,
    "realignment.keep_prefix": "memory",
    "teaching.guard": False,
    "teaching.source_share": 0.4,
    "teaching.max_pairs": 9,
    "teaching.models": 2,
    "projection.surest": 0.7,
    "projection.confidence": 0.7,
    "projection.coverage": 0.7,
    "self_training.surest": 0.7,
    "self_training.confidence": 0.7,
    "self_training.coverage": 0.7,
    "self_training.text": "{language}.txt",
    "translations.train": "other/{language}.conllu",
    "translations.text": "other/{language}.txt",
    "translations.languages": ["tr"],
    "translations.max_items": 9,
    "finetuning.epochs": 9,
    "finetuning.steps": 9,
    "finetuning.batch_size": 9,
    "finetuning.learning_rate": 0.5,
    "finetuning.head_learning_rate": 0.5,
    "finetuning.warmup": 0.5,
    "finetuning.max_length": 99,
    "finetuning.stride": 9,
    "finetuning.head_seed": 9,
    "finetuning.average_last": 9,
    "finetuning.adapter": "lora",
    "compute.precision": "bf16",
    "compute.micro_batch": 9,
    "compute.gradient_checkpointing": True,
    "compute.compile": True,
    "compute.checkpoint_steps": 9,
    "compute.log_to": ["tensorboard"],
    "compute.log_folder": "logs",
    "ray.gpus_per_run": 0.5,
    "ray.cpus_per_run": 2,
    "ray.retries": 9,
}

# What a setting cannot be without.
BESIDES = {
    "translations.languages": {"translations": {"train": "{language}.conllu"}},
    "translations.max_items": {"translations": {"train": "{language}.conllu"}},
}

STOPPING = {"by": "retrieval", "every": 9, "patience": 9, "finetuning_steps": 9}
CHOICE = {"n": 1, "by": "random", "seed": 3}

NOTHING_CHANGES = (Part.PLACE, Part.NOTHING, Part.TEACHING)  # these runs are not taught


def nested(name, value):
    """`a.b` and a value as nested tables."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def merge(values, changes):
    return {
        **values,
        **{k: merge(values.get(k) or {}, v) if isinstance(v, dict) and k != "names" else v for k, v in changes.items()},
    }


def digests(changes):
    """The digests of a baseline and of a realigned run, whose files hold the same whatever the settings say."""
    settings = ExperimentSettings.model_validate(merge(SETTINGS, changes))
    roles = ["train", "test en", "test de", "test tr", "bitext de source", "bitext tr source"]
    data = ExperimentData(tuple(DataFile(role, role, role) for role in roles), [], {}, [], None, {})
    return [
        identify(settings, data, Strategy.parse(name), 31, digests=EncoderDigests("e")).digest
        for name in ("baseline", "front")
    ]


def test_every_setting_is_in_one_class():
    names = {name for name, _, _ in describe_settings(ExperimentSettings)}
    assert {name: part_of(name) for name in names}  # a KeyError names the one that is forgotten
    forgotten = names - set(OTHERS)
    assert {name.rsplit(".", 1)[0] for name in forgotten} <= {
        *("bitext.selection", "bitext.choice", "realignment.stopping")
    }
    # A line of the table is of a setting, or of a table of them.
    assert all(any(name == line or name.startswith(f"{line}.") for name in names) for line in SETTING_PARTS)


@pytest.mark.parametrize("name", OTHERS)
def test_a_setting_changes_the_identity_of_runs_exactly_if_it_changes_their_result(name):
    besides = BESIDES.get(name, {})
    before, after = digests(besides), digests(merge(besides, nested(name, OTHERS[name])))
    changed = [ours != theirs for ours, theirs in zip(before, after, strict=True)]
    part = part_of(name)
    if name == "alignment.links":  # the files say it all, and the aligner nothing
        assert changed == [False, True]
    elif part in NOTHING_CHANGES:
        assert changed == [False, False], part
    elif part in {Part.LINKS, Part.REALIGNMENT}:
        assert changed == [False, True], part
    else:
        assert changed == [True, True], part


@pytest.mark.parametrize(("table", "values"), [("realignment.stopping", STOPPING)])
def test_settings_of_stopping_change_realigned_runs(table, values):
    first = digests(nested(table, {**values}))
    assert [ours != theirs for ours, theirs in zip(first, digests({}), strict=True)] == [False, True]
    for name, other in {"by": "agreement", "every": 8, "patience": 8, "finetuning_steps": 8}.items():
        found = digests(nested(table, {**values, name: other}))
        assert [ours != theirs for ours, theirs in zip(first, found, strict=True)] == [False, True], name


def test_languages_that_are_chosen_count_and_how_they_were_chosen_does_not():
    chosen = ExperimentSettings.model_validate(merge(SETTINGS, nested("bitext.choice", CHOICE))).realigned_languages
    assert digests(nested("bitext.choice", CHOICE)) == digests(nested("bitext.languages", chosen)) != digests({})


def test_the_order_of_tests_does_not_count_and_that_of_realignment_does():
    assert digests({"languages": ["tr", "de"], "bitext": {"languages": ["de", "tr"]}}) == digests({})
    assert digests({"bitext": {"languages": ["tr", "de"]}}) != digests({})


def test_a_loss_without_links_does_not_depend_on_the_aligner():
    without = nested("realignment.loss", "sentence")
    assert digests(merge(without, nested("alignment.aligner", "eflomal"))) == digests(without)


def test_a_baseline_depends_on_the_bitext_only_where_pairs_are_held_out():
    other = {"bitext": {"held_out": 0, "max_pairs": 50}}
    none = {"bitext": {"held_out": 0}}
    assert digests(other)[0] == digests(none)[0]
    assert digests(other)[1] != digests(none)[1]


def test_an_identity_is_read_back_as_it_was_written(project):
    identity = planned(project).specs[1].identity
    values = {name: getattr(identity, name) for name in identity.__dataclass_fields__}
    assert Identity(**json.loads(json.dumps(values))).digest == identity.digest


def test_settings_are_flattened_by_name():
    assert dict(flatten({"a": {"b": 1, "c": {}}, "d": [2]})) == {"a.b": 1, "a.c": {}, "d": [2]}


@pytest.fixture
def complete(project, monkeypatch):
    """The toy experiment when its runs are done; from then on none may be done again."""
    run_experiment(planned(project, seeds=[1]), out=project / "out")

    def fail(*_, **__):
        raise AssertionError("a complete run was repeated")

    monkeypatch.setattr(sweep, "run", fail)
    return project


def test_data_that_have_moved_repeat_no_run(complete, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("moved") / "deep"
    shutil.copytree(complete, elsewhere, ignore=shutil.ignore_patterns("out"))
    for path in elsewhere.glob("*.txt"):
        path.rename(path.with_name(f"renamed-{path.name}"))
    file = elsewhere / "experiment.toml"
    file.write_text(file.read_text().replace('"en-{language}.txt"', '"renamed-en-{language}.txt"'))
    study = run_experiment(planned(elsewhere, seeds=[1]), out=complete / "out")
    assert study.reused == len(study.records) == 2


def test_an_encoder_that_has_moved_repeats_no_run(complete, tiny_folder):
    shutil.copytree(tiny_folder, complete / "renamed-encoder")
    study = run_experiment(planned(complete, seeds=[1], encoder="renamed-encoder"), out=complete / "out")
    assert study.reused == len(study.records) == 2


def test_to_keep_models_repeats_no_run_and_says_how_to_get_them(complete, remarks):
    study = run_experiment(planned(complete, seeds=[1], keep_models=True), out=complete / "out")
    assert study.reused == len(study.records) == 2
    assert any("2 of these runs kept no model" in text and "--force" in text for text in remarks)


def test_a_hint_for_plans_repeats_no_run(complete):
    first = ExperimentSettings.from_toml(
        complete / "experiment.toml", changes=[("data.n_train", "60"), ("seeds", "[1]")]
    )
    study = run_experiment(plan(first, base=complete), out=complete / "out")
    assert study.reused == len(study.records) == 2
    assert all(isinstance(record, RunRecord) for record in study.records)


def links_facts(project, **alignment):
    found = planned(project, strategies=["front"], seeds=[1], alignment=LinkSettings(**alignment))
    return found.specs[0].identity.facts[Part.LINKS]


def test_the_packages_that_decide_links_are_part_of_a_run(project):
    assert links_facts(project, aligner="fast-align")["libraries"] == {"sil-thot": version("sil-thot")}
    assert links_facts(project, aligner="argmax", layer=2)["libraries"] == {"alignfreeze": version("alignfreeze")}


def test_a_run_with_auto_is_the_run_with_the_aligner_that_it_chooses(project):
    def identity_with(**alignment):
        alignment = LinkSettings(**alignment)
        return planned(project, strategies=["front"], seeds=[1], alignment=alignment).specs[0].identity

    by_auto = identity_with(aligner="auto")
    assert by_auto == identity_with(aligner="argmax", centred=True)
    assert by_auto.aligner == "argmax"


def test_a_run_names_the_aligner_of_each_language_if_auto_chooses_several(project, toy_bitext, monkeypatch):
    monkeypatch.setattr(auto, "ENOUGH", 100)
    (project / "en-tr.txt").write_text("\n".join(write_bars(toy_bitext[:50])))
    found = planned(project, strategies=["front"], seeds=[1]).specs[0].identity
    assert found.facts[Part.LINKS]["aligners"] == {"de": "eflomal", "tr": "argmax"}
    assert found.facts[Part.LINKS]["libraries"].keys() == {"sil-thot", "alignfreeze"}
    assert found.aligner == "argmax and eflomal"
    assert found != links_of_all(project, monkeypatch)


def links_of_all(project, monkeypatch):
    """The identity of the same run where so few pairs are enough for statistics."""
    monkeypatch.setattr(auto, "ENOUGH", 10)
    return planned(project, strategies=["front"], seeds=[1]).specs[0].identity


def test_an_encoder_that_aligns_nothing_is_no_part_of_a_run(project, tiny_folder):
    assert links_facts(project, aligner="fast-align", encoder=str(tiny_folder))["encoder"] is None
    assert links_facts(project, aligner="argmax", layer=2, encoder=str(tiny_folder))["encoder"] is not None


def test_an_aligning_encoder_that_is_none_is_named(project):
    with pytest.raises(EncoderError, match="'no-such-encoder' cannot be loaded"):
        links_facts(project, aligner="argmax", layer=2, encoder="no-such-encoder")


def test_the_note_on_how_an_encoder_was_made_is_no_part_of_it(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "encoder")
    (tmp_path / "encoder" / ORIGIN).write_text('{"when": "now"}')
    assert digest_of_encoder(str(tmp_path / "encoder")) == digest_of_encoder(str(tiny_folder))


def test_held_out_pairs_are_part_of_a_baseline_only_if_its_task_labels_them(project):
    found = planned(project, strategies=["baseline"], seeds=[1])
    bitext = found.settings.bitext.model_copy(update={"held_out": 100})

    def has_pairs(task):
        settings = found.settings.model_copy(update={"task": task, "bitext": bitext})
        one = identify(settings, found.data, Strategy.parse("baseline"), 1, digests=found.digests)
        return Part.PAIRS in one.settings

    assert [has_pairs(task) for task in ("pos", "nli", "qa")] == [True, True, False]
