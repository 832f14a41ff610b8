"""Models in the forms of other frameworks, with their record and their card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

from transformers import PreTrainedTokenizerBase

from alignfreeze.columns import to_signed
from alignfreeze.encoding.encoder import Encoder, most_subwords
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.given import ExperimentLike
from alignfreeze.experiment.inheriting import Source, inherit, load_given, name_of_model, split_outcome
from alignfreeze.experiment.studied import check_measurable, measure_loss, read_study, reload
from alignfreeze.experiment.uses import describe_vectors
from alignfreeze.external.onnx import import_runtime, write_onnx
from alignfreeze.external.onnx_int8 import FLOAT, PRECISIONS
from alignfreeze.external.sentence_transformers import check_pooling, import_library, write_sentence_transformer
from alignfreeze.extras import packages_of
from alignfreeze.files import check_unused, new_folder
from alignfreeze.progress import stage
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.realignment.trainer import Realigned
from alignfreeze.settings import check_known
from alignfreeze.tasks.finetuning import Finetuned
from alignfreeze.tasks.models import TaskModel
from alignfreeze.uploads import check_hub, push


@dataclass(frozen=True, slots=True)
class ModelForm:
    """A form of a model folder.

    Attributes:
        check: Checks that the libraries that write the form are installed.
        write: Writes a model into a folder, and returns facts about the result.
        libraries: The packages whose versions the record names.
        has_head: Whether a model keeps its head. If not, its encoder is written.
        has_pooling: Whether the form says how a text gets its vector.
        precisions: Ways to store the weights; empty if they are stored as they are.
    """

    check: Callable[[], object]
    write: Callable[..., dict[str, Any]]
    libraries: tuple[str, ...]
    has_head: bool = False
    has_pooling: bool = False
    precisions: tuple[str, ...] = ()


def _write_sentence_transformer(model: Encoder, folder: Path, *, pooling: str, normalize: bool) -> dict[str, Any]:
    width = model.model.config.hidden_size
    how: dict[str, Any] = {"pooling": pooling, "normalize": normalize}
    write_sentence_transformer(model.save, folder, width=width, max_length=model.max_length, **how)
    return how


def _write_onnx(model: Encoder | TaskModel, folder: Path, *, precision: str) -> dict[str, Any]:
    most = most_subwords(model.model, model.tokenizer)
    how: dict[str, Any] = {"name": name_of_model(model), "max_length": most, "precision": precision}
    return {"precision": precision, **write_onnx(model.model, model.tokenizer, folder, **how)}


MODEL_FORMS: dict[str, ModelForm] = {
    "sentence-transformers": ModelForm(
        import_library,
        _write_sentence_transformer,
        ("torch", "transformers", "sentence-transformers"),
        has_pooling=True,
    ),
    "onnx": ModelForm(
        import_runtime,
        _write_onnx,
        ("torch", "transformers", "onnx", "onnxscript", "onnxruntime"),
        has_head=True,
        precisions=PRECISIONS,
    ),
}
"""The forms of other frameworks by name."""


def convert_model(
    model: Source | Realigned | Finetuned,
    out: str | Path,
    *,
    to: str,
    tokenizer: PreTrainedTokenizerBase | None = None,
    pooling: str | None = None,
    normalize: bool = False,
    precision: str = FLOAT,
    experiment: ExperimentLike | None = None,
    history: RealignmentHistory | None = None,
    push_to: str | None = None,
) -> dict[str, Any]:
    """Write a model as a folder of sentence-transformers or as ONNX, with its record and card; return what was done.

    The folder appears when it is complete. An ONNX file is compared with torch on texts of several lengths.

    Args:
        model: A folder, a name of an encoder, an encoder, a fine-tuned model, or what `realign` or `finetune` returns;
            models of transformers, peft and sentence-transformers too. Of a model with a head, sentence-transformers
            gets the encoder.
        out: The folder for the result, which must be new.
        tokenizer: The tokenizer of a model of transformers.
        to: A name in `MODEL_FORMS`: `sentence-transformers` or `onnx`.
        pooling: For sentence-transformers, how a text gets its vector: `mean` of its subwords (the default), or `cls`,
            its first subword.
        normalize: For sentence-transformers, whether vectors get the length 1.
        precision: For ONNX, how weights are stored: `float32`, `int8`, or `int8-embeddings`, where only embeddings are
            in eight bits. With eight bits, outputs differ from those of torch.
        experiment: For ONNX, an experiment with the task of the model. What the model loses on its tests is measured.
        history: How the encoder was realigned in this process, for record and card. A folder tells it itself.
        push_to: OWNER/NAME on the hub, to which the folder is uploaded; None for no upload.

    Raises:
        SettingsError: The form or the pooling is unknown, or the libraries of the form are not installed.
        EncoderError: There is no such model, or ONNX gives other outputs than torch.
        OutputError: The folder is not empty or cannot be written, or the user is not logged in to the hub.
    """
    form = MODEL_FORMS[check_known(to, MODEL_FORMS, "form of a model")]
    how = _choose_settings(form, to, pooling=pooling, normalize=normalize, precision=precision)
    if experiment is not None and not form.precisions:
        raise SettingsError(f"experiment: its tests are for ONNX; a model in the form {to!r} has no task")
    form.check()
    if form.has_pooling and "sentence_transformers" in packages_of(model):
        raise SettingsError(
            "this is a SentenceTransformer already, with a pooling of its own; model.save(folder) writes it"
        )
    out = Path(out)
    check_unused(out)
    if push_to is not None:
        check_hub(push_to)
    study = None if experiment is None else read_study(experiment)
    given, history = split_outcome(model, history)
    loaded = load_given(given, keeps_head=form.has_head, tokenizer=tokenizer)
    if study is not None:
        check_measurable(study, loaded)
    with stage(f"writing {out}"), new_folder(out) as folder:
        how |= form.write(loaded, folder, **how)
        versions = {library: version(library) for library in form.libraries}
        if study is not None and isinstance(loaded, TaskModel):
            how["points"] = measure_loss(study, loaded, reload(loaded, folder))
        converted = {"to": to, **how, "versions": versions}
        inherit(folder, given, loaded, history=history, note=_describe_loss(how), converted=converted)
    if form.has_pooling:
        how["vectors"] = describe_vectors(how["pooling"], normalize=normalize)
    facts = {"model": name_of_model(loaded), "to": to, **how, "folder": str(out)}
    return facts if push_to is None else {**facts, "hub": push(out, push_to)}


def _choose_settings(
    form: ModelForm, to: str, *, pooling: str | None, normalize: bool, precision: str
) -> dict[str, Any]:
    """Return the settings that a form has, complete.

    Raises:
        SettingsError: A setting is wrong, or the form does not have it.
    """
    if form.has_pooling:
        chosen = {"pooling": "mean" if pooling is None else pooling, "normalize": normalize}
        check_pooling(chosen["pooling"])
    elif pooling is not None or normalize:
        raise SettingsError(
            f"pooling and normalize are settings of sentence-transformers; a model in the form {to!r} returns the "
            "vector of each subword, or what its head returns"
        )
    else:
        chosen = {}
    if form.precisions:
        return {**chosen, "precision": check_known(precision, list(form.precisions), "precision of weights")}
    if precision != FLOAT:
        raise SettingsError(f"precision {precision!r} is for ONNX; a model in the form {to!r} has weights in {FLOAT}")
    return chosen


def _describe_loss(how: Mapping[str, Any]) -> str | None:
    """Return a sentence for the card if the outputs differ from those of the model in torch."""
    if how.get("precision", FLOAT) == FLOAT:
        return None
    changes = [-row["loss"] for row in how.get("points", {}).values()]
    measured = f"; its scores on tests change by {to_signed(mean(changes))} points on average" if changes else ""
    return f"weights stored in {how['precision']}, so that outputs differ from those of the model in float32{measured}"
