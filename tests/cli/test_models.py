"""Commands that train, average and test single models, one after the other and with wrong input."""

import json

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForTokenClassification, BertConfig, BertModel

from alignfreeze.encoding.encoder import digest_of_encoder, load_encoder
from tests.support.cli import alignfreeze, refused

CONLLU = "1\tdog\t_\tNOUN\t_\t_\t_\t_\t_\t_\n"


def test_the_stages_one_after_the_other(tmp_path, tiny_folder, bitext_file, tagged_file):
    """Align, realign, fine-tune, evaluate: each with JSON, each feeding the next."""
    links, realigned, tagger = tmp_path / "deep" / "links", tmp_path / "realigned", tmp_path / "tagger"
    done = alignfreeze("align", "--bitext", f"en-de={bitext_file}", "--out", links, "--pretokenized", "--json")
    facts = json.loads(done.stdout)
    assert facts["sentence_pairs"] == len(links.read_text().splitlines()) == 120
    assert facts["links_for_realignment"] > 400

    options = ["--bitext", f"en-de={bitext_file}", "--pretokenized", "--device", "cpu", "--steps", 3, "--json"]
    done = alignfreeze(
        "realign", tiny_folder, *options, "--links", f"en-de={links}", "--freeze", "front", "--out", realigned
    )
    facts = json.loads(done.stdout)
    assert (facts["steps"], facts["freeze"]) == (3, "front")
    assert facts["frozen"]["parameters"] > 0
    record = json.loads((realigned / "alignfreeze.json").read_text())
    assert record["settings"]["temperature"] == 0.1
    assert record["digests"]["bitext en-de"]

    training = ["--train", tagged_file, "--epochs", 8, "--learning-rate", 5e-3, "--device", "cpu", "--json"]
    done = alignfreeze("finetune", realigned, *training, "--out", tagger)
    facts = json.loads(done.stdout)
    assert facts["steps"] == 16
    assert facts["last_loss"] < facts["first_loss"]

    done = alignfreeze("evaluate", tagger, "--test", f"en={tagged_file}", "--device", "cpu", "--json")
    (score,) = json.loads(done.stdout)
    assert score["language"] == "en"
    assert score["value"] > 0.5
    assert score["n"] == 300
    plain = alignfreeze("evaluate", tagger, "--test", f"en={tagged_file}", "--device", "cpu").stdout
    assert f"en\tEnglish\taccuracy\t{100 * score['value']:.1f}\t300 words\n" in plain


def test_adapters_are_written_alone_or_merged(tmp_path, tiny_folder, bitext_file, tagged_file):
    peft = pytest.importorskip("peft")
    options = ["--bitext", f"en-de={bitext_file}", "--pretokenized", "--device", "cpu", "--steps", 3, "--json"]
    adapter, merged, tagger = tmp_path / "adapter", tmp_path / "merged", tmp_path / "tagger"
    how = ["--freeze", "front+lora:4", "--learning-rate", 1e-2]
    facts = json.loads(alignfreeze("realign", tiny_folder, *options, *how, "--adapter", "--out", adapter).stdout)
    assert facts["frozen"]["adapter"]["rank"] == 4
    assert alignfreeze("realign", tiny_folder, *options, *how, "--out", merged).returncode == 0
    names = {path.name for path in adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "alignfreeze.json", "README.md"} <= names
    assert "model.safetensors" not in names
    card = (adapter / "README.md").read_text()
    assert "library_name: peft" in card
    assert "realigned with adapters of rank 4, alpha 8, beside 12 linear layers" in card
    assert "PeftModel.from_pretrained(base, " in card
    found = peft.PeftModel.from_pretrained(AutoModel.from_pretrained(tiny_folder), adapter).merge_and_unload()
    expected = load_encoder(merged).model
    assert all(torch.allclose(p, q, atol=1e-5) for p, q in zip(found.parameters(), expected.parameters(), strict=True))

    training = ["--train", tagged_file, "--epochs", 1, "--device", "cpu", "--json", "--out"]
    facts = json.loads(
        alignfreeze("finetune", merged, *training, tagger, "--set", "adapter=lora:2", "--adapter").stdout
    )
    assert facts["steps"] == 2
    assert json.loads((tagger / "alignfreeze.json").read_text())["training"]["adapter"]["rank"] == 2
    base = AutoModelForTokenClassification.from_pretrained(merged, config=AutoConfig.from_pretrained(tagger))
    assert "NOUN" in peft.PeftModel.from_pretrained(base, tagger).config.id2label.values()
    card = (tagger / "README.md").read_text()
    assert "fine-tuned with adapters of rank 2" in card
    assert "AutoModelForTokenClassification.from_pretrained(" in card

    out = tmp_path / "x"
    refused(alignfreeze("finetune", adapter, *training, out), "this folder holds an adapter and not a model")
    refused(alignfreeze("evaluate", tagger, "--test", f"en={tagged_file}"), "this folder holds an adapter and not")
    refused(alignfreeze("realign", tiny_folder, *options, "--adapter", "--out", out), "as in --freeze lora:16")
    refused(alignfreeze("finetune", merged, *training, out, "--adapter"), "as in --set adapter=lora:16")


