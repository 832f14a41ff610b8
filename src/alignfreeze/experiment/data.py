"""Finds and reads all files of an experiment before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from glob import escape, has_magic
from pathlib import Path
from typing import Any, TypeVar

from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.auto import compares_vectors
from alignfreeze.alignment.dictionary import Dictionary, read_dictionary
from alignfreeze.alignment.links import WordAlignment, read_pharaoh
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora import mini
from alignfreeze.corpora.bitext import BitextReader, SentencePair, choose_pairs, split_into_words
from alignfreeze.corpora.hub import HUB
from alignfreeze.encoding.devices import device_here
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.quality import keep_most_alike
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import AlignFreezeError, DataError, UnlabelledError
from alignfreeze.experiment.leaderboards import HubTest
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.experiment.sources import LANGUAGE_PLACEHOLDER, PAIR_PLACEHOLDER
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
    """

    files: tuple[DataFile, ...]
    train: list[Any]
    tests: dict[str, list[Any]]
    bitext: list[SentencePair]
    links: list[WordAlignment] | None
    dictionaries: dict[tuple[str, str], Dictionary]
    held: list[SentencePair] = field(default_factory=list)
    unscored: dict[str, str] = field(default_factory=dict)


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
    places = _places_of(settings, base, tested)
    paths = _keep_local(places)
    missing = [f"  {role}: {path}" for role, path in paths.items() if not os.path.isfile(path)]  # noqa: PTH113 - never raises
    missing += _find_missing_bitext(settings, base)
    if missing:
        raise DataError("\n".join(["these files of the experiment are missing:", *missing]))
    task, data = TASKS[settings.task], settings.data
    languages = settings.realigned_languages if settings.bitext else []
    problems: list[str] = []
    items = 1 + len(tested) + len(settings.realigned_languages)
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
            labels = task.labels_of(train)
            for code, source in sources.items():
                reason = task.why_unscored(items_of[code], labels, name=str(source.place))
                if reason is not None:
                    unscored.setdefault(code, reason)
                bar.advance()
        if not problems:
            problems += _report_unscored(unscored, tested)
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
            more = settings.bitext is not None and settings.bitext.max_pairs is not None
            links = [
                alignment
                for code, pairs in pairs_of.items()
                for alignment in attempt(partial(read_pharaoh, paths[f"links {code}"], pairs, more=more), [])
            ]
    if problems:
        raise DataError("\n".join(problems))
    bitext = [pair for pairs in pairs_of.values() for pair in pairs]
    return ExperimentData(tuple(files), train, items_of, bitext, links, dictionaries, unscored=unscored)


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


def _report_unscored(unscored: Mapping[str, str], tested: Sequence[str]) -> list[str]:
    """Say which languages will have no score. Return the reasons as problems if that is true of all."""
    if tested and unscored.keys() == set(tested):
        return ["no language can be scored:", *(f"  {reason}" for reason in unscored.values())]
    for code, reason in unscored.items():
        remark(f"{name_of(code)} will have no score: {reason}")
    return []


def _places_of(settings: ExperimentSettings, base: Path, tested: Sequence[str]) -> dict[str, Path | str]:
    """Return the path of every file, or the name of every data set on the hub, by its role."""
    data = settings.data
    places: dict[str, Path | str] = {"train": _place_of(data.train, base)}
    places |= {f"test {code}": _place_of(_fill_in_test(settings, code), base) for code in tested}
    if settings.bitext is None:
        return places
    patterns = {"links": settings.alignment.links}
    if ALIGNERS[settings.alignment.aligner].needs_dictionaries:
        patterns["dictionary"] = settings.alignment.dictionary
    for role, pattern in patterns.items():
        if pattern is not None:
            for code in settings.realigned_languages:
                places[f"{role} {code}"] = _locate(_fill_in(pattern, settings, code), base)
    return places


def _find_missing_bitext(settings: ExperimentSettings, base: Path) -> list[str]:
    """Return the missing files of the bitext. Patterns, folders and data sets on the hub are checked later."""
    if settings.bitext is None:
        return []
    sides = {"source": settings.bitext.source, "target": settings.bitext.target}
    return [
        f"  bitext {code} {side}: {path}"
        for side, pattern in sides.items()
        for code in settings.realigned_languages
        if pattern is not None
        and not pattern.startswith(HUB)
        and not _is_there(path := _locate(_fill_in(pattern, settings, code), base))
    ]


def _is_there(path: Path) -> bool:
    """Return whether a path exists, or files whose names begin with its name. A pattern always passes."""
    return has_magic(path.name) or os.path.exists(path) or any(path.parent.glob(f"{escape(path.name)}.*"))  # noqa: PTH110


def _place_of(name: str, base: Path) -> Path | str:
    """Return the path of a file, or the name of a data set on the hub."""
    return name if name.startswith(HUB) else _locate(name, base)


