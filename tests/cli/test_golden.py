"""What each command shows, at four widths of a terminal and to programs, kept as it was last looked at.

`python -m tests.cli.test_golden` writes the files anew. Read what has changed before it is committed.
"""

import os
import re
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pytest

from alignfreeze import cli, terminal
from alignfreeze.corpora.mini import mini_path
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.labelling.forms import write_items
from alignfreeze.running.study import Study
from alignfreeze.typology import is_installed
from tests.labelling.support import draw_tags, keep
from tests.support import figures
from tests.support.cli import alignfreeze, in_terminal
from tests.support.records import make_settings, write_runs
from tests.support.terminal import WIDTHS, check_lines, check_sheet

GOLDEN = Path(__file__).with_name("golden")
WRITES = "WRITE_GOLDEN"

PAIRS = "A dog sees a cat\tEin Hund sieht eine Katze\nA cat\tEine Katze\nA cat\tEine Katze\nTom\tTom\n"
CASES = {}


def case(*replaced, needs=(), command=None):
    """A command: the function gets a new folder, where the command runs, and returns its arguments.

    Args:
        replaced: Functions that return what is made up, by their places.
        needs: Packages without which the command cannot run.
        command: The name of the command, if the function has another.
    """

    def keep(prepare):
        CASES[prepare.__name__] = (command or prepare.__name__, prepare, dict(replaced), needs)
        return prepare

    return keep


def write(path, text):
    path.write_text(text)
    return path.name


@case()
def bitext(folder):
    write(folder / "pairs.tsv", PAIRS)
    chosen = ("deduplicate=true", "drop_identical=true")
    return ["--bitext", "en-de=pairs.tsv", "--out", "chosen.jsonl", *(o for c in chosen for o in ("--select", c))]


@case()
def align(folder):
    write(folder / "pairs.tsv", PAIRS)
    write(folder / "words", "dog Hund\ncat Katze\nsees sieht\na eine\nA Ein\n")
    options = ["--aligner", "dictionary", "--dictionary", "en-de=words", "--pretokenized", "--show", 2]
    return ["--bitext", "en-de=pairs.tsv", "--out", "links", *options]


@case()
def aer(folder):
    write(folder / "found", "0-0 1-1 2-2 3-3\n")
    write(folder / "gold", "1-1 2-2 5-5 3p3\n")
    return ["found", "gold", "--gold-starts-at", 1]


@case()
def mark(folder):
    write(folder / "en.iob2", "Ada\tB-PER\nLovelace\tI-PER\nsleeps\tO\n")
    values = 'task = "ner"\nlanguages = ["de"]\nstrategies = ["baseline"]\n'
    write(folder / "ner.toml", f'{values}[data]\ntrain = "en.iob2"\ntest = "{{language}}.iob2"\n')
    return ["ner.toml", "-o", "english.txt"]


@case(("alignfreeze.encoding.vectors.compare_layers", lambda *_, **__: figures.layer_results()))
def layers(folder):
    write(folder / "pairs.tsv", PAIRS)
    write(folder / "gold", "0-0\n" * 4)
    return ["tiny", "--bitext", "en-de=pairs.tsv", "--gold", "gold", "--pretokenized"]


@case(("alignfreeze.experiment.single.realign_and_save", lambda *_, **__: figures.REALIGNMENT))
def realign(folder):
    write(folder / "pairs.tsv", PAIRS)
    return ["tiny", "--bitext", "en-de=pairs.tsv", "--out", "out"]


@case(("alignfreeze.experiment.single.average_and_save", lambda *_, **__: figures.AVERAGE))
def average(_):
    return ["models/full", "models/front", "--out", "out"]


@case(("alignfreeze.experiment.single.swap_and_save", lambda *_, **__: figures.SWAP))
def swap(_):
    return ["models/full", "xlm-roberta-base", "--parts", "front", "--out", "out"]


@case(("alignfreeze.experiment.single.finetune_and_save", lambda *_, **__: figures.FINETUNING))
def finetune(_):
    return ["tiny", "--train", "train.conllu", "--out", "out"]


