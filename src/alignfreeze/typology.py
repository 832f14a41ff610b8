"""Facts about languages: their differences, their families, and the amount of text in each."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignfreeze.languages import scripts_of

FEATURES = {
    "syntax": ("feature_predictions.npz", "S_"),
    "phonology": ("feature_predictions.npz", "P_"),
    "sounds": ("feature_predictions.npz", "INV_"),
    "genealogy": ("family_features.npz", "F_"),
}
"""Kinds of distance between URIEL's vectors (Littell et al. 2017; the package `lang2vec`). Each has the file, and the
beginning of the features' names. URIEL predicts unknown features of a language from its neighbours."""

GEOGRAPHY = "geocoord_features.npz"

CC100_GIB = dict(
    # The text that XLM-R was pretrained on, in GiB: Conneau et al. 2020 (arXiv 1911.02116), table 6. Swedish and
    # Ukrainian are as its authors corrected them (github.com/mayhewsw/multilingual-data-stats). For a language in
    # several scripts, it is the sum.
    en=300.8, vi=137.3, ru=278, id=148.3, fa=111.6, sv=85, ro=61.4, de=66.6, fr=56.8, es=53.3, no=49, pt=49.1, da=45.6,
    hu=58.4, uk=84.6, fi=54.3, pl=44.6, ko=54.2, bg=57.5, nl=29.3, it=30.2, el=46.9, sk=23.2, he=31.6, hr=20.5, ar=28,
    tr=20.9, cs=16.3, lt=13.7, th=71.7, ca=10.1, hi=20.7, sl=10.3, ms=8.5, lv=8.8, sq=5.4, et=6.1, sr=9.1, az=6.5,
    ur=6.2, ta=12.5, tl=3.1, ja=69.3, bn=8.9, gl=2.9, kk=6.4, ka=9.1, mk=4.8, hy=5.5, la=2.5, be=4.3, ml=7.6, sw=1.6,
    eu=2, zh=63.5, te=5, mn=3, si=3.6, af=1.3, ne=3.8, mr=2.8, kn=3.3, eo=0.9, cy=0.8, gu=1.9, ps=0.7, ky=1.2, uz=0.7,
    ga=0.5, am=0.8, pa=0.8, ku=0.4, so=0.4, ha=0.3, my=2, sd=0.4, km=1.5, yi=0.3, fy=0.2, ug=0.4, mg=0.2, jv=0.2,
    gd=0.1, lo=0.6, sa=0.3, br=0.1, bs=0.1, xh=0.1, su=0.1, om=0.1,
    **{"is": 3.2, "or": 0.6, "as": 0.1},
)  # fmt: skip


SIZE = "pretraining text"
"""The name of the fact in GiB."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a language, seen from a source language.

    Attributes:
        values: Facts by name, without unknown facts. Distances lie from 0 to 1 (see `FEATURES`). `geography` is the
            distance over the globe, divided by half the globe's circumference. `same script` and `same family` are 1
            or 0. `pretraining text` is in GiB.
        family: The name of the language's family; None if it is not known.
    """

    values: dict[str, float]
    family: str | None


@lru_cache(maxsize=8192)  # a page asks for the same pairs again and again
def facts_of(language: str, source: str) -> Facts:
    """Return facts about a language, seen from a source language.

    Args:
        language: The code of the language.
        source: The code of the source language.
    """
    values = {kind: d for kind in FEATURES if (d := _cosine_distance(kind, language, source)) is not None}
    if (way := _distance_over_globe(language, source)) is not None:
        values["geography"] = way
    families = [language_family_of(code) for code in (language, source)]
    if None not in families:
        values["same family"] = float(families[0] == families[1])
    with suppress(ValueError):  # other people's tables may hold something other than a code
        values["same script"] = float(scripts_of(language) == scripts_of(source))
    if (size := CC100_GIB.get(_strip_region(language))) is not None:
        values[SIZE] = size
    return Facts(values, families[0])


