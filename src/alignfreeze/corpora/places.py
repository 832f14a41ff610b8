"""Finds the files of a bitext: two parallel files, a file, a pattern, a folder, or a common beginning of names."""

from __future__ import annotations

from collections.abc import Sequence
from glob import escape, glob, has_magic
from pathlib import Path

import regex

from alignfreeze.compressed import COMPRESSED_NAMES, strip_compression
from alignfreeze.corpora.forms.table import FORMS, form_of_name, guess_form
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.languages import tag_fits
from alignfreeze.progress import remark

Files = tuple[Path, ...]
"""One file that holds both sides of a bitext, or a source and a target file."""

_COMPANIONS = regex.compile(
    r"(?i)(?:readme|licen[cs]e|copying|notice|changelog|citation|info)(?:[._-].*)?|.*\.(?:ids|md)"
)
"""Names of files that stand beside bitext and are none."""

_COMPRESSION = regex.compile("|".join(rf"{regex.escape(ending)}$" for ending in COMPRESSED_NAMES), regex.IGNORECASE)


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
        DataError: The files do not exist, do not belong together, or their form cannot be recognised.
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
        return _pair_by_pattern((source, str(target)), languages)
    path = Path(source)
    if path.is_dir():
        children = sorted(child for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
        if parts := _pair_by_ending(children, languages):
            return _leave_out_companions(parts)
        raise DataError(f"{source}: no bitext in this folder")
    if not path.exists():
        if parts := _find_beginning(path, languages):
            return parts
        if not has_magic(source):
            raise DataError(f"{source}: cannot be read (no such file)")
    return _leave_out_companions(_pair_by_ending(_find_matches(source), languages))


def _leave_out_companions(parts: Sequence[Files]) -> Sequence[Files]:
    """Leave out files that are no bitext but stand beside some: README, LICENSE, lists of sentence numbers.

    Beside two files with endings of languages, a file alone needs an ending of a form.
    """
    has_pairs = any(len(files) == 2 for files in parts)
    kept, others = [], []
    for files in parts:
        is_companion = len(files) == 1 and form_of_name(files[0]) is None
        is_companion = is_companion and (
            has_pairs or _COMPANIONS.fullmatch(strip_compression(files[0]).name) is not None
        )
        (others if is_companion else kept).append(files)
    if not kept:
        return parts
    for (path,) in others:
        remark(f"{path}: passed over, for its name is not that of bitext; name the file alone to read it")
    return kept


def _pair_by_pattern(patterns: tuple[str, str], languages: tuple[str, str]) -> list[Files]:
    """Return the files of two patterns in pairs: those for which `*` and other signs stand for the same text.

    Raises:
        DataError: A file has no partner, or several.
    """
    sources, targets = (_find_matches(pattern) for pattern in patterns)
    if len(sources) == len(targets) == 1:
        _check_alone(patterns, (sources[0], targets[0]), languages)
        return [(sources[0], targets[0])]
    if len(sources) != len(targets):
        found = f"{len(sources):,} files match {patterns[0]} and {len(targets):,} match {patterns[1]}"
        raise DataError(f"{found}; each source file needs a target file")
    first, second = (
        {_key_of(path, pattern, code): path for path in paths}
        for pattern, paths, code in zip(patterns, (sources, targets), languages, strict=True)
    )
    alone = [first[key] for key in first.keys() - second.keys()] + [second[key] for key in second.keys() - first.keys()]
    if alone or len(first) != len(sources):
        named = f"{min(alone)} has no partner" if alone else "several files have the same names but for compressions"
        raise DataError(
            f"{patterns[0]} and {patterns[1]}: {named}; * must stand for the same text in the names of a source file "
            "and its target file"
        )
    return [(path, second[key]) for key, path in first.items()]


def _check_alone(patterns: tuple[str, str], files: tuple[Path, Path], languages: tuple[str, str]) -> None:
    """Refuse the only matches of two patterns if their signs stand for texts that differ in more than the language.

    Raises:
        DataError: They do, as in half a download: x1.en and x2.de.
    """
    if not all(has_magic(pattern) and not Path(pattern).exists() for pattern in patterns):
        return
    keys = [_key_of(path, pattern, code) for path, pattern, code in zip(files, patterns, languages, strict=True)]
    source, target = (_leave_out_tags(" ".join(key), languages) for key in keys)
    if source != target and (len(keys[0]) == len(keys[1]) or (source and target)):
        raise DataError(
            f"{patterns[0]} and {patterns[1]}: only {files[0]} and {files[1]} match; * must stand for the same text in "
            "the names of a source file and its target file; name both files if they belong together"
        )


def _leave_out_tags(text: str, languages: tuple[str, str]) -> list[str]:
    """Return the parts of a text that are no tag of our languages and no region."""
    parts = regex.split(r"[\W_]+", text)
    return [
        part for part in parts if not (regex.fullmatch("[A-Z]{2}|", part) or any(tag_fits(part, c) for c in languages))
    ]


def _key_of(path: Path, pattern: str, code: str) -> tuple[str, ...]:
    """Return what the signs of a pattern stand for in a path; codes of the language and compressions are left out."""
    folder, below = _split_pattern(pattern)
    parts = regex.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])", below)
    signs = {"**/": "((?:.*/)?)", "**": "(.*)", "*": "([^/]*)", "?": "([^/])"}
    texts = [
        regex.escape(part) if place % 2 == 0 else signs.get(part) or f"({part.replace('[!', '[^', 1)})"
        for place, part in enumerate(parts)
    ]
    found = regex.fullmatch("".join(texts), path.relative_to(folder).as_posix())
    key = found.groups() if found else (path.as_posix(),)
    own = rf"(?<![^\W_]){regex.escape(code)}(?![^\W_])"
    return tuple(regex.sub(own, "", _COMPRESSION.sub("", text)) for text in key)