def _locate(name: str, base: Path) -> Path:
    """Return the path of a file, which may be in the mini corpus."""
    if name.startswith(mini.PREFIX):
        return mini.mini_path(name.removeprefix(mini.PREFIX))
    return base / Path(name).expanduser()


def _fill_in(pattern: str, settings: ExperimentSettings, language: str) -> str:
    """Put the codes of a language pair into a pattern."""
    pair = "-".join(sorted((settings.source_language, language)))
    return pattern.replace(PAIR_PLACEHOLDER, pair).replace(LANGUAGE_PLACEHOLDER, language)


def _fill_in_test(settings: ExperimentSettings, language: str) -> str:
    """Return the place of the test items of a language."""
    named = settings.data.test.replace(LANGUAGE_PLACEHOLDER, settings.data.names.get(language, language))
    return _fill_in(named, settings, language)


def _read_bitext(
    settings: ExperimentSettings, language: str, base: Path, files: list[DataFile], vectors: LayerVectors | None
) -> list[SentencePair]:
    """Read the sentence pairs of a language, and note their files."""
    bitext = settings.bitext
    assert bitext is not None
    fill_in = partial(_fill_in, settings=settings, language=language)
    reader = BitextReader(
        _place_of(fill_in(bitext.source), base),
        None if bitext.target is None else _locate(fill_in(bitext.target), base),
        languages=(settings.source_language, language),
        form=bitext.form,
        columns=None if bitext.columns is None else (fill_in(bitext.columns[0]), fill_in(bitext.columns[1])),
        pretokenized=bitext.pretokenized,
        unescape=bitext.unescape,
    )
    for number, (_, paths) in enumerate(reader.parts, start=1):
        part = f" {number}" if len(reader.parts) > 1 else ""
        for side, path in zip(("source", "target"), paths, strict=False):
            files.append(DataFile(f"bitext {language} {side}{part}", path, digest_of_file(path)))
    selection = bitext.selection
    chosen = choose_pairs(reader, selection, max_pairs=bitext.max_pairs)
    if vectors is not None:
        chosen = keep_most_alike(chosen, selection, vectors)
    if reader.hub is not None:  # there is no file to digest
        files.append(DataFile(f"bitext {language}", Path(reader.hub), digest_of_json(chosen.texts)))
    return split_into_words(chosen.texts, languages=reader.languages, pretokenized=bitext.pretokenized)


def hub_data_of(settings: ExperimentSettings) -> dict[str, list[str]]:
    """Return the data sets on the hub that an experiment reads, by their purpose."""
    data = settings.data
    tests = [_fill_in_test(settings, code) for code in settings.tested_languages]
    places = {
        "train": [f"{data.train} ({data.train_split})"],
        "test": [f"{test} ({data.test_split})" for test in tests],
    }
    if settings.bitext is not None:
        places["bitext"] = [_fill_in(settings.bitext.source, settings, code) for code in settings.realigned_languages]
    return {role: named for role, found in places.items() if (named := [n for n in found if n.startswith(HUB)])}


def hub_tests_of(settings: ExperimentSettings) -> dict[str, HubTest]:
    """Return the data sets on the hub that an experiment tests on, by language."""
    data = settings.data
    places = {code: _fill_in_test(settings, code) for code in settings.tested_languages}
    how = {"split": data.test_split, "is_whole": data.max_test is None}
    return {code: HubTest.parse(place, **how) for code, place in places.items() if place.startswith(HUB)}


def local_files_of(settings: ExperimentSettings, *, base: Path) -> dict[str, Path]:
    """Return the files on this machine that an experiment reads, without its bitext, by role."""
    return _keep_local(_places_of(settings, base, settings.tested_languages))


def _keep_local(places: Mapping[str, Path | str]) -> dict[str, Path]:
    return {role: Path(place) for role, place in places.items() if not str(place).startswith(HUB)}


def aligner_of(settings: ExperimentSettings) -> AlignmentSettings:
    """Return the settings of the aligner, without the places of files."""
    return AlignmentSettings(**settings.alignment.model_dump(include=set(AlignmentSettings.model_fields)))


def find_links(settings: ExperimentSettings, data: ExperimentData) -> Sequence[WordAlignment]:
    """Return the word alignments of the bitext: read from files if the settings name files, else computed."""
    if data.links is not None:
        return data.links
    if not settings.needs_links:
        return align(data.bitext, aligner="sentence", cache=False)
    alignment = aligner_of(settings)
    vectors = None
    if compares_vectors(alignment, data.bitext):
        encoder = load_encoder(settings.alignment.encoder or settings.encoder)
        vectors = LayerVectors(encoder, layer=alignment.layer, device=settings.device)
    return align(data.bitext, aligner=alignment, resources=Resources(vectors, data.dictionaries))
