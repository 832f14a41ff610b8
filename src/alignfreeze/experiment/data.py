"""Finds and reads all the files of an experiment before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from alignfreeze.alignment import align
from alignfreeze.alignment.links import WordAlignment, read_pharaoh
from alignfreeze.corpora import mini
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair, read_bitext
from alignfreeze.errors import AlignFreezeError, DataError
from alignfreeze.experiment.settings import LANGUAGE, ExperimentSettings
from alignfreeze.files import digest_of_file
from alignfreeze.progress import stage
from alignfreeze.tasks import TASKS

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
        train: Training sentences of the source language.
        tests: Test sentences by language.
        bitext: Sentence pairs of all language pairs, one after the other.
        links: Their word alignments when the settings name files of them, else None.
    """

    files: tuple[DataFile, ...]
    train: list[TaggedSentence]
    tests: dict[str, list[TaggedSentence]]
    bitext: list[SentencePair]
    links: list[WordAlignment] | None

    def digests(self, *stages: str) -> dict[str, str]:
        """Return the digests of the files whose role begins with one of the words."""
        return {file.role: file.digest for file in self.files if file.role.split()[0] in stages}


def read_data(settings: ExperimentSettings, *, base: Path) -> ExperimentData:
    """Find and read all files of an experiment.

    Args:
        settings: The experiment.
        base: The folder at which relative paths start.

    Raises:
        DataError: Files are missing or wrong; all that are missing are named.
    """
    paths = _paths(settings, base)
    missing = [f"  {role}: {path}" for role, path in paths.items() if not os.path.isfile(path)]  # noqa: PTH113 - never raises
    if missing:
        raise DataError("\n".join(["these files of the experiment are missing:", *missing]))
    task = TASKS[settings.task]
    data = settings.data
    problems: list[str] = []
    items = 1 + len(settings.tested_languages) + len(settings.realigned_languages)
    with stage("reading data", total=len(paths) + items) as bar:
        files = []
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

        train = attempt(lambda: task.read(paths["train"], data.max_train))
        tests = {
            language: attempt(partial(task.read, paths[f"test {language}"], data.max_test))
            for language in settings.tested_languages
        }
        languages = settings.realigned_languages if settings.bitext else []
        bitext = [pair for language in languages for pair in attempt(partial(_read_bitext, settings, language, paths))]
        links = None
        if settings.alignment.links is not None and not problems:
            links = [
                alignment
                for language in languages
                for alignment in attempt(partial(_read_links, settings, bitext, paths[f"links {language}"], language))
            ]
    if problems:
        raise DataError("\n".join(problems))
    return ExperimentData(tuple(files), train, tests, bitext, links)


def _paths(settings: ExperimentSettings, base: Path) -> dict[str, Path]:
    """Return the path of every file by its role."""
    paths = {"train": locate(settings.data.train, base)}
    for language in settings.tested_languages:
        paths[f"test {language}"] = locate(settings.data.test, base, language)
    if settings.bitext is None:
        return paths
    patterns = {"bitext {} source": settings.bitext.source, "bitext {} target": settings.bitext.target}
    patterns["links {}"] = settings.alignment.links
    for role, pattern in patterns.items():
        if pattern is not None:
            paths |= {role.format(code): locate(pattern, base, code) for code in settings.realigned_languages}
    return paths


def locate(pattern: str, base: Path, language: str = "") -> Path:
    """Return the path that a setting names, for a language.

    Raises:
        DataError: It names a file of the mini corpus that does not exist.
    """
    name = pattern.replace(LANGUAGE, language)
    if name.startswith(mini.PREFIX):
        return mini.mini_path(name.removeprefix(mini.PREFIX))
    return base / Path(name).expanduser()


def _read_bitext(settings: ExperimentSettings, language: str, paths: dict[str, Path]) -> list[SentencePair]:
    assert settings.bitext is not None
    return read_bitext(
        paths[f"bitext {language} source"],
        paths.get(f"bitext {language} target"),
        languages=(settings.source_language, language),
        pretokenized=settings.bitext.pretokenized,
        max_pairs=settings.bitext.max_pairs,
    )


def _read_links(
    settings: ExperimentSettings, bitext: list[SentencePair], path: Path, language: str
) -> list[WordAlignment]:
    assert settings.bitext is not None
    pairs = [pair for pair in bitext if pair.languages[1] == language]
    return read_pharaoh(path, pairs, more=settings.bitext.max_pairs is not None)


def find_links(settings: ExperimentSettings, data: ExperimentData) -> Sequence[WordAlignment]:
    """Return the word alignments of the bitext: read, if the settings name files, else computed."""
    return data.links if data.links is not None else align(data.bitext, aligner=settings.alignment.aligner)
