"""Finds the models of a study, lets them label a text, and writes the items that are worth a label."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.corpora.json_lines import parse_object
from alignfreeze.corpora.labelled import LANGUAGE, is_of_language
from alignfreeze.corpora.tab_lines import parse_rows
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.errors import DataError, OutputError, SettingsError, counted, did_you_mean
from alignfreeze.evaluation.predicting import label_items
from alignfreeze.experiment.records import MODEL, RunRecord
from alignfreeze.experiment.translations import read_plain
from alignfreeze.files import check_apart, check_file, read_lines, to_path
from alignfreeze.labelling.drawing import Drawing
from alignfreeze.labelling.estimates import FEWEST
from alignfreeze.labelling.forms import Item, check_form, to_items, write_items
from alignfreeze.labelling.matching import place_of, read_labels
from alignfreeze.languages import check_language, name_of
from alignfreeze.progress import remark
from alignfreeze.studies.comparing import say_unfinished
from alignfreeze.studies.results import read_records
from alignfreeze.tasks.given import to_unlabelled
from alignfreeze.tasks.models import TaskModel, load_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source, Task

SENTENCES = 30
"""How many items are written by default."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Items that were written to be labelled.

    Attributes:
        study: The folder of the study.
        drawing: What was drawn.
        draws: The numbers of the draws that were written.
        file: The file to label.
        with_proposals: Whether the commonest prediction stands beside each label that is asked for.
    """

    study: Path
    drawing: Drawing
    draws: tuple[int, ...]
    file: Path
    with_proposals: bool = False

    @property
    def n_labels(self) -> int:
        """Number of labels that are asked for."""
        return sum(len(self.drawing.questions(draw)) for draw in self.draws)

    @property
    def share(self) -> float:
        """The share of the units of the text on which the models differ."""
        return sum(int(mask.sum()) for mask in self.drawing.differing) / sum(map(len, self.drawing.differing))

    @property
    def command(self) -> str:
        """The command that says what the labels settle."""
        return shlex.join(["alignfreeze", "settle", str(self.study), str(self.file)])

    @property
    def items(self) -> list[Item]:
        """The items as they were written."""
        return to_items(self.drawing, self.draws, with_proposals=self.with_proposals)

    def lines(self) -> list[str]:
        """Return what to do now as sentences."""
        return [
            f"Label {counted(len(self.draws), 'item')} in {self.file}: write a label at each of the {self.n_labels:,} "
            "'?', or _ if you cannot tell.",
            f"The labels decide among {', '.join(self.drawing.predictions)}, which differ on {self.share:.0%} of the "
            f"text ({name_of(self.drawing.language)}).",
            f"Begin at the top, stop when you like, and ask: {self.command}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return what was written as plain values."""
        return {
            "study": str(self.study),
            "drawing": self.drawing.name,
            "file": str(self.file),
            "n_items": len(self.draws),
            "n_labels": self.n_labels,
            "strategies": tuple(self.drawing.predictions),
            "share": self.share,
        }


def label(
    study: str | os.PathLike[str],
    text: Any = None,
    *,
    language: str | None = None,
    out: str | os.PathLike[str],
    sentences: int = SENTENCES,
    strategies: Sequence[str] = (),
    after: Sequence[str | os.PathLike[str]] = (),
    proposals: bool = False,
    seed: int = 0,
    device: Device = "auto",
) -> Asked:
    """Write the items of a text whose labels say most about which model of a study is the best.

    Args:
        study: The folder of a study whose models were kept (`keep_models = true`), or what `run_experiment` returned.
        text: The `Path` of a file of plain sentences (`.txt`, or the code of the language as in bitext) or of items of
            the task; or texts, or lists of words.
            Labels in it do not count. None to go on with the drawing of `after`.
        language: The code of the language of the text.
        out: The file to write.
        sentences: How many items are written.
        strategies: The strategies to choose among; by default all with a model. Of several seeds, the first one's model
            is taken.
        after: Files of the same drawing that were written before; the next items are written.
        proposals: Whether the commonest prediction stands beside each label that is asked for.
        seed: The seed of the draw.
        device: Where the models run.

    Raises:
        DataError: The study has fewer than two models, the text is empty, or all models agree on it.
        SettingsError: A strategy, the language or the device does not exist.
        OutputError: The file cannot be written.
    """
    study, out, files = to_path(study, "study"), to_path(out, "out"), [to_path(one, "after") for one in after]
    check_new(out)
    check_apart({"--out": out}, [*files, *([text] if isinstance(text, Path) else [])])
    check_wishes(text, files, sentences=sentences, strategies=strategies, languages=language)
    if text is None:
        labelled = read_labels(study, files)
        return write_asked(study, labelled.drawing, sentences, out, done=labelled.draws, proposals=proposals)
    if language is None:
        raise SettingsError("language: give the language of the text, such as 'sw'")
    drawing = draw_items(study, text, check_language(language), strategies, out=out, seed=seed, device=device)
    return write_asked(study, drawing, sentences, out, proposals=proposals)


