"""Words that look for their translations, and layers that move."""

import json

import pytest
import torch
from torch.nn import functional as F

from alignfreeze.alignment.aligning import align
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.errors import DataError, EncoderError
from alignfreeze.evaluation.drift import measure_drift
from alignfreeze.evaluation.retrieval import csls, measure_retrieval, strong, weak
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from tests.support.cli import alignfreeze

# Unit vectors at these angles, in degrees: each source word is nearest to its translation, but the first two source
# words are nearer to each other than to it. The third target word is nearest to the second source word.
SOURCE, TARGET = (0.0, 10.0, 90.0), (-15.0, 22.0, 48.0)


def at(angles):
    radians = torch.deg2rad(torch.tensor(angles))
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def test_retrieval_by_hand():
    # Source 0: targets at 15, 22, 48 degrees. Source 1: 25, 12, 38. Source 2: 105, 68, 42. All right.
    # Target 0: sources at 15, 25, 105. Target 1: 22, 12, 68. Target 2: 48, 38, 42: wrong.
    assert weak(at(SOURCE), at(TARGET)) == (1.0, pytest.approx(2 / 3))
    # Source 0 is 10 degrees from source 1 and 15 from its translation; source 1 is 10 from source 0 and 12 from its.
    # Target 1 is 12 degrees from its translation and 26 from target 2; target 2 is wrong anyway.
    assert strong(at(SOURCE), at(TARGET)) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_csls_is_the_definition():
    generator = torch.Generator().manual_seed(1)
    source, target = (F.normalize(torch.randn(30, 5, generator=generator), dim=-1) for _ in range(2))

    def crowd(vector, others):
        return (others @ vector).sort(descending=True).values[:10].mean()

    table = torch.tensor(
        [[2 * s @ t - crowd(s, target) - crowd(t, source) for t in target] for s in source], dtype=torch.float32
    )
    numbers = torch.arange(30)
    expected = [(table.argmax(dim=side) == numbers).float().mean().item() for side in (1, 0)]
    assert csls(source, target) == pytest.approx(expected)


def test_realignment_lets_words_find_each_other_and_moves_what_is_not_frozen(tiny_folder, toy_bitext):
    before, after = (load_encoder(str(tiny_folder)) for _ in range(2))
    links = align(toy_bitext, aligner="fast-align", cache=False)
    settings = RealignmentSettings(steps=60, batch_size=16, learning_rate=3e-3)
    realign(after, toy_bitext, links, freeze="front", settings=settings, device="cpu")
    found = [measure_retrieval(encoder, toy_bitext, links, device="cpu") for encoder in (before, after)]
    assert {item.layer for item in found[0]} == {0, 1, 2, 3, 4}
    assert {item.n for item in found[0]} == {found[0][0].n}
    last = [next(item for item in items if item.layer == 4 and item.method == "weak") for items in found]
    assert last[1].mean > last[0].mean + 0.3
    moved = measure_drift(before, after)
    assert [item.layer for item in moved if item.distance == 0] == [1, 2]
    assert all(item.distance > 0 for item in moved if item.layer in {0, 3, 4})
    assert all(item.distance == 0 for item in measure_drift(before, before))


def test_strong_is_never_easier_than_weak(tiny_encoder, toy_bitext):
    found = measure_retrieval(tiny_encoder, toy_bitext, align(toy_bitext, cache=False), most_words=7, device="cpu")
    assert {item.n for item in found} == {7}
    by = {(item.language, item.layer, item.method): item for item in found}
    for (language, layer, method), item in by.items():
        if method == "strong":
            assert item.to_target <= by[language, layer, "weak"].to_target
            assert item.to_source <= by[language, layer, "weak"].to_source


def test_nothing_to_look_for(tiny_encoder, toy_bitext):
    nothing = align(toy_bitext, aligner="sentence", cache=False)
    with pytest.raises(DataError, match="no sentence pair has a usable link"):
        measure_retrieval(tiny_encoder, toy_bitext, nothing, device="cpu")


def test_other_encoders_have_no_drift(tiny_encoder, toy_bitext):
    from dataclasses import replace

    from transformers import AutoModel, BertConfig

    shape = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 20}
    for n_layers, message in (
        (4, "cannot be compared: .* has different shapes"),
        (2, "cannot be compared: they have 4 and 2 layers"),
    ):
        other = replace(tiny_encoder, model=AutoModel.from_config(BertConfig(num_hidden_layers=n_layers, **shape)))
        with pytest.raises(EncoderError, match=message):
            measure_drift(tiny_encoder, other)


def test_the_command(tiny_folder, tmp_path, toy_bitext):
    from tests.conftest import write_bars

    (tmp_path / "en-de.txt").write_text("\n".join(write_bars(toy_bitext)))
    given = [f"en-de={tmp_path / 'en-de.txt'}", "--pretokenized", "--device", "cpu"]
    out = tmp_path / "realigned"
    done = alignfreeze("realign", tiny_folder, "--bitext", *given, "--steps", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    shown = alignfreeze("probe", tiny_folder, out, "--bitext", *given)
    assert "Word retrieval, German (de)" in shown.stdout, shown.stderr
    assert "Drift from" in shown.stdout
    facts = json.loads(alignfreeze("probe", tiny_folder, out, "--bitext", *given, "--json").stdout)
    assert list(facts["drift"]) == ["realigned"]
    assert len(facts["retrieval"]["realigned"]) == 5 * 3
    both = alignfreeze("probe", tiny_folder, "--bitext", *given, "--bitext", given[0].replace("en-de", "en-tr", 1))
    assert "Word retrieval, mean of 2 languages" in both.stdout, both.stderr
    (tmp_path / "links").write_text("0-0 1-1 2-2 3-3 4-4\n" * len(toy_bitext))
    linked = alignfreeze("probe", tiny_folder, "--bitext", *given, "--links", f"en-de={tmp_path / 'links'}", "--json")
    assert {item["n"] for item in json.loads(linked.stdout)["retrieval"][tiny_folder.name]} != {0}
    refused = alignfreeze("probe", out, out, "--bitext", *given)
    assert refused.returncode == 2
    assert "named twice" in refused.stderr


def test_the_command_on_gradients(tiny_folder, tmp_path, project):
    given = ["--bitext", f"en-de={project / 'en-de.txt'}", "--pretokenized", "--device", "cpu"]
    train, tuned = project / "en-train.conllu", tmp_path / "tuned"
    done = alignfreeze("finetune", tiny_folder, "--train", train, "--epochs", 1, "--out", tuned)
    assert done.returncode == 0, done.stderr
    shown = alignfreeze("probe", tiny_folder, tuned, *given, "--task", "pos", "--train", train, "--json")
    facts = json.loads(shown.stdout)["gradients"]
    assert list(facts) == ["tuned"]  # the encoder has learnt no task
    assert [item["layer"] for item in facts["tuned"]] == [0, 1, 2, 3, 4]
    for options, message in (
        (["--task", "pos"], "use --task and --train together"),
        (["--task", "pso", "--train", train], "unknown task 'pso'"),
        (
            ["--task", "pos", "--train", train],
            "none of the encoders named is a folder with a model fine-tuned",
        ),
    ):
        refused = alignfreeze("probe", tiny_folder, *given, *options)
        assert refused.returncode == 2
        assert message in " ".join(refused.stderr.split())
