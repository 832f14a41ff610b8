"""How a model folder is used in each framework that can read it, for cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignfreeze.external.onnx import ONNX_FILE
from alignfreeze.external.peft import is_adapter_folder
from alignfreeze.external.sentence_transformers import MODULES
from alignfreeze.files import read_json
from alignfreeze.tasks.heads import SPANS, TEXTS, WORDS, Head
from alignfreeze.tasks.table import TASKS

_SENTENCES = '["The cat sleeps.", "Die Katze schläft."]'


@dataclass(frozen=True, slots=True)
class Use:
    """How a framework uses a folder.

    Attributes:
        framework: The name of the framework, as the hub writes it.
        code: Lines of Python, in which `FOLDER` stands for the folder or for its name on the hub.
        note: A sentence on what comes out.
    """

    framework: str
    code: str
    note: str = ""


def uses_of(folder: Path, head: Head | None, task: str | None = None, *, base: str = "BASE") -> list[Use]:
    """Return the uses of a folder by the frameworks that can read it.

    Args:
        folder: A complete model folder.
        head: The head of the model; None for an encoder.
        task: A name in `TASKS`; None if it is not known.
        base: The name of the model that an adapter belongs to.
    """
    if is_adapter_folder(folder):
        return [_use_peft(head, base)]
    frameworks: list[tuple[bool, Callable[[], Use]]] = [
        (any(folder.glob("*.safetensors")), lambda: _use_transformers(head)),
        ((folder / MODULES).exists(), lambda: _use_sentence_transformers(folder)),
        ((folder / ONNX_FILE).exists(), lambda: _use_onnxruntime(head)),
        (any(folder.glob("*.safetensors")), lambda: _use_alignfreeze(head, task)),
    ]
    return [use() for serves, use in frameworks if serves]


def plain_uses(head: Head | None, task: str | None = None) -> list[Use]:
    """Return the uses of an ordinary model folder."""
    return [_use_transformers(head), _use_alignfreeze(head, task)]


def describe_vectors(pooling: str | Sequence[str], *, normalize: bool) -> str:
    """Return a sentence on how a text gets its vector."""
    what = {"mean": "the mean of its subword vectors", "cls": "the vector of its first subword"}
    found = what.get(pooling, f"pooled by {pooling}") if isinstance(pooling, str) else f"pooled by {', '.join(pooling)}"
    return f"The vector of a text is {found}{', with the length 1' if normalize else ''}."


def _use_transformers(head: Head | None) -> Use:
    if head is not None and head.has_pipeline:
        return Use(
            "transformers",
            f'from transformers import pipeline\n\nmodel = pipeline("{head.pipeline}", model="FOLDER")',
        )
    name = "AutoModel" if head is None else head.auto_class.__name__
    return Use(
        "transformers",
        f"from transformers import {name}, AutoTokenizer\n\n"
        f'model = {name}.from_pretrained("FOLDER")\ntokenizer = AutoTokenizer.from_pretrained("FOLDER")',
    )


def _use_peft(head: Head | None, base: str) -> Use:
    name = "AutoModel" if head is None else head.auto_class.__name__
    return Use(
        "peft",
        f"from peft import PeftModel\nfrom transformers import AutoConfig, {name}, AutoTokenizer\n\n"
        f'base = {name}.from_pretrained("{base}", config=AutoConfig.from_pretrained("FOLDER"))\n'
        'model = PeftModel.from_pretrained(base, "FOLDER")\ntokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        "`model.merge_and_unload()` returns an ordinary model.",
    )


def _use_sentence_transformers(folder: Path) -> Use:
    modules: Any = read_json(folder / MODULES)
    kinds = {str(one["type"]).rpartition(".")[2]: str(one["path"]) for one in modules}
    pooling = read_json(folder / kinds.get("Pooling", "") / "config.json").get("pooling_mode", "an unknown module")
    return Use(
        "sentence-transformers",
        "from sentence_transformers import SentenceTransformer\n\n"
        f'model = SentenceTransformer("FOLDER")\nvectors = model.encode({_SENTENCES})  # [texts, width]',
        describe_vectors(pooling, normalize="Normalize" in kinds),
    )


_OUTPUTS = {
    None: "(states,) = {}  # [texts, subwords, width]",
    WORDS: "(logits,) = {}  # [texts, subwords, labels]",
    TEXTS: "(logits,) = {}  # [texts, labels]",
    SPANS: "begins, ends = {}  # [texts, subwords] each",
}


def _use_onnxruntime(head: Head | None) -> Use:
    run = "session.run(None, {one.name: inputs[one.name] for one in session.get_inputs()})"
    return Use(
        "onnxruntime",
        "from onnxruntime import InferenceSession\nfrom transformers import AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")\n'
        f'session = InferenceSession("FOLDER/{ONNX_FILE}")\n'
        f'inputs = tokenizer({_SENTENCES}, padding=True, truncation=True, return_tensors="np")\n'
        f"{_OUTPUTS.get(head, 'outputs = {}').format(run)}",
    )


def _use_alignfreeze(head: Head | None, task: str | None) -> Use:
    if head is None:
        return Use("alignfreeze", 'import alignfreeze as af\n\nencoder = af.load_encoder("FOLDER")')
    task = task or next(name for name in TASKS if TASKS[name].kind.head is head)
    return Use(
        "alignfreeze",
        "from pathlib import Path\n\nimport alignfreeze as af\nfrom alignfreeze.tasks.models import load_task_model\n\n"
        f'model = load_task_model(Path("FOLDER"), af.TASKS["{task}"].kind.head)',
    )