def test_the_mean_of_encoders(tmp_path, tiny_folder, bitext_file, tagged_file):
    realigned, mean, tuned = tmp_path / "realigned", tmp_path / "mean", tmp_path / "tuned"
    options = ["--bitext", f"en-de={bitext_file}", "--pretokenized", "--device", "cpu", "--steps", 2]
    done = alignfreeze("realign", tiny_folder, *options, "--freeze", "front", "--out", realigned)
    assert done.returncode == 0, done.stderr
    done = alignfreeze("average", tiny_folder, realigned, "--weights", "1,3", "--out", mean, "--json")
    assert json.loads(done.stdout) == {
        "encoders": [str(tiny_folder), str(realigned)],
        "weights": [1, 3],
        "folder": str(mean),
    }
    first, second, found = (
        dict(load_encoder(str(place)).model.named_parameters()) for place in (tiny_folder, realigned, mean)
    )
    for name, parameter in found.items():
        assert torch.allclose(parameter, (first[name] + 3 * second[name]) / 4, atol=1e-7), name
    assert any(not torch.equal(parameter, first[name]) for name, parameter in found.items())

    record = json.loads((mean / "alignfreeze.json").read_text())
    written = f"average(1*{tiny_folder.name},3*front)"
    assert (record["freeze"], record["languages"]) == (written, ["en", "de"])
    assert [member.get("freeze") for member in record["members"]] == [None, "front"]
    assert record["digests"]["encoder 2"] == [digest_of_encoder(str(realigned))]
    card = (mean / "README.md").read_text()
    assert f"# {tiny_folder.name}, averaged" in card
    assert f"mean of the weights of several encoders: `{written}`" in card
    # What is made of it does not forget how it came about.
    training = ["--train", tagged_file, "--epochs", 1, "--device", "cpu"]
    assert alignfreeze("finetune", mean, *training, "--out", tuned).returncode == 0
    assert f"several encoders, before fine-tuning: `{written}`" in (tuned / "README.md").read_text()


def test_swap(tmp_path, tiny_folder, bitext_file):
    realigned, reverted = tmp_path / "realigned", tmp_path / "reverted"
    options = ["--bitext", f"en-de={bitext_file}", "--pretokenized", "--device", "cpu", "--steps", 2]
    done = alignfreeze("realign", tiny_folder, *options, "--out", realigned)
    assert done.returncode == 0, done.stderr
    done = alignfreeze("swap", realigned, tiny_folder, "--parts", "embeddings+front", "--out", reverted, "--json")
    assert json.loads(done.stdout) == {
        "encoder": str(realigned),
        "donor": str(tiny_folder),
        "parts": "embeddings+front",
        "folder": str(reverted),
    }
    ours, pretrained, found = (
        dict(load_encoder(str(place)).model.named_parameters()) for place in (realigned, tiny_folder, reverted)
    )
    fixed = ("embeddings.", "encoder.layer.0.", "encoder.layer.1.")
    for name, parameter in found.items():
        assert torch.equal(parameter, (pretrained if name.startswith(fixed) else ours)[name]), name
    written = f"swap(full,embeddings+front={tiny_folder.name})"
    record = json.loads((reverted / "alignfreeze.json").read_text())
    assert (record["freeze"], record["languages"]) == (written, ["en", "de"])
    assert f"merged from several encoders: `{written}`" in (reverted / "README.md").read_text()

    def refuse(*arguments, message):
        refused(alignfreeze("swap", *arguments, "--out", tmp_path / "out"), message)

    refuse(realigned, tiny_folder, "--parts", "fornt", message="'fornt' is not known; choose one of front, back")
    refuse(realigned, tiny_folder, "--parts", "9", message="the encoder has layers 0 to 3")
    refuse(realigned, tmp_path / "nowhere", "--parts", "front", message="cannot be loaded as an encoder")
    assert not (tmp_path / "out").exists()


def test_wrong_input_of_average(tmp_path, tiny_folder):
    out = tmp_path / "out"

    def run(*encoders_and_options, out=out):
        return alignfreeze("average", *encoders_and_options, "--out", out)

    refused(run(tiny_folder), "at least two encoders")
    for weights in ("1", "1,2,3", "1,half", ""):
        refused(run(tiny_folder, tiny_folder, "--weights", weights), f"--weights '{weights}': expected 2 numbers")
    refused(run(tiny_folder, tiny_folder, "--weights", "0,1"), "the weight 0 is not allowed: each weight must be")
    refused(run(tiny_folder, tmp_path / "nowhere"), "cannot be loaded as an encoder")
    torch.manual_seed(1)
    other = tmp_path / "other"
    BertModel(BertConfig.from_pretrained(tiny_folder, num_hidden_layers=3)).save_pretrained(other)
    load_encoder(str(tiny_folder)).tokenizer.save_pretrained(other)
    refused(run(tiny_folder, other), "cannot be averaged: only one of them has encoder.layer.3")
    refused(run(tiny_folder, tiny_folder, out=tmp_path), "already exists")
    assert not out.exists()


