"""Each command as a user types it: what it prints, and what it says to wrong input."""

import json
import re
import subprocess
import sys

import pytest
import torch
from transformers import BertConfig, BertModel

from alignfreeze.encoding.encoder import digest_of_encoder, load_encoder
from tests.conftest import write_bars
from tests.support.cli import alignfreeze, in_own_process, refused

COMMANDS = [
    *("demo", "run", "bitext", "align", "aer", "layers", "realign", "average", "finetune", "evaluate"),
    *("compare", "correlate", "status", "export", "report", "probe", "advise"),
    *("note", "lens"),
]


@pytest.fixture(scope="module")
def bitext_file(tmp_path_factory, toy_bitext):
    path = tmp_path_factory.mktemp("bitext") / "en-de.txt"
    path.write_text("\n".join(write_bars(toy_bitext)))
    return path


@pytest.fixture(scope="module")
def tagged_file(tmp_path_factory, toy_tagged):
    path = tmp_path_factory.mktemp("tagged") / "en.conllu"
    rows = []
    for sentence in toy_tagged:
        words = enumerate(zip(sentence.words, sentence.tags, strict=True), start=1)
        rows += [*(f"{number}\t{word}\t_\t{tag}" + "\t_" * 6 for number, (word, tag) in words), ""]
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_common_options(command):
    help_text = alignfreeze(command, "--help").stdout
    # Comparing links, or results, has neither a random start nor anything to compute.
    needless = {
        "aer": {"--seed", "--device"},
        "average": {"--seed", "--device"},
        "compare": {"--seed", "--device"},
        "correlate": {"--seed", "--device"},
        "status": {"--seed", "--device"},
        "export": {"--json", "--seed", "--device"},
        "report": {"--json", "--seed", "--device"},
        "note": {"--json", "--seed", "--device"},
        "lens": {"--json", "--seed", "--device"},
        "layers": {"--seed"},
        "probe": {"--seed"},
    }.get(command, set())
    assert all(option in help_text for option in {"--json", "--seed", "--device"} - needless)


def test_help_does_not_wait_for_torch():
    code = "import sys; sys.argv = ['alignfreeze', '--help']\nfrom alignfreeze.cli import app\n"
    code += "try: app()\nexcept SystemExit: pass\nassert not {'torch', 'transformers', 'pydantic'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_version():
    from alignfreeze import __version__

    assert alignfreeze("--version").stdout.strip() == __version__


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
    assert plain == f"en  accuracy {100 * score['value']:.1f}%  of 300 words\n"


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


def test_wrong_input_of_average(tmp_path, tiny_folder):
    out = tmp_path / "out"

    def run(*encoders_and_options, out=out):
        return alignfreeze("average", *encoders_and_options, "--out", out)

    refused(run(tiny_folder), "at least two encoders")
    for weights in ("1", "1,2,3", "1,half", ""):
        refused(run(tiny_folder, tiny_folder, "--weights", weights), f"--weights '{weights}': expected 2 numbers")
    refused(run(tiny_folder, tiny_folder, "--weights", "0,1"), "the weight 0: what is averaged counts more than 0")
    refused(run(tiny_folder, tmp_path / "nowhere"), "cannot be loaded as an encoder")
    torch.manual_seed(1)
    other = tmp_path / "other"
    BertModel(BertConfig.from_pretrained(tiny_folder, num_hidden_layers=3)).save_pretrained(other)
    load_encoder(str(tiny_folder)).tokenizer.save_pretrained(other)
    refused(run(tiny_folder, other), "cannot be averaged: only one of them has encoder.layer.3")
    refused(run(tiny_folder, tiny_folder, out=tmp_path), "exists already")
    assert not out.exists()


def test_a_mistake_in_an_own_process(tmp_path):
    done = in_own_process("run", tmp_path / "none.toml", "--out", tmp_path / "out")
    refused(done, "none.toml: cannot be read")


CONLLU = "1\tdog\t_\tNOUN\t_\t_\t_\t_\t_\t_\n"


