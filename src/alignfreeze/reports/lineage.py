"""The lineage of a run as a network: what the run was made from, and what was made from the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignfreeze.addresses import address_of_run
from alignfreeze.experiment.identity import Part
from alignfreeze.experiment.records import NO_LINKS, RunRecord
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.languages import name_or_code
from alignfreeze.reports.networks import Edge, Network, Node

RUN, FROM, TO = "run", "made from", "made into"

LOOKS = {RUN: "--run", FROM: "#0072b2", TO: "#009e73"}
"""Dark grey, blue and green. The grey depends on whether the page is light or dark."""

MOST_IN_TITLE = 6
"""How many languages a title names. If there are more, only their number is given."""


def trace_run(record: RunRecord) -> Network:
    """Return what a run was made from, and what was made from the run, as a network."""
    nodes = [_run_node(record), *_origins(record), *_outcomes(record)]
    return _network("lineage", "Lineage of this run", nodes, [*_origin_edges(record), *_outcome_edges(record)])


def trace_runs(records: Sequence[RunRecord]) -> Network:
    """Return what the runs of a study were made from, as a network. What several runs share is shown once."""
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
    title = f"{record.strategy}, seed {record.seed}, {record.task}: {record.experiment}"
    return Node(record.folder, label, title, RUN, address_of_run(record.folder), size=1.3)


def _origins(record: RunRecord) -> Iterator[Node]:
    digest = record.identity.encoder[:12]
    yield Node(*_encoder(record), f"the pretrained encoder; its files have the digest {digest}", FROM)
    yield Node(*_training_data(record), f"{record.task} in {name_or_code(record.source_language)}", FROM)
    if record.is_baseline:
        return
    yield Node(*_bitext(record), f"sentence pairs: {_name_all(record.realigned_languages)}", FROM)
    if (links := _links(record)) is not None:
        yield Node(*links, f"word links by {links[1].removeprefix('links: ')}", FROM)
    pairs = 0 if record.realignment is None else record.realignment.pairs
    for strategy, realigned in _realigned_encoders(record).items():
        title = f"the encoder after realignment ({strategy}), seed {record.seed}, on {pairs:,} sentence pairs"
        yield Node(realigned, f"realigned {strategy} {record.seed}", title, FROM)


def _origin_edges(record: RunRecord) -> Iterator[Edge]:
    run, encoder = record.folder, _encoder(record)[0]
    yield Edge(_training_data(record)[0], run)
    realigned = list(_realigned_encoders(record).values())
    yield from (Edge(start, run) for start in realigned)
    if not realigned or None in Strategy.parse(record.strategy).members:
        yield Edge(encoder, run)
    yield from (Edge(encoder, start) for start in realigned)
    if record.is_baseline:
        return
    before, links = _bitext(record)[0], _links(record)
    if links is not None:
        yield Edge(before, links[0])
        before = links[0]
    yield from (Edge(before, start) for start in realigned or [run])


def _outcomes(record: RunRecord) -> Iterator[Node]:
    if record.keeps_model:
        yield Node("model", "fine-tuned model", "kept in the folder model of the run", TO)
    codes = list(dict.fromkeys(score.language for score in record.scores))
    yield Node("scores", f"scores in {len(codes)} languages", _name_all(codes), TO)


def _outcome_edges(record: RunRecord) -> Iterator[Edge]:
    names = [node.name for node in _outcomes(record)]
    for before, after in zip([record.folder, *names], names, strict=False):
        yield Edge(before, after)


def _encoder(record: RunRecord) -> tuple[str, str]:
    return f"encoder {record.identity.encoder}", record.encoder


def _training_data(record: RunRecord) -> tuple[str, str]:
    return f"train {record.files.get('train')}", f"{record.task} training data"


def _bitext(record: RunRecord) -> tuple[str, str]:
    digests = sorted(record.identity.files_of(Part.PAIRS).values())
    return f"bitext {' '.join(digests)}", f"bitext: {_name_all(record.realigned_languages)}"


def _links(record: RunRecord) -> tuple[str, str] | None:
    """Return name and label of the links; None if the loss needs no links."""
    if record.aligner in {None, NO_LINKS}:
        return None
    # The same aligner with other settings, or on other pairs of the bitext, makes other links.
    return f"links {record.identity.digest_of(Part.PAIRS, Part.LINKS)[:12]}", f"links: {record.aligner}"


def _realigned_encoders(record: RunRecord) -> dict[str, str]:
    """Return the nodes of the realigned encoders that a run starts from, by strategy."""
    return {strategy: f"realigned {name}" for strategy, name in record.identity.realigned_encoders.items()}


def _name_all(codes: Sequence[str]) -> str:
    return f"{len(codes)} languages" if len(codes) > MOST_IN_TITLE else ", ".join(map(name_or_code, codes))
