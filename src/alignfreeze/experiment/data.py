"""Finds and reads all files of an experiment before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerFast

from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.auto import compares_vectors
from alignfreeze.alignment.dictionary import Dictionary, read_dictionary
from alignfreeze.alignment.links import WordAlignment, read_pharaoh
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import BitextReader, SentencePair, choose_pairs, split_into_words
from alignfreeze.corpora.drawn import digest_once
from alignfreeze.encoding.devices import device_here
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.quality import keep_most_alike
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import AlignFreezeError, DataError, UnlabelledError
from alignfreeze.experiment.finding import (
    fill_in,
    find_missing_bitext,
    given_languages,
    keep_local,
    locate,
    place_of,
    places_of,
)
from alignfreeze.experiment.names import PLAIN, TRANSLATION
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.translations import (
    Translation,
    check_labels,
    check_lines,
    mark_items,
    read_plain,
    read_translated_lines,
)
from alignfreeze.files import digest_of_file, digest_of_json
from alignfreeze.languages import name_of
from alignfreeze.progress import remark, stage
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source, Task, content_of

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that an experiment reads.

    Attributes:
        role: Its purpose, such as `train`, `test de` or `bitext de source`.
        path: The place of the file.
        digest: SHA-256 of the bytes of the file.
    """

    role: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """The data that an experiment reads.

    Attributes:
        files: All files, with digests.
        train: Training items of the source language.
        tests: Test items by language.
        bitext: Sentence pairs of all language pairs, one language pair after the other.
        links: The word alignments of the bitext if the settings name files of links; else None.
        dictionaries: Bilingual word lists by language pair, if the settings name them.
        held: Sentence pairs that are held out of realignment, for estimates without labels.
        unscored: Why languages can have no score, by language.
        translations: Translated training data by language, if a strategy learns them.
        plain: The words of plain sentences by language, if a strategy labels them.
    """

    files: tuple[DataFile, ...]
    train: list[Any]
    tests: dict[str, list[Any]]
    bitext: list[SentencePair]
    links: list[WordAlignment] | None
    dictionaries: dict[tuple[str, str], Dictionary]
    held: list[SentencePair] = field(default_factory=list)
    unscored: dict[str, str] = field(default_factory=dict)
    translations: dict[str, Translation] = field(default_factory=dict)
    plain: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)


def read_data(settings: ExperimentSettings, *, base: Path, tests: bool = True) -> ExperimentData:
    """Find and read all files of an experiment.

    Args:
        settings: The experiment.
        base: The folder at which relative paths start.
        tests: Whether to read test items. If not, the files of tests need not exist.

    Raises:
        DataError: Files are missing or wrong. All missing files are named.
    """
    tested = settings.tested_languages if tests else []
    places = places_of(settings, base, tested)
    paths = keep_local(places)
    missing = [f"  {role}: {path}" for role, path in paths.items() if not os.path.isfile(path)]  # noqa: PTH113 - never raises
    missing += find_missing_bitext(settings, base)
    if missing:
        raise DataError("\n".join(["these files of the experiment are missing:", *missing]))
    task, data = TASKS[settings.task], settings.data
    languages = settings.realigned_languages if settings.bitext else []
    problems: list[str] = []
    items = 1 + len(tested) + len(settings.realigned_languages) + len(given_languages(places, TRANSLATION, PLAIN))
    with stage("reading data", total=len(paths) + 2 * items) as bar:
        files: list[DataFile] = []
        for role, path in paths.items():
            files.append(DataFile(role, path, digest_of_file(path)))
            bar.advance()

        def attempt(read: Callable[[], Found], otherwise: Found) -> Found:
            """Read a file. If a problem occurs, keep it and continue, so that every file is checked."""
            try:
                return read()
            except AlignFreezeError as error:
                problems.append(str(error))
                return otherwise
            finally:
                bar.advance()

        train_source = Source(places["train"], settings.source_language, data.train_split, data.max_train)
        sources = {
            code: Source(place, code, data.test_split, data.max_test, several=data.is_for_all_languages)
            for code, place in ((code, places[f"test {code}"]) for code in tested)
        }
        train = attempt(partial(_read_items, task, train_source, "train", files), [])
        unscored: dict[str, str] = {}
        items_of = {
            code: attempt(partial(_read_tests, task, source, code, files, unscored), [])
            for code, source in sources.items()
        }
        task.say_one_label(train, name=str(train_source.place))
        if train and not problems:
            # A reason that reading found goes before the one that follows from it.
            unscored |= {
                code: why
                for code, why in _find_unscored(task, train, sources, items_of).items()
                if code not in unscored
            }
            bar.advance(len(sources))
        if not problems:
            problems += _report_unscored(unscored, tested)
        translations = {
            code: attempt(partial(_read_translation, settings, code, places, train, files), Translation((), 0))
            for code in given_languages(places, TRANSLATION)
            if train  # else it is said what is wrong with it
        }
        plain = {
            code: attempt(partial(_read_plain, paths[f"{PLAIN} {code}"], code, task, train), [])
            for code in given_languages(places, PLAIN)
        }
        judge = None
        if settings.bitext is not None and settings.bitext.selection.keep_best is not None:
            judge = LayerVectors(load_encoder(settings.encoder), device=device_here(settings.device))
        pairs_of = {code: attempt(partial(_read_bitext, settings, code, base, files, judge), []) for code in languages}
        dictionaries = {
            (settings.source_language, code): attempt(partial(read_dictionary, paths[f"dictionary {code}"]), {})
            for code in languages
            if f"dictionary {code}" in paths
        }
        links = None
        if settings.alignment.links is not None and not problems and settings.needs_links:
            found = [attempt(partial(_read_links, settings, paths, *one), []) for one in pairs_of.items()]
            links = [alignment for several in found for alignment in several]
    if problems:
        raise DataError("\n".join(problems))
    bitext = [pair for pairs in pairs_of.values() for pair in pairs]
    more: dict[str, Any] = {"unscored": unscored, "translations": translations, "plain": plain}
    return ExperimentData(tuple(files), train, items_of, bitext, links, dictionaries, **more)


