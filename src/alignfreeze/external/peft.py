"""Models of peft: adapters that are trained in the place of the weights below them."""

from __future__ import annotations

from typing import Any

from alignfreeze.errors import EncoderError


def model_in(model: Any) -> Any:
    """Return the model of transformers that holds the adapters of a model of peft.

    Raises:
        EncoderError: The adapters are outside of the model, as prompts are, so that they cannot be trained here.
    """
    for name, config in model.peft_config.items():
        if config.is_prompt_learning:
            raise EncoderError(
                f"the adapter {name!r} is of the kind {config.peft_type.value}, which adds prompts and no weights "
                "to the layers; use one that does, such as LoRA"
            )
    return model.get_base_model()
