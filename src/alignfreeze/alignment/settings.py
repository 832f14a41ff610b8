"""How words are aligned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.errors import SettingsError, show_value
from alignfreeze.settings import Settings, check_known, to_settings

SYMMETRIZATIONS = ["intersection", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and"]
"""Ways in which the links of both directions become one set (Koehn 2010, section 4.5.3)."""


AlignerName = Annotated[str, AfterValidator(lambda name: check_known(name, ALIGNERS, "aligner"))]
Symmetrization = Annotated[str, AfterValidator(lambda name: check_known(name, SYMMETRIZATIONS, "symmetrization"))]


class AlignmentSettings(Settings):
    """How words are aligned."""

    aligner: AlignerName = "auto"
    """`auto` takes `argmax` (`centred`) for a language pair with fewer than 20,000 sentence pairs, and `eflomal` for
    one with more. `fast-align` (as in the paper), `eflomal` and `hmm` learn from the bitext. `softmax` (AWESOME-align),
    `argmax` and `itermax` (SimAlign) compare an encoder's vectors. `dictionary` looks words up in bilingual word lists.
    `sentence` finds no links. Packages may register more."""
    symmetrization: Symmetrization = "grow-diag-final-and"
    """For aligners that learn from the bitext: `intersection`, `union`, `grow-diag`, `grow-diag-final` or
    `grow-diag-final-and`."""
    max_training_pairs: int | None = Field(default=1_000_000, gt=0)
    """For aligners that learn from the bitext: train on at most this many sentence pairs per language, evenly spread.
    All pairs are aligned. The command `align` trains on fewer pairs of a long bitext, unless you set this number: on
    those that need 512 MiB at most."""
    layer: int | None = Field(default=None, ge=0)
    """For aligners that compare vectors: the layer, 0 for the embeddings. By default, the layer two thirds of the way
    up; 7 for the embedded encoder."""
    threshold: float = Field(default=1e-3, gt=0, lt=1)
    """For `softmax`: the smallest probability, in both directions, that makes a link."""
    centred: bool = False
    """For aligners that compare vectors: subtract the mean vector of each language first."""


def to_alignment_settings(aligner: str | Mapping[str, Any] | AlignmentSettings, **settings: Any) -> AlignmentSettings:
    """Return the settings of an aligner.

    Args:
        aligner: The name of an aligner, a mapping of settings, or settings.
        **settings: Settings that replace those of `aligner`.

    Raises:
        SettingsError: There is no such aligner or setting.
    """
    if isinstance(aligner, str):
        aligner = {"aligner": check_known(aligner, ALIGNERS, "aligner")}
    elif not isinstance(aligner, Mapping | AlignmentSettings):
        raise SettingsError(
            f"aligner: expected a name, a dict of settings or AlignmentSettings, got {show_value(aligner)}"
        )
    return to_settings(AlignmentSettings, aligner, "align", **settings)