def test_wrong_input_of_align(tmp_path):
    def run(content, languages="en-de", second=None):
        (tmp_path / "a").write_bytes(content)
        files = tmp_path / "a"
        if second is not None:
            (tmp_path / "b").write_bytes(second)
            files = f"{files},{tmp_path / 'b'}"
        return alignfreeze("align", "--bitext", f"{languages}={files}", "--out", tmp_path / "links")

    refused(run(b"one\ntwo\n", second=b"eins\n"), "a has 2 lines and ", "b 1")
    refused(run(b""), "a: no sentence pair found")
    refused(run(b"a\tb\nma\xf1ana\tc\n"), "a, line 2: not valid UTF-8")
    refused(run(b"a\tb\nc\n"), "a, line 2: expected two columns")
    refused(run(b"a\tb\n", languages="en-turkish"), "unknown language code 'turkish'", "Did you mean 'tr'")
    refused(run(b"a\tb\n", languages="en"), "expected two language codes")
    refused(alignfreeze("align", "--bitext", "en-de=nothing", "--out", tmp_path / "links"), "nothing: cannot be read")
    assert not (tmp_path / "links").exists()


def test_bitext_of_any_form_becomes_one_file(tmp_path):
    (tmp_path / "a.tsv").write_text("A dog\tEin Hund\nA dog\tEin Hund\nTom\tTom\n\tleer\n")
    (tmp_path / "b.jsonl").write_text('{"en": "A cat", "de": "Eine Katze"}\n')
    options = ("--select", "deduplicate=true", "--select", "drop_identical=true", "--json")
    places = [option for name in ("a.tsv", "b.jsonl") for option in ("--bitext", f"en-de={tmp_path / name}")]
    done = alignfreeze("bitext", *places, "--out", tmp_path / "all.jsonl", *options)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["sentence_pairs_read"], facts["sentence_pairs"]) == (5, 2)
    assert facts["left_out"] == {"repeated": 1, "identical sides": 1, "empty": 1}
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"en": "A dog", "de": "Ein Hund"},
        {"en": "A cat", "de": "Eine Katze"},
    ]
    done = alignfreeze("bitext", "--bitext", f"en-de={tmp_path / 'all.jsonl'}", "--out", tmp_path / "all.tsv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "all.tsv").read_text() == "A dog\tEin Hund\nA cat\tEine Katze\n"
    assert "read as jsonl" in " ".join(done.stderr.split())


def test_a_form_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path):
    done = alignfreeze("bitext", "--bitext", "en-de=nothing", "--out", tmp_path / "all.tmx")
    refused(done, "all.tmx: files that end in .tmx are not written; name one that ends in .tsv")
    done = alignfreeze("align", "--bitext", "en-de=nothing", "--out", tmp_path / "links", "--kept", tmp_path / "k.po")
    refused(done, "k.po: files that end in .po are not written")


@pytest.mark.parametrize("other", ["--kept", "--view", "--save-trained"])
def test_no_output_takes_the_place_of_another(tmp_path, other):
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    done = alignfreeze(*("align", "--bitext", "en-de=nothing", "--out", tmp_path / "x", other, tmp_path / "link" / "x"))
    refused(done, f"{other} {tmp_path / 'link' / 'x'}: this file is that of --out")


def test_no_output_takes_the_place_of_a_file_that_is_read(tmp_path):
    pairs, words = tmp_path / "t.tsv", tmp_path / "words"
    pairs.write_text("A dog\tEin Hund\n")
    words.write_text("dog Hund\n")
    options = ("--bitext", f"en-de={tmp_path / '*.tsv'}", "--dictionary", f"en-de={words}")
    for option, path in (("--out", pairs), ("--kept", pairs), ("--view", words)):
        rest = () if option == "--out" else ("--out", tmp_path / "links")
        done = alignfreeze("align", *options, option, path, *rest, "--aligner", "dictionary")
        refused(done, f"{option} {path}: this file is read; choose another name")
    refused(alignfreeze("bitext", *options[:2], "--out", pairs), f"--out {pairs}: this file is read")
    assert pairs.read_text() == "A dog\tEin Hund\n"
    assert sorted(tmp_path.iterdir()) == [pairs, words]


