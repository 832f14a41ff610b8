"""The embedded mini corpus: everyday sentences, written by hand, for the demo and for tests.

The corpus shows transfer, but is too small to measure transfer. Its README says how it was made.
"""

from pathlib import Path

from alignfreeze.errors import DataError, did_you_mean

PREFIX = "mini:"
SOURCE_LANGUAGE = "en"
LANGUAGES = ("ar", "de", "es", "fi", "hi", "ja", "ru", "sw", "tr", "zh")
"""The target languages: seven families, six scripts."""

FOLDER = Path(__file__).parent
ENDINGS = frozenset({".conllu", ".tsv", ".iob2", ".jsonl", ".json"})


def mini_path(name: str) -> Path:
    """Return the path of a file of the corpus, such as `en-train.conllu` or `en-tr.tsv`.

    Raises:
        DataError: The corpus has no such file.
    """
    names = sorted(path.name for path in FOLDER.iterdir() if path.suffix in ENDINGS)
    if name not in names:
        raise DataError(f"the mini corpus has no file {name!r}.{did_you_mean(name, names)}")
    return FOLDER / name
