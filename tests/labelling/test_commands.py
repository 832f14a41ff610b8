"""From a study to a file to label, and from labels to a choice, as a user does it."""

import json
import re
from pathlib import Path

import pytest

from alignfreeze.corpora.annotated import read_conllu
from tests.support.cli import alignfreeze, refused


@pytest.fixture
def study(project):
    kept = (
        "--set",
        "keep_models=true",
        "--set",
        "seeds=[1]",
        "--set",
        "finetuning.epochs=3",
        "--set",
        "realignment.learning_rate=1e-2",
    )
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", *kept)
    assert done.returncode == 0, done.stderr
    words = [sentence.words for sentence in read_conllu(project / "de-test.conllu")]
    (project / "de.txt").write_text("\n".join(" ".join(one) for one in words))
    return project


def ask(study, *more, out="to-label.conllu", text="de-test.conllu"):
    return alignfreeze("label", study / "out", "--language", "de", "--text", study / text, "--out", study / out, *more)


def fill_in(study, name="to-label.conllu", *, n=None, wrong=None):
    """Answer each question of a file with the true tag; of the first n sentences, if n is given."""
    truth = {sentence.words: sentence.tags for sentence in read_conllu(study / "de-test.conllu")}
    blocks = (study / name).read_text().strip("\n").split("\n\n")
    for number, block in enumerate(blocks if n is None else blocks[:n]):
        rows = [line.split("\t") for line in block.split("\n") if "\t" in line]
        tags = truth[tuple(row[1] for row in rows)]
        for row, tag in zip(rows, tags, strict=True):
            if row[3] == "?":
                row[3] = wrong or tag
        comments = [line for line in block.split("\n") if "\t" not in line]
        blocks[number] = "\n".join([*comments, *("\t".join(row) for row in rows)])
    (study / name).write_text("\n\n".join(blocks) + "\n")


def test_label_then_settle(study):
    asked = ask(study, "--sentences", "6", "--html")
    assert asked.returncode == 0, asked.stderr
    path = study / "to-label.conllu"
    questions = path.read_text().count("\t?\t")
    assert f"Label 6 items in {path}: write a label at each of the {questions} '?'" in asked.stdout
    assert f"alignfreeze settle {study / 'out'} {path}" in asked.stdout
    page = study / "to-label.html"
    assert f"Or open {page} in a browser, label there, and save the file from the page." in asked.stdout
    assert "<title>Label 6 sentences in German</title>" in page.read_text()

    first = next(n for n, line in enumerate(path.read_text().split("\n"), start=1) if "\t?\t" in line)
    early = alignfreeze("settle", study / "out", path)
    refused(early, "at least 3 items with a label are needed", "found 0; the next is de-", f"{path}, line {first})")
    fill_in(study)
    labelled = path.read_text()
    refused(ask(study), f"{path}: exists already, and labels in it would be lost", "--after")
    assert path.read_text() == labelled
    done = alignfreeze("settle", study / "out", path)
    assert done.returncode == 0, done.stderr
    assert re.match(r"(# )?German: use (baseline|front)\. It is (not )?settled", done.stdout)
    facts = json.loads(alignfreeze("settle", study / "out", path, "--json").stdout)
    assert (facts["n_items"], facts["n_labels"]) == (6, questions)
    assert {one["strategy"] for one in facts["standings"]} == {"baseline", "front"}
    assert (Path(facts["standings"][0]["model"]) / "config.json").is_file()

    page = study / "page.md"
    assert alignfreeze("report", study / "out", "--out", page).returncode == 0
    assert "Settled by labels" in page.read_text()
    assert f"| German | {facts['chosen']} |" in page.read_text()

    kept = next((study / "out" / "labelling").glob("*.settled.json"))
    before = kept.read_text()
    few = study / "few.conllu"
    few.write_text("\n\n".join(path.read_text().split("\n\n")[:4]) + "\n")
    fewer = alignfreeze("settle", study / "out", few)
    assert "the report keeps the answer from 6 items; this one is from 4" in fewer.stderr
    assert kept.read_text() == before

    rest = ("--after", path, "--sentences", "99", "--out", study / "more.conllu", "--html", "--json")
    facts = json.loads(alignfreeze("label", study / "out", *rest).stdout)
    assert (facts["n_items"], facts["page"]) == (14, str(study / "more.html"))
    fill_in(study, "more.conllu")
    whole = json.loads(alignfreeze("settle", study / "out", path, study / "more.conllu", "--json").stdout)
    assert whole["n_items"] == whole["n_drawn"] == 20
    assert whole["is_settled"]
    for wrong, problem in {
        ("--strategy", "front"): "strategies: these are those of the files",
        ("--language", "de"): "language: these are those of the files",
        ("--seed", "2"): "--seed: the items of the files in --after were drawn before",
    }.items():
        refused(alignfreeze("label", study / "out", "--after", path, "--out", study / "x.conllu", *wrong), problem)
    none = alignfreeze(
        "label", study / "out", "--after", path, "--after", study / "more.conllu", "--out", study / "x.conllu"
    )
    refused(none, "all 20 items of the text were written before")


