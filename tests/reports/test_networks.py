"""Networks and likeness: what is joined with what, by hand."""

import pytest

pytest.importorskip("plotly")

from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.probe import Probe
from alignfreeze.reports import networks
from alignfreeze.reports.likeness import (
    BY_GAINS,
    BY_VECTORS,
    alike_runs_sheet,
    find_nearest,
    language_network,
    measure_distances,
)
from alignfreeze.reports.lineage import trace_run, trace_runs
from alignfreeze.reports.networks import Edge, Network, Node
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from tests.reports.test_golden import SCORES, record
from tests.studies.test_comparison import table
from tests.support.records import make_record, make_settings

RECORDS = [record(strategy) for strategy in SCORES]


def kinds(network):
    return {node.label: node.kind for node in network.nodes}


def joined(network):
    labels = {node.name: node.label for node in network.nodes}
    return {(labels[edge.source], labels[edge.target]) for edge in network.edges[""]}


def test_the_lineage_of_a_realigned_run():
    found = trace_run(RECORDS[2])
    assert kinds(found) == {
        "front 31": "run",
        "tiny": "made from",
        "pos training data": "made from",
        "bitext: German, Turkish, Japanese": "made from",
        "links: fast-align": "made from",
        "realigned front 31": "made from",
        "scores in 4 languages": "made into",
    }
    assert joined(found) == {
        ("tiny", "realigned front 31"),
        ("bitext: German, Turkish, Japanese", "links: fast-align"),
        ("links: fast-align", "realigned front 31"),
        ("realigned front 31", "front 31"),
        ("pos training data", "front 31"),
        ("front 31", "scores in 4 languages"),
    }


def test_the_lineage_of_the_baseline_knows_no_bitext():
    assert joined(trace_run(RECORDS[0])) == {
        ("tiny", "baseline 31"),
        ("pos training data", "baseline 31"),
        ("baseline 31", "scores in 4 languages"),
    }


def test_the_lineage_of_an_average_leads_to_each_member():
    name = "average(1*baseline,1*full,2*front)"
    one = make_record(make_settings(["de", "tr", "ja"]), name, SCORES["front"])
    realigned = {f"realigned {strategy} 31" for strategy in ("full", "front")}
    assert joined(trace_run(one)) == {
        ("bitext: German, Turkish, Japanese", "links: fast-align"),
        *((start, member) for start in ("tiny", "links: fast-align") for member in realigned),
        *((start, f"{name} 31") for start in ("tiny", "pos training data", *realigned)),
        (f"{name} 31", "scores in 4 languages"),
    }
    # It starts from what the runs of its members start from.
    assert len(trace_runs([*RECORDS, one]).nodes) == len(trace_runs(RECORDS).nodes) + 1


def test_what_runs_have_in_common_stands_once():
    found = trace_runs(RECORDS)
    assert len(found.nodes) == len({node.name for node in found.nodes}) == 3 + 4 + 2
    assert sum(node.kind == "run" for node in found.nodes) == 3
    assert {node.page for node in found.nodes if node.page} == {f"run/{one.folder}" for one in RECORDS}


def test_every_edge_joins_nodes_that_there_are():
    for found in (trace_runs(RECORDS), *map(trace_run, RECORDS)):
        names = {node.name for node in found.nodes}
        assert all({edge.source, edge.target} <= names for edge in found.edges[""])


def test_languages_are_alike_where_their_gains_are(tmp_path):
    (compared,) = compare_results(read_results([table(tmp_path)]))
    found = measure_distances(["de", "tr"], [compared], None)
    # Full gains 0.10 in German and 0.01 in Turkish, back 0.01 and -0.10: (9 ** 2 + 11 ** 2) / 2 = 101.
    assert found[BY_GAINS]["de", "tr"] == pytest.approx(101**0.5)
    assert found[BY_GAINS]["tr", "de"] == found[BY_GAINS]["de", "tr"]


def test_vectors_of_a_probe_join_languages():
    probe = Probe({"tiny": "tiny"}, {}, alike=[("de", "tr", 0.1), ("de", "ja", 0.3), ("tr", "ja", 0.8)])
    found = measure_distances(["de", "tr", "ja"], [], probe)
    assert find_nearest("tr", ["de", "tr", "ja"], found[BY_VECTORS], 2) == ["ja", "de"]
    shown = language_network(["de", "tr", "ja"], [], {BY_VECTORS: found[BY_VECTORS]})
    assert shown is not None
    assert len(shown.edges[BY_VECTORS]) == 3


def test_two_languages_are_no_network():
    assert language_network(["de", "tr"], [], {BY_GAINS: {("de", "tr"): 1.0}}) is None


def test_the_runs_most_alike_come_first():
    sheet = alike_runs_sheet(RECORDS[2], RECORDS)
    assert sheet is not None
    assert [row[0].text for row in sheet.rows] == ["full, seed 31: golden", "baseline, seed 31: golden"]
    assert sheet.rows[0][1].text == "strategy front → full"
    assert "realignment some → none" in sheet.rows[1][1].text
    assert sheet.rows[0][0].page == f"run/{RECORDS[1].folder}"
    assert alike_runs_sheet(RECORDS[0], RECORDS[:1]) is None


def test_a_network_as_a_table():
    nodes = [Node("a", "A", "", "x", "page/a"), Node("b", "B", "", "y"), Node("c", "C", "", "x")]
    both = Network("n", "N", nodes, {"this": [Edge("a", "b")], "that": [Edge("b", "c"), Edge("a", "c")]}, "", {})
    assert both.kinds == ["x", "y"]
    assert [[cell.text for cell in row] for row in both.sheet().rows] == [
        ["A", "x", "B", "C"],
        ["B", "y", "A", "C"],
        ["C", "x", "", "B, A"],
    ]
    one_way = Network("n", "N", nodes, {"": [Edge("a", "b"), Edge("a", "c")]}, "", {}, directed=True)
    assert [row[2].text for row in one_way.sheet().rows] == ["B, C", "", ""]


def test_without_the_package_that_draws_them_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(networks, "LIBRARY", "no-such-package")
    with pytest.raises(SettingsError, match=r"alignfreeze\[report\]"):
        networks.network_script()