def is_installed() -> bool:
    """Return whether the extra `typology` is installed."""
    return _find_folder() is not None


@lru_cache
def language_family_of(language: str) -> str | None:
    """Return the name of a language's family, such as `Indo-European`; None if it is not known."""
    file, prefix = FEATURES["genealogy"]
    vector = _vector_of(file, prefix, language)
    if vector is None or not vector.any():
        return None
    table = _load_table(file)
    names = table.names(prefix)
    held = [name for name, value in zip(names, vector, strict=True) if value > 0]
    # The family is the largest of all groups that a language belongs to.
    return max(held, key=table.sizes.__getitem__).removeprefix(prefix)


def _cosine_distance(kind: str, language: str, source: str) -> float | None:
    ours, theirs = (_vector_of(*FEATURES[kind], code) for code in (language, source))
    if ours is None or theirs is None or not ours.any() or not theirs.any():
        return None
    return float(1 - ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)))


def _distance_over_globe(language: str, source: str) -> float | None:
    """Return the distance of two languages over the globe: 0 for the same place, 1 for the opposite one.

    URIEL has the distances of a language to some 300 points. Their differences between two languages are greatest for a
    point that lies behind one language, seen from the other. There the difference is the distance of the languages.
    """
    ours, theirs = (_vector_of(GEOGRAPHY, "", code) for code in (language, source))
    return None if ours is None or theirs is None else float(np.abs(ours - theirs).max())


class _Table:
    """A file of URIEL's vectors."""

    def __init__(self, file: Any) -> None:
        with np.load(file, allow_pickle=False) as found:
            self.rows = {str(code): number for number, code in enumerate(found["langs"])}
            self.features = [str(name) for name in found["feats"]]
            self.data: NDArray[np.float32] = found["data"][:, :, 0]  # [languages, features]
        self.sizes = dict(zip(self.features, (self.data > 0).sum(axis=0).tolist(), strict=True))
        self.vectors: dict[tuple[str, str], NDArray[np.float32] | None] = {}

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.features if name.startswith(prefix)]

    def vector(self, prefix: str, code: str) -> NDArray[np.float32] | None:
        """Return the vector of a language, which is read only once; None if it is not known."""
        if (prefix, code) not in self.vectors:
            self.vectors[prefix, code] = self._read_vector(prefix, code)
        return self.vectors[prefix, code]

    def _read_vector(self, prefix: str, code: str) -> NDArray[np.float32] | None:
        if code not in self.rows:
            return None
        chosen = [number for number, name in enumerate(self.features) if name.startswith(prefix)]
        row = self.data[self.rows[code], chosen]
        return None if (row == -1).any() else row  # -1 stands for an unknown value


def _vector_of(file: str, prefix: str, language: str) -> NDArray[np.float32] | None:
    base = _strip_region(language)
    return None if _find_folder() is None else _load_table(file).vector(prefix, _load_codes().get(base, base))


def _strip_region(language: str) -> str:
    """Return the code of a language without a country or script: `pt` for `pt-BR`."""
    return language.partition("-")[0]


@lru_cache
def _load_table(file: str) -> _Table:
    folder = _find_folder()
    assert folder is not None
    with (folder / file).open("rb") as opened:
        return _Table(opened)


@lru_cache
def _load_codes() -> dict[str, str]:
    """Return the codes of three letters, which URIEL uses, by codes of two letters."""
    folder = _find_folder()
    assert folder is not None
    return json.loads((folder / "letter_codes.json").read_text(encoding="utf-8"))


@lru_cache
def _find_folder() -> Path | None:
    """Return the folder of URIEL's data. Its package is never imported, because it needs an old setuptools."""
    try:
        folder = Path(str(distribution("lang2vec").locate_file("lang2vec/data")))
    except PackageNotFoundError:
        return None
    return folder if folder.is_dir() else None
