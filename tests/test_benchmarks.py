"""The benchmarks keep results in one form, and the pages show what was measured."""

import json
import math
import re
import subprocess
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.batches import encode_pairs
from alignfreeze.realignment.model import RealignmentModel
from benchmarks import common, environments, families, figures, limits, peers, shapes
from benchmarks.reference import realigning
from benchmarks.sides.sentences_ours import settings_of

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [("the dog", "god eht"), ("the cat sees the river", "tac eht"), ("the stone likes the bird", "drib eht")]
BITEXT = [SentencePair(tuple(one.split()), tuple(other.split()), ("en", "xx")) for one, other in TEXTS]
README = (ROOT / "README.md").read_text(encoding="utf-8")


# --- figures in pages ----------------------------------------------------------------


@pytest.mark.parametrize("page", figures.PAGES, ids=lambda page: page.name)
def test_pages_show_the_figures_of_the_results(page):
    """When this fails: `python benchmarks/figures.py` writes the pages anew."""
    text = page.read_text(encoding="utf-8")
    assert figures.REGION.search(text)
    assert figures.fill(text) == text


def test_every_region_of_figures_stands_in_a_page():
    found = [name for page in figures.PAGES for _, name, _ in figures.REGION.findall(page.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(figures.FIGURES)


def test_the_readme_claims_no_more_than_was_measured():
    rows = json.loads((common.RESULTS / "realign_speed.json").read_text())["rows"]
    low, high, memory = re.search(
        r"realignment is ([\d.]+) to ([\d.]+) times .*? at most (\d+)% of the memory", README, re.DOTALL
    ).groups()
    assert float(low) <= min(row["speedup"] for row in rows) < float(low) + 0.1
    assert float(high) <= max(row["speedup"] for row in rows) < float(high) + 0.1
    assert int(memory) == math.ceil(100 * max(row["memory_ratio"] for row in rows))


def test_factors_are_rounded_down_and_memory_up():
    rows = [{"speedup": 4.97, "memory_ratio": 0.301}, {"speedup": 3.79, "memory_ratio": 0.25}]
    assert figures.times(rows) == "3.7 to 4.9 times"
    assert figures.times(rows[:1]) == "4.9 times"
    assert figures.times([{"speedup": 2.3}]) == "2.3 times"  # 10 * 2.3 is a little below 23
    assert figures.memory_at_most(rows) == "31%"


def test_a_disturbed_row_is_marked_and_in_no_sentence(monkeypatch):
    calm = {"speedup": 3.0, "speedup_lowest": 2.5, "speedup_highest": 4.0}
    disturbed = {"speedup": 6.0, "speedup_lowest": 2.0, "speedup_highest": 10.0}
    assert figures.factor(calm) == "3.0x (2.5 to 4.0)"
    assert figures.factor(disturbed) == "6.0x (2.0 to 10.0, disturbed)"
    rows = [{"task": "links", "installed": True, **row} for row in (calm, disturbed)]
    monkeypatch.setattr(common, "read", lambda _: {"rows": rows})
    assert [found for _, found in figures.beside_peers()] == [rows[:1]]


def test_a_region_of_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="no figures are named 'speeed'; known are how-fast, speed"):
        figures.fill("<!-- figures: speeed -->\n<!-- end of figures -->")


def test_a_missing_result_is_named_with_the_command_that_writes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    for show in (figures.main, limits.main):
        with pytest.raises(
            SystemExit, match=r"realign_speed\.json does not exist; python benchmarks/realign_speed\.py"
        ):
            show()


def test_a_share_that_was_not_measured_is_not_guessed(monkeypatch):
    monkeypatch.setattr(limits, "shares", lambda: [("evaluation", None), ("fine-tuning", 0.64)])
    # 1 / 0.64 = 1.5625
    assert limits.rows() == [["evaluation", "not measured yet", ""], ["fine-tuning", "64%", "1.6x"]]


# --- results -------------------------------------------------------------------------


def test_results_hold_the_date_and_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    common.keep("speed", {"speedup": 2.0, "date": "1999-01-01"})
    facts = common.read("speed")
    assert re.fullmatch(r"20[2-9]\d-\d\d-\d\d", facts["date"])
    assert facts["machine"]["torch"] == torch.__version__
    assert facts["speedup"] == 2.0


def test_a_row_that_is_measured_again_gives_way(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    for encoder, speedup in (("a", 1.0), ("b", 2.0), ("a", 3.0)):
        rows = common.keep_row("speed", {"encoder": encoder, "speedup": speedup}, by=("encoder",), batch=16)
    assert [(row["encoder"], row["speedup"]) for row in rows] == [("a", 3.0), ("b", 2.0)]
    assert {"date", "machine"} <= set(rows[0])
    assert common.read("speed")["rows"] == rows
    assert common.read("speed")["batch"] == 16


def test_kept_results_are_of_known_cases():
    policies = {(encoder, policy) for encoder in shapes.SHAPES for policy in families.POLICIES}
    assert {(row["encoder"], row["realignment"]) for row in common.read("families")["rows"]} <= policies
    methods = {(task, method) for task, (_, methods, _) in peers.CASES.items() for method in methods}
    assert {(row["task"], row["method"]) for row in common.read("peers")["rows"]} == methods


def test_matrix_products_are_counted_with_and_without_gradients():
    linear, inputs = torch.nn.Linear(8, 5), torch.randn(3, 4, 8)
    for mode in (torch.enable_grad, torch.inference_mode):
        with mode(), common.Products() as products:
            linear(inputs)
        assert products.flops() == 2 * 12 * 8 * 5  # 12 rows of 8 inputs, 5 outputs


# --- encoders and peers --------------------------------------------------------------


def test_a_smaller_vocabulary_keeps_the_first_pieces():
    pieces = [("<unk>", 0.0), ("<pad>", 0.0), ("a", -1.0), ("b", -2.0), ("ab", -2.5)]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.Unigram(pieces, unk_id=0)), unk_token="<unk>", pad_token="<pad>"
    )
    smaller = shapes.cut(tokenizer, 4)
    assert tokenizer.convert_ids_to_tokens(tokenizer("ab").input_ids) == ["ab"]
    assert smaller.convert_ids_to_tokens(smaller("ab").input_ids) == ["a", "b"]
    assert (len(smaller), smaller.pad_token_id) == (4, 1)
    assert shapes.cut(tokenizer, 5) is tokenizer


