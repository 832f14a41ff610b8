"""Finds and reads all the files of an experiment before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from glob import escape, has_magic
from pathlib import Path
from typing import Any, TypeVar

from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.dictionary import Dictionary, read_dictionary
from alignfreeze.alignment.links import WordAlignment, read_pharaoh
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora import mini
from alignfreeze.corpora.bitext import BitextReader, SentencePair, choose, in_words
from alignfreeze.corpora.hub import HUB
from alignfreeze.encoding.encoder import device_here, load_encoder
from alignfreeze.encoding.quality import best
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.errors import AlignFreezeError, DataError
from alignfreeze.experiment.settings import LANGUAGE_PLACEHOLDER, PAIR_PLACEHOLDER, ExperimentSettings
from alignfreeze.files import digest_of_file, digest_of_json
from alignfreeze.progress import stage
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source, Task

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that an experiment reads.

    Attributes:
        role: `train`, `test de`, `bitext de source`, and the like.
        path: Where it is.
        digest: SHA-256 of its bytes.
    """

    role: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """What an experiment reads.

    Attributes:
        files: All files, with digests.
        train: Training items of the source language.
        tests: Test items by language.
        bitext: Sentence pairs of all language pairs, one after the other.
        links: Their word alignments when the settings name files of them, else None.
        dictionaries: Bilingual word lists of the language pairs, when the settings name them.
        held: Sentence pairs that are held out of realignment, for estimates without labels.
    """

    files: tuple[DataFile, ...]
    train: list[Any]
    tests: dict[str, list[Any]]
    bitext: list[SentencePair]
    links: list[WordAlignment] | None
    dictionaries: dict[tuple[str, str], Dictionary]
    held: list[SentencePair] = field(default_factory=list)

    def digests(self, *stages: str) -> dict[str, str]:
        """Return the digests of the files whose role begins with one of the words."""
        return {file.role: file.digest for file in self.files if file.role.split()[0] in stages}


def read_data(settings: ExperimentSettings, *, base: Path, tests: bool = True) -> ExperimentData:
    """Find and read all files of an experiment.

    Args:
        settings: The experiment.
        base: The folder at which relative paths start.
        tests: Whether test items are wanted; they need not be there otherwise.

    Raises:
        DataError: Files are missing or wrong; all that are missing are named.
    """
    tested = settings.tested_languages if tests else []
    places = _places_of(settings, base, tested)
    paths = _only_local(places)
    missing = [f"  {role}: {path}" for role, path in paths.items() if not os.path.isfile(path)]  # noqa: PTH113 - never raises
    missing += _find_missing_bitext(settings, base)
    if missing:
        raise DataError("\n".join(["these files of the experiment are missing:", *missing]))
    task = TASKS[settings.task]
    data = settings.data
    problems: list[str] = []
    items = 1 + len(tested) + len(settings.realigned_languages)
    with stage("reading data", total=len(paths) + 2 * items) as bar:
        files: list[DataFile] = []
        for role, path in paths.items():
            files.append(DataFile(role, path, digest_of_file(path)))
            bar.advance()

        def attempt(read: Callable[[], list[Item]]) -> list[Item]:
            """Read a file; keep the problem, if there is one, so that every file gets its say."""
            try:
                return read()
            except AlignFreezeError as error:
                problems.append(str(error))
                return []
            finally:
                bar.advance()

        sources = {
            role: Source(
                places[role],
                settings.source_language if role == "train" else role.removeprefix("test "),
                data.train_split if role == "train" else data.test_split,
                data.max_train if role == "train" else data.max_test,
            )
            for role in ("train", *(f"test {language}" for language in tested))
        }
        train, *found = (attempt(partial(_read_items, task, source, role, files)) for role, source in sources.items())
        items_of = dict(zip(tested, found, strict=True))
        if train and not problems:
            labels = task.labels_of(train)
            for language, items in items_of.items():
                attempt(partial(_check_items, task, items, labels, sources[f"test {language}"]))
        languages = settings.realigned_languages if settings.bitext else []
        judge = None
        if settings.bitext is not None and settings.bitext.selection.keep_best is not None:
            judge = LayerVectors(load_encoder(settings.encoder), device=device_here(settings.device))
        bitext = [
            pair
            for language in languages
            for pair in attempt(partial(_read_bitext, settings, language, base, files, judge))
        ]
        dictionaries: dict[tuple[str, str], Dictionary] = {
            (settings.source_language, language): dict(attempt(partial(_read_dictionary, paths, language)))
            for language in languages
            if f"dictionary {language}" in paths
        }
        links = None
        if settings.alignment.links is not None and not problems and settings.realignment.needs_links:
            links = [
                alignment
                for language in languages
                for alignment in attempt(partial(_read_links, settings, bitext, paths[f"links {language}"], language))
            ]
    if problems:
        raise DataError("\n".join(problems))
    return ExperimentData(tuple(files), train, items_of, bitext, links, dictionaries)


