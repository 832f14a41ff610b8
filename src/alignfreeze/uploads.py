"""Uploads of model folders to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import LocalTokenNotFoundError

from alignfreeze.errors import HubError, OutputError
from alignfreeze.hub import Repo, call_hub, find_absence, first_line

_LEAVE_OUT = "leave --push-to-hub out"


def check_hub(name: str) -> None:
    """Check that the user may write to the hub, before any work is done.

    Raises:
        OutputError: The hub cannot be reached, nobody is logged in, or the token is not for writing.
    """
    if (absence := find_absence()) is not None:
        raise OutputError(f"{name}: {absence}; {_LEAVE_OUT}")
    api = HfApi()
    try:
        user = call_hub(api.whoami, repo=Repo(name), cache=HF_HUB_CACHE)
    except LocalTokenNotFoundError as error:
        raise OutputError(f"{name}: you are not logged in to the hub; log in with: hf auth login") from error
    except HubError as error:
        raise OutputError(f"{name}: {error}") from error
    except Exception as error:  # each version of the hub's client has errors of its own
        raise OutputError(f"{name}: the hub cannot be used ({first_line(error)}); {_LEAVE_OUT}") from error
    if _is_for_reading_only(user):
        raise OutputError(f"{name}: your token only reads; make one that writes at {api.endpoint}/settings/tokens")


def _is_for_reading_only(user: dict[str, Any]) -> bool:
    return ((user.get("auth") or {}).get("accessToken") or {}).get("role") == "read"


def push(folder: Path, name: str) -> str:
    """Upload a model folder to the hub, and return its address.

    Raises:
        OutputError: The folder cannot be uploaded; it stays on this machine.
    """
    api = HfApi()
    try:
        if (absence := find_absence()) is not None:
            raise HubError(absence)
        call_hub(lambda: _upload(api, folder, name), repo=Repo(name), cache=HF_HUB_CACHE)
    except Exception as error:  # the model is made, so no error may hide where it is
        raise OutputError(
            f"{name}: cannot be uploaded ({first_line(error)}); the model is in {folder}. To upload it: "
            f"hf upload {name} {folder}"
        ) from error
    return f"{api.endpoint}/{name}"


def _upload(api: HfApi, folder: Path, name: str) -> None:
    api.create_repo(name, exist_ok=True)
    api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload a model made with alignfreeze")
