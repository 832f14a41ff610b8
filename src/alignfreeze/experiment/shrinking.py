"""Models with only the subwords that some languages need, with their record and their card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from alignfreeze.corpora.frequencies import read_frequencies
from alignfreeze.corpora.unlabelled import read_unlabelled, texts_in
from alignfreeze.encoding.encoder import Encoder
from alignfreeze.encoding.needs import Coverage, Needs, choose_subwords, count_in_list, count_in_texts, measure_coverage
from alignfreeze.encoding.pieces import list_kept
from alignfreeze.encoding.shrinking import Shrunk, find_difference, shrink
from alignfreeze.errors import DataError, EncoderError, SettingsError, show_value
from alignfreeze.experiment.given import ExperimentLike
from alignfreeze.experiment.inheriting import Source, inherit, load_given, name_of_model, split_outcome
from alignfreeze.experiment.studied import Study, check_measurable, measure_loss, read_study, reload
from alignfreeze.external.onnx_int8 import INT8
from alignfreeze.external.peft import merge_copy
from alignfreeze.external.sentence_transformers import (
    MODULES,
    check_one_transformer,
    open_sentence_transformer,
    save_with,
)
from alignfreeze.extras import packages_of
from alignfreeze.files import check_unused, digest_of_file, digest_of_json, new_folder
from alignfreeze.languages import check_language, name_of, scripts_of
from alignfreeze.progress import remark, stage
from alignfreeze.realignment.trainer import Realigned
from alignfreeze.settings import check_known
from alignfreeze.tasks.finetuning import Finetuned
from alignfreeze.tasks.models import TaskModel
from alignfreeze.uploads import check_hub, push

SHARE = 0.25
"""The share of the subwords that is kept, if the user names none."""

_EQUAL = 1e-5
"""The largest difference between equal outputs, as a share of the largest output."""

_COMPARED = 50
"""Texts per language whose outputs are compared."""

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}

Text = str | Path | Iterable[str] | Sequence[Path]
"""Texts of a language: a file with one per line, several files, or the texts themselves."""


def shrink_model(
    model: Source | Realigned | Finetuned,
    out: str | Path,
    *,
    languages: Sequence[str] = (),
    texts: Mapping[str, Text] | None = None,
    experiment: ExperimentLike | None = None,
    share: float = SHARE,
    precision: str = "float32",
    tokenizer: PreTrainedTokenizerBase | None = None,
    push_to: str | None = None,
) -> dict[str, Any]:
    """Write a model with only the subwords that some languages need, and return what was done.

    Of each language, texts or a list of words say which subwords it needs. If these are fewer than the share, the most
    frequent of those follow that are written in the alphabet of one of the languages. Single characters of their
    scripts stay too, so that every word can be spelt. A text whose subwords are all kept gets the same outputs as
    before; this is checked.

    Args:
        model: A folder, a name of an encoder, an encoder, a fine-tuned model, or what `realign` or `finetune` returns;
            models of transformers, peft and sentence-transformers too. A folder of sentence-transformers stays one.
        out: The folder for the result, which must be new.
        languages: Codes of languages. Those without a text need wordfreq, in the extra `words`.
        texts: By language, a file in any form that `predict` reads, several files, or the texts.
        experiment: An experiment whose bitext and training data are texts too, to which lists of words are added if
            wordfreq is installed. Its languages are those of `languages` by default. What a model with its task loses
            on its tests is measured.
        share: The largest share of the subwords that languages and alphabets add, above 0 and at most 1.
        precision: How the weights are stored: `float32`, or `bf16` in half of the bytes.
        tokenizer: The tokenizer of a model of transformers.
        push_to: OWNER/NAME on the hub, to which the folder is uploaded; None for no upload.

    Returns:
        The size before and after, and for each language how well it is served; with an experiment also the points on
        its tests, before and after.

    Raises:
        SettingsError: A setting is wrong, no language is named, or wordfreq is needed and not installed.
        DataError: A text cannot be read, is empty, or there is no list of words for a language.
        EncoderError: There is no such model, its tokenizer cannot be cut down, or the small model gives other outputs.
        OutputError: The folder is not empty or cannot be written, or the user is not logged in to the hub.
    """
    if not 0 < share <= 1:
        raise SettingsError(f"share {share}: expected a number above 0 and at most 1")
    if precision in INT8:
        raise SettingsError(
            f"precision {precision!r}: transformers reads no such folder, but onnxruntime does; make the model smaller "
            f"first, and then convert it with --to onnx --precision {precision}"
        )
    kind = PRECISIONS[check_known(precision, PRECISIONS, "precision of weights")]
    out = Path(out)
    check_unused(out)
    if push_to is not None:
        check_hub(push_to)
    study = None if experiment is None else read_study(experiment)
    held = _gather(languages, texts or {}, study)
    given, history = split_outcome(model, None)
    whole = _open_sentence_transformer(given)
    loaded = load_given(given if whole is None else whole, keeps_head=whole is None, tokenizer=tokenizer)
    measured = study if isinstance(loaded, TaskModel) else None
    if measured is not None:
        check_measurable(measured, loaded)
    elif study is not None:
        remark(f"{study.name}: this encoder has learnt no task, so nothing is measured on the tests")
    full = merge_copy(loaded.model)  # adapters belong to the weights
    needs = {code: _count(loaded.tokenizer, code, found, with_list=study is not None) for code, found in held.items()}
    with stage("cutting the model down"):
        small, coverage = _cut(full, loaded.tokenizer, needs, share=share)
        difference = _compare(full, loaded.tokenizer, small, needs)
    facts: dict[str, Any] = {
        "model": name_of_model(loaded),
        "subwords": len(small.rows),
        "subwords_before": len(loaded.tokenizer),
        "bytes": _count_bytes(small.model, kind),
        "bytes_before": _count_bytes(full),
        "difference": difference,
        "languages": {code: _describe(coverage[code], needs[code][0]) for code in held},
    }
    how = {
        "share": share,
        "precision": precision,
        "digests": {code: _digest(found) for code, found in held.items() if found},
        "experiment": None if study is None else study.digests,
    }
    note = (
        f"cut down to {len(small.rows):,} of {len(loaded.tokenizer):,} subwords, for "
        f"{', '.join(map(name_of, held))}; texts in other languages are split into more subwords"
    )
    with stage(f"writing {out}"), new_folder(out) as folder:
        small.model.to(kind)  # type: ignore[call-arg]
        changed = replace(loaded, model=small.model, tokenizer=small.tokenizer)
        _save(whole, changed, folder)
        if measured is not None and isinstance(loaded, TaskModel):
            facts["points"] = measure_loss(measured, loaded, reload(loaded, folder))
        inherit(folder, given, loaded, history=history, note=note, shrunk=facts | how)
    facts["folder"] = str(out)
    return facts if push_to is None else {**facts, "hub": push(out, push_to)}


def _open_sentence_transformer(given: Any) -> Any:
    """Return a SentenceTransformer that is given, or that is in the folder that is given; else None."""
    if "sentence_transformers" in packages_of(given):
        found = given
    elif isinstance(given, str | Path) and (Path(given) / MODULES).exists():
        found = open_sentence_transformer(Path(given))
    else:
        return None
    check_one_transformer(found)
    return found


def _gather(languages: Sequence[str], texts: Mapping[str, Text], study: Study | None) -> dict[str, list[Any] | None]:
    """Return the languages of the small model, each with its files and texts; None where it has none.

    Raises:
        SettingsError: No language is named, a code is wrong, or a text is something else.
    """
    if isinstance(languages, str):
        raise SettingsError(f"languages: expected a list of codes, such as ['en', 'sw'], got {languages!r}")
    spelt: dict[str, str] = {}  # `EN` is `en`

    def spell(code: str) -> str:
        return spelt.setdefault(check_language(code).casefold(), code)

    named = [*(languages or (study.languages if study else ())), *texts]
    held: dict[str, list[Any] | None] = {spell(code): None for code in named}
    if not held:
        raise SettingsError("name the languages that the model is for, as in en,sw")
    given = [*texts.items(), *(study.texts.items() if study else [])]
    for code, found in ((spell(code), text) for code, text in given):
        if code in held:  # an experiment may have more languages
            held[code] = [*(held[code] or []), *_hold(found)]
    return held


def _hold(text: Text) -> list[Path] | list[str]:
    """Return the files of a language, or its texts.

    Raises:
        SettingsError: They are something else.
    """
    if isinstance(text, str | Path):
        return [Path(text)]
    held: list[Any] = list(text) if isinstance(text, Iterable) else [text]
    if wrong := [item for item in held if not isinstance(item, str | Path)]:
        raise SettingsError(f"texts: expected texts, or the Path of a file, got {show_value(wrong[0])}")
    return held


def _count(tokenizer: PreTrainedTokenizerFast, code: str, texts: list[Any] | None, *, with_list: bool) -> list[Needs]:
    """Count what a language needs, by its texts or by a list of its words.

    Args:
        tokenizer: The tokenizer.
        code: The language.
        texts: Its files and texts; None for a list.
        with_list: Whether a list adds to texts if there is one: those of an experiment may be few.

    Raises:
        SettingsError: There is no text, and wordfreq is not installed.
        DataError: Texts cannot be read or are empty, or there is neither a text nor a list.
    """
    with stage(f"counting subwords of {name_of(code)}"):
        if texts is None:
            return [count_in_list(tokenizer, read_frequencies(code))]
        needs = count_in_texts(tokenizer, filter(str.strip, _read(texts)))
        if not needs.held:
            files = ", ".join(str(text) for text in texts if isinstance(text, Path))
            raise DataError(f"{files or 'texts'}: no text found in {name_of(code)}")
        if not with_list:
            return [needs]
        try:
            return [needs, count_in_list(tokenizer, read_frequencies(code))]
        except (SettingsError, DataError):  # wordfreq is not installed, or has no list
            remark(f"{name_of(code)}: only its texts say which subwords it needs; wordfreq gives no list of words")
            return [needs]


def _read(texts: list[Any]) -> Iterator[str]:
    """Yield the texts of files in all forms, and texts."""
    for text in texts:
        if isinstance(text, Path):
            yield from chain.from_iterable(map(texts_in, read_unlabelled(text)))
        else:
            yield text


def _cut(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, needs: Mapping[str, list[Needs]], *, share: float
) -> tuple[Shrunk, dict[str, Coverage]]:
    """Return the small model, and how well new texts of each language would fare."""
    scripts = {script for code in needs for script in scripts_of(code)}
    most = round(share * len(tokenizer))
    everything = list(chain.from_iterable(needs.values()))
    small = shrink(model, tokenizer, choose_subwords(tokenizer, everything, most=most), scripts=scripts)
    # The texts that are held out are new to a choice without them.
    blind = choose_subwords(tokenizer, everything, most=most, with_held=False)
    kept = list_kept(tokenizer, blind, scripts=scripts)
    return small, {code: measure_coverage(found[0], kept) for code, found in needs.items()}


def _compare(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, small: Shrunk, needs: Mapping[str, list[Needs]]
) -> float:
    """Return the largest difference between the outputs of the two models.

    Raises:
        EncoderError: It is larger than that of equal outputs.
    """
    texts = [text for found in needs.values() for text in found[0].sample[:_COMPARED]]
    difference = find_difference(model, tokenizer, small, texts)
    if difference > _EQUAL:
        raise EncoderError(
            f"the small model gives other outputs than the full one for texts whose subwords are all kept: they differ "
            f"by {difference:.1e} of the largest output; models of the kind {type(model).__name__} cannot be cut down"
        )
    return difference


def _describe(coverage: Coverage, need: Needs) -> dict[str, Any]:
    return {**asdict(coverage), "measured_on": "the list of words" if need.is_list else "texts held out"}


def _count_bytes(model: PreTrainedModel, kind: torch.dtype | None = None) -> int:
    """Return the bytes of the weights of a model, as they are stored."""
    return sum(weight.numel() * (kind or weight.dtype).itemsize for weight in model.parameters())


def _digest(texts: list[Any]) -> list[str]:
    """Return the digests of the files of a language, or one of its texts."""
    plain = [text for text in texts if not isinstance(text, Path)]
    files = [digest_of_file(text) for text in texts if isinstance(text, Path)]
    return [*files, *([digest_of_json(plain)] if plain else [])]


def _save(whole: Any, small: Encoder | TaskModel, folder: Path) -> None:
    if whole is not None:
        save_with(whole, small.model, small.tokenizer, folder)
    else:
        small.save(folder)