def test_the_best_translations_are_kept(tmp_path, tiny_folder, bitext_file):
    done = alignfreeze(
        *("bitext", "--bitext", f"en-de={bitext_file}", "--out", tmp_path / "best.tsv", "--select", "keep_best=0.25"),
        *("--encoder", tiny_folder, "--device", "cpu", "--json"),
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["sentence_pairs"] == 30
    assert facts["left_out"] == {"less alike": 90}


@pytest.mark.parametrize("aligner", ["eflomal", "hmm", "softmax", "argmax", "itermax", "dictionary", "sentence"])
def test_every_aligner_by_command(tmp_path, tiny_folder, bitext_file, toy_bitext, aligner):
    words = {word for pair in toy_bitext for word in pair.source}
    (tmp_path / "words").write_text("".join(f"{word} {word[::-1]}\n" for word in sorted(words)))
    done = alignfreeze(
        *("align", "--bitext", f"en-de={bitext_file}", "--out", tmp_path / "links", "--aligner", aligner),
        *("--encoder", tiny_folder, "--dictionary", f"en-de={tmp_path / 'words'}", "--alignment", "layer=2"),
        *("--pretokenized", "--device", "cpu", "--json"),
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert len((tmp_path / "links").read_text().splitlines()) == facts["sentence_pairs"] == len(toy_bitext)
    assert (facts["links"] == 0) == (aligner == "sentence")
    if aligner == "dictionary":
        assert facts["source_words_in_dictionary"] == 1.0


def test_pairs_without_links_and_without_any_for_realignment(tmp_path):
    """Of "a", which links with itself, realignment keeps nothing; of "c" the word list knows nothing."""
    (tmp_path / "t.tsv").write_text("a\ta\nb\tB\nc\tx\n")
    (tmp_path / "words").write_text("a a\nb b\n")
    done = alignfreeze(
        *("align", "--bitext", f"en-de={tmp_path / 't.tsv'}", "--out", tmp_path / "links", "--aligner", "dictionary"),
        *("--dictionary", f"en-de={tmp_path / 'words'}", "--json"),
    )
    facts = json.loads(done.stdout)
    assert (facts["pairs_without_links"], facts["pairs_without_links_for_realignment"]) == (1, 2)


def test_links_of_chosen_pairs_fit_the_file_of_the_chosen(tmp_path, bitext_file):
    basis = ("align", "--bitext", f"en-de={bitext_file}", "--out", tmp_path / "links", "--select", "sample=40")
    refused(alignfreeze(*basis), "links fit no file", "--kept")
    done = alignfreeze(*basis, "--kept", tmp_path / "kept.tsv", "--pretokenized", "--seed", 3, "--show", 2)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "kept.tsv").read_text().splitlines()) == 40
    assert len((tmp_path / "links").read_text().splitlines()) == 40
    assert "80 not in the sample" in done.stdout
    assert re.search(r"  en  .*₁.*\n  de  .*₁", done.stdout)


def test_a_trained_model_by_command(tmp_path, bitext_file):
    basis = ("align", "--bitext", f"en-de={bitext_file}", "--pretokenized", "--out", tmp_path / "links", "--json")
    first = alignfreeze(*basis, "--save-trained", tmp_path / "model")
    assert first.returncode == 0, first.stderr
    again = alignfreeze(*basis, "--trained", tmp_path / "model")
    assert json.loads(again.stdout)["links"] == json.loads(first.stdout)["links"]
    refused(alignfreeze(*basis, "--trained", tmp_path / "model", "--aligner", "dictionary"), "needs a word list")
    refused(alignfreeze(*basis, "--trained", tmp_path / "model", "--aligner", "sentence"), "sentence learns nothing")
    refused(alignfreeze(*basis, "--trained", tmp_path / "none"), "holds no trained aligner")
    refused(alignfreeze(*basis, "--save-trained", tmp_path / "model"), "exists already")
    both = ("--trained", tmp_path / "model", "--save-trained", tmp_path / "copy")
    refused(alignfreeze(*basis, *both), "with --trained nothing is")


