"""Open tables: what is imported late, what is refused, and how other people's packages are found."""

import sys
from types import ModuleType

import pytest

from alignfreeze import registry
from alignfreeze.registry import Table


class Extension:
    """An entry point of another package."""

    def __init__(self, name, load):
        self.name, self.value, self.load = name, f"{name}.plugin", load


@pytest.fixture
def extend(monkeypatch):
    """Install extensions; what was found before and after is forgotten."""

    def install(*extensions):
        registry.load_extensions.cache_clear()
        monkeypatch.setattr(registry, "entry_points", lambda *, group: extensions if group == "alignfreeze" else ())

    yield install
    registry.load_extensions.cache_clear()


@pytest.fixture
def table():
    return Table("colour", {"red": 1, "blue": "some_colours:BLUE"})


def test_a_late_value_is_imported_when_it_is_asked_for(table, monkeypatch):
    assert list(table) == ["red", "blue"]
    assert "blue" in table
    with pytest.raises(ModuleNotFoundError):
        table["blue"]
    module = ModuleType("some_colours")
    module.BLUE = 2
    monkeypatch.setitem(sys.modules, "some_colours", module)
    assert table["blue"] == 2
    monkeypatch.delitem(sys.modules, "some_colours")
    assert dict(table) == {"red": 1, "blue": 2}


def test_a_name_that_is_taken(table):
    table.add("green", 3)
    for name in ("red", "blue", "green"):
        with pytest.raises(ValueError, match=f"the colour '{name}' already exists; choose another name"):
            table.add(name, 4)
    assert (table["red"], table["green"]) == (1, 3)


def test_what_was_added_can_be_removed(table):
    table.add("green", 3)
    assert list(table) == ["red", "blue", "green"]
    table.remove("green")
    assert list(table) == list(table.own) == ["red", "blue"]
    with pytest.raises(KeyError):
        table.remove("green")


@pytest.mark.parametrize(
    "look",
    [
        lambda table: table["green"],
        lambda table: "green" in table,
        lambda table: "green" in list(table),
        lambda table: len(table) == 3,
        lambda table: table.get("green"),
    ],
    ids=["value", "name", "names", "count", "get"],
)
def test_extensions_are_imported_when_a_name_is_looked_up_that_is_not_there(table, extend, look):
    extend(Extension("paint", lambda: table.add("green", 3)))
    assert table["red"] == 1
    assert table.own == ("red", "blue")
    assert "green" not in table._choices
    assert look(table)
    assert table["green"] == 3


def test_extensions_are_imported_once(table, extend):
    imported = []
    extend(Extension("paint", lambda: imported.append(1)))
    for _ in range(3):
        assert "green" not in table
    assert imported == [1]


def test_an_extension_that_fails_is_left_out_with_a_remark(table, extend, remarks):
    def fail():
        raise ImportError("no brush")

    twice = Extension("twice", lambda: table.add("red", 5))
    extend(Extension("broken", fail), twice, Extension("paint", lambda: table.add("green", 3)))
    assert list(table) == ["red", "blue", "green"]
    assert table["red"] == 1
    assert remarks == []  # a list of names, such as a help text, is no place for remarks
    assert "purple" not in table
    assert remarks == [
        "the extension 'broken' (broken.plugin) cannot be loaded and is left out: no brush",
        "the extension 'twice' (twice.plugin) cannot be loaded and is left out: "
        "the colour 'red' already exists; choose another name",
    ]


def test_a_name_that_no_package_knows(table, extend):
    extend()
    with pytest.raises(KeyError):
        table["green"]
    assert "green" not in table
