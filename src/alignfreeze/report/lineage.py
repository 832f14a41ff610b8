"""What a run was made from and what was made from it, as a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alignfreeze.experiment.recipe import realigned_names
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.strategies import BASELINE, members_of
from alignfreeze.files import digest_of_json
from alignfreeze.languages import name_or_code
from alignfreeze.report.addresses import run_address
from alignfreeze.report.networks import Edge, Network, Node

RUN, FROM, TO = "run", "made from", "made into"

LOOKS = {RUN: "--run", FROM: "#0072b2", TO: "#009e73"}
"""Dark grey, blue and green. The grey depends on whether the page is light or dark."""

MOST_IN_TITLE = 6
"""How many languages a title names. Of more only the number is given."""


def trace_run(record: RunRecord) -> Network:
    """Trace what a run was made from, and what was made from it."""
    nodes = [_run_node(record), *_origins(record), *_outcomes(record)]
    return _network("lineage", "Lineage of this run", nodes, [*_origin_edges(record), *_outcome_edges(record)])


def trace_runs(records: Sequence[RunRecord]) -> Network:
    """Trace what the runs of a study were made from; what several runs share is shown once."""
    nodes = {node.name: node for record in records for node in (*_origins(record), _run_node(record))}
    edges = {(edge.source, edge.target): edge for record in records for edge in _origin_edges(record)}
    return _network("lineage", "What the runs were made from", list(nodes.values()), list(edges.values()))


def _network(name: str, title: str, nodes: Sequence[Node], edges: Sequence[Edge]) -> Network:
    note = "Arrows lead to what was made. Runs are grey, what they were made from is blue"
    if any(node.kind == TO for node in nodes):
        note += ", what was made from them is green"
    return Network(name, title, nodes, {"": edges}, f"{note}.", LOOKS, directed=True)


def _run_node(record: RunRecord) -> Node:
    label = f"{record.strategy} {record.seed}"
    title = f"{record.strategy}, seed {record.seed}, {record.determined_by['settings']['task']}: {record.experiment}"
    return Node(record.folder, label, title, RUN, run_address(record.folder), size=1.3)


def _origins(record: RunRecord) -> Iterator[Node]:
    by = record.determined_by
    yield Node(*_encoder(by), f"the pretrained encoder; its files have the digest {by['encoder']['digest'][:12]}", FROM)
    yield Node(*_training(by), f"{by['settings']['task']} in {name_or_code(by['settings']['source_language'])}", FROM)
    if record.strategy == BASELINE:
        return
    yield Node(*_bitext(by), f"sentence pairs: {_listed(by['realigned_languages'])}", FROM)
    if (links := _links(by)) is not None:
        yield Node(*links, f"word links by {links[1].removeprefix('links: ')}", FROM)
    pairs = 0 if record.realignment is None else record.realignment.pairs
    for strategy, realigned in _realigned(record).items():
        title = f"the encoder after realignment ({strategy}), seed {record.seed}, on {pairs:,} sentence pairs"
        yield Node(realigned, f"realigned {strategy} {record.seed}", title, FROM)


def _origin_edges(record: RunRecord) -> Iterator[Edge]:
    by = record.determined_by
    run, encoder = record.folder, _encoder(by)[0]
    yield Edge(_training(by)[0], run)
    realigned = list(_realigned(record).values())
    yield from (Edge(start, run) for start in realigned)
    if not realigned or BASELINE in members_of(record.strategy):
        yield Edge(encoder, run)
    yield from (Edge(encoder, start) for start in realigned)
    if record.strategy == BASELINE:
        return
    before, links = _bitext(by)[0], _links(by)
    if links is not None:
        yield Edge(before, links[0])
        before = links[0]
    yield from (Edge(before, start) for start in realigned or [run])


def _outcomes(record: RunRecord) -> Iterator[Node]:
    by = record.determined_by
    if by["settings"]["keep_models"]:
        yield Node("model", "fine-tuned model", "kept in the folder model of the run", TO)
    codes = list(dict.fromkeys(score.language for score in record.scores))
    yield Node("scores", f"scores in {len(codes)} languages", _listed(codes), TO)


def _outcome_edges(record: RunRecord) -> Iterator[Edge]:
    names = [node.name for node in _outcomes(record)]
    for before, after in zip([record.folder, *names], names, strict=False):
        yield Edge(before, after)


def _encoder(by: dict[str, Any]) -> tuple[str, str]:
    return f"encoder {by['encoder']['digest']}", by["encoder"]["name"]


def _training(by: dict[str, Any]) -> tuple[str, str]:
    return f"train {by['data'].get('train')}", f"{by['settings']['task']} training data"


def _bitext(by: dict[str, Any]) -> tuple[str, str]:
    digests = sorted(digest for role, digest in by["data"].items() if role.startswith("bitext"))
    return f"bitext {' '.join(digests)}", f"bitext: {_listed(by['realigned_languages'])}"


def _links(by: dict[str, Any]) -> tuple[str, str] | None:
    """Return name and label of the links; None where the loss goes without."""
    settings = by["settings"]
    if settings["realignment"]["loss"] == "sentence":
        return None
    aligner = "given" if settings["alignment"].get("links") else settings["alignment"]["aligner"]
    given = [digest for role, digest in by["data"].items() if role.split()[0] in {"links", "dictionary"}]
    # The same aligner with other settings, or on other pairs of the bitext, makes other links.
    key = digest_of_json([settings["alignment"], settings["bitext"], given])[:12]
    return f"links {key} {_bitext(by)[0]}", f"links: {aligner}"


def _realigned(record: RunRecord) -> dict[str, str]:
    """Return the nodes of the realigned encoders that a run starts from, by strategy."""
    names = realigned_names(record.strategy, record.seed, record.determined_by)
    return {strategy: f"realigned {name}" for strategy, name in names.items()}


def _listed(codes: Sequence[str]) -> str:
    return f"{len(codes)} languages" if len(codes) > MOST_IN_TITLE else ", ".join(map(name_or_code, codes))
