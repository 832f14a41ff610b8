"""The lineage of runs as a drawing: what they were made from, and what was made from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from alignfreeze.addresses import address_of_run
from alignfreeze.experiment.identity import ENCODER_PARTS, Part
from alignfreeze.experiment.names import PLAIN, TRANSLATION
from alignfreeze.experiment.records import NO_LINKS, RunRecord
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.languages import name_or_code
from alignfreeze.reports.drawings import Drawing
from alignfreeze.reports.layers import Box, draw_layers
from alignfreeze.sheets import Cell, Sheet

DATA, LINKS, REALIGNED, RUNS, OUTCOMES = "encoder and bitext", "word links", "before fine-tuning", "runs", "outcome"

_FROM, _TO = "#0072b2", "#009e73"

HEADINGS = {
    DATA: _FROM,
    LINKS: _FROM,
    REALIGNED: _FROM,
    RUNS: "var(--run, #444444)",
    OUTCOMES: _TO,
}
"""The layers from left to right, with their colours: blue, dark grey and green."""

GIVEN = {
    TRANSLATION: ("translated data", "translations of the training data"),
    PLAIN: ("plain text", "sentences that a first model has labelled"),
}
"""Label and title of target-language texts that were given, by the first word of the roles of their files."""

SEEDED = ("run ", "realigned ")
"""How the names of boxes begin that differ from seed to seed."""

MOST_IN_TITLE = 6
"""How many languages a box names. If there are more, only their number is given."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What runs were made from, and what was made from them. What several runs share is here once.

    Attributes:
        boxes: Encoders, texts, links, runs and outcomes. Runs that differ only in their seed share a box.
        arrows: Names of two boxes each; the second one was made from the first one.
    """

    boxes: Sequence[Box]
    arrows: Sequence[tuple[str, str]]

    def sheet(self, title: str) -> Sheet:
        """Return the lineage as a table, one row per box."""
        labels = {box.name: box.label for box in self.boxes}
        layers = list(HEADINGS)
        rows = [
            (
                Cell(box.label),
                Cell(box.layer),
                Cell(" ".join(cell.text for cell in box.parts)),
                Cell(", ".join(labels[end] for start, end in self.arrows if start == box.name)),
            )
            for box in sorted(self.boxes, key=lambda box: layers.index(box.layer))
        ]
        return Sheet(title, ("", "layer", "which", "made into"), 4, tuple(rows), "")


def draw_run_lineage(record: RunRecord) -> Drawing:
    """Draw what a run was made from, and what was made from the run."""
    return _draw("What this run was made from", trace([record], outcomes=True))


def draw_lineage(records: Sequence[RunRecord]) -> Drawing:
    """Draw what the runs of a study were made from. Runs that differ only in their seed share a box."""
    return _draw("What the runs were made from", trace(records))


def _draw(title: str, lineage: Lineage) -> Drawing:
    note = "Arrows lead to what was made. Runs that differ only in their seed share a box."
    picture = draw_layers(title, HEADINGS, lineage.boxes, lineage.arrows)
    return Drawing("lineage", title, {"": picture}, lineage.sheet(title), note, folded=True)


def trace(records: Sequence[RunRecord], *, outcomes: bool = False) -> Lineage:
    """Return what runs were made from.

    Args:
        records: The runs.
        outcomes: Whether scores and models are also returned.
    """
    boxes: dict[str, Box] = {}
    arrows: dict[tuple[str, str], None] = {}
    for record in records:
        for box in [*_origins(record), _run_box(record), *(_outcomes(record) if outcomes else ())]:
            before = boxes.setdefault(box.name, box)
            boxes[box.name] = replace(before, parts=list(dict.fromkeys([*before.parts, *box.parts])))
        arrows |= dict.fromkeys([*_origin_arrows(record), *(_outcome_arrows(record) if outcomes else ())])
    return Lineage([_say_seeds(box) for box in boxes.values()], list(arrows))


def _say_seeds(box: Box) -> Box:
    if not box.name.startswith(SEEDED):
        return box
    word = "seed" if len(box.parts) == 1 else "seeds"
    return replace(box, parts=[Cell(word), *box.parts])


def _run_box(record: RunRecord) -> Box:
    title = f"{record.strategy}, {record.task}: {record.experiment}"
    return Box(
        _run(record),
        RUNS,
        record.strategy,
        title,
        [Cell(", ".join(map(str, record.seeds)), page=address_of_run(record.folder))],
    )


def _origins(record: RunRecord) -> Iterator[Box]:
    digest = record.identity.encoder[:12]
    yield Box(
        _encoder(record), DATA, record.encoder, f"its files have the digest {digest}", [Cell("pretrained encoder")]
    )
    task = Cell(f"{record.task} in {name_or_code(record.source_language)}")
    yield Box(_training_data(record), REALIGNED, "training data", "what the task is learnt from", [task])
    yield from _given_texts(record)
    if not record.sees_bitext:
        return
    languages = [Cell(name) for name in _name_all(record.realigned_languages)]
    yield Box(_bitext(record), DATA, "bitext", "sentence pairs", languages)
    if (links := _links(record)) is not None:
        yield Box(links, LINKS, str(record.aligner), f"word links by {record.aligner}")
    pairs = 0 if record.realignment is None else record.realignment.pairs
    for strategy, realigned in _realigned_encoders(record).items():
        title = f"the encoder after realignment ({strategy}) on {pairs:,} sentence pairs"
        yield Box(realigned, REALIGNED, f"realigned: {strategy}", title, [Cell(str(seed)) for seed in record.seeds])


def _origin_arrows(record: RunRecord) -> Iterator[tuple[str, str]]:
    run, encoder = _run(record), _encoder(record)
    yield _training_data(record), run
    realigned = list(_realigned_encoders(record).values())
    yield from ((start, run) for start in realigned)
    if not realigned or None in Strategy.parse(record.strategy).starts:
        yield encoder, run
    yield from ((encoder, start) for start in realigned)
    yield from ((box.name, run) for box in _given_texts(record))
    if not record.sees_bitext:
        return
    before, links = _bitext(record), _links(record)
    if links is not None:
        yield before, links
        before = links
    yield from ((before, start) for start in realigned or [run])
    if realigned and record.teaching is not None:
        yield before, run


def _given_texts(record: RunRecord) -> Iterator[Box]:
    """Yield the box of target-language texts that were given: translated training data, or plain text."""
    files = record.identity.files_of(Part.TEACHING)
    for word, (label, title) in GIVEN.items():
        found = {
            code: digest for role, digest in files.items() for kind, _, code in [role.partition(" ")] if kind == word
        }
        if found:
            languages = [Cell(name) for name in _name_all(list(found))]
            yield Box(f"{word} {' '.join(sorted(found.values()))}", REALIGNED, label, title, languages)


def _outcomes(record: RunRecord) -> Iterator[Box]:
    codes = list(dict.fromkeys(score.language for score in record.scores))
    yield Box("scores", OUTCOMES, "scores", "scores by language", [Cell(name) for name in _name_all(codes)])
    if record.keeps_model:
        yield Box("model", OUTCOMES, "fine-tuned model", "kept in the folder model of the run")


def _outcome_arrows(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield from ((_run(record), box.name) for box in _outcomes(record))


def _run(record: RunRecord) -> str:
    """Return the name of the box of a run. It depends on everything but the seed."""
    return f"run {record.strategy} {record.experiment} {record.identity.digest_of(*Part)}"


def _encoder(record: RunRecord) -> str:
    return f"encoder {record.identity.encoder}"


def _training_data(record: RunRecord) -> str:
    return f"train {record.task} {record.files.get('train')}"


def _bitext(record: RunRecord) -> str:
    return f"bitext {' '.join(sorted(record.identity.files_of(Part.PAIRS).values()))}"


def _links(record: RunRecord) -> str | None:
    """Return the name of the links; None if the loss needs no links."""
    if record.aligner in {None, NO_LINKS}:
        return None
    # The same aligner with other settings, or on other pairs of the bitext, makes other links.
    return f"links {record.identity.digest_of(Part.PAIRS, Part.LINKS)}"


def _realigned_encoders(record: RunRecord) -> dict[str, str]:
    """Return the boxes of the realigned encoders that a run starts from, by strategy. Seeds share a box."""
    settings = record.identity.digest_of(*ENCODER_PARTS)
    return {strategy: f"realigned {strategy} {settings}" for strategy in record.identity.realigned_encoders}


def _name_all(codes: Sequence[str]) -> list[str]:
    if len(codes) > MOST_IN_TITLE:
        return [f"{len(codes)} languages"]
    return [f"{name_or_code(code)}{',' if code != codes[-1] else ''}" for code in codes]