@case(
    ("alignfreeze.tasks.models.load_task_model", lambda *_, **__: None),
    ("alignfreeze.evaluation.zero_shot.assess", lambda *_, **__: figures.tested()),
)
def evaluate(folder):
    write(folder / "de.conllu", "1\tHund\t_\tNOUN\t_\t_\t_\t_\t_\t_\n")
    return ["models/tagger", "--test", "de=de.conllu"]


@case(("alignfreeze.experiment.converting.convert_model", lambda *_, **__: figures.CONVERSION))
def convert(_):
    return ["models/tagger", "--to", "onnx", "--precision", "int8", "--experiment", "study.toml", "--out", "out"]


@case(("alignfreeze.experiment.shrinking.shrink_model", lambda *_, **__: figures.SHRUNK))
def shrink(_):
    return ["models/tagger", "--languages", "en", "--text", "sw=sw.txt", "--out", "out"]


@case(("alignfreeze.evaluation.predicting_files.predict_files", lambda *_, **__: iter(["the\tDET", "dog\tNOUN", ""])))
def predict(_):
    return ["models/tagger", "texts.txt", "--language", "en"]


def study_of(*_, out, **__):
    settings = make_settings(figures.LANGUAGES, strategies=list(figures.STRATEGIES), seeds=[31, 42, 66])
    return [Study(settings, tuple(figures.study_records()), 0, Path(out))]


@case(
    (
        "alignfreeze.experiment.demo.settings_of_demo",
        lambda _, **__: ExperimentSettings.from_toml(Path("experiment.toml")),
    ),
    ("alignfreeze.running.dispatch.run_experiments", study_of),
    ("alignfreeze.reports.writing.report_demo", lambda *_, **__: "the report is demo-report.html"),
)
def demo(_):
    return []


@case()
def init(folder):
    for name in ("en-train.conllu", "en-test.conllu", "sw-test.conllu", "en-sw.tsv"):
        (folder / name).write_bytes(mini_path(name).read_bytes())
    return ["mine.toml", "--languages", "sw"]


def published_study_of(*_, out, **__):
    settings = make_settings(figures.LANGUAGES, strategies=list(figures.STRATEGIES), seeds=[31, 42, 66])
    write_runs(Path(out), figures.study_records())
    return [Study(settings, tuple(figures.study_records()), 0, Path(out))]


@case(
    ("alignfreeze.experiment.paper.experiment_path", lambda _: Path("experiment.toml")),
    ("alignfreeze.running.dispatch.run_experiments", published_study_of),
    ("alignfreeze.studies.comparing.table_path", lambda _: Path("out")),
)
def reproduce(_):
    return ["pos-xlmr", "--out", "out"]


@case(("alignfreeze.running.dispatch.run_experiments", study_of))
def run(_):
    return ["experiment.toml", "--out", "out"]


@case(
    ("alignfreeze.reports.previews.estimate_cost", lambda *_, **__: figures.COST),
    ("alignfreeze.experiment.planning._locate_encoder", lambda encoder, _: encoder),
    command="run",
)
def dry_run(_):
    return ["experiment.toml", "--dry-run"]


@case(("alignfreeze.advice.advice.advise", lambda *_, **__: figures.advice_outcome(Path("advice"))))
def advise(_):
    return ["experiment.toml"]


@case(("alignfreeze.running.status.read_status", lambda _: figures.progress()))
def status(_):
    return ["out"]


@case()
def compare(folder):
    write_runs(folder / "study", figures.study_records())
    return ["study", "--against", "study"]


@case(needs=("typology",))
def correlate(folder):
    write_runs(folder / "study", figures.study_records(more=("fr", "ru")))
    return ["study"]


@case()
def export(folder):
    write_runs(folder / "study", figures.study_records())
    return ["study", "--out", "scores.csv"]


@case(needs=("plotly",))
def report(folder):
    write_runs(folder / "study", figures.study_records())
    return ["study", "--out", "page.md"]


