"""Fetches the files of an encoder from the hub that transformers would do without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import RemoteEntryNotFoundError
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

_SMALL = ("config.json", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json")
_WEIGHTS = "model.safetensors"


def fetch_small_files(name: str) -> None:
    """Fetch the small files of an encoder on the hub, as far as it has them.

    What cannot be fetched, transformers takes for absent, and says nothing. Without `tokenizer_config.json`, for
    example, the tokenizer of mBERT would lose capitals.

    Args:
        name: The name of the encoder on the hub.

    Raises:
        Exception: A file cannot be fetched, though the hub may have it. The hub's client has many such errors.
    """
    if constants.HF_HUB_OFFLINE:
        return  # then it is not known which files the hub has
    with _without_bars():
        for file in _SMALL:
            with suppress(RemoteEntryNotFoundError):
                hf_hub_download(name, file)
    if try_to_load_from_cache(name, _WEIGHTS) is None:
        # transformers fetches the weights. It would search for them in other forms if it got no answer.
        with suppress(RemoteEntryNotFoundError):
            get_hf_file_metadata(hf_hub_url(name, _WEIGHTS))


@contextmanager
def _without_bars() -> Iterator[None]:
    """Draw no progress bars of the hub's client inside the block."""
    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