def test_plain_text_gives_the_same_items(study):
    (study / "en-de.de").write_text((study / "de.txt").read_text())  # as the target side of bitext is called
    asked = [
        json.loads(ask(study, "--json", out=f"{text}.out", text=text).stdout)
        for text in ("de-test.conllu", "de.txt", "en-de.de")
    ]
    assert asked[0]["drawing"] == asked[1]["drawing"] == asked[2]["drawing"]
    assert asked[0]["n_labels"] == asked[1]["n_labels"]


def test_wrong_wishes_are_refused(study):
    wrong = "--strategy", "fornt"
    refused(ask(study, *wrong), "strategies: 'fornt' has no model in", "Did you mean 'front'?")
    refused(ask(study, "--strategy", "front"), "only 'front' is named", "name two or more of baseline, front")
    both = ("--language", "de", "--language", "tr", "--text", study / "de.txt", "--out", study / "{language}.conllu")
    refused(alignfreeze("label", study / "out", *both), "--text", "so all languages would have the same text")
    refused(ask(study, text="missing.txt"), "missing.txt")
    refused(
        alignfreeze("label", study / "out", "--language", "de", "--out", study / "x.conllu"),
        "give either a text to draw from, or files to go on after",
    )
    refused(
        alignfreeze("label", study / "out", "--text", study / "de.txt", "--out", study / "x.conllu"),
        "language: give the language of the text",
    )
    refused(ask(study, "--html", out="x.html"), "--html", "x.html: this file is also the output of --out")
    (study / "empty.txt").write_text("\n")
    refused(ask(study, text="empty.txt"), "no sentence found")
    refused(
        alignfreeze("label", study / "out", "--text", study / "de.txt", "--out", study / "{language}.conllu"),
        "give either a text to draw from, or files to go on after",
    )
    (study / "x.html").write_text("mine")
    refused(ask(study, "--html", out="x.conllu"), "x.html: exists already; choose another name for x.conllu")
    assert (study / "x.html").read_text() == "mine"
    assert not (study / "to-label.conllu").exists()
    refused(ask(study, out="x.jsonl"), "items of the task 'pos' are written as CoNLL-U; name the file x.conllu")
    assert not (study / "out" / "labelling").exists(), "nothing is drawn before all wishes are checked"


def test_a_study_without_models_is_refused(project):
    done = alignfreeze("run", project / "experiment.toml", "--out", project / "out", "--set", "seeds=[1]")
    assert done.returncode == 0, done.stderr
    refused(ask(project), "no run has kept its model; set keep_models = true")


def test_several_languages_share_a_number_of_items(study):
    texts = ("--text", study / "{language}-test.conllu", "--out", study / "{language}-to-label.conllu")
    both = ("--language", "de", "--language", "tr", "--sentences", "16", "--html", "--json")
    refused(
        alignfreeze("label", study / "out", *both[:4], *texts[:2], "--out", study / "x.conllu"),
        "has no {language}, so all languages would share one file",
    )
    asked = json.loads(alignfreeze("label", study / "out", *both, *texts).stdout)
    assert sum(one["n_items"] for one in asked) == 16
    for one in asked:
        code = one["drawing"][:2]
        assert one["file"] == str(study / f"{code}-to-label.conllu")
        assert (study / f"{code}-to-label.html").is_file()
    files = [part for one in asked for part in ("--after", one["file"])]
    more = alignfreeze("label", study / "out", *files, "--sentences", "10", "--out", study / "{language}-2.conllu")
    assert more.returncode == 0, more.stderr
    left = 20 * len(asked) - 16  # items may have gone to one language alone
    written = sum(int(n) for n in re.findall(r"Label (\d+) items", more.stdout))
    assert written == min(10, left)
    both_now = [part for place in study.glob("*-2.conllu") for part in ("--after", place)]
    if written == left:
        refused(
            alignfreeze("label", study / "out", *files, *both_now, "--out", study / "{language}-3.conllu"), "all items"
        )
        return
    rest = alignfreeze(
        "label", study / "out", *files, *both_now, "--sentences", "99", "--out", study / "{language}-3.conllu", "--html"
    )
    assert rest.returncode == 0, rest.stderr
    assert f"only {left - written} items are written: no more are left" in rest.stderr
    assert sum(int(n) for n in re.findall(r"Label (\d+) items", rest.stdout)) == left - written
    everything = [part for place in study.glob("*-[23].conllu") for part in ("--after", place)]
    none = alignfreeze("label", study / "out", *files, *everything, "--out", study / "{language}-4.conllu")
    refused(none, "all items of all texts were written before")
