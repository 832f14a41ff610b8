"""Which sentence pairs are translations at all: by how alike an encoder finds the two sides."""

from __future__ import annotations

import math

import numpy as np
from torch.nn import functional as F

from alignfreeze.corpora.selection import Selection, SelectionSettings
from alignfreeze.corpora.words import split_on_spaces
from alignfreeze.encoding.vectors import LayerVectors
from alignfreeze.progress import stage

PAIRS_AT_ONCE = 1_000


def keep_most_alike(selection: Selection, settings: SelectionSettings, vectors: LayerVectors) -> Selection:
    """Keep the share of sentence pairs whose mean-pooled vectors are most alike, in their order.

    Args:
        selection: The pairs.
        settings: `keep_best` says which share.
        vectors: An encoder at a layer.

    Returns:
        The selection without the others (the paper's appendix C filters its bitext so).
    """
    if settings.keep_best is None or not selection.texts:
        return selection
    n_kept = math.ceil(settings.keep_best * len(selection.texts))
    likeness = np.empty(len(selection.texts), dtype=np.float32)
    with stage("comparing sentences", total=len(likeness)) as bar:
        for start in range(0, len(likeness), PAIRS_AT_ONCE):
            sides = zip(*selection.texts[start : start + PAIRS_AT_ONCE], strict=True)
            source, target = (vectors.means([split_on_spaces(text) for text in side]) for side in sides)
            likeness[start : start + PAIRS_AT_ONCE] = F.cosine_similarity(source, target).float().cpu().numpy()
            bar.advance(len(source))
    kept = np.sort(np.argsort(-likeness, kind="stable")[:n_kept])
    left_out = {**selection.left_out, "less alike": len(likeness) - n_kept}
    return Selection([selection.texts[place] for place in kept], selection.read, left_out, selection.distinct)