def _find_beginning(path: Path, languages: tuple[str, str]) -> Sequence[Files]:
    """Return the two files whose names begin with a path and end in tags of the languages.

    Without two such files, return all files whose names begin with the path.
    """
    paths = sorted(path.parent.glob(f"{escape(path.name)}.*")) if path.parent.is_dir() else []
    parts = _pair_by_ending(paths, languages)
    # The names of lists of sentence numbers and of files of links begin in the same way.
    pairs = [files for files in parts if len(files) == 2]
    named = [files for files in pairs if strip_compression(files[0]).with_suffix("") == path]
    return named or pairs or _leave_out_companions(parts)


def _find_matches(pattern: str) -> list[Path]:
    """Return the file of a name, or the files of a pattern in order."""
    if not has_magic(pattern) or Path(pattern).exists():
        return [Path(pattern)]
    folder, below = _split_pattern(pattern)
    found = sorted(glob(below, root_dir=folder, recursive=True))  # noqa: PTH207
    paths = [folder / name for name in found if (folder / name).is_file()]
    if not paths:
        raise DataError(f"{pattern}: no file matches this pattern")
    return paths


def _split_pattern(pattern: str) -> tuple[Path, str]:
    """Return the folder of a pattern, and the pattern below it.

    The name of an existing folder is not part of the pattern, even if it contains signs such as * or [.
    """
    folder = next(parent for parent in Path(pattern).parents if parent.is_dir())
    return folder, Path(pattern).relative_to(folder).as_posix()


def _pair_by_ending(paths: Sequence[Path], languages: tuple[str, str]) -> list[Files]:
    """Put two files together if their names differ only in the ending, a tag of a language. Others stay alone.

    Raises:
        DataError: Two files may be the same side.
    """
    sources, targets = (_find_sides(paths, code) for code in languages)
    pairs = []
    for stem in sources.keys() & targets.keys():
        pair = tuple(_choose_side(side[stem], code) for side, code in zip((sources, targets), languages, strict=True))
        if pair[0] != pair[1]:
            pairs.append(pair)
    pairs.sort(key=lambda pair: paths.index(pair[0]))
    paired = {path for pair in pairs for path in pair}
    return [*pairs, *((path,) for path in paths if path not in paired)]


def _find_sides(paths: Sequence[Path], code: str) -> dict[Path, list[Path]]:
    """Return the files whose names end in a tag of a language, by the rest of the name."""
    found: dict[Path, list[Path]] = {}
    for path in paths:
        name = strip_compression(path)
        if name.suffix == f".{code}" or (name.suffix and tag_fits(name.suffix[1:], code)):
            found.setdefault(name.with_suffix(""), []).append(path)
    return found


def _choose_side(paths: Sequence[Path], code: str) -> Path:
    """Return the file that ends in the code itself, or else the only one that ends in another tag of the language."""
    exact = [path for path in paths if strip_compression(path).suffix == f".{code}"]
    if not exact and len(paths) > 1:
        several = " and ".join(path.name for path in paths)
        folder = paths[0].parent
        raise DataError(f"{folder}: {several} may each be the side in {code!r}; name both files of the bitext")
    return (exact or paths)[-1]