def mark_training_data(settings: ExperimentSettings, *, base: Path) -> list[str]:
    """Return the training items of an experiment as lines for a translator, as `translations.text` needs them.

    Args:
        settings: The experiment.
        base: The folder at which relative paths start.

    Raises:
        SettingsError: Items of the task cannot be written as lines of plain text.
        DataError: The training data cannot be read.
    """
    task, data = TASKS[settings.task], settings.data
    check_lines(task)
    source = Source(place_of(data.train, base), settings.source_language, data.train_split, data.max_train)
    return mark_items(task, task.read(source), language=settings.source_language)


def _read_items(task: Task, source: Source, role: str, files: list[DataFile]) -> list[Any]:
    """Read the items of a file or data set. A data set is noted with the digest of its items."""
    items = task.read(source)
    if source.on_hub:
        digest = digest_of_json([source.split, *map(content_of, items)])
        files.append(DataFile(role, Path(source.place), digest))
    return items


def _read_tests(task: Task, source: Source, code: str, files: list[DataFile], unscored: dict[str, str]) -> list[Any]:
    """Read the test items of a language. If none of them has a label, note that the language has no score."""
    try:
        return _read_items(task, source, f"test {code}", files)
    except UnlabelledError as error:
        unscored[code] = str(error)
        return []


def _read_links(
    settings: ExperimentSettings, paths: Mapping[str, Path], code: str, pairs: Sequence[SentencePair]
) -> Sequence[WordAlignment]:
    """Read the word alignments of the sentence pairs of a language."""
    more = settings.bitext is not None and settings.bitext.max_pairs is not None
    return read_pharaoh(paths[f"links {code}"], pairs, more=more)


def _read_translation(
    settings: ExperimentSettings,
    code: str,
    places: Mapping[str, Path | str],
    train: Sequence[Any],
    files: list[DataFile],
) -> Translation:
    """Read the translated training data of a language."""
    assert settings.translations is not None
    task, data, place = TASKS[settings.task], settings.data, places[f"{TRANSLATION} {code}"]
    if settings.translations.text is not None:
        more = data.max_train == len(train)  # the file may go on where the training data were cut
        return read_translated_lines(task, Path(place), train, language=code, more=more)
    items = _read_items(task, Source(place, code, data.train_split), f"{TRANSLATION} {code}", files)
    return check_labels(task, items, train, name=str(place))


