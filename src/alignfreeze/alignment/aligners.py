"""What an aligner is, and the table of all aligners, which packages of other people may add to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from alignfreeze.registry import Table

if TYPE_CHECKING:  # the command line lists the aligners in its help, which should not wait for torch or numpy
    from alignfreeze.alignment.dictionary import Dictionary
    from alignfreeze.alignment.links import WordAlignment
    from alignfreeze.alignment.settings import AlignmentSettings
    from alignfreeze.alignment.similarity import WordVectors
    from alignfreeze.corpora.bitext import SentencePair


class WordAligner(Protocol):
    """Finds the links of every sentence pair of a bitext of one language pair.

    Attributes:
        limit: What happens to sentences that are too long, for a remark.
        beyond: How many of the pairs aligned so far have a sentence that is too long.
    """

    limit: str = ""
    beyond: int = 0

    def fit(self, bitext: Sequence[SentencePair]) -> None:
        """Learn from the bitext, once, before `align`; by default nothing."""

    def align(self, bitext: Sequence[SentencePair]) -> list[WordAlignment]:
        """Return one alignment per pair, in the same order, source word first. It is called with parts of a bitext."""
        ...


@runtime_checkable
class TrainableAligner(WordAligner, Protocol):
    """An aligner whose model can be kept in a folder."""

    def save(self, folder: Path) -> None:
        """Write the trained model."""
        ...

    def load(self, folder: Path, *, languages: tuple[str, str]) -> None:
        """Read a trained model, so that `fit` has nothing to learn."""
        ...


@dataclass(frozen=True, slots=True)
class Resources:
    """What aligners need beside the bitext.

    Attributes:
        vectors: An encoder at a layer, for aligners that compare vectors.
        dictionaries: A bilingual word list for each language pair, for aligners that look words up.
        trained: A folder with a trained model for a language pair, for aligners that learn from the bitext.
    """

    vectors: WordVectors | None = None
    dictionaries: Mapping[tuple[str, str], Dictionary] = field(default_factory=dict)
    trained: Mapping[tuple[str, str], Path] = field(default_factory=dict)


class ChooseAligner(Protocol):
    """Returns the settings of the aligner that suits a language pair."""

    def __call__(self, settings: AlignmentSettings, n_pairs: int, *, has_vectors: bool) -> AlignmentSettings:
        """Choose by the number of sentence pairs, and by whether there is an encoder whose vectors can be compared."""
        ...


@dataclass(frozen=True, slots=True)
class AlignerKind:
    """A kind of aligner, and what it needs.

    Attributes:
        make: Makes an aligner for one language pair.
        needs_vectors: Whether it compares an encoder's vectors.
        needs_dictionaries: Whether it looks words up in a bilingual word list.
        learns: Whether it learns from the bitext; it is then a `TrainableAligner`.
        finds_links: Whether it finds any links.
        libraries: Installed packages whose versions decide which links it finds. Their versions are part of the key of
            the cache. Without any, links are not kept in the cache.
        aligns_apart: Whether several processes may align chunks with a model in a folder, as `chunks` does.
        choose: For a kind that stands for other aligners: returns the settings of the aligner for a language pair.
    """

    make: Callable[[AlignmentSettings, Resources, tuple[str, str]], WordAligner]
    needs_vectors: bool = False
    needs_dictionaries: bool = False
    learns: bool = False
    finds_links: bool = True
    libraries: tuple[str, ...] = ()
    aligns_apart: bool = False
    choose: ChooseAligner | None = None


ALIGNERS: Table[AlignerKind] = Table(
    "aligner",
    {
        "auto": "alignfreeze.alignment.auto:AUTO",
        "fast-align": "alignfreeze.alignment.statistical:STATISTICAL",
        "eflomal": "alignfreeze.alignment.statistical:STATISTICAL",
        "hmm": "alignfreeze.alignment.statistical:STATISTICAL",
        "softmax": "alignfreeze.alignment.similarity:SIMILARITY",
        "argmax": "alignfreeze.alignment.similarity:SIMILARITY",
        "itermax": "alignfreeze.alignment.similarity:SIMILARITY",
        "dictionary": "alignfreeze.alignment.dictionary:DICTIONARY",
        "sentence": "alignfreeze.alignment.sentence:SENTENCE",
    },
)
"""The aligners by name; a new one is a file and a line. What a line names is imported when it is first asked for."""


def register_aligner(
    name: str,
    make: Callable[[AlignmentSettings, Resources, tuple[str, str]], WordAligner],
    *,
    needs_vectors: bool = False,
    needs_dictionaries: bool = False,
    learns: bool = False,
    finds_links: bool = True,
    libraries: tuple[str, ...] = (),
) -> None:
    """Add an aligner. Afterwards `align` and the setting `alignment.aligner` accept its name.

    Args:
        name: In settings and records.
        make: Makes an aligner for one language pair, from the settings, the resources and the codes of both languages.
            The result is a child of `alignfreeze.alignment.aligners.WordAligner` with a method `align`.
        needs_vectors: Whether it compares an encoder's vectors; they are then in the resources.
        needs_dictionaries: Whether it looks words up in a bilingual word list, which is then in the resources.
        learns: Whether it learns from the bitext and has methods `save` and `load` for its model.
        finds_links: Whether it finds any links.
        libraries: Installed packages whose versions decide which links it finds, such as your own. Without any,
            links are found again in every run.

    Raises:
        ValueError: There is an aligner of this name already.
    """
    kind = AlignerKind(make, needs_vectors, needs_dictionaries, learns, finds_links, libraries)
    ALIGNERS.add(name, kind)