def test_a_page_of_links_escapes_what_it_shows(tmp_path):
    (tmp_path / "t.txt").write_text("<script>alert(1)</script> dog ||| <img> Hund\n" * 5)
    done = alignfreeze(
        *("align", "--bitext", f"en-ar={tmp_path / 't.txt'}", "--out", tmp_path / "links", "--pretokenized"),
        *("--view", tmp_path / "page.html"),
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "<script>" not in page
    assert "<img>" not in page
    assert "&lt;img&gt;" in page
    assert 'dir="rtl"' in page
    assert (
        page.count('class="linked"')
        == json.loads(
            alignfreeze(
                *(
                    "align",
                    "--bitext",
                    f"en-ar={tmp_path / 't.txt'}",
                    "--out",
                    tmp_path / "links",
                    "--pretokenized",
                    "--json",
                )
            ).stdout
        )["links"]
    )


def test_the_error_rate_by_command(tmp_path):
    (tmp_path / "found").write_text("0-0 1-1 2-2 3-3\n")
    (tmp_path / "gold").write_text("1-1 2-2 5-5 3p3\n")
    done = alignfreeze("aer", tmp_path / "found", tmp_path / "gold", "--gold-starts-at", 1, "--json")
    assert json.loads(done.stdout)["aer"] == pytest.approx(2 / 7)
    assert "aer" in alignfreeze("aer", tmp_path / "found", tmp_path / "gold", "--gold-starts-at", 1).stdout
    (tmp_path / "gold").write_text("1-1\n2-2\n")
    refused(alignfreeze("aer", tmp_path / "found", tmp_path / "gold"), "has 1 lines where the gold file has 2")
    (tmp_path / "gold").write_text("x\n")
    refused(alignfreeze("aer", tmp_path / "found", tmp_path / "gold"), "gold, line 1", "is not a link")
    refused(alignfreeze("aer", tmp_path / "none", tmp_path / "gold"), "is not a link")
    for name in ("found", "gold"):
        (tmp_path / name).write_text("")
    refused(alignfreeze("aer", tmp_path / "found", tmp_path / "gold"), "gold: no line in it")


def test_the_best_layer_by_command(tmp_path, tiny_folder, bitext_file, toy_bitext):
    (tmp_path / "gold").write_text("0-0 1-1 2-2 3-3 4-4\n" * len(toy_bitext))
    options = ("--gold", tmp_path / "gold", "--pretokenized", "--device", "cpu", "--threshold", 0.1)
    done = alignfreeze("layers", tiny_folder, "--bitext", f"en-de={bitext_file}", *options)
    assert done.returncode == 0, done.stderr
    rates = [float(line.split()[0]) for line in done.stdout.splitlines()[1:]]
    assert len(rates) == 5 * 3 * 2  # layers, aligners, centred or not
    assert rates == sorted(rates)
    done = alignfreeze("layers", tiny_folder, "--bitext", f"en-de={bitext_file}", *options, "--json")
    rows = json.loads(done.stdout)
    assert [row["agreement"]["aer"] for row in rows] == pytest.approx(rates, abs=6e-4)
    for threshold in (0, 1, -0.5, "nan", 2):
        done = alignfreeze("layers", tiny_folder, "--bitext", "en-de=nothing", *options, "--threshold", threshold)
        refused(done, f"--threshold {float(threshold)}: a probability between 0 and 1")
    (tmp_path / "gold").write_text("0-7\n" * len(toy_bitext))
    refused(
        alignfreeze("layers", tiny_folder, "--bitext", f"en-de={bitext_file}", *options), "link 0-7 is out of range"
    )


def test_wrong_options_of_align(tmp_path, tiny_folder, bitext_file):
    basis = ("align", "--bitext", f"en-de={bitext_file}", "--out", tmp_path / "links", "--pretokenized")
    refused(alignfreeze(*basis, "--aligner", "fastalign"), "unknown aligner 'fastalign'", "Did you mean 'fast-align'")
    refused(alignfreeze(*basis, "--alignment", "symmetrization=grow"), "unknown symmetrization 'grow'")
    refused(alignfreeze(*basis, "--alignment", "layer=x", "--alignment", "centered=1"), "2 wrong settings", "centred")
    refused(alignfreeze(*basis, "--select", "sample=0"), "--select has 1 wrong setting")
    refused(alignfreeze(*basis, "--columns", "1"), "--columns '1': expected two names or numbers")
    refused(
        alignfreeze(*basis, "--aligner", "argmax", "--encoder", tiny_folder, "--alignment", "layer=9"), "no layer 9"
    )
    refused(alignfreeze(*basis, "--aligner", "dictionary"), "--dictionary en-de=FILE")


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
    refused(run(out=tmp_path), "exists already")
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "links"]