def _read_plain(path: Path, code: str, task: Task, train: Sequence[Any]) -> list[tuple[str, ...]]:
    """Read the plain sentences of a language.

    Raises:
        DataError: The file cannot be read, or items of the task have two texts.
    """
    if any(len(task.kind.texts(item)) > 1 for item in train):
        raise DataError(
            f"self_training.text: items of the task {task.name!r} have two texts here, and a line of {path} has one; "
            "leave self_training.text out, so that the target sides of the bitext get labels"
        )
    return read_plain(path, language=code)


def _find_unscored(
    task: Task, train: Sequence[Any], sources: Mapping[str, Source], items_of: Mapping[str, Sequence[Any]]
) -> dict[str, str]:
    """Return the languages whose items cannot be scored by a model that has learnt the training items, with reasons."""
    labels = task.labels_of(train)
    reasons = {
        code: task.why_unscored(items_of[code], labels, name=str(source.place)) for code, source in sources.items()
    }
    return {code: reason for code, reason in reasons.items() if reason is not None}


def _report_unscored(unscored: Mapping[str, str], tested: Sequence[str]) -> list[str]:
    """Say which languages will have no score. Return the reasons as problems if that is true of all."""
    if tested and unscored.keys() == set(tested):
        return ["no language can be scored:", *(f"  {reason}" for reason in unscored.values())]
    for code, reason in unscored.items():
        remark(f"{name_of(code)} will have no score: {reason}")
    return []


def _read_bitext(
    settings: ExperimentSettings, language: str, base: Path, files: list[DataFile], vectors: LayerVectors | None
) -> list[SentencePair]:
    """Read the sentence pairs of a language, and note their files."""
    bitext = settings.bitext
    assert bitext is not None
    fill = partial(fill_in, settings=settings, language=language)
    reader = BitextReader(
        place_of(fill(bitext.source), base),
        None if bitext.target is None else locate(fill(bitext.target), base),
        languages=(settings.source_language, language),
        form=bitext.form,
        columns=None if bitext.columns is None else (fill(bitext.columns[0]), fill(bitext.columns[1])),
        pretokenized=bitext.pretokenized,
        unescape=bitext.unescape,
    )
    digests = iter(digest_once(reader.paths))
    for number, (_, paths) in enumerate(reader.parts, start=1):
        part = f" {number}" if len(reader.parts) > 1 else ""
        for side, path in zip(("source", "target"), paths, strict=False):
            files.append(DataFile(f"bitext {language} {side}{part}", path, next(digests)))
    selection = bitext.selection
    chosen = choose_pairs(reader, selection, max_pairs=bitext.max_pairs)
    if vectors is not None:
        chosen = keep_most_alike(chosen, selection, vectors)
    if reader.hub is not None:  # there is no file to digest
        files.append(DataFile(f"bitext {language}", Path(reader.hub), digest_of_json(chosen.texts)))
    return split_into_words(chosen.texts, languages=reader.languages, pretokenized=bitext.pretokenized)


def aligner_of(settings: ExperimentSettings) -> AlignmentSettings:
    """Return the settings of the aligner, without the places of files."""
    return AlignmentSettings(**settings.alignment.model_dump(include=set(AlignmentSettings.model_fields)))


def find_links(
    settings: ExperimentSettings, data: ExperimentData, *, tokenizer: PreTrainedTokenizerFast | None = None
) -> Sequence[WordAlignment]:
    """Return the word alignments of the bitext: read from files if the settings name files, else computed.

    Args:
        settings: The experiment.
        data: What it reads.
        tokenizer: The tokenizer of the experiment's encoder, if it is already loaded.
    """
    if data.links is not None:
        return data.links
    if not settings.needs_links:
        return align(data.bitext, aligner="sentence", cache=False)
    alignment = aligner_of(settings)
    vectors = None
    if compares_vectors(alignment, data.bitext):
        other = settings.alignment.encoder
        encoder = load_encoder(settings.encoder, tokenizer=tokenizer) if other is None else load_encoder(other)
        vectors = LayerVectors(encoder, layer=alignment.layer, device=settings.device)
    return align(data.bitext, aligner=alignment, resources=Resources(vectors, data.dictionaries))
