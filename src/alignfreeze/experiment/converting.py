"""Models in the forms of other frameworks, with their record and their card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerBase

from alignfreeze.encoding.encoder import ORIGIN, Encoder, load_encoder, most_subwords
from alignfreeze.encoding.given import model_of, to_encoder
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.cards import CARD, CardFacts, renew_card, write_card
from alignfreeze.experiment.leaderboards import ENTRIES
from alignfreeze.experiment.single import card_of_encoder, card_of_record, record_of_model
from alignfreeze.experiment.uses import describe_vectors, uses_of
from alignfreeze.external.onnx import import_runtime, write_onnx
from alignfreeze.external.sentence_transformers import check_pooling, import_library, write_sentence_transformer
from alignfreeze.extras import packages_of
from alignfreeze.files import check_unused, new_folder, write_json, write_lines
from alignfreeze.progress import stage
from alignfreeze.realignment.history import RealignmentHistory
from alignfreeze.realignment.trainer import Realigned
from alignfreeze.settings import check_known
from alignfreeze.tasks.finetuning import Finetuned
from alignfreeze.tasks.heads import Head, head_of
from alignfreeze.tasks.models import Given, TaskModel, load_task_model, to_task_model
from alignfreeze.tasks.table import TASKS
from alignfreeze.uploads import check_hub, push

Source = Given | Encoder
"""What can be converted, besides the outcome of a training."""


@dataclass(frozen=True, slots=True)
class ModelForm:
    """A form of a model folder.

    Attributes:
        check: Checks that the libraries that write the form are installed.
        write: Writes a model into a folder, and returns facts about the result.
        libraries: The packages whose versions the record names.
        has_head: Whether a model keeps its head. If not, its encoder is written.
        has_pooling: Whether the form says how a text gets its vector.
    """

    check: Callable[[], object]
    write: Callable[..., dict[str, Any]]
    libraries: tuple[str, ...]
    has_head: bool = False
    has_pooling: bool = False


def _write_sentence_transformer(model: Encoder, folder: Path, *, pooling: str, normalize: bool) -> dict[str, Any]:
    width = model.model.config.hidden_size
    how: dict[str, Any] = {"pooling": pooling, "normalize": normalize}
    write_sentence_transformer(model.save, folder, width=width, max_length=model.max_length, **how)
    return how


def _write_onnx(model: Encoder | TaskModel, folder: Path) -> dict[str, Any]:
    most = most_subwords(model.model, model.tokenizer)
    return {"difference": write_onnx(model.model, model.tokenizer, folder, name=_name_of(model), max_length=most)}


MODEL_FORMS: dict[str, ModelForm] = {
    "sentence-transformers": ModelForm(
        import_library,
        _write_sentence_transformer,
        ("torch", "transformers", "sentence-transformers"),
        has_pooling=True,
    ),
    "onnx": ModelForm(
        import_runtime, _write_onnx, ("torch", "transformers", "onnx", "onnxscript", "onnxruntime"), has_head=True
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
        history: How the encoder was realigned in this process, for record and card. A folder tells it itself.
        push_to: OWNER/NAME on the hub, to which the folder is uploaded; None for no upload.

    Raises:
        SettingsError: The form or the pooling is unknown, or the libraries of the form are not installed.
        EncoderError: There is no such model, or ONNX gives other outputs than torch.
        OutputError: The folder is not empty or cannot be written, or the user is not logged in to the hub.
    """
    form = MODEL_FORMS[check_known(to, MODEL_FORMS, "form of a model")]
    how: dict[str, Any] = {}
    if form.has_pooling:
        how = {"pooling": "mean" if pooling is None else pooling, "normalize": normalize}
        check_pooling(how["pooling"])
    elif pooling is not None or normalize:
        raise SettingsError(
            f"pooling and normalize are settings of sentence-transformers; a model in the form {to!r} returns the "
            "vector of each subword, or what its head returns"
        )
    form.check()
    if form.has_pooling and "sentence_transformers" in packages_of(model):
        raise SettingsError(
            "this is a SentenceTransformer already, with a pooling of its own; model.save(folder) writes it"
        )
    out = Path(out)
    check_unused(out)
    if push_to is not None:
        check_hub(push_to)
    given, history = _split_outcome(model, history)
    loaded = _load(given, keeps_head=form.has_head, tokenizer=tokenizer)
    with stage(f"writing {out}"), new_folder(out) as folder:
        how |= form.write(loaded, folder, **how)
        record = _record_of(given, loaded, history)
        versions = {library: version(library) for library in form.libraries}
        write_json(folder / ORIGIN, {**record, "converted": {"to": to, **how, "versions": versions}})
        head = head_of(loaded.model.config, type(loaded.model).__name__) if isinstance(loaded, TaskModel) else None
        is_renewed = isinstance(given, str | Path) and history is None and _renew_card(_path_of(given), folder, head)
        if not is_renewed:
            write_card(folder, _describe(record, head, _name_of(loaded), history))
    if form.has_pooling:
        how["vectors"] = describe_vectors(how["pooling"], normalize=normalize)
    facts = {"model": _name_of(loaded), "to": to, **how, "folder": str(out)}
    return facts if push_to is None else {**facts, "hub": push(out, push_to)}


