"""Finds the files of a bitext: two parallel files, a file, a pattern, a folder, or a common beginning of names."""

from __future__ import annotations

from collections.abc import Sequence
from glob import escape, glob, has_magic
from pathlib import Path

from alignfreeze.corpora.forms.table import FORMS, guess_form
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.files import strip_compression
from alignfreeze.progress import remark

Files = tuple[Path, ...]
"""One file that holds both sides of a bitext, or a source and a target file."""


def find_parts(
    source: str, target: Path | str | None, *, languages: tuple[str, str], form: str | None = None
) -> list[tuple[str, Files]]:
    """Find the files of a bitext, and return the form of each part with its files.

    Args:
        source: The source side of parallel files, or a place with both sides.
        target: The target side; None if `source` has both sides.
        languages: Codes of the source and the target language.
        form: A name in `FORMS`; None to guess it from name and content.

    Raises:
        DataError: The files do not exist, or their form cannot be recognised.
        SettingsError: The form has another number of files.
    """
    return [(_tell_form(files, form), files) for files in _find_files(source, target, languages)]


def _tell_form(files: Files, form: str | None) -> str:
    """Return the form of files. If the form was guessed, a remark says so."""
    fitting = [name for name, known in FORMS.items() if known.n_files == len(files)]
    if form is not None and form not in fitting:
        if len(files) == 1:
            raise SettingsError(f"the form {form} needs two files, but only {files[0]} was given")
        raise SettingsError(
            f"two files were given ({files[0]} and {files[1]}), but the form {form!r} has one; forms with two files: "
            f"{', '.join(fitting)}"
        )
    if form is None and len(files) == 1:
        form = guess_form(files[0])
        remark(f"{files[0]}: read as {form}")
    return form or fitting[0]


def _find_files(source: str, target: Path | str | None, languages: tuple[str, str]) -> Sequence[Files]:
    if target is not None:
        return _pair_in_order(source, str(target))
    path = Path(source)
    if path.is_dir():
        children = sorted(child for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
        if parts := _pair_by_ending(children, languages):
            return parts
        raise DataError(f"{source}: no bitext in this folder")
    if not path.exists():
        if parts := _find_beginning(path, languages):
            return parts
        if not has_magic(source):
            raise DataError(f"{source}: cannot be read (no such file)")
    return _pair_by_ending(_find_matches(source), languages)


def _pair_in_order(source: str, target: str) -> list[Files]:
    """Return the files of two patterns in pairs: the first file of each, then the second file of each, and so on."""
    sides = [_find_matches(source), _find_matches(target)]
    if len(sides[0]) != len(sides[1]):
        found = f"{len(sides[0]):,} files match {source} and {len(sides[1]):,} match {target}"
        raise DataError(f"{found}; each source file needs a target file")
    return list(zip(*sides, strict=True))


def _find_beginning(path: Path, languages: tuple[str, str]) -> Sequence[Files]:
    """Return the two files whose names begin with a path and end in the language codes.

    Without two such files, return all files whose names begin with the path.
    """
    paths = sorted(path.parent.glob(f"{escape(path.name)}.*")) if path.parent.is_dir() else []
    parts = _pair_by_ending(paths, languages)
    # The names of lists of sentence numbers and of files of links begin in the same way.
    pairs = [files for files in parts if len(files) == 2]
    named = [files for files in pairs if strip_compression(files[0]).with_suffix("") == path]
    return named or pairs or parts


def _find_matches(pattern: str) -> list[Path]:
    """Return the file of a name, or the files of a pattern in order."""
    if not has_magic(pattern) or Path(pattern).exists():
        return [Path(pattern)]
    # The name of an existing folder is not part of the pattern, even if it contains signs such as * or [.
    folder = next(parent for parent in Path(pattern).parents if parent.is_dir())
    found = sorted(glob(str(Path(pattern).relative_to(folder)), root_dir=folder, recursive=True))  # noqa: PTH207
    paths = [folder / name for name in found if (folder / name).is_file()]
    if not paths:
        raise DataError(f"{pattern}: no file matches this pattern")
    return paths


def _pair_by_ending(paths: Sequence[Path], languages: tuple[str, str]) -> list[Files]:
    """Put two files together if their names differ only in the ending, a language code. Other files stay alone."""
    plain = [(strip_compression(path), path) for path in paths]
    sources, targets = (
        {name.with_suffix(""): path for name, path in plain if name.suffix == f".{code}"} for code in languages
    )
    pairs = {stem: (path, targets[stem]) for stem, path in sources.items() if stem in targets}
    paired = {path for pair in pairs.values() for path in pair}
    return [*pairs.values(), *((path,) for path in paths if path not in paired)]