def check_wishes(text: Any, files: Sequence[Path], *, sentences: int, strategies: Any, languages: Any) -> None:
    """Check that what is asked for fits together.

    Args:
        text: What to draw from, if anything.
        files: Files to go on after, if any.
        sentences: How many items are wanted.
        strategies: Names of strategies, if any.
        languages: Languages, if any.

    Raises:
        SettingsError: It does not.
    """
    if (text is None) == (not files):
        raise SettingsError("give either a text to draw from, or files to go on after")
    if files and (strategies or languages):
        wished = " and ".join(
            name for name, value in {"strategies": strategies, "language": languages}.items() if value
        )
        raise SettingsError(f"{wished}: these are those of the files that are gone on after; leave this out")
    if sentences < 1:
        raise SettingsError(f"sentences: at least one is needed, got {sentences}")


def check_new(out: Path) -> None:
    """Check that a file to label can be written and does not exist: labels are somebody's work.

    Raises:
        OutputError: It exists, or cannot be written.
    """
    if out.exists():
        raise OutputError(
            f"{out}: exists already, and labels in it would be lost; choose another name. For more items of the same "
            "text, name the file with --after"
        )
    check_file(out)


def write_asked(
    study: Path, drawing: Drawing, n: int, out: Path, *, done: Collection[int] = (), proposals: bool = False
) -> Asked:
    """Write the next items of a drawing to a file.

    Args:
        study: The folder of the study.
        drawing: What was drawn.
        n: How many items are written.
        out: The file.
        done: The numbers of the draws that were written before.
        proposals: Whether the commonest prediction stands beside each label that is asked for.

    Raises:
        DataError: All items were written before.
        OutputError: The file cannot be written.
    """
    draws = [draw for draw in range(len(drawing.sampling.order)) if draw not in done][:n]
    if not draws:
        raise DataError(f"{drawing.name}: all {len(drawing.sampling.order):,} items of the text were written before")
    if len(draws) < n:
        remark(f"only {len(draws):,} items are written: no more are left")
    if len(drawing.sampling.order) < FEWEST:
        remark(f"`settle` needs labels of {FEWEST} items or more, or of all: give a longer text")
    check_form(TASKS[drawing.task], drawing.items[0], out)
    write_items(drawing, draws, out, with_proposals=proposals)
    return Asked(study, drawing, tuple(draws), out, with_proposals=proposals)


def draw_items(
    study: Path, text: Any, language: str, strategies: Sequence[str], *, out: Path, seed: int, device: Device
) -> Drawing:
    """Let the models of a study label a text, draw items where they differ, and keep the drawing in the study.

    The arguments are those of `label`.

    Raises:
        DataError: The study has fewer than two models, the text is empty, or all models agree on it.
        SettingsError: A strategy or the device does not exist, or the name of the file is that of another form.
    """
    candidates = find_candidates(study, strategies)
    first = next(iter(candidates.values()))[1]
    task = TASKS[first.task]
    if language not in first.settings["languages"]:
        remark(f"the study has no tests in {name_of(language)} ({language}); models are used as they are")
    items = _read_items(task, text, language)
    check_form(task, items[0], out)
    chosen_device = check_device(device)
    predictions: dict[str, list[Any]] = {}
    labels: dict[tuple[str, ...], str] = {}
    for name, (folder, record) in candidates.items():
        model = load_model(folder, record)
        # A model that answers questions has no labels, but transformers gives it some.
        labels.setdefault(tuple(model.labels) if task.kind.pair_labeller is not None else (), name)
        predictions[name] = label_items(model, task, items, device=chosen_device, title=f"predicting with {name}")
    if len(labels) > 1:
        raise DataError(f"{study}: the models of {' and '.join(labels.values())} have other labels than each other")
    places = {name: str(folder.relative_to(study)) for name, (folder, _) in candidates.items()}
    how: dict[str, Any] = {"models": places, "labels": next(iter(labels)), "seed": seed}
    drawing = Drawing.draw(task, language, items, predictions, **how)
    drawing.write(place_of(study, drawing.name))
    return drawing


