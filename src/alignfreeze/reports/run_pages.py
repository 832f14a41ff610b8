"""The page of a run: what was changed, its cost, its scores and its lineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alignfreeze.addresses import address_of_language, address_of_run
from alignfreeze.columns import Column, make_sheet
from alignfreeze.evaluation.scores import Score
from alignfreeze.experiment.overlap import Overlap
from alignfreeze.experiment.records import RunRecord
from alignfreeze.experiment.taught import TaughtLanguage
from alignfreeze.languages import name_or_code
from alignfreeze.reports.charts import Chart
from alignfreeze.reports.likeness import alike_runs_sheet
from alignfreeze.reports.line_charts import draw_checks, draw_losses
from alignfreeze.reports.lineage import draw_run_lineage
from alignfreeze.reports.pages import Page
from alignfreeze.reports.run_settings import changed_settings, other_settings
from alignfreeze.sheets import Cell, Sheet, doubt_lines


def run_page(record: RunRecord, records: Sequence[RunRecord]) -> Page:
    """Return the page of a run.

    Args:
        record: The run.
        records: All runs of the study, including this run.
    """
    alike = alike_runs_sheet(record, records)
    return Page(
        name=address_of_run(record.folder),
        title=f"{record.strategy}, {record.named_seeds}: {record.experiment}",
        summary=_summarise_run(record),
        facts=_facts(record),
        charts=[draw_losses(_curves(record), title="Loss"), *_draw_checks(record)],
        drawings=[draw_run_lineage(record)],
        sheets=[
            _run_scores(record),
            *_teaching(record),
            *([] if alike is None else [alike]),
            *_overlaps(record),
        ],
        folded=[
            _pairs_sheet("Other settings", ("setting", "value"), other_settings(record)),
            _pairs_sheet("Versions and machine", ("", "value"), _environment(record)),
            _pairs_sheet("Files", ("file", "SHA-256"), record.files),
        ],
    )


def _summarise_run(record: RunRecord) -> list[str]:
    """Return sentences on doubts, and on the scores in the source language and in the target languages."""
    source = record.source_language
    metric = record.scores[0].metric if record.scores else ""
    values = {score.language: score.value for score in record.scores if score.metric == metric}
    targets = [value for language, value in values.items() if language != source]
    parts = []
    if source in values:
        parts.append(f"{100 * values[source]:.1f} in {name_or_code(source)}")
    if targets:
        parts.append(f"{100 * sum(targets) / len(targets):.1f} on average over {len(targets)} target languages")
    scores = [f"{metric.capitalize()} in percent: {', '.join(parts)}."] if parts else []
    taught = [] if record.teaching is None else record.teaching.warnings
    return [*doubt_lines(record.doubts), *scores, *taught]


def _facts(record: RunRecord) -> dict[str, str]:
    """Return what distinguishes a run: first the settings that differ from the defaults, then the training."""
    seeds = ", ".join(map(str, record.seeds))
    facts = {"strategy": record.strategy, "seed": seeds, "encoder": record.encoder, "task": record.task}
    facts |= changed_settings(record)
    facts |= {stage: _cost_of(stage, record) for stage in record.seconds if stage not in _SHORT_STAGES}
    if record.realignment is not None:
        frozen = record.realignment.frozen
        facts["frozen"] = f"{frozen.share:.0%} of the parameters" if frozen.parts else "nothing"
        if frozen.adapter is not None:
            facts["realigned with"] = str(frozen.adapter)
        facts["sentence pairs"] = f"{record.realignment.pairs:,}"
        training = record.realignment.training
        if training.kept is not None:
            kept = f"the weights of step {training.kept:,}, the best of {training.steps:,} steps"
            facts["realignment kept"] = kept if training.kept else "the pretrained encoder: no estimate was better"
    if record.finetuning.adapter is not None:
        facts["fine-tuned with"] = str(record.finetuning.adapter)
    return facts


_SHORT_STAGES = ("loading", "evaluation")


def _environment(record: RunRecord) -> dict[str, str]:
    """Return when, where and with which versions a run was computed."""
    return {
        "finished": record.environment["finished"],
        "device": str(record.environment["hardware"]["device"]),
        **{stage: _cost_of(stage, record) for stage in record.seconds if stage in _SHORT_STAGES},
        **record.environment["versions"],
        "digest": record.digest,
    }


def _cost_of(stage: str, record: RunRecord) -> str:
    memory = max(record.memory.get(stage, {}).values(), default=0)
    return f"{record.seconds[stage]:,.1f} s" + (f", {memory / 2**30:.1f} GiB" if memory else "")


def _curves(record: RunRecord) -> Mapping[str, Sequence[tuple[int, float]]]:
    curves = {"fine-tuning": record.finetuning.losses}
    if record.teaching is not None and record.teaching.first is not None and record.teaching.items:
        curves = {"first fine-tuning": record.teaching.first.losses, "second fine-tuning": record.finetuning.losses}
    if record.realignment is not None and record.schedule != "during":
        curves["realignment"] = record.realignment.training.losses
    return curves


def _draw_checks(record: RunRecord) -> Iterator[Chart]:
    """Yield a chart of the estimates that decided when realignment stopped, if `realignment.stopping` was set."""
    if record.realignment is None or record.stopping is None:
        return
    found, by = record.realignment.training.checks, record.stopping["by"]
    yield draw_checks({by: found}, title=f"What realignment was stopped by: {by}")


def _run_scores(record: RunRecord) -> Sheet:
    columns: list[Column[Score]] = [
        Column("", lambda score: score.language, is_name=True),
        Column("language", lambda score: _language_cell(score.language, record), is_name=True),
        Column("metric", lambda score: score.metric),
        Column("percent", lambda score: 100 * score.value, "{:.2f}".format),
        Column("of", lambda score: f"{score.n:,} {score.unit}"),
    ]
    return make_sheet("Scores", columns, record.scores)


def _language_cell(language: str, record: RunRecord) -> Cell:
    return Cell(name_or_code(language), page=_page_of(language, record))


def _page_of(language: str, record: RunRecord) -> str:
    """Return the address of the page of a language; the source language has no page."""
    return "" if language == record.source_language else address_of_language(language)


def _teaching(record: RunRecord) -> Iterator[Sheet]:
    """Yield a table of the labels in target languages, if the model was trained a second time."""
    columns: list[Column[TaughtLanguage]] = [
        Column("", lambda one: one.language, is_name=True),
        Column("language", lambda one: _language_cell(one.language, record), is_name=True),
        Column("sentences", lambda one: f"{one.pairs:,}"),
        Column("labelled", lambda one: f"{one.labelled:,}"),
        Column("learnt", lambda one: f"{one.items:,}"),
        Column("coverage", lambda one: one.coverage, "{:.0%}".format),
        Column("decision", lambda one: one.sentence.partition(": ")[2]),
    ]
    if record.teaching is not None:
        who = "The labels were given" if record.teaching.first is None else "A first model has labelled these sentences"
        note = f"{who}; the final model has learnt them. Coverage is the mean share of the words with a label."
        yield make_sheet("Labels in target languages", columns, record.teaching.languages, note)


def _overlaps(record: RunRecord) -> Iterator[Sheet]:
    """Yield a table of the test items that were also trained on, if there are any."""
    columns: list[Column[Overlap]] = [
        Column("", lambda one: one.language, is_name=True),
        Column("language", lambda one: _language_cell(one.language, record), is_name=True),
        Column("where", lambda one: one.place, is_name=True),
        Column("test items", lambda one: f"{one.n:,}"),
        Column("of", lambda one: f"{one.of:,} {one.unit}"),
        Column("same file as", lambda one: one.same_file, missing=""),
    ]
    if record.overlaps:
        note = "These test items stand word for word in what was trained on; spaces do not count."
        yield make_sheet("Test data that are training data", columns, record.overlaps, note)


def _pairs_sheet(title: str, columns: tuple[str, str], values: Mapping[str, str]) -> Sheet:
    """Return names and values as a table."""
    rows = [(Cell(name), Cell(value)) for name, value in values.items()]
    return Sheet(title, columns, 2, tuple(rows), "")
