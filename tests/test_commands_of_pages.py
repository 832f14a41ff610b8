"""Commands and Python of the pages are executed, with a tiny encoder, in a folder that has all that they name."""

from __future__ import annotations

import gzip
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

import alignfreeze as af
from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.corpora.mini import mini_path
from alignfreeze.encoding.families import FAMILIES
from alignfreeze.experiment import shrinking
from alignfreeze.experiment.paper import FOLDER
from tests.conftest import backwards, conllu
from tests.support.cli import alignfreeze
from tests.support.pages import blocks_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

STORY = ("own-files.md", "decide.md")
"""The numbered pages after the first are one story: the second makes the runs that the third reads."""

PAGES = [
    "adapters.md",
    "advice.md",
    "alignment.md",
    "concepts.md",
    "elsewhere.md",
    "encoders.md",
    "faq.md",
    "labelling.md",
    "merging.md",
    "projection.md",
    "report.md",
    "reproducing.md",
    "sharing.md",
    "studies.md",
    "tasks/classification.md",
    "tasks/pos.md",
    "tasks/tagging.md",
    "translated.md",
    "tutorial.md",
    "using.md",
]

ELSEWHERE = {
    "README.md": "tests/test_front_door.py executes its Python; its commands are those of other pages",
    "CONTRIBUTING.md": "tests/test_contributing.py executes its recipes; its commands are targets of make",
    "docs/api.md": "tests/test_front_door.py",
    "docs/own-code.md": "tests/test_front_door.py",
    "docs/install.md": "it only installs, as .ci/package does",
}
"""Pages whose examples other tests execute, or that have a reason not to be executed."""

LEFT_OUT = {
    "alignfreeze demo": "tests/cli/test_runs.py executes it: it needs the embedded encoder",
    "alignfreeze reproduce": "its data are fetched; tests/studies/test_repetition.py",
    "alignfreeze lens": "it serves until it is stopped",
    "torchrun": "it needs several devices",
    "zcat": "the same as a file, through a pipe",
    "pip": "it installs",
    "make": "it builds",
}
QUICK = {
    "realign": ["--steps", "2"],
    "finetune": ["--set", "steps=2"],
    "shrink": ["--text", "en=english.txt", "--text", "tr=swahili.txt"],
}
"""Options that make a command quick here."""


HEAD = 'encoder = "xlm-roberta-base"\ndevice = "cpu"\n'


def experiment_of(name):
    """The experiment file of a page."""
    return next(block.text for block in blocks_of(DOCS / name) if block.text.startswith('name = "'))


def is_executed(page):
    return any(block.language in {"sh", "python"} for block in blocks_of(page))