def test_wrong_input_of_finetune(tmp_path, tiny_folder):
    out = tmp_path / "out"

    def run(content, *options):
        (tmp_path / "train.conllu").write_bytes(content)
        return alignfreeze("finetune", tiny_folder, "--train", tmp_path / "train.conllu", "--out", out, *options)

    refused(run((CONLLU + CONLLU[:-3] + "\n").encode()), "train.conllu, line 2: ", "this one has 9")
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
    refused(alignfreeze("evaluate", tiny_folder, *twice), "named twice")


def test_wrong_experiment_files(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("""
languages = ["de", "jp"]
strategies = ["baseline", "frnt"]
[data]
train = "t"
test = "{language}"
[bitext]
source = "{language}"
[realignment]
temperature = 0
""")
    out = tmp_path / "out"
    done = alignfreeze("run", path, "--out", out)
    refused(done, "bad.toml has 3 wrong settings:", "languages.1", "'ja'", "strategies.1", "'front'", "temperature")
    refused(alignfreeze("run", tmp_path / "none.toml", "--out", out), "none.toml: cannot be read")
    assert not out.exists()


def test_an_output_folder_that_cannot_be_written(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text('languages = ["de"]\n[data]\ntrain = "t"\ntest = "{language}"\n[bitext]\nsource = "{language}"\n')
    (tmp_path / "file").touch()
    refused(alignfreeze("run", path, "--out", tmp_path / "file" / "out"), "cannot be written", "choose another place")
    refused(alignfreeze("run", path, "--out", tmp_path / "file"), "cannot be written")
    refused(alignfreeze("run", path, "--out", "/proc/alignfreeze"), "cannot be written")


def test_a_name_that_looks_like_markup_is_only_a_name(project):
    path = project / "experiment.toml"
    path.write_text(path.read_text().replace('name = "toy"', 'name = "toy [/b] [red]x"'))
    done = alignfreeze("run", path, "--out", project / "out", "--seed", "9")
    assert done.returncode == 0, done.stderr
    assert "toy [/b] [red]x: pos" in done.stdout


def test_run_dry_run_and_json(project):
    dry = alignfreeze("run", project / "experiment.toml", "--dry-run")
    assert "4: baseline 1, front 1, baseline 2, front 2" in dry.stdout
    assert "front: encoder.layer.0..1; " in dry.stdout
    assert "4 steps of 4 sentence pairs: 16 in all" in dry.stdout
    assert "en-tr.txt" in dry.stdout
    facts = json.loads(alignfreeze("run", project / "experiment.toml", "--dry-run", "--json", "--seed", "9").stdout)
    assert [run["seed"] for run in facts["runs"]] == [9, 9]
    assert facts["sentence_pairs"] == {"en-de": 120, "en-tr": 120}
    refused(alignfreeze("run", project / "experiment.toml"), "--out DIR")
    assert not (project / "out").exists()

    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--seed", "9")
    assert done.returncode == 0, done.stderr
    assert "of 2 target languages" in done.stdout
    assert "2 runs" in done.stdout
    table = (project / "out" / "table.md").read_text()
    assert "| average | of 2 target languages |" in table
    again = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--seed", "9", "--json")
    assert "2 of 2 runs are complete" in again.stderr
    printed = json.loads(again.stdout)
    assert [run["strategy"] for run in printed["runs"]] == ["baseline", "front"]
    assert printed["tables"][0]["rows"][0]["name"] == "en"


def test_progress_is_shown_without_a_terminal_only_for_what_takes_long(project):
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--seed", "9")
    assert "reading data" not in done.stderr


SLOW_TO_IMPORT = {"torch", "transformers", "tokenizers", "datasets", "numpy", "scipy", "pandas", "sklearn"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_that_takes_long(command):
    done = in_own_process(command, "--help", python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"typer", "alignfreeze"} <= imported
    assert not imported & SLOW_TO_IMPORT
