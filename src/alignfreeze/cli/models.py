"""Commands for single models: realign, average, swap, finetune, evaluate, predict, convert, shrink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alignfreeze.cli import options as o
from alignfreeze.cli import values
from alignfreeze.cli.shown import show_converted, show_facts, show_scores, show_shrunk, show_training, working
from alignfreeze.errors import SettingsError


def realign(
    encoder: o.EncoderName,
    bitext: o.Bitexts,
    out: o.OutFolder,
    freeze: o.Freeze = "full",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Sentence pairs per step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Learning rate of Adam.")] = 2e-5,
    layer: Annotated[
        str, typer.Option(help="Layer whose vectors are realigned: last, or reference (the last but one).")
    ] = "last",
    aligner: o.Aligner = "auto",
    alignment: o.AlignmentOptions = None,
    dictionary: o.Dictionaries = None,
    links: o.Links = None,
    form: o.BitextForm = None,
    columns: o.Columns = None,
    select: o.Select = None,
    pretokenized: o.Pretokenized = False,
    unescape: o.Unescape = False,
    freeze_embeddings: Annotated[bool, typer.Option("--freeze-embeddings", help="Freeze the embeddings too.")] = False,
    more: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("loss=sentence"))] = None,
    adapter: o.AdapterOnly = False,
    push_to_hub: o.PushToHub = None,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    log_to: o.LogTo = None,
    as_json: o.Json = False,
) -> None:
    """Realign an encoder on bitext and write it as an ordinary model folder."""
    with working():
        from alignfreeze.experiment.single import realign_and_save
        from alignfreeze.realignment.settings import RealignmentSettings

        given = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "layer": layer}
        given["freeze_embeddings"] = freeze_embeddings
        settings = values.settings_of(RealignmentSettings, more, "--set", "loss=sentence", **given)
        training = values.single_training(
            out, push_to=push_to_hub, seed=seed, device=device, compute=compute, log_to=log_to, adapter=adapter
        )
        request = values.bitext_request(
            bitext, form=form, columns=columns, select=select, seed=seed, pretokenized=pretokenized, unescape=unescape
        )
        links_wanted = values.link_request(aligner, alignment, dictionaries=dictionary, links=links)
        facts = realign_and_save(encoder, request, links_wanted, training, freeze=freeze, settings=settings)
    show_training(facts, as_json)


def average(
    encoders: Annotated[
        list[str], typer.Argument(help="Encoders that were made from the same one: folders, or names on the hub.")
    ],
    out: o.OutFolder,
    weights: Annotated[
        str | None, typer.Option(help="Weight of each encoder, such as 0.25,0.75; by default all weights are equal.")
    ] = None,
    push_to_hub: o.PushToHub = None,
    as_json: o.Json = False,
) -> None:
    """Average the weights of encoders, such as realigned ones, and write an ordinary model folder."""
    with working():
        from alignfreeze.experiment.single import SingleTraining, average_and_save

        shares = values.read_weights(weights, len(encoders))
        facts = average_and_save(encoders, SingleTraining(out=out, push_to=push_to_hub), weights=shares)
    show_facts(facts, as_json)


def swap(
    encoder: Annotated[str, typer.Argument(help="Encoder that gets parts of another: a folder, or a name on the hub.")],
    donor: Annotated[str, typer.Argument(help="Encoder that the parts come from.")],
    parts: Annotated[str, typer.Option(help="What is replaced: front, back, 3..7, embeddings, or several with +.")],
    out: o.OutFolder,
    seed: o.Seed = None,
    push_to_hub: o.PushToHub = None,
    as_json: o.Json = False,
) -> None:
    """Put parts of one encoder into another, such as its pretrained front half, and write an ordinary model folder."""
    with working():
        from alignfreeze.experiment.single import SingleTraining, swap_and_save

        given = values.keep_given({"push_to": push_to_hub, "seed": seed})
        facts = swap_and_save(encoder, donor, SingleTraining(out=out, **given), parts=parts)
    show_facts(facts, as_json)


def finetune(
    encoder: o.EncoderName,
    train: Annotated[
        str, typer.Option(help="Training items of the source language: a file, or hub:OWNER/NAME/CONFIG.")
    ],
    out: o.OutFolder,
    task: o.TaskName = "pos",
    epochs: Annotated[int, typer.Option(help="Passes over the training sentences.")] = 5,
    batch_size: Annotated[int, typer.Option(help="Sentences per step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate of Adam.")] = 2e-5,
    language: Annotated[str, typer.Option(help="Language of the training items.")] = "en",
    more: Annotated[list[str] | None, typer.Option("--set", help=o.SET_HELP.format("max_length=384"))] = None,
    adapter: o.AdapterOnly = False,
    push_to_hub: o.PushToHub = None,
    seed: o.Seed = None,
    device: o.Device = None,
    compute: o.Compute = None,
    log_to: o.LogTo = None,
    as_json: o.Json = False,
) -> None:
    """Fine-tune an encoder on a task and write it as an ordinary model folder."""
    with working():
        from alignfreeze.experiment.single import finetune_and_save
        from alignfreeze.languages import check_language
        from alignfreeze.tasks.finetuning import FinetuningSettings
        from alignfreeze.tasks.task import Source

        given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        settings = values.settings_of(FinetuningSettings, more, "--set", "max_length=384", **given)
        training = values.single_training(
            out, push_to=push_to_hub, seed=seed, device=device, compute=compute, log_to=log_to, adapter=adapter
        )
        source = Source(train, check_language(language))
        facts = finetune_and_save(encoder, values.find_task(task), source, training, settings=settings)
    show_training(facts, as_json)


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model.")],
    test: Annotated[
        list[str], typer.Option("--test", help="de=FILE: test items, or de=hub:OWNER/NAME/CONFIG; may be repeated.")
    ],
    task: o.TaskName = "pos",
    max_length: Annotated[int, typer.Option(min=3, help="Most subwords in one piece of text.")] = 128,
    stride: Annotated[int, typer.Option(min=0, help="For qa: subwords that two windows of a context share.")] = 32,
    seed: Annotated[int | None, typer.Option(help="Has no effect: nothing in testing is random.")] = None,
    device: o.Device = None,
    as_json: o.Json = False,
) -> None:
    """Test a fine-tuned model, language by language."""
    with working():
        from alignfreeze.evaluation.zero_shot import assess
        from alignfreeze.languages import check_language
        from alignfreeze.progress import remark
        from alignfreeze.tasks.models import load_task_model
        from alignfreeze.tasks.task import Source

        chosen = values.find_task(task)
        files = [values.split_option(text, "--test", "de=FILE") for text in test]
        tests = {check_language(code): chosen.read_tests(Source(path, code, "test")) for code, path in files}
        if len(tests) < len(files):
            named = [check_language(code) for code, _ in files]
            twice = next(code for code in named if named.count(code) > 1)
            raise SettingsError(f"--test: one file per language; {twice} is named twice")
        loaded = load_task_model(model, chosen.kind.head, max_length=max_length, stride=stride)
        outcome = assess(loaded, chosen, tests, device=device or "auto")
        for doubt in outcome.doubts:
            remark(doubt)
    show_scores(outcome.scores, as_json)


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model.")],
    files: Annotated[
        list[Path],
        typer.Argument(help="Texts: plain, one per line, CoNLL-U, JSON lines, TSV or SQuAD; - is the input."),
    ],
    language: Annotated[
        str | None, typer.Option(help="Language of the texts; needed to split plain text into words.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="What the model has learnt; by default its record tells.")] = None,
    form: Annotated[
        str | None,
        typer.Option(help="Form of the files: text, words, conllu, jsonl, tsv or squad; by default each file tells."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="Form of the result: conllu, iob2, tsv or jsonl; by default the usual one of the task."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the result; by default it is printed.")] = None,
    device: o.Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --to jsonl.")] = False,
) -> None:
    """Let a fine-tuned model label texts."""
    if as_json and to not in {None, "jsonl"}:
        raise SettingsError(f"--json and --to {to}: choose one of them")
    with working():
        from alignfreeze.evaluation.predicting_files import predict_files
        from alignfreeze.files import check_apart, write_lines

        places = [Path("/dev/stdin") if str(file) == "-" else file for file in files]
        check_apart({"--out": out}, places)
        how = {"task": task, "language": language, "form": form, "to": "jsonl" if as_json else to}
        lines = predict_files(model, places, **how, device=device or "auto")
        if out is None:
            for line in lines:
                typer.echo(line)
        else:
            write_lines(out, lines)


def convert(
    model: Annotated[str, typer.Argument(help="The model: a folder, embedded:e5-small, or a name on the hub.")],
    to: Annotated[str, typer.Option("--to", help="The form of the result: sentence-transformers or onnx.")],
    out: o.OutFolder,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="For sentence-transformers: how a text gets its vector, mean (the default) or cls (its first subword)."
        ),
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="For sentence-transformers: give vectors the length 1.")
    ] = False,
    precision: Annotated[
        str,
        typer.Option(help="For onnx: how weights are stored, float32, int8 or int8-embeddings (only embeddings)."),
    ] = "float32",
    experiment: Annotated[
        Path | None, typer.Option(help="For onnx: an experiment file, on whose tests the model's loss is measured.")
    ] = None,
    push_to_hub: o.PushToHub = None,
    as_json: o.Json = False,
) -> None:
    """Write a model as a folder of sentence-transformers, or as ONNX."""
    with working():
        from alignfreeze.experiment.converting import convert_model

        how: dict[str, Any] = {"pooling": pooling, "normalize": normalize, "precision": precision}
        facts = convert_model(model, out, to=to, **how, experiment=experiment, push_to=push_to_hub)
    show_converted(facts, as_json)


def shrink(
    model: Annotated[str, typer.Argument(help="The model: a folder, embedded:e5-small, or a name on the hub.")],
    out: o.OutFolder,
    languages: Annotated[
        str | None,
        typer.Option(help="Languages that the model is for, such as en,sw; those without --text by wordfreq."),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help="sw=FILE: texts in a language; may be repeated.")
    ] = None,
    experiment: Annotated[
        Path | None,
        typer.Option(
            help="An experiment file: its languages, texts from its data, and tests to measure the model's loss."
        ),
    ] = None,
    share: Annotated[float, typer.Option(help="Largest share of the subwords that is kept.")] = 0.25,
    precision: Annotated[
        str, typer.Option(help="How weights are stored: float32, or bf16 in half of the bytes.")
    ] = "float32",
    push_to_hub: o.PushToHub = None,
    as_json: o.Json = False,
) -> None:
    """Make a model smaller: keep only the subwords that some languages need."""
    with working():
        from alignfreeze.experiment.shrinking import shrink_model

        codes = values.read_codes(languages)
        files: dict[str, list[Path]] = {}
        for option in text or []:
            code, path = values.split_option(option, "--text", "sw=FILE")
            files.setdefault(code, []).append(Path(path))
        how: dict[str, Any] = {"share": share, "precision": precision, "experiment": experiment, "push_to": push_to_hub}
        facts = shrink_model(model, out, languages=codes, texts=files, **how)
    show_shrunk(facts, as_json)