def test_steps_of_the_reference_leave_frozen_parts_alone(tiny_encoder):
    before = {name: value.clone() for name, value in tiny_encoder.model.state_dict().items()}
    alignments = [WordAlignment(frozenset({(0, 1), (1, 0)}))] * len(BITEXT)
    how = {"policy": "front", "steps": 2, "batch_size": 3, "seed": 1}
    step = realigning(tiny_encoder, BITEXT, alignments, **how)
    step()
    step()
    changed = {name for name, value in tiny_encoder.model.state_dict().items() if not torch.equal(value, before[name])}
    assert {f"encoder.layer.{number}.output.dense.weight" for number in (2, 3)} <= changed
    assert not any(name.startswith(("encoder.layer.0.", "encoder.layer.1.")) for name in changed)


def test_both_sides_of_the_sentence_loss_compute_the_same(tmp_path, tiny_encoder):
    pytest.importorskip("sentence_transformers")
    from benchmarks.sides import sentences_peer

    how = {**peers.TRAINING, "steps": 1, "max_length": 64, "model": str(tmp_path)}
    tiny_encoder.save(tmp_path)
    alignments = align(BITEXT, aligner="sentence")  # no links
    pairs = encode_pairs(tiny_encoder.tokenizer, BITEXT, alignments, needs_links=False, cache=False)
    ours = RealignmentModel(tiny_encoder.model, settings_of(how), padding=tiny_encoder.padding).eval()
    model = sentences_peer.load(how).eval()
    features = [model.preprocess(list(side)) for side in zip(*TEXTS, strict=True)]
    with torch.no_grad():
        mine, theirs = ours(**pairs.batch(range(3)))["loss"], sentences_peer.loss_of(model, how)(features, None)
    assert mine.item() == pytest.approx(theirs.item(), abs=1e-5)


def test_a_package_that_cannot_be_installed_is_named_in_the_result(tmp_path, monkeypatch):
    commands = []

    def fail(command, **_):
        commands.append([str(part) for part in command])
        return subprocess.CompletedProcess(command, int("pip" in command))

    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path))
    monkeypatch.setattr(environments.subprocess, "run", fail)
    row = peers.compare("links", "argmax", 1)
    assert row == {"task": "links", "method": "argmax", "peer": "simalign 0.4", "installed": False}
    assert [command[0].startswith(str(tmp_path)) for command in commands] == [False, True]  # venv, then its own pip
    assert peers.show([row])[0][2] == "cannot be installed here"


def test_agreement_of_links():
    ours, theirs = [{"links": [[[0, 0], [1, 1]], [[0, 0]]]}], [{"links": [[[0, 0]], [[0, 0]]]}]
    # Two shared links of three and two: F1 is 2 * 2 / 5. The second pair has the same links.
    assert peers.agreement([ours, theirs]) == {"links_f1": 0.8, "pairs_with_same_links": 0.5}
