"""Networks as values that vis-network draws: what is joined with what; colours and forces are the page's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from alignfreeze.errors import SettingsError
from alignfreeze.report.columns import Column, make_sheet
from alignfreeze.report.sheets import Cell, Sheet

LIBRARY = "pyvis"
"""The package that brings vis-network with it. It is read as data and never imported, which would take IPython."""

_SCRIPT = "pyvis/lib/vis-9.1.2/vis-network.min.js"


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a network.

    Attributes:
        name: Tells it from the others.
        label: What stands beside it.
        title: What is said of it when it is pointed at.
        kind: What it is; nodes of a kind look alike.
        page: The address of its page; empty where it has none.
        size: How large it is drawn, 1 for the usual size.
    """

    name: str
    label: str
    title: str
    kind: str
    page: str = ""
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Edge:
    """Two things that are joined.

    Attributes:
        source: Name of the one; in a lineage what the other was made from.
        target: Name of the other.
    """

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Network:
    """What is joined with what.

    Attributes:
        name: For links.
        title: What it shows.
        nodes: The things.
        edges: What joins them, by the sense in which they are joined; the first is shown at the beginning.
        note: How to read it.
        looks: Colours that mean something, by kind; other kinds get one each as they come.
        directed: Whether edges have a direction.
    """

    name: str
    title: str
    nodes: Sequence[Node]
    edges: Mapping[str, Sequence[Edge]]
    note: str
    looks: Mapping[str, str]
    directed: bool = False

    @property
    def kinds(self) -> list[str]:
        """The kinds of its nodes, in their order."""
        return list(dict.fromkeys(node.kind for node in self.nodes))

    def sheet(self) -> Sheet:
        """Return the same as a table, one row per thing, with what it is joined with."""
        columns: list[Column[Node]] = [
            Column("", lambda node: Cell(node.label, page=node.page), is_name=True),
            Column("kind", lambda node: node.kind, is_name=True),
            *map(self._column, self.edges),
        ]
        return make_sheet(self.title, columns, self.nodes)

    def _column(self, sense: str) -> Column[Node]:
        """Return the column of what things are joined with in a sense."""
        labels = {node.name: node.label for node in self.nodes}
        name = f"{'made into' if self.directed else 'joined by'} {sense}".strip()
        return Column(name, lambda node: ", ".join(labels[other] for other in self._beside(node.name, sense)))

    def _beside(self, name: str, sense: str) -> list[str]:
        edges = self.edges[sense]
        after = [edge.target for edge in edges if edge.source == name]
        return after if self.directed else [*after, *(edge.source for edge in edges if edge.target == name)]


def network_script() -> str:
    """Return the text of vis-network.

    Raises:
        SettingsError: The package that brings it is not installed, or has no such file.
    """
    try:
        return Path(str(distribution(LIBRARY).locate_file(_SCRIPT))).read_text(encoding="utf-8")
    except (PackageNotFoundError, OSError) as error:
        raise SettingsError(
            f'networks need the extra `report`: pip install "alignfreeze[report]" ({LIBRARY}: {error})'
        ) from None
