"""Asks for labels in several languages at once: a number of items is spread over them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignfreeze.encoding.devices import Device
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.experiment.sources import LANGUAGE_PLACEHOLDER
from alignfreeze.files import check_apart, to_path
from alignfreeze.labelling.asking import SENTENCES, Asked, check_new, check_wishes, draw_items, write_asked
from alignfreeze.labelling.budget import spread_items
from alignfreeze.labelling.drawing import Drawing
from alignfreeze.labelling.matching import Labelled, group_by_drawing, read_labels
from alignfreeze.languages import check_language
from alignfreeze.progress import remark


def label_languages(
    study: str | os.PathLike[str],
    texts: Mapping[str, Any] | None = None,
    *,
    out: str,
    sentences: int = SENTENCES,
    strategies: Sequence[str] = (),
    after: Sequence[str | os.PathLike[str]] = (),
    proposals: bool = False,
    seed: int = 0,
    device: Device = "auto",
) -> list[Asked]:
    """Write items to label in several languages, more of them where they lower the expected regret more.

    Args:
        study: The folder of a study whose models were kept, or what `run_experiment` returned.
        texts: A text for each language, by its code, as for `label`. None to go on with the drawings of `after`.
        out: The files to write, with `{language}` in the name.
        sentences: How many items are written in all languages together.
        strategies: The strategies to choose among, as for `label`.
        after: Files that were written before, of any of the languages. Their labels decide where more are needed.
        proposals: Whether the commonest prediction stands beside each label that is asked for.
        seed: The seed of the draws.
        device: Where the models run.

    Returns:
        What was written, one value per language that gets items.

    Raises:
        DataError: As for `label`.
        SettingsError: A strategy, a language or the device does not exist, or `out` has no `{language}`.
        OutputError: A file cannot be written.
    """
    study, files = to_path(study, "study"), [to_path(one, "after") for one in after]
    if LANGUAGE_PLACEHOLDER not in out:
        raise SettingsError(f"out: {out!r} has no {LANGUAGE_PLACEHOLDER}, so all languages would share one file")
    check_wishes(texts or None, files, sentences=sentences, strategies=strategies, languages=None)
    known: dict[str, tuple[Drawing, Labelled | None]] = {}
    if not texts:
        for labelled in (read_labels(study, group) for group in group_by_drawing(files)):
            if labelled.drawing.language in known:
                raise SettingsError(f"after: two drawings of the language {labelled.drawing.language!r}; name one")
            known[labelled.drawing.language] = labelled.drawing, labelled
    else:
        texts = {check_language(code): text for code, text in texts.items()}
        files_of = _check_places(out, texts)
        how: dict[str, Any] = {"seed": seed, "device": device}
        for code, text in texts.items():
            known[code] = draw_items(study, text, code, strategies, out=files_of[code], **how), None
    places = _check_places(out, dict.fromkeys(known), files)
    counts = spread_items(known, sentences)
    if (n := sum(counts.values())) < sentences:
        if not n:
            raise DataError("all items of all texts were written before")
        remark(f"only {n:,} items are written: no more are left")
    return [
        write_asked(
            study, drawing, counts[code], places[code], done=labelled.draws if labelled else (), proposals=proposals
        )
        for code, (drawing, labelled) in known.items()
        if counts[code]
    ]


def _check_places(out: str, texts: Mapping[str, Any], files: Sequence[Path] = ()) -> dict[str, Path]:
    """Return the file of each language, and check that it can be written and is no input."""
    places = {code: Path(out.replace(LANGUAGE_PLACEHOLDER, code)) for code in texts}
    inputs = [*files, *(text for text in texts.values() if isinstance(text, Path))]
    for place in places.values():
        check_new(place)
        check_apart({"--out": place}, inputs)
    return places
