"""Uploads of model folders to the hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from alignfreeze.errors import OutputError


def check_hub(name: str) -> None:
    """Check that the user may write to the hub, before any work is done.

    Raises:
        OutputError: The hub cannot be reached, or nobody is logged in.
    """
    try:
        HfApi().whoami()
    except (LocalTokenNotFoundError, HfHubHTTPError) as error:
        raise OutputError(f"{name}: you are not logged in to the hub ({error}); log in with: hf auth login") from error
    except Exception as error:  # each version of the hub's client has errors of its own for a lost connection
        raise OutputError(f"{name}: the hub cannot be reached ({error}); leave --push-to-hub out") from error


def push(folder: Path, name: str) -> str:
    """Upload a model folder to the hub, and return its address.

    Raises:
        OutputError: The folder cannot be uploaded; it stays on this machine.
    """
    try:
        api = HfApi()
        api.create_repo(name, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload a model made with alignfreeze")
    except Exception as error:  # the model is made, so no error may hide where it is
        raise OutputError(f"{name}: cannot be uploaded ({error}); the model is in {folder}") from error
    return f"{api.endpoint}/{name}"