def _read_items(task: Task, source: Source, role: str, files: list[DataFile]) -> list[Any]:
    """Read the items of a file or data set; note the latter, whose digest is that of its items."""
    items = task.read(source)
    if source.on_hub:
        digest = digest_of_json([source.split, *(asdict(item) for item in items)])
        files.append(DataFile(role, Path(source.place), digest))
    return items


def _check_items(task: Task, items: list[Any], labels: Sequence[str], source: Source) -> list[Any]:
    task.check_labels(items, labels, name=str(source.place))
    return items


def _places_of(settings: ExperimentSettings, base: Path, tested: Sequence[str]) -> dict[str, Path | str]:
    """Return the path of every file, or the name of every data set of the hub, by its role."""
    data = settings.data
    paths: dict[str, Path | str] = {"train": _place_of(data.train, base)}
    for language in tested:
        paths[f"test {language}"] = _place_of(data.test, base, data.names.get(language, language))
    if settings.bitext is None:
        return paths
    patterns = {"links {}": settings.alignment.links}
    if ALIGNERS[settings.alignment.aligner].needs_dictionaries:
        patterns["dictionary {}"] = settings.alignment.dictionary
    for role, pattern in patterns.items():
        if pattern is not None:
            paths |= {role.format(code): locate(pattern, base, code) for code in settings.realigned_languages}
    return paths


def _find_missing_bitext(settings: ExperimentSettings, base: Path) -> list[str]:
    """Return what is missing of the bitext; patterns, folders and the hub are looked into later."""
    if settings.bitext is None:
        return []
    sides = {"source": settings.bitext.source, "target": settings.bitext.target}
    named = {side: pattern for side, pattern in sides.items() if pattern is not None and not pattern.startswith(HUB)}
    return [
        f"  bitext {code} {side}: {path}"
        for side, pattern in named.items()
        for code in settings.realigned_languages
        if not _is_there(path := locate(_fill_in(pattern, settings, code), base, code))
    ]


def _is_there(path: Path) -> bool:
    """Tell whether there is a file or folder of a name, or files that begin with it; patterns may always be."""
    return has_magic(path.name) or os.path.exists(path) or any(path.parent.glob(f"{escape(path.name)}.*"))  # noqa: PTH110


def _place_of(pattern: str, base: Path, language: str = "") -> Path | str:
    return (
        pattern.replace(LANGUAGE_PLACEHOLDER, language) if pattern.startswith(HUB) else locate(pattern, base, language)
    )


def locate(pattern: str, base: Path, language: str = "") -> Path:
    """Return the path that a setting names, for a language.

    Raises:
        DataError: It names a file of the mini corpus that does not exist.
    """
    name = pattern.replace(LANGUAGE_PLACEHOLDER, language)
    if name.startswith(mini.PREFIX):
        return mini.mini_path(name.removeprefix(mini.PREFIX))
    return base / Path(name).expanduser()


def _bitext_reader_of(settings: ExperimentSettings, language: str, base: Path) -> BitextReader:
    """Return what reads the sentence pairs of a language."""
    bitext = settings.bitext
    assert bitext is not None
    source = _fill_in(bitext.source, settings, language)
    columns = None
    if bitext.columns is not None:
        columns = (
            bitext.columns[0].replace(LANGUAGE_PLACEHOLDER, language),
            bitext.columns[1].replace(LANGUAGE_PLACEHOLDER, language),
        )
    return BitextReader(
        source if source.startswith(HUB) else locate(source, base, language),
        None if bitext.target is None else locate(_fill_in(bitext.target, settings, language), base, language),
        languages=(settings.source_language, language),
        form=bitext.form,
        columns=columns,
    )


