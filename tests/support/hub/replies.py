"""How the hub replies to each kind of request."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

from tests.support.hub.messages import LARGE, Answer, RefusalError, blob_of, files_in, sha256_of


def resolve(hub, request, *, kind, name, revision, path):
    kind = kind or "models"
    folder, commit = hub.open(request, kind=kind, name=name, revision=revision, path=path)
    headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if not (folder / path).is_file():
        raise RefusalError(404, "Entry not found", "EntryNotFound", **headers)
    content = (folder / path).read_bytes()
    if Path(path).suffix in LARGE:
        number = sha256_of(content)
        hub.blobs[number] = content
        linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{number}"'}
        return Answer(302, b"", headers | linked | {"Location": f"{hub.storage}/{number}"})
    return Answer(307, b"", headers | {"Location": f"/api/resolve-cache/{kind}/{name}/{commit}/{quote(path)}"})


def resolve_cache(hub, request, *, kind, name, revision, path):
    folder, commit = hub.open(request, kind=kind, name=name, revision=revision, path=path)
    content = (folder / path).read_bytes()
    return Answer(200, content, {"X-Repo-Commit": commit, "ETag": f'"{blob_of(content)}"', "Accept-Ranges": "bytes"})


def stored(hub, request, *, number):
    if request.token is not None:
        hub.leaks.append(request)
    return Answer(200, hub.blobs[number], {"ETag": f'"{number}"', "Accept-Ranges": "bytes"})


def info(hub, request, *, kind, name, revision=None):
    folder, commit = hub.open(request, kind=kind, name=name, revision=revision or "main")
    names = [{"rfilename": path.relative_to(folder).as_posix()} for path in files_in(folder)]
    gated = "auto" if f"{kind}/{name}" in hub.gated else False
    facts = {"private": False, "gated": gated, "disabled": False, "downloads": 0, "likes": 0, "tags": []}
    return Answer.json({"id": name, "author": name.split("/")[0], "sha": commit, "siblings": names, **facts})


def _entry(folder, path):
    place = {"path": path.relative_to(folder).as_posix()}
    if path.is_dir():
        return {"type": "directory", "oid": hashlib.sha1(place["path"].encode()).hexdigest(), "size": 0, **place}
    content = path.read_bytes()
    entry = {"type": "file", "oid": blob_of(content), "size": len(content), **place}
    if path.suffix in LARGE:
        entry["lfs"] = {"oid": sha256_of(content), "size": len(content), "pointerSize": 130}
    return entry


def tree(hub, request, *, kind, name, revision, path=None):
    folder, commit = hub.open(request, kind=kind, name=name, revision=revision)
    top = folder / (path or "")
    if not top.is_dir():
        raise RefusalError(404, f"{path} does not exist on {revision}", "EntryNotFound", **{"X-Repo-Commit": commit})
    recursive = request.asks("recursive", "false").lower() in {"true", "1"}
    entries = [_entry(folder, one) for one in sorted(top.rglob("*") if recursive else top.iterdir())]
    start = int(request.asks("cursor", "0"))
    rest = {}
    if start + hub.page < len(entries):
        following = f"{hub.endpoint}{quote(unquote(request.path))}?recursive={recursive}&cursor={start + hub.page}"
        rest = {"Link": f'<{following}>; rel="next"'}
    return Answer.json(entries[start : start + hub.page], **rest)


def paths_info(hub, request, *, kind, name, revision):
    folder, _ = hub.open(request, kind=kind, name=name, revision=revision)
    is_form = "form" in request.headers.get("content-type", "")
    wanted = parse_qs(request.body.decode())["paths"] if is_form else json.loads(request.body)["paths"]
    return Answer.json([_entry(folder, folder / path) for path in wanted if (folder / path).exists()])


def who_am_i(hub, request):
    if request.token is None:
        raise RefusalError(401, "Invalid username or password.")
    access = {"type": "access_token", "accessToken": {"displayName": "test", "role": hub.roles[request.token]}}
    return Answer.json({"type": "user", "name": "me", "orgs": [{"name": "team"}], "auth": access})


def create(hub, request):
    wanted = json.loads(request.body)
    owner, kind = wanted["organization"] or "me", wanted.get("type", "model")
    if hub.roles.get(request.token) != "write" or owner not in {"me", "team"}:
        raise RefusalError(403, f"You don't have the rights to create a {kind} under the namespace {owner!r}")
    name = f"{owner}/{wanted['name']}"
    folder = hub.folder / f"{kind}s" / name
    if folder.exists():
        raise RefusalError(409, "You already created this model repo", url=f"{hub.endpoint}/{name}")
    folder.mkdir(parents=True)
    return Answer.json({"url": f"{hub.endpoint}/{name}", "name": name, "id": name})


def preupload(hub, request, *, kind, name, revision):
    folder, _ = hub.open(request, kind=kind, name=name, revision=revision)
    files = []
    for one in json.loads(request.body)["files"]:
        path = folder / one["path"]
        mode = "lfs" if path.suffix in LARGE else "regular"
        files.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False})
        if path.exists():
            content = path.read_bytes()
            files[-1]["oid"] = sha256_of(content) if mode == "lfs" else blob_of(content)
    return Answer.json({"files": files})


def batch(hub, request, *, name):
    objects = json.loads(request.body)["objects"]
    for one in objects:
        if one["oid"] not in hub.blobs:
            one["actions"] = {"upload": {"href": f"{hub.storage}/{one['oid']}", "header": {}}}
    return Answer.json({"transfer": "basic", "objects": objects})


def store(hub, request, *, number):
    if sha256_of(request.body) != number:
        raise RefusalError(400, "the content does not have this number")
    hub.blobs[number] = request.body
    return Answer()


def commit(hub, request, *, kind, name, revision):
    folder, _ = hub.open(request, kind=kind, name=name, revision=revision)
    for line in request.body.splitlines():
        item = json.loads(line)
        value = item["value"]
        if item["key"] in {"file", "lfsFile"}:
            large = item["key"] == "lfsFile"
            content = hub.blobs[value["oid"]] if large else base64.b64decode(value["content"])
            path = folder / value["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    hub.changed(folder)
    number = hub.commit_of(folder)
    return Answer.json({"success": True, "commitOid": number, "commitUrl": f"{hub.endpoint}/{name}/commit/{number}"})


def say(value):
    return lambda *_, **__: Answer.json(value)


_NAME = r"(?P<name>[^/]+/[^/]+)"
_REPO = rf"(?P<kind>models|datasets)/{_NAME}"
_REVISION = r"(?P<revision>[^/]+)"

ROUTES = (
    (r"HEAD /robots\.txt", say({})),
    (rf"(?:GET|HEAD) /(?:(?P<kind>datasets)/)?{_NAME}/resolve/{_REVISION}/(?P<path>.+)", resolve),
    (rf"(?:GET|HEAD) /api/resolve-cache/{_REPO}/{_REVISION}/(?P<path>.+)", resolve_cache),
    (r"(?:GET|HEAD) /storage/(?P<number>\w+)", stored),
    (rf"GET /api/{_REPO}", info),
    (rf"GET /api/{_REPO}/revision/{_REVISION}", info),
    (rf"GET /api/{_REPO}/tree/{_REVISION}(?:/(?P<path>.+))?", tree),
    (rf"POST /api/{_REPO}/paths-info/{_REVISION}", paths_info),
    (r"GET /api/whoami-v2", who_am_i),
    (r"POST /api/repos/create", create),
    (r"POST /api/validate-yaml", say({"errors": [], "warnings": []})),
    (rf"POST /api/{_REPO}/preupload/{_REVISION}", preupload),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", batch),
    (r"PUT /storage/(?P<number>\w+)", store),
    (rf"POST /api/{_REPO}/commit/{_REVISION}", commit),
)
