"""Finds the sentence pairs that are real translations: those whose two sides have the most similar vectors."""

from __future__ import annotations

import math

import numpy as np
from torch.nn import functional as F

from alignfreeze.corpora.selection import Selection, SelectionSettings
from alignfreeze.corpora.words import split_on_spaces
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.progress import stage

_PAIRS_AT_ONCE = 1_000


def keep_most_alike(selection: Selection, settings: SelectionSettings, vectors: LayerVectors) -> Selection:
    """Keep the share of the sentence pairs whose mean vectors are most similar. The order stays the same.

    The paper's appendix C filters its bitext in this way.

    Args:
        selection: The sentence pairs.
        settings: `keep_best` is the share.
        vectors: An encoder at a layer.
    """
    if settings.keep_best is None or not selection.texts:
        return selection
    n_kept = math.ceil(settings.keep_best * len(selection.texts))
    likeness = np.empty(len(selection.texts), dtype=np.float32)
    with stage("comparing sentences", total=len(likeness)) as bar:
        for start in range(0, len(likeness), _PAIRS_AT_ONCE):
            sides = zip(*selection.texts[start : start + _PAIRS_AT_ONCE], strict=True)
            source, target = (vectors.means([split_on_spaces(text) for text in side]) for side in sides)
            likeness[start : start + _PAIRS_AT_ONCE] = F.cosine_similarity(source, target).float().cpu().numpy()
            bar.advance(len(source))
    kept = np.sort(np.argsort(-likeness, kind="stable")[:n_kept])
    left_out = {**selection.left_out, "less alike": len(likeness) - n_kept}
    return Selection([selection.texts[place] for place in kept], selection.read, left_out, selection.distinct)
