"""Commands on bitext and its links: what they print and write, and what they say to wrong input."""

import json
import re

import pytest

from tests.support.cli import alignfreeze, refused


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
    refused(done, "all.tmx: files that end in .tmx are not written; use a name that ends in .tsv")
    done = alignfreeze("align", "--bitext", "en-de=nothing", "--out", tmp_path / "links", "--kept", tmp_path / "k.po")
    refused(done, "k.po: files that end in .po are not written")


@pytest.mark.parametrize("other", ["--kept", "--view", "--save-trained"])
def test_no_output_takes_the_place_of_another(tmp_path, other):
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    done = alignfreeze(*("align", "--bitext", "en-de=nothing", "--out", tmp_path / "x", other, tmp_path / "link" / "x"))
    refused(done, f"{other} {tmp_path / 'link' / 'x'}: this file is also the output of --out")


def test_no_output_takes_the_place_of_a_file_that_is_read(tmp_path):
    pairs, words = tmp_path / "t.tsv", tmp_path / "words"
    pairs.write_text("A dog\tEin Hund\n")
    words.write_text("dog Hund\n")
    options = ("--bitext", f"en-de={tmp_path / '*.tsv'}", "--dictionary", f"en-de={words}")
    for option, path in (("--out", pairs), ("--kept", pairs), ("--view", words)):
        rest = () if option == "--out" else ("--out", tmp_path / "links")
        done = alignfreeze("align", *options, option, path, *rest, "--aligner", "dictionary")
        refused(done, f"{option} {path}: this file is also an input; choose another name")
    refused(alignfreeze("bitext", *options[:2], "--out", pairs), f"--out {pairs}: this file is also an input")
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
    refused(alignfreeze(*basis), "would match no existing file", "--kept")
    done = alignfreeze(*basis, "--kept", tmp_path / "kept.tsv", "--pretokenized", "--seed", 3, "--show", 2)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "kept.tsv").read_text().splitlines()) == 40
    assert len((tmp_path / "links").read_text().splitlines()) == 40
    assert "80 not in the sample" in done.stdout
    assert re.search(r"\ten\t.*₁.*\n.*\tde\t.*₁", done.stdout)


def test_a_trained_model_by_command(tmp_path, bitext_file):
    basis = ("align", "--bitext", f"en-de={bitext_file}", "--pretokenized", "--out", tmp_path / "links", "--json")
    first = alignfreeze(*basis, "--save-trained", tmp_path / "model")
    assert first.returncode == 0, first.stderr
    again = alignfreeze(*basis, "--trained", tmp_path / "model")
    assert json.loads(again.stdout)["links"] == json.loads(first.stdout)["links"]
    refused(alignfreeze(*basis, "--trained", tmp_path / "model", "--aligner", "dictionary"), "needs a word list")
    refused(alignfreeze(*basis, "--trained", tmp_path / "model", "--aligner", "sentence"), "sentence learns nothing")
    refused(alignfreeze(*basis, "--trained", tmp_path / "none"), "holds no trained aligner")
    refused(alignfreeze(*basis, "--save-trained", tmp_path / "model"), "already exists")
    both = ("--trained", tmp_path / "model", "--save-trained", tmp_path / "copy")
    refused(alignfreeze(*basis, *both), "with --trained nothing is trained")


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


def test_the_error_rate_by_command(tmp_path):
    (tmp_path / "found").write_text("0-0 1-1 2-2 3-3\n")
    (tmp_path / "gold").write_text("1-1 2-2 5-5 3p3\n")
    done = alignfreeze("aer", tmp_path / "found", tmp_path / "gold", "--gold-starts-at", 1, "--json")
    assert json.loads(done.stdout)["aer"] == pytest.approx(2 / 7)
    assert "aer" in alignfreeze("aer", tmp_path / "found", tmp_path / "gold", "--gold-starts-at", 1).stdout
    (tmp_path / "gold").write_text("1-1\n2-2\n")
    refused(alignfreeze("aer", tmp_path / "found", tmp_path / "gold"), "has 1 lines, but the gold file has 2")
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
    head, *lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    rates = [float(line[head.index("AER")]) for line in lines]
    assert len(rates) == 5 * 3 * 2  # layers, aligners, centred or not
    assert rates == sorted(rates)
    done = alignfreeze("layers", tiny_folder, "--bitext", f"en-de={bitext_file}", *options, "--json")
    rows = json.loads(done.stdout)
    assert [row["agreement"]["aer"] for row in rows] == pytest.approx(rates, abs=6e-4)
    for threshold in (0, 1, -0.5, "nan", 2):
        done = alignfreeze("layers", tiny_folder, "--bitext", "en-de=nothing", *options, "--threshold", threshold)
        refused(done, f"--threshold {float(threshold)}: expected a probability greater than 0 and less than 1")
    (tmp_path / "gold").write_text("0-7\n" * len(toy_bitext))
    refused(
        alignfreeze("layers", tiny_folder, "--bitext", f"en-de={bitext_file}", *options), "link 0-7 is out of range"
    )