def test_wrong_input_of_realign(tmp_path, tiny_folder, bitext_file):
    out = tmp_path / "out"

    def run(*options, encoder=tiny_folder, out=out):
        basis = ["--bitext", f"en-de={bitext_file}", "--pretokenized", "--steps", 1, "--out", out]
        return alignfreeze("realign", encoder, *basis, *options)

    (tmp_path / "links").write_text("0-0\n" * 119 + "0-5\n")
    refused(run("--links", f"en-de={tmp_path / 'links'}"), "links, line 120: link 0-5 is out of range")
    refused(run("--freeze", "fornt"), "unknown freeze policy 'fornt'", "Did you mean 'front'")
    refused(run(encoder=tmp_path), "holds no model")
    refused(run(encoder=tmp_path / "nothing"), "cannot be loaded as an encoder")
    refused(run("--layer", "first", "--learning-rate", "0"), "2 wrong settings", "layer: ", "learning_rate: ")
    refused(run("--device", "gpu"), "unknown device 'gpu'")
    (tmp_path / "file").touch()
    refused(run(out=tmp_path / "file" / "out"), "cannot be written")
    refused(run(out=tmp_path), "already exists")
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "links"]


def test_wrong_input_of_finetune(tmp_path, tiny_folder):
    out = tmp_path / "out"

    def run(content, *options):
        (tmp_path / "train.conllu").write_bytes(content)
        return alignfreeze("finetune", tiny_folder, "--train", tmp_path / "train.conllu", "--out", out, *options)

    refused(run((CONLLU + CONLLU[:-3] + "\n").encode()), "train.conllu, line 2: ", "but this line has 9")
    refused(run(CONLLU.replace("NOUN", "NN").encode()), "train.conllu, line 1: 'NN' is none of the 17 UPOS tags")
    refused(run(CONLLU.encode(), "--task", "pso"), "unknown task 'pso'", "Did you mean 'pos'")
    refused(run(b""), "no sentence found")
    assert not out.exists()


def test_wrong_start(tmp_path, tiny_folder, bitext_file):
    done = alignfreeze(
        "realign", tiny_folder, "--bitext", f"en-de={bitext_file}", "--out", tmp_path / "o", "--seed", -1
    )
    assert done.returncode == 2
    assert "seed" in done.stderr


def test_wrong_input_of_evaluate(tmp_path, tiny_folder):
    (tmp_path / "t").write_text(CONLLU)
    refused(alignfreeze("evaluate", tmp_path, "--test", f"de={tmp_path / 't'}"), "holds no fine-tuned model")
    refused(alignfreeze("evaluate", tiny_folder, "--test", f"de={tmp_path / 't'}"), "has no head")
    refused(alignfreeze("evaluate", tiny_folder, "--test", f"{tmp_path / 't'}"), "expected de=FILE")
    twice = ["--test", f"de={tmp_path / 't'}", "--test", f"de={tmp_path / 't'}"]
    refused(alignfreeze("evaluate", tiny_folder, *twice), "--test: one file per language; de is named twice")


def test_a_model_for_other_frameworks(tmp_path, tiny_folder):
    out = tmp_path / "vectors"
    options = ["--to", "sentence-transformers", "--pooling", "cls", "--normalize", "--out", out]
    shown = alignfreeze("convert", tiny_folder, *options).stdout
    assert "vectors\tThe vector of a text is the vector of its first subword, with the length 1.\n" in shown
    assert "normalize\tyes\n" in shown
    assert [module["path"] for module in json.loads((out / "modules.json").read_text())] == [
        "",
        "1_Pooling",
        "2_Normalize",
    ]

    done = alignfreeze("convert", out, "--to", "onnx", "--out", tmp_path / "onnx", "--json")
    facts = json.loads(done.stdout)
    assert facts["difference"] < 1e-4
    assert (facts["model"], facts["folder"]) == (str(out), str(tmp_path / "onnx"))


def test_wrong_input_of_convert(tmp_path, tiny_folder):
    out = tmp_path / "out"

    def run(*options, model=tiny_folder, out=out):
        return alignfreeze("convert", model, "--out", out, *options)

    refused(run("--to", "onx"), "unknown form of a model 'onx'", "Did you mean 'onnx'")
    refused(run("--to", "sentence-transformers", "--pooling", "max"), "unknown pooling 'max'")
    refused(run("--to", "onnx", "--pooling", "mean"), "pooling and normalize are settings of sentence-transformers")
    refused(run("--to", "onnx", out=tiny_folder), "already exists and is not an empty folder")
    refused(run("--to", "onnx", model=tmp_path), "holds no model")
    assert not any(tmp_path.iterdir())
