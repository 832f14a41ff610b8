"""Commands on bitext and its word links: bitext, align, aer, layers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli import values
from alignfreeze.cli.shown import show_facts, show_layers, show_links, working
from alignfreeze.errors import SettingsError

VIEWED = 50
"""Sentence pairs on a page of links."""


def bitext(
    source: o.Bitexts,
    out: Annotated[Path, typer.Option("--out", help="File for the sentence pairs: .jsonl, or .tsv for two columns.")],
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    unescape: o.Unescape = False,
    keep_best_by: o.EncoderOption = o.EMBEDDED,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Read bitext of any form, choose sentence pairs, and write them as one file."""
    with working():
        from alignfreeze.corpora.forms.writing import check_writable
        from alignfreeze.encoding.requests import choose_and_save
        from alignfreeze.files import check_apart, check_file

        check_file(out)
        check_writable(out)
        request = values.bitext_request(source, form=form, columns=columns, select=select, seed=seed, unescape=unescape)
        check_apart({"--out": out}, request.files)
        if len({reader.languages for reader in request.readers}) > 1:
            raise SettingsError("--bitext: one file holds one language pair; use a file for each language pair")
        facts = choose_and_save(request, out, encoder=keep_best_by, device=device or "auto")
    show_facts(facts, as_json)


def align(
    bitext: o.Bitext,
    out: Annotated[Path, typer.Option("--out", help="File for the links, in Pharaoh notation.")],
    aligner: o.Aligner = "auto",
    alignment: o.AlignmentOptions = None,
    encoder: o.EncoderOption = o.EMBEDDED,
    dictionary: o.Dictionaries = None,
    trained: Annotated[
        Path | None, typer.Option(help="Use the aligner that was trained before and kept in this folder.")
    ] = None,
    save_trained: Annotated[Path | None, typer.Option(help="Keep the trained aligner in this folder.")] = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    kept: Annotated[
        Path | None,
        typer.Option(help="File for the sentence pairs that --select chooses; the links belong to this file."),
    ] = None,
    pretokenized: o.Pretokenized = False,
    unescape: o.Unescape = False,
    show: Annotated[int, typer.Option(min=0, help="Show this many linked sentence pairs, in colour.")] = 0,
    view: Annotated[Path | None, typer.Option(help="File for an HTML page with matrices of links.")] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Find the word links of a bitext and write them in Pharaoh notation."""
    with working():
        from alignfreeze.corpora.selection import spread_evenly
        from alignfreeze.encoding.requests import align_and_save
        from alignfreeze.files import check_apart, write_lines
        from alignfreeze.reports.links import Linked, to_page
        from alignfreeze.reports.lists import fact_texts

        links = values.link_request(aligner, alignment, dictionaries=dictionary)
        outputs = {"--out": out, "--kept": kept, "--view": view, "--save-trained": save_trained}
        check_apart(outputs, links.dictionaries.values())
        _check_outputs(out, kept, view, save_trained=save_trained, trained=trained)
        request = values.bitext_request(
            [bitext], form=form, columns=columns, select=select, seed=seed, pretokenized=pretokenized, unescape=unescape
        )
        check_apart(outputs, request.files)
        if kept is None and not request.selection.keeps_lines:
            raise SettingsError(
                "--select leaves pairs out, so the links would match no existing file; write the chosen pairs with "
                "--kept FILE"
            )
        found, facts = align_and_save(
            request,
            links,
            out,
            kept=kept,
            trained=trained,
            save_trained=save_trained,
            examples=max(show, VIEWED if view else 0),
            encoder=encoder,
            device=device or "auto",
        )
        linked = [Linked(place + 1, pair, alignment) for place, pair, alignment in found]
        if view is not None:
            page = to_page(spread_evenly(linked, VIEWED), facts=fact_texts(facts))
            write_lines(view, page.splitlines())
            facts["page"] = str(view)
    if show and not as_json:
        show_links(spread_evenly(linked, show))
    show_facts(facts, as_json)


def _check_outputs(
    out: Path, kept: Path | None, view: Path | None, *, save_trained: Path | None, trained: Path | None
) -> None:
    """Check that `align` can write all its outputs, before anything is read."""
    from alignfreeze.corpora.forms.writing import check_writable
    from alignfreeze.files import check_file, check_unused

    for path in filter(None, (out, kept, view)):
        check_file(path)
    if kept is not None:
        check_writable(kept)
    if save_trained is not None:
        check_unused(save_trained)
        if trained is not None:
            raise SettingsError(
                "--save-trained and --trained cannot be used together: with --trained nothing is trained"
            )


def aer(
    predicted: Annotated[Path, typer.Argument(help="Links in Pharaoh notation.")],
    gold: Annotated[Path, typer.Argument(help="Links made by hand: 3-4 is sure, 3p4 possible.")],
    starts_at: Annotated[int, typer.Option(min=0, max=1, help="Number of the first word in PREDICTED.")] = 0,
    gold_starts_at: Annotated[int, typer.Option(min=0, max=1, help="Number of the first word in GOLD.")] = 0,
    as_json: o.Json = False,
) -> None:
    """Compare word links with those made by hand: precision, recall, alignment error rate."""
    from alignfreeze.alignment.agreement import measure_agreement, read_gold, read_predicted

    with working(needs_torch=False):
        by_hand = read_gold(gold, first=gold_starts_at)
        agreement = measure_agreement(read_predicted(predicted, by_hand, first=starts_at), by_hand)
    show_facts(asdict(agreement), as_json)


def layers(
    encoder: o.EncoderName,
    bitext: o.Bitext,
    gold: Annotated[Path, typer.Option(help="Links of the bitext made by hand: 3-4 is sure, 3p4 possible.")],
    gold_starts_at: Annotated[int, typer.Option(min=0, max=1, help="Number of the first word in GOLD.")] = 0,
    threshold: Annotated[list[float] | None, typer.Option(help="Threshold of softmax; may be repeated.")] = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    pretokenized: o.Pretokenized = False,
    unescape: o.Unescape = False,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Find the layer, aligner and threshold of an encoder whose links agree best with links made by hand."""
    with working():
        from alignfreeze.alignment.agreement import check_gold, read_gold
        from alignfreeze.encoding.encoder import load_encoder
        from alignfreeze.encoding.vectors import compare_layers

        thresholds = threshold or [1e-3]
        for value in thresholds:
            if not 0 < value < 1:
                raise SettingsError(f"--threshold {value}: expected a probability greater than 0 and less than 1")
        request = values.bitext_request(
            [bitext], form=form, columns=columns, pretokenized=pretokenized, unescape=unescape
        )
        pairs = request.split(request.choose())
        by_hand = read_gold(gold, first=gold_starts_at)
        check_gold(by_hand, pairs, path=gold, first=gold_starts_at)
        found = compare_layers(load_encoder(encoder), pairs, by_hand, thresholds=thresholds, device=device or "auto")
    show_layers(found, as_json)