def test_every_page_with_examples_is_executed_somewhere():
    shown = [page for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")] if is_executed(page)]
    known = {*ELSEWHERE, *(f"docs/{name}" for name in (*PAGES, *STORY))}
    assert {str(page.relative_to(ROOT)) for page in shown} == known
    for reason in ELSEWHERE.values():
        for path in re.findall(r"tests/[\w/]+(?:\.py)?", reason):
            assert (ROOT / path).exists(), path


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, tiny_folder, toy_bitext, toy_tagged):
    """A folder with the encoders, texts and data that pages name."""
    folder = tmp_path_factory.mktemp("workshop")
    for name in ("models/my-encoder", "xlm-roberta-base", "FacebookAI/xlm-roberta-base", "realigned"):
        shutil.copytree(tiny_folder, folder / name)
    encoder = af.load_encoder(str(tiny_folder))
    tagger, _ = af.finetune(encoder, af.TASKS["pos"], toy_tagged, steps=2, device="cpu")
    tagger.save(folder / "tagger")

    columns = "".join(f"{' '.join(pair.source)}\t{' '.join(pair.target)}\n" for pair in toy_bitext)
    for name in ("pairs.tsv", "held-out.tsv", "held-out/en-de.tsv", "gold.tsv"):
        write(folder / name, columns)
    write(folder / "gold.links", "0-0 1-1 2-2 3-3 4-4\n" * len(toy_bitext))
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{" ".join(pair.source)}</seg></tuv>'
        f'<tuv xml:lang="de"><seg>{" ".join(pair.target)}</seg></tuv></tu>'
        for pair in toy_bitext
    )
    memory = f'<?xml version="1.0" encoding="UTF-8"?><tmx version="1.4"><header/><body>{units}</body></tmx>'
    with gzip.open(folder / "news.tmx.gz", "wt", encoding="utf-8") as file:
        file.write(memory)

    english = "\n".join(conllu(toy_tagged))
    other = "\n".join(conllu([backwards(sentence) for sentence in toy_tagged]))
    for name in ("en.conllu", "ud/en-train.conllu"):
        write(folder / name, english)
    for name in ("news.conllu", "ud/de-test.conllu", "ud/tr-test.conllu"):
        write(folder / name, other)
    for name in ("table.csv", "en__opus100__pos.csv"):
        shutil.copy(FOLDER / "pos-xlmr.csv", folder / name)
    for name, side in {"english": "source", **dict.fromkeys(("texts", "swahili", "sw", "tr", "hi"), "target")}.items():
        write(folder / f"{name}.txt", "".join(f"{' '.join(getattr(pair, side))}\n" for pair in toy_bitext[:100]))
    for name in ("my-study.toml", "pos.toml"):
        write(folder / name, HEAD + experiment_of("own-files.md"))
    entities = experiment_of("own-files.md").replace(".conllu", ".iob2").replace("mini:", "mini:ner-", 2)
    write(folder / "experiment.toml", 'task = "ner"\n' + HEAD + entities)
    for name in ("ner-en-train.iob2", "ner-en-test.iob2", "ner-sw-test.iob2", "ner-tr-test.iob2"):
        write(folder / "my-data" / name.removeprefix("ner-"), mini_path(name).read_text(encoding="utf-8"))
    for name in ("en-sw.tsv", "en-tr.tsv"):
        write(folder / "my-data" / name, mini_path(name).read_text(encoding="utf-8"))
    return folder


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def here(workshop, tmp_path, monkeypatch):
    """A copy of the workshop for one test, as the current folder."""
    shutil.copytree(workshop, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(shrinking, "read_frequencies", lambda _: iter([("dog", 2), ("cat", 1)]))  # long lists take long
    for table in (ALIGNERS, FAMILIES):  # what a page registers is forgotten afterwards
        monkeypatch.setattr(table, "_choices", dict(table._choices))
    return tmp_path / "here"


def execute(name, tiny_folder):
    """Execute the blocks of a page in their order; its Python is one script."""
    names, n_executed = {}, 0
    for block in blocks_of(DOCS / name):
        if block.language == "python":
            code = block.text.replace("embedded:e5-small", str(tiny_folder))
            exec(compile(code, name, "exec"), names)
            n_executed += 1
        elif block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                n_executed += command(line)
    return n_executed


def command(line):
    """Execute a command of a page; returns whether it was executed."""
    if any(line.startswith(begin) for begin in LEFT_OUT):
        return False
    program, *words = shlex.split(line, comments=True)
    assert program == "alignfreeze", line
    words = [found for word in words for found in expand(word)]
    for option, out in pairwise(words):
        if option == "--out" and words[0] != "run":
            remove(Path(out))
    if words[0] in QUICK:
        words += QUICK[words[0]]
    done = alignfreeze(*words)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    if words[0] == "label":
        answer()
    return True


def expand(word):
    """Expand a pattern as a shell does; the digest in the name of a run, which every change changes, is one too."""
    pattern = re.sub(r"\w+-31-[0-9a-f]{12}", "front-31-*", word)
    if "*" not in pattern:
        return [word]
    found = sorted(map(str, Path().glob(pattern)))
    return found if pattern == word else found[:1]


def answer():
    """Label what is asked for, as a person would."""
    for path in Path().glob("*.conllu"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("\t?\t", "\tNOUN\t"), encoding="utf-8")


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def test_the_numbered_pages_are_executed(here, tiny_folder):
    pytest.importorskip("plotly")
    for name in STORY:
        assert execute(name, tiny_folder)
    assert Path("my-study.html").exists()
    assert Path("tagged.conllu").read_text().count("\t") > 100
    assert Path("small/model.safetensors").exists()
    assert 'task = "ner"' in Path("mine.toml").read_text()


@pytest.fixture(scope="module")
def study(workshop, tmp_path_factory):
    """The runs of the numbered pages, for pages that read them."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copytree(workshop / "xlm-roberta-base", folder / "xlm-roberta-base")
        shutil.copy(workshop / "my-study.toml", "my-study.toml")
        done = alignfreeze("run", "my-study.toml", "--out", "my-study")
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def answered(monkeypatch):
    """A person answers at once what a program asks."""
    ask = af.label

    def label(*arguments, out, **options):
        remove(Path(out))
        asked = ask(*arguments, out=out, **options)
        answer()
        return asked

    monkeypatch.setattr(af, "label", label, raising=False)


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_executed(name, here, study, answered, tiny_folder):
    for library in ("peft", "onnx", "sentence_transformers", "plotly"):
        pytest.importorskip(library)
    shutil.copytree(study / "my-study", here / "my-study")
    shutil.copytree(study / "my-study", here / "another-study")
    assert execute(name, tiny_folder)
