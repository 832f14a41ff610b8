"""Guesses from the names of files in a folder which of them an experiment can use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from alignfreeze.compressed import strip_compression
from alignfreeze.errors import DataError
from alignfreeze.experiment.sources import LANGUAGE_PLACEHOLDER, PAIR_PLACEHOLDER, name_pair
from alignfreeze.languages import name_of

_MOST_FILES = 10_000
"""A folder with more files is not that of an experiment."""

_DEPTH = 3

_TRAIN = frozenset({"train", "training"})
_TEST = ("test", "validation", "dev")
"""Words in the names of files with test items, the best first."""

_NO_DATA = frozenset({".md", ".toml", ".py", ".log", ".html", ".svg", ".png", ".pdf", ".safetensors"})

_PLAIN = ".txt"

_WORD = re.compile(r"[A-Za-z0-9]+(?:-[A-Z][a-z]{3}\b)?")
"""A part of a name, such as `en`, `test` or `zh-Hant`."""

_BEFORE_SIGN = re.compile(r"(?=[^A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Found:
    """The data that were found, as an experiment file names them.

    Attributes:
        train: The training items; empty if they were not searched.
        test: The test items, with `{language}` unless one file is for all languages; empty if they were not searched.
        names: What stands in the place of `{language}` there, by code; empty if the codes do.
        source: The source sides of the bitext, or both sides; None without bitext.
        target: The target sides; None if they are in the same files.
    """

    train: str
    test: str
    source: str | None = None
    target: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """The places by their roles."""
        roles = {"train": self.train, "test": self.test, "source": self.source, "target": self.target}
        return {role: place for role, place in roles.items() if place is not None}


def find_data(
    folder: Path,
    languages: Sequence[str],
    *,
    source_language: str,
    one_test: bool,
    wanted: Mapping[str, bool],
) -> Found:
    """Find training items, test items and bitext in a folder by the names of its files.

    The name of a file with training items has `train` in it and the code of no target language. That of a file with
    test items has `test` (or `validation`, or `dev`) and the code of its language, and may have more, such as the
    treebank in `en_ewt-ud-test.conllu`. That of bitext has both codes.

    Args:
        folder: The folder, which is searched to a depth of three.
        languages: Codes of the target languages.
        source_language: The code of the source language.
        one_test: Whether one file with a field `language` may hold the test items of all languages.
        wanted: Whether `train`, `test` and `bitext` are searched.

    Raises:
        DataError: There are no training or test items, or several files fit; the message names them.
    """
    files = _without_plain_copies(sorted(_list_files(folder)))
    trainings = [name for name in files if _is_train(name, languages)]
    train = _choose(trainings, "training items", "--train") if wanted["train"] else ""
    if train is None:
        raise DataError(
            f"{folder}: no training items found; expected a file such as {source_language}-train.conllu, with 'train' "
            f"in its name; name it with --train FILE. {_say_found(files)}"
        )
    test, names = "", {}
    if wanted["test"]:
        test, names = _find_test(files, languages, source_language, one_test=one_test)
    if test is None:
        raise DataError(
            f"{folder}: no test items found for {', '.join([source_language, *languages])}; expected one file for each "
            f"of them, the source language too, such as {languages[0]}-test.conllu; name them with --test, as in "
            f"--test '{LANGUAGE_PLACEHOLDER}-test.conllu'. {_say_found(files)}"
        )
    bitext = _find_bitext(files, languages, source_language) if wanted["bitext"] else (None, None)
    return Found(train, test, *bitext, names)


def _list_files(folder: Path) -> Iterator[str]:
    """Yield the paths of files that may hold data, from the folder on."""
    n = 0
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = [name for name in folders if not name.startswith(".") and depth < _DEPTH]
        for name in names:
            n += 1
            if n > _MOST_FILES:
                raise DataError(f"{folder}: more than {_MOST_FILES:,} files; name the folder of the data alone")
            if not name.startswith(".") and Path(name).suffix.lower() not in _NO_DATA:
                yield (Path(place) / name).relative_to(folder).as_posix()


def _without_plain_copies(files: list[str]) -> list[str]:
    """Return files without the plain texts that stand beside annotated files, as in Universal Dependencies."""
    annotated = {str(Path(name).with_suffix("")) for name in files if Path(name).suffix != _PLAIN}
    return [name for name in files if Path(name).suffix != _PLAIN or str(Path(name).with_suffix("")) not in annotated]


def _say_found(files: Sequence[str]) -> str:
    some = ", ".join(files[:8]) + (", ..." if len(files) > 8 else "")
    return f"Found there: {some}" if files else "There is no file of data."


def _words_of(name: str) -> list[str]:
    return _WORD.findall(strip_compression(Path(name)).as_posix())


def _is_train(name: str, languages: Sequence[str]) -> bool:
    words = _words_of(name)
    return bool(_TRAIN & {word.lower() for word in words}) and not set(words) & set(languages)


def _choose(names: list[str], what: str, option: str) -> str | None:
    """Return the only name; None without one.

    Raises:
        DataError: There are several.
    """
    if len(names) > 1:
        raise DataError(f"several files look like {what}: {', '.join(names[:8])}; name the one to use with {option}")
    return names[0] if names else None


def _find_test(
    files: list[str], languages: Sequence[str], source_language: str, *, one_test: bool
) -> tuple[str | None, dict[str, str]]:
    """Return the place of the test items, and what stands in it in the place of each code; None without any."""
    known, codes = set(files), (source_language, *languages)
    for word in _TEST:
        named = [name for name in files if word in {part.lower() for part in _words_of(name)}]
        patterns = dict.fromkeys(_to_pattern(name, languages[0]) for name in named if languages[0] in _words_of(name))
        fitting = [
            pattern
            for pattern in patterns
            if all(pattern.replace(LANGUAGE_PLACEHOLDER, code) in known for code in codes)
        ]
        if (chosen := _choose(fitting, "test items", "--test")) is not None:
            return chosen, {}
        if (one_each := _find_one_each(named, codes)) is not None:
            return _to_names(one_each)
        single = [name for name in named if not set(codes) & set(_words_of(name))]
        if one_test and (chosen := _choose(single, "test items", "--test")) is not None:
            return chosen, {}
    return None, {}


def _find_one_each(names: list[str], codes: Sequence[str]) -> dict[str, str] | None:
    """Return the file of each language; None if a language has none.

    Raises:
        DataError: A language has several.
    """
    found = {code: [name for name in names if set(codes) & set(_words_of(name)) == {code}] for code in codes}
    if not all(found.values()):
        return None
    for code, several in found.items():
        if len(several) > 1:
            raise DataError(
                f"several files look like test items in {name_of(code)}: {', '.join(several[:8])}; keep one of them "
                "in the folder of the data"
            )
    return {code: several[0] for code, several in found.items()}


def _to_names(files: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return what the names of files have in common, with a placeholder, and what stands there for each language."""
    folder = os.path.commonpath([os.path.dirname(name) for name in files.values()])  # noqa: PTH120
    start = f"{folder}/" if folder else ""
    parts = [_BEFORE_SIGN.split(name.removeprefix(start)) for name in files.values()]
    same = list(takewhile(lambda several: len(set(several)) == 1, zip(*map(reversed, parts), strict=False)))
    end = "".join(several[0] for several in reversed(same))
    return f"{start}{LANGUAGE_PLACEHOLDER}{end}", {
        code: name.removeprefix(start).removesuffix(end) for code, name in files.items()
    }