def _split_outcome(
    model: Source | Realigned | Finetuned, history: RealignmentHistory | None
) -> tuple[Source, RealignmentHistory | None]:
    """Return the model of the outcome of a training, and the history of its realignment."""
    if isinstance(model, Realigned):
        return model.encoder, history or model.history
    return (model.model if isinstance(model, Finetuned) else model), history


def _load(model: Source, *, keeps_head: bool, tokenizer: PreTrainedTokenizerBase | None) -> Encoder | TaskModel:
    """Return a model with its head, if that is kept, or else its encoder."""
    if isinstance(model, TaskModel):
        return model if keeps_head else Encoder(_name_of(model), model.model.base_model, model.tokenizer)  # type: ignore[arg-type]
    if isinstance(model, str | Path):
        head = _head_in(_path_of(model)) if keeps_head else None
        return load_encoder(model) if head is None else load_task_model(_path_of(model), head)
    inside = None if isinstance(model, Encoder) else model_of(model)
    if keeps_head and isinstance(inside, PreTrainedModel) and head_of(inside.config, type(inside).__name__):
        return to_task_model(model, tokenizer=tokenizer)  # type: ignore[arg-type] - it is no Encoder
    return to_encoder(model, tokenizer=tokenizer)


def _path_of(model: str | Path) -> Path:
    return Path(os.path.expanduser(model))  # noqa: PTH111 - expanduser leaves an unknown ~user unchanged


def _head_in(folder: Path) -> Head | None:
    """Return the head of the model in a folder; None for an encoder, or without a model."""
    try:
        return head_of(AutoConfig.from_pretrained(folder, trust_remote_code=False)) if folder.is_dir() else None
    except Exception:  # what is wrong is said when the model is loaded
        return None


def _name_of(model: Encoder | TaskModel) -> str:
    if isinstance(model, Encoder):
        return model.name
    return getattr(model.model, "name_or_path", "") or model.model.config.model_type


def _record_of(model: Source, loaded: Encoder | TaskModel, history: RealignmentHistory | None) -> dict[str, Any]:
    """Return how a model was made: what its folder tells, or the history of its realignment."""
    name = _name_of(loaded)
    if history is not None:
        return {"encoder": name, **asdict(history), "alignment": None, "languages": [], "digests": {}}
    return record_of_model(_path_of(model if isinstance(model, str | Path) else name)) or {"encoder": name}


def _describe(record: Mapping[str, Any], head: Head | None, name: str, history: RealignmentHistory | None) -> CardFacts:
    """Return the facts for the card of a model whose folder has none."""
    facts = card_of_encoder(name) if history is None else card_of_record(record)
    if head is None:
        return facts
    task = str(record.get("task"))
    return replace(facts, head=head, task=task if task in TASKS and TASKS[task].kind.head is head else None)


def _renew_card(source: Path, folder: Path, head: Head | None) -> bool:
    """Write the card of a model for another form of its folder, with its scores; return whether there is one.

    Args:
        source: The folder of the model.
        folder: The new folder.
        head: The head of the model in the new folder. The scores of a model with another head are not its own.
    """
    try:
        text = (source / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    renewed = renew_card(text, uses_of(folder, head, record_of_model(source).get("task")))
    if renewed is None or _head_in(source) != head:
        return False
    write_lines(folder / CARD, renewed.splitlines())
    for path in source.glob("*.svg"):  # pictures in the card
        shutil.copy(path, folder)
    if (source / ENTRIES).is_dir():
        shutil.copytree(source / ENTRIES, folder / ENTRIES)
    return True