def _fill_in(pattern: str, settings: ExperimentSettings, language: str) -> str:
    """Put the codes of a language pair into a pattern."""
    pair = "-".join(sorted((settings.source_language, language)))
    return pattern.replace(PAIR_PLACEHOLDER, pair).replace(LANGUAGE_PLACEHOLDER, language)


def _read_bitext(
    settings: ExperimentSettings, language: str, base: Path, files: list[DataFile], vectors: LayerVectors | None
) -> list[SentencePair]:
    """Read the sentence pairs of a language, and note the files that they come from."""
    assert settings.bitext is not None
    reader = _bitext_reader_of(settings, language, base)
    if reader.hub is not None:
        files.append(DataFile(f"bitext {language}", Path(reader.hub), digest_of_json(reader.hub)))
    for number, (_, paths) in enumerate(reader.parts, start=1):
        part = f" {number}" if len(reader.parts) > 1 else ""
        for side, path in zip(("source", "target"), paths, strict=False):
            files.append(DataFile(f"bitext {language} {side}{part}", path, digest_of_file(path)))
    selection = settings.bitext.selection
    chosen = choose(reader, selection, max_pairs=settings.bitext.max_pairs)
    if vectors is not None:
        chosen = best(chosen, selection, vectors)
    return in_words(chosen.texts, languages=reader.languages, pretokenized=settings.bitext.pretokenized)


def _read_dictionary(paths: dict[str, Path], language: str) -> list[tuple[str, frozenset[str]]]:
    return list(read_dictionary(paths[f"dictionary {language}"]).items())


def _read_links(
    settings: ExperimentSettings, bitext: list[SentencePair], path: Path, language: str
) -> list[WordAlignment]:
    assert settings.bitext is not None
    pairs = [pair for pair in bitext if pair.languages[1] == language]
    return read_pharaoh(path, pairs, more=settings.bitext.max_pairs is not None)


def hub_data_of(settings: ExperimentSettings) -> dict[str, list[str]]:
    """Return the data sets of the hub that an experiment reads, by what they are for."""
    data = settings.data
    places = {"train": [f"{data.train} ({data.train_split})"]}
    places["test"] = [
        f"{data.test.replace(LANGUAGE_PLACEHOLDER, data.names.get(code, code))} ({data.test_split})"
        for code in settings.tested_languages
    ]
    if settings.bitext is not None:
        places["bitext"] = [_fill_in(settings.bitext.source, settings, code) for code in settings.realigned_languages]
    return {role: named for role, found in places.items() if (named := [n for n in found if n.startswith(HUB)])}


def local_files_of(settings: ExperimentSettings, *, base: Path) -> dict[str, Path]:
    """Return the files on this machine that an experiment reads beside its bitext, by what they are for."""
    return _only_local(_places_of(settings, base, settings.tested_languages))


def _only_local(places: Mapping[str, Path | str]) -> dict[str, Path]:
    return {role: Path(place) for role, place in places.items() if not str(place).startswith(HUB)}


def find_links(settings: ExperimentSettings, data: ExperimentData) -> Sequence[WordAlignment]:
    """Return the word alignments of the bitext: read, if the settings name files, else computed."""
    if data.links is not None:
        return data.links
    if not settings.realignment.needs_links:
        return align(data.bitext, aligner="sentence", cache=False)
    alignment = AlignmentSettings(**settings.alignment.model_dump(include=set(AlignmentSettings.model_fields)))
    vectors = None
    if ALIGNERS[alignment.aligner].needs_vectors:
        encoder = load_encoder(settings.alignment.encoder or settings.encoder)
        vectors = LayerVectors(encoder, layer=alignment.layer, device=settings.device)
    return align(data.bitext, aligner=alignment, resources=Resources(vectors, data.dictionaries))
