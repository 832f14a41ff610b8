"""Networks as values that vis-network draws. The page chooses most colours, and the forces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from alignfreeze.columns import Column, make_sheet
from alignfreeze.errors import SettingsError
from alignfreeze.sheets import Cell, Sheet

LIBRARY = "pyvis"
"""The package that contains vis-network. Its files are only read: an import would need IPython."""

_SCRIPT = "pyvis/lib/vis-9.1.2/vis-network.min.js"


@dataclass(frozen=True, slots=True)
class Node:
    """A thing in a network.

    Attributes:
        name: The name of the node, which no other node has.
        label: The text beside the node.
        title: The text that is shown when the reader points at the node.
        kind: The kind of the node. Nodes of the same kind look the same.
        page: The address of the node's page; empty without a page.
        size: The size of the node; 1 is the usual size.
    """

    name: str
    label: str
    title: str
    kind: str
    page: str = ""
    size: float = 1.0


@dataclass(frozen=True, slots=True)
class Edge:
    """Two nodes that are joined.

    Attributes:
        source: Name of one node. In a lineage, the other node was made from this node.
        target: Name of the other node.
    """

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Network:
    """Nodes and the edges between them.

    Attributes:
        name: The name of the network in links.
        title: What the network shows.
        nodes: The nodes.
        edges: The edges in each sense. At the beginning, the edges in the first sense are shown.
        note: How to read the network.
        looks: Colours with a meaning, by kind. Other kinds get the next free colour.
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
        """The kinds of the nodes, in the order of the nodes."""
        return list(dict.fromkeys(node.kind for node in self.nodes))

    def sheet(self) -> Sheet:
        """Return the network as a table: one row per node, with the nodes that the node is joined with."""
        columns: list[Column[Node]] = [
            Column("", lambda node: Cell(node.label, page=node.page), is_name=True),
            Column("kind", lambda node: node.kind, is_name=True),
            *map(self._column, self.edges),
        ]
        return make_sheet(self.title, columns, self.nodes)

    def _column(self, sense: str) -> Column[Node]:
        """Return the column of the nodes that a node is joined with in a sense."""
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
        SettingsError: The package that contains vis-network is not installed, or has no such file.
    """
    try:
        return Path(str(distribution(LIBRARY).locate_file(_SCRIPT))).read_text(encoding="utf-8")
    except (PackageNotFoundError, OSError) as error:
        raise SettingsError(
            f'networks need the extra `report`: pip install "alignfreeze[report]" ({LIBRARY}: {error})'
        ) from None
