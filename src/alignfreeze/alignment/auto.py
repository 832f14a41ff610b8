"""The aligner `auto`: for each language pair another aligner, which suits the number of its sentence pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from alignfreeze.alignment.aligners import ALIGNERS, AlignerKind, WordAligner
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.bitext import SentencePair

ENOUGH = 20_000
"""From so many sentence pairs of a language pair on, words are aligned by statistics.

In measurements, vectors gave better links for every number of pairs (docs/alignment.md). But they take minutes for as
many pairs as this, and hours for a million.
"""

FEW, MANY = "argmax", "eflomal"
"""The aligners for fewer pairs than `ENOUGH`, and for as many or more."""

Languages = tuple[str, str]


def choose_for(settings: AlignmentSettings, n_pairs: int, *, has_vectors: bool) -> AlignmentSettings:
    """Return the settings of the aligner that suits a number of sentence pairs.

    Args:
        settings: Settings whose aligner is `auto`.
        n_pairs: The number of sentence pairs of a language pair.
        has_vectors: Whether there is an encoder whose vectors can be compared.
    """
    if n_pairs < ENOUGH and has_vectors:
        return settings.model_copy(update={"aligner": FEW, "centred": True})
    return settings.model_copy(update={"aligner": MANY})


def choose_learner(settings: AlignmentSettings) -> AlignmentSettings:
    """Return the settings of an aligner whose model can be kept: `auto` becomes the one for many sentence pairs."""
    choose = ALIGNERS[settings.aligner].choose
    return settings if choose is None else choose(settings, ENOUGH, has_vectors=False)


def choose_aligners(
    settings: AlignmentSettings, bitext: Sequence[SentencePair], *, has_vectors: bool = True
) -> dict[Languages, AlignmentSettings]:
    """Return the settings of each language pair's aligner; all are the same, except with `auto`.

    Args:
        settings: How words are to be aligned.
        bitext: The sentence pairs of all language pairs.
        has_vectors: Whether there is an encoder whose vectors can be compared.
    """
    choose, sizes = ALIGNERS[settings.aligner].choose, count_pairs(bitext)
    if choose is None:
        return dict.fromkeys(sizes, settings)
    return {languages: choose(settings, n_pairs, has_vectors=has_vectors) for languages, n_pairs in sizes.items()}


def list_aligners(settings: AlignmentSettings, bitext: Sequence[SentencePair]) -> list[AlignmentSettings]:
    """Return the settings of all aligners that a bitext needs if there is an encoder, each once."""
    if ALIGNERS[settings.aligner].choose is None:
        return [settings]
    return list(dict.fromkeys(choose_aligners(settings, bitext).values()))


def compares_vectors(settings: AlignmentSettings, bitext: Sequence[SentencePair]) -> bool:
    """Return whether aligning a bitext needs an encoder, if there is one."""
    return any(ALIGNERS[one.aligner].needs_vectors for one in list_aligners(settings, bitext))


def count_pairs(bitext: Sequence[SentencePair]) -> dict[Languages, int]:
    """Return the number of sentence pairs of each language pair, in the order of first appearance."""
    return dict(Counter(pair.languages for pair in bitext))


def describe_choice(settings: AlignmentSettings, bitext: Sequence[SentencePair], *, has_vectors: bool = True) -> str:
    """Return which aligner finds the links; with `auto`, also for how many language pairs, and why."""
    if ALIGNERS[settings.aligner].choose is None:
        return f"by {settings.aligner}"
    sizes = count_pairs(bitext)
    groups: dict[tuple[str, bool], list[Languages]] = {}
    for languages, chosen in choose_aligners(settings, bitext, has_vectors=has_vectors).items():
        groups.setdefault((chosen.aligner, sizes[languages] < ENOUGH), []).append(languages)
    texts = [
        f"by {aligner} for {_name(members)} with {'fewer than' if are_few else 'at least'} {ENOUGH:,} sentence pairs"
        for (aligner, are_few), members in groups.items()
    ]
    return f"{', '.join(texts)}{_WITHOUT_ENCODER if (MANY, True) in groups else ''}"


_WITHOUT_ENCODER = (
    "; an encoder's vectors would give better links of so few pairs: pip install 'alignfreeze[embedded]', or name an "
    "encoder"
)


def _name(members: Sequence[Languages]) -> str:
    return "-".join(members[0]) if len(members) == 1 else f"{len(members)} language pairs"


def _cannot_make(settings: AlignmentSettings, *_: object) -> WordAligner:
    raise AssertionError(f"{settings.aligner} stands for other aligners: choose one of them first")


AUTO = AlignerKind(_cannot_make, choose=choose_for)