def _to_pattern(name: str, language: str) -> str:
    """Return a name with a placeholder in each place of the code of a language."""
    return _WORD.sub(lambda match: LANGUAGE_PLACEHOLDER if match[0] == language else match[0], name)


def _find_bitext(files: list[str], languages: Sequence[str], source_language: str) -> tuple[str | None, str | None]:
    """Return the patterns of the bitext: of both sides, or of each side; None without bitext."""
    fitting: dict[tuple[str, str | None], None] = {}
    for name in files:
        words = _words_of(name)
        if not {source_language, languages[0]} <= set(words) or set(_TEST) & {word.lower() for word in words}:
            continue
        for source in (_to_pattern(name, languages[0]), _to_pair_pattern(name, languages[0], source_language)):
            target = None
            if words[-1] == source_language:  # one file for each side
                target = source.removesuffix(source_language) + LANGUAGE_PLACEHOLDER
            elif words[-1] == languages[0]:
                continue
            if _is_there_for_all((source, target), files, languages, source_language):
                fitting[source, target] = None
                break
    chosen = _choose([source for source, _ in fitting], "bitext", "--bitext")
    return (None, None) if chosen is None else next(pair for pair in fitting if pair[0] == chosen)


def _to_pair_pattern(name: str, language: str, source_language: str) -> str:
    """Return a name with a placeholder for both codes in the order of the alphabet, as OPUS names its files."""
    return name.replace(name_pair(source_language, language), PAIR_PLACEHOLDER)


def _is_there_for_all(
    patterns: tuple[str, str | None], files: Sequence[str], languages: Sequence[str], source_language: str
) -> bool:
    """Return whether the files of patterns are there for all languages."""
    known = set(files)
    return all(
        pattern.replace(PAIR_PLACEHOLDER, name_pair(source_language, code)).replace(LANGUAGE_PLACEHOLDER, code) in known
        for pattern in patterns
        if pattern is not None
        for code in languages
    )
