"""The recipes of CONTRIBUTING.md work as they stand."""

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from transformers import AutoModel

import alignfreeze as af
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.encoding.families import is_known
from alignfreeze.errors import DataError
from alignfreeze.experiment.identity import Part, part_of
from alignfreeze.realignment.freezing import FreezePolicy
from alignfreeze.registry import Table
from alignfreeze.running.scores import Summary
from alignfreeze.studies import tables as comparisons
from alignfreeze.studies.comparison import VERDICTS, Overall
from alignfreeze.tasks.task import Source
from tests.conftest import FAMILY_OPTIONS, family_config

ROOT = Path(__file__).resolve().parents[1]
RECIPES = dict(
    re.findall(r"^##+ (.*?)\n(.*?)(?=^##|\Z)", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL | re.MULTILINE)
)

TABLES = {
    "LOSSES": "realignment.losses",
    "TASKS": "tasks.table",
    "ALIGNERS": "alignment.aligners",
    "FAMILIES": "encoding.families",
    "OVERVIEW": "studies.tables",
    "FORMS": "corpora.forms.table",
    "FREEZE_POLICIES": "realignment.freezing",
    "SETTING_PARTS": "experiment.identity",
}


@pytest.fixture
def follow(monkeypatch):
    """Follow a recipe for one test: execute its samples in their modules, and add its lines to the tables."""

    def execute(block):
        name = re.match(r"# (\S+)\.py\n", block)[1].replace("/", ".")
        try:
            names = dict(vars(import_module(f"alignfreeze.{name}")))
        except ModuleNotFoundError:
            module = ModuleType(f"alignfreeze.{name}")
            monkeypatch.setitem(sys.modules, module.__name__, module)
            names = vars(module)
        exec(compile(block, name, "exec"), names)
        return names

    def add(line, table, names):
        module = import_module(f"alignfreeze.{TABLES[table]}")
        names = {**vars(module), **names}
        choices = getattr(module, table)
        if isinstance(choices, tuple):
            monkeypatch.setattr(module, table, (*choices, *eval(f"({line},)", names)))
        elif isinstance(choices, Table):
            monkeypatch.setattr(choices, "_choices", {**choices._choices, **eval(f"{{{line}}}", names)})
        else:
            for name, value in eval(f"{{{line}}}", names).items():
                monkeypatch.setitem(choices, name, value)

    def follow(title):
        text, names = RECIPES[title], {}
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            names |= execute(block)
        for line, table in re.findall(r"[Aa]dd the line `([^`]+),` to `(\w+)`", text):
            add(line, table, names)
        return names

    return follow


def test_every_table_has_its_recipe():
    assert set(re.findall(r"dd the line `[^`]+,` to `(\w+)`", "".join(RECIPES.values()))) == set(TABLES)


def test_a_loss(follow, tiny_encoder, toy_bitext):
    follow("Add a loss")
    settings = af.RealignmentSettings(loss="cosine", steps=20, batch_size=8, learning_rate=1e-3)
    alignments = af.align(toy_bitext, aligner="fast-align")
    history = af.realign(tiny_encoder, toy_bitext, alignments, settings=settings, device="cpu").history
    (_, first), *_, (_, last) = history.training.losses
    assert last < first


def test_a_task(follow, tmp_path):
    follow("Add a task")
    (tmp_path / "tags.txt").write_text("the/DET dog/NOUN\nand/or/CCONJ\n")
    task = af.TASKS["slashes"]
    items = task.read(Source(tmp_path / "tags.txt"))
    assert items == [TaggedSentence(("the", "dog"), ("DET", "NOUN")), TaggedSentence(("and/or",), ("CCONJ",))]
    assert task.read(Source(tmp_path / "tags.txt", most=1)) == items[:1]
    (tmp_path / "tags.txt").write_text("the/DET\ndog\n")
    with pytest.raises(DataError, match=r"tags\.txt, line 2: expected words of the form WORD/TAG"):
        task.read(Source(tmp_path / "tags.txt"))


def test_an_aligner(follow, toy_bitext):
    follow("Add an aligner")
    assert af.align(toy_bitext, aligner="diagonal")[0].to_pharaoh() == "0-0 1-1 2-2 3-3 4-4"


def test_a_family(follow, monkeypatch):
    monkeypatch.setitem(FAMILY_OPTIONS, "ernie", {})
    model = AutoModel.from_config(family_config("ernie"))
    assert not is_known(model)
    follow("Add a family")
    assert is_known(model)


def test_a_column(follow):
    follow("Add a column")
    overall = Overall(Summary(0.5, None, 3), dict.fromkeys(VERDICTS, 0), {}, None, None, 1.0)
    row = comparisons.OverviewRow("full", overall)
    column = comparisons.OVERVIEW[-1]
    assert (column.name, column.key, column.cell(row).text) == ("seeds", "seeds", "3")


def test_a_form_of_bitext(follow, tmp_path):
    follow("Add a form of bitext")
    path = tmp_path / "talk.stacked"
    path.write_text("A dog .\nEin Hund .\n\nTwo cats .\nZwei Katzen .\n")
    pairs = af.read_bitext(path, languages=("en", "de"))
    assert [(pair.source[1], pair.target[1]) for pair in pairs] == [("dog", "Hund"), ("cats", "Katzen")]
    path.write_text("A dog .\n")
    with pytest.raises(DataError, match="line 1: no translation stands below this sentence"):
        af.read_bitext(path, languages=("en", "de"))


def test_a_freeze_policy(follow, tiny_encoder):
    names = follow("Add a freeze policy")
    parts = FreezePolicy.parse("embeddings").parts_of(tiny_encoder.model)
    assert names["outer"](tiny_encoder.model, "", 0) == [tiny_encoder.layers[0], tiny_encoder.layers[3]]
    assert FreezePolicy.parse("outer+embeddings").parts_of(tiny_encoder.model)[2:] == parts


def test_a_setting(follow):
    assert part_of("realignment.margin") == Part.REALIGNMENT
    names = follow("Add a setting")
    assert names["RealignmentSettings"](margin=0.25).margin == 0.25
    assert part_of("realignment.margin") == Part.NOTHING


def test_a_package_of_ones_own(follow, monkeypatch):
    table = import_module("alignfreeze.realignment.losses").LOSSES
    monkeypatch.setattr(table, "_choices", dict(table._choices))
    follow("From a package of your own")
    assert af.RealignmentSettings(loss="my-cosine").needs_links
