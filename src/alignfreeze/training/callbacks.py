"""The callbacks that a caller gives to a training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from transformers import TrainerCallback

from alignfreeze.errors import SettingsError, show_value


def check_callbacks(callbacks: Any) -> tuple[TrainerCallback, ...]:
    """Return callbacks; None stands for none, and a class for its instance, as in transformers' Trainer.

    Raises:
        SettingsError: Something is no callback, or a class needs arguments.
    """
    if callbacks is None:
        return ()
    given = (callbacks,) if isinstance(callbacks, TrainerCallback | type) else callbacks
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise SettingsError(f"callbacks: expected a list of TrainerCallback of transformers, got {show_value(given)}")
    return tuple(_check_callback(number, one) for number, one in enumerate(given, start=1))


def _check_callback(number: int, given: Any) -> TrainerCallback:
    if isinstance(given, TrainerCallback):
        return given
    if not (isinstance(given, type) and issubclass(given, TrainerCallback)):
        raise SettingsError(
            f"callbacks: item {number} is {show_value(given)}; expected an instance of a subclass of transformers' "
            "TrainerCallback, which has methods such as on_step_end(self, args, state, control, **rest)"
        )
    try:
        return given()
    except TypeError as error:
        raise SettingsError(
            f"callbacks: item {number} is the class {given.__name__}; give an instance: {error}"
        ) from None