@case(("alignfreeze.evaluation.probing.probe", lambda *_, **__: figures.probe_of()))
def probe(folder):
    write(folder / "pairs.tsv", PAIRS)
    return ["models/e5-small", "models/e5-small-front-on-german", "--bitext", "en-de=pairs.tsv"]


@case(("alignfreeze.labelling.asking.draw_items", lambda *_, **__: draw_tags()))
def label(folder):
    write(folder / "de.txt", "the dog barks\n")
    return ["study", "--language", "de", "--text", "de.txt", "--out", "to-label.conllu", "--html"]


@case()
def settle(folder):
    drawing = draw_tags()
    keep(drawing, folder / "study")
    write_items(drawing, range(4), folder / "labelled.conllu")
    write(folder / "labelled.conllu", (folder / "labelled.conllu").read_text().replace("\t?", "\tNOUN"))
    return ["study", "labelled.conllu"]


@case()
def note(folder):
    write_runs(folder / "study", figures.study_records())
    return ["study", "Turkish is the one to look at.", "--language", "tr", "--name", "Ada"]


def interrupted(_):
    raise KeyboardInterrupt


@case(("alignfreeze.reports.server.Lens.serve_forever", interrupted), needs=("plotly",))
def lens(folder):
    write_runs(folder / "study", figures.study_records())
    return ["study", "--port", 0]


def test_every_command_has_its_files():
    assert {command for command, *_ in CASES.values()} == {command.__name__ for command in cli.COMMANDS}


class Shown:
    """What a command shows, and the tables that it shows."""

    def __init__(self, name, place, tiny_folder):
        self.command, self.prepare, self.replaced, _ = CASES[name]
        self.place = place
        self.tiny_folder = tiny_folder
        self.sheets = []

    def at(self, width=None):
        """Return what the command shows in a terminal of a width, or to a program."""
        folder = self.place / f"at-{width}"
        folder.mkdir()
        (folder / "tiny").symlink_to(self.tiny_folder)
        for path in self.place.iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
        before = Path.cwd()
        os.chdir(folder)
        try:
            with ExitStack() as stack:
                for target, made_up in self.replaced.items():
                    stack.enter_context(mock.patch(target, made_up))
                stack.enter_context(mock.patch.object(terminal, "to_rich", self.keep(terminal.to_rich)))
                arguments = [self.command, *self.prepare(folder)]
                done = alignfreeze(*arguments) if width is None else in_terminal(width, *arguments)
        finally:
            os.chdir(before)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keep(self, show):
        def kept(sheet):
            self.sheets.append(sheet)
            return show(sheet)

        return kept


def scrub(text):
    """What a command shows without what differs from time to time."""
    text = re.sub(r"(http://[\d.]+:)\d+", r"\g<1>12345", text)
    return re.sub(r"^(seconds\s+)\S+$", r"\g<1>0.0123", text, flags=re.MULTILINE)


@pytest.fixture(params=CASES)
def shown(request, project, tiny_folder):
    (project / "experiment.toml").write_text(
        (project / "experiment.toml").read_text().replace(str(tiny_folder), "tiny")
    )
    for package in CASES[request.param][-1]:
        if package == "typology":
            if not is_installed():
                pytest.skip("needs the extra `typology`")
        else:
            pytest.importorskip(package)
    return request.param, Shown(request.param, project, tiny_folder)


def test_each_command_shows_what_it_did(shown):
    name, command = shown
    parts = {"to a program": command.at()}
    for width in WIDTHS:
        text = "\n".join(line.rstrip() for line in command.at(width).splitlines())
        parts[f"at {width} columns"] = text
        check_lines(text, width)
        for sheet in command.sheets:
            check_sheet(sheet, text, width)
        command.sheets.clear()
    found = "".join(f"== {how}\n{scrub(text).rstrip()}\n\n" for how, text in parts.items())
    path = GOLDEN / f"{name}.txt"
    if WRITES in os.environ:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_nothing_that_is_shown_is_cut(path):
    assert not re.search(r"\d…|…\d|… *$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


if __name__ == "__main__":
    os.environ[WRITES] = "1"
    raise SystemExit(pytest.main([__file__, "-q"]))