def load_model(folder: Path, record: RunRecord) -> TaskModel:
    """Load the model of a run, which splits long texts as in the run.

    Raises:
        EncoderError: The folder holds no such model.
    """
    settings = record.settings["finetuning"]
    how = {key: settings[key] for key in ("max_length", "stride") if key in settings}
    return load_task_model(folder, TASKS[record.task].kind.head, **how)


def find_candidates(study: Path, strategies: Sequence[str] = ()) -> dict[str, tuple[Path, RunRecord]]:
    """Return the folder and the record of one model per strategy.

    Args:
        study: The folder of the study.
        strategies: The strategies that are wanted; by default all with a model.

    Raises:
        DataError: There are fewer than two models, or models of several tasks.
        SettingsError: A strategy has no model.
    """
    records = [(place.parent / MODEL, record) for place, record in read_records(study)]
    kept: dict[str, tuple[Path, RunRecord]] = {}
    for folder, record in records:
        if (folder / "config.json").is_file():
            kept.setdefault(record.strategy, (folder, record))
    if not kept:
        raise DataError(
            f"{study}: no run has kept its model; set keep_models = true in the experiment file, remove the folders of "
            "the runs, and run the experiment again"
        )
    if isinstance(strategies, str):
        strategies = [strategies]
    for name in strategies:
        if name not in kept:
            raise SettingsError(
                f"strategies: {name!r} has no model in {study}; found {', '.join(kept)}.{did_you_mean(name, kept)}"
            )
    chosen = {name: kept[name] for name in strategies or kept}
    if len(tasks := {record.task for _, record in chosen.values()}) > 1:
        raise DataError(f"{study}: holds models of the tasks {' and '.join(sorted(tasks))}; keep them in two folders")
    if len(chosen) < 2:
        problem = "is named" if strategies else "has a model"
        hint = f"; name two or more of {', '.join(kept)}" if len(kept) > 1 else ""
        raise DataError(f"{study}: only {next(iter(chosen))!r} {problem}, so there is nothing to choose from{hint}")
    say_unfinished([study])
    if left_out := sorted({record.strategy for _, record in records} - set(kept)):
        remark(f"{', '.join(left_out)}: left out, because no model was kept")
    return chosen


def _read_items(task: Task, text: Any, language: str) -> list[Any]:
    """Return the items of a text without labels, each once."""
    name = str(text) if isinstance(text, Path) else "text"
    rows = _read_file(task, text, language) if isinstance(text, Path) else text
    if task.names_languages and isinstance(rows, Sequence):
        rows = [
            row for row in rows if not isinstance(row, Mapping) or is_of_language(row.get(LANGUAGE, language), language)
        ]
    items = to_unlabelled(task, rows, language=language, name=name)
    found = {tuple(task.kind.texts(item)): item for item in reversed(items) if any(task.kind.texts(item))}
    if not found:
        raise DataError(f"{name}: no {task.kind.item_name} in {name_of(language)} found")
    if len(found) < len(items):
        remark(f"{name}: {len(items) - len(found):,} {task.kind.item_name} stand there twice or are empty; left out")
    for words in found:
        _check_words(words[0], name=name)
    return list(reversed(found.values()))


def _check_words(words: Any, *, name: str) -> None:
    """Check that words can stand in the columns of a file; a text that is not split can."""
    wrong = [] if isinstance(words, str) else [word for word in words if not word or re.search(r"[\t\n\r]", word)]
    if wrong:
        raise DataError(
            f"{name}: the word {wrong[0]!r} of {' '.join(words)!r:.80} is empty, or has a tab or a line break in it. "
            "It cannot stand in a file with one word per line; remove it"
        )


def _read_file(task: Task, path: Path, language: str) -> Sequence[Any]:
    """Return what a file holds: words, or rows with named fields."""
    suffix = path.suffix
    is_plain = suffix in {".txt", f".{language}"}  # files of bitext end with the code of the language
    if is_plain and task.kind.plain.by_unit:
        return read_plain(path, language=language)
    if is_plain:
        if task.name in {"nli", "qa"}:
            needed = "a question and a context" if task.name == "qa" else "two texts"
            raise DataError(f"{path}: an item of the task {task.name!r} has {needed}; give JSON lines or TSV")
        return [line for _, line in read_lines(path) if line.strip()]
    if suffix == ".conllu":
        return [sentence.words for sentence in read_conllu(path)]
    if suffix == ".jsonl":
        return list(_read_objects(path))
    if suffix == ".tsv":
        return [row for _, row in parse_rows(path, read_lines(path))]
    return task.read(Source(path, language))


def _read_objects(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in read_lines(path):
        if line.strip() and (row := parse_object(path, number, line)) is not None:
            yield row
