"""Word alignment for callers who hold an encoder, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alignfreeze.alignment import aligning
from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.auto import compares_vectors
from alignfreeze.alignment.links import Alignments
from alignfreeze.alignment.settings import AlignmentSettings, to_alignment_settings
from alignfreeze.corpora.given import to_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.devices import Device, check_device
from alignfreeze.encoding.given import Model, to_encoder
from alignfreeze.encoding.vectors import LayerVectors


def align(
    bitext: Any,
    *,
    aligner: str | Mapping[str, Any] | AlignmentSettings = "auto",
    encoder: Model | None = None,
    languages: tuple[str, str] | None = None,
    pretokenized: bool = False,
    resources: Resources | None = None,
    cache: bool = True,
    device: Device = "auto",
    **settings: Any,
) -> Alignments:
    """Find the links of every sentence pair; each language pair is aligned by itself.

    Args:
        bitext: Sentence pairs of one or several language pairs, in anything that `to_bitext` takes, such as a list of
            pairs of texts.
        aligner: A name in `ALIGNERS`, or settings. `auto` compares vectors where there are few sentence pairs, and
            learns from the bitext where there are many; a remark says which it does.
        encoder: The encoder, or its name, for aligners that compare vectors. For `auto` the default is the embedded
            encoder, if it is installed; without one, `auto` learns from the bitext.
        languages: Codes of the source and the target language, if the bitext does not tell them.
        pretokenized: The words of texts are already separated by spaces.
        resources: Word lists, trained models, or an encoder at a layer, for the aligners that need them.
        cache: Read links that were found before for the same bitext, and keep new ones (cache.py says where).
        device: Where the encoder runs: `auto`, or a device as torch names it.
        **settings: Settings of `AlignmentSettings` by name, such as `symmetrization="union"`.

    Returns:
        One alignment per pair, in the order of the bitext.

    Raises:
        SettingsError: There is no such aligner or setting, or something that the aligner needs is missing.
        EncoderError: The encoder cannot be loaded.
        DataError: Something in the bitext is not a sentence pair, its languages are not known, or an aligner returns
            links that fit no pair.
    """
    chosen = to_alignment_settings(aligner, **settings)
    pairs = to_bitext(bitext, languages=languages, pretokenized=pretokenized)
    resources = resources or Resources()
    chooses = ALIGNERS[chosen.aligner].choose is not None and not resources.trained
    if encoder is None and chooses and embedded.is_installed():
        encoder = embedded.NAME
    if encoder is not None and resources.vectors is None and compares_vectors(chosen, pairs):
        vectors = LayerVectors(to_encoder(encoder), layer=chosen.layer, device=check_device(device))
        resources = replace(resources, vectors=vectors)
    return aligning.align(pairs, aligner=chosen, resources=resources, cache=cache)
