"""The Hub's JSON: search, repositories, trees, single paths, who somebody is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode

from tests.hub.server.answer import Answer, as_error, as_json, not_found
from tests.hub.server.call import Call
from tests.hub.server.repos import File, Repo

ALWAYS = {"_id", "id", "modelId"}
PAGE = 1000
SORTS = {"downloads": "downloads", "likes": "likes", "lastModified": "updated"}


def search(call: Call) -> Answer:
    """Lists the models that fit a question, page by page."""
    words = call.one("search").lower().split()
    wanted = {tag for text in call.all("filter") for tag in text.split(",")}
    author = call.one("author")
    found = [
        repo
        for repo in call.hub.repos.values()
        if repo.visible_to(call.request.user)
        and all(word in repo.name.lower() for word in words)
        and wanted <= set(tags(repo))
        and author in ("", repo.name.partition("/")[0])
    ]
    if call.one("sort") in SORTS:
        upward = call.one("direction", "-1") == "1"
        found.sort(key=lambda repo: getattr(repo, SORTS[call.one("sort")]), reverse=not upward)
    expand = call.all("expand")
    everything = [describe(repo, expand, listed=True) for repo in found]
    return page(call, everything, "/api/models", int(call.one("limit", str(PAGE))))


def info(call: Call) -> Answer:
    """Tells about one repository at a revision."""
    found = open_repo(call)
    if isinstance(found, Answer):
        return found
    repo, commit, files = found
    about = describe(repo, call.all("expand"))
    if "sha" in about:
        about["sha"] = commit
    if "siblings" in about:
        blobs = call.is_on("blobs")
        about["siblings"] = [sibling(file, blobs=blobs) for file in files.values()]
    return as_json(about, X_Repo_Commit=commit)


def tree(call: Call) -> Answer:
    """Lists a folder of a repository, or all below it."""
    found = open_repo(call)
    if isinstance(found, Answer):
        return found
    _, commit, files = found
    entries = list(folder(files.values(), call.path, recursive=call.is_on("recursive")))
    if call.path and not entries:
        return as_error(404, f'{call.path} does not exist on "{call.revision}"', "EntryNotFound")
    size = int(call.one("limit", str(call.hub.tree_page)))
    address = f"/api/models/{call.repo}/tree/{commit}" + (f"/{call.path}" if call.path else "")
    answer = page(call, entries, address, size)
    answer.headers["X-Repo-Commit"] = commit
    return answer


def paths(call: Call) -> Answer:
    """Tells about the paths that were asked for, and is silent about those that are not there."""
    found = open_repo(call)
    if isinstance(found, Answer):
        return found
    _, commit, files = found
    entries = []
    for path in call.all("paths"):
        if path in files:
            entries.append(entry(files[path]))
        elif any(name.startswith(f"{path}/") for name in files):
            entries.append(directory(path))
    return as_json(entries, X_Repo_Commit=commit)


def whoami(call: Call) -> Answer:
    """Says whose token came."""
    user = call.request.user
    if user is None:
        return as_error(401, "Invalid username or password.")
    token = {"displayName": "test", "role": "read"}
    auth = {"type": "access_token", "accessToken": token}
    return as_json({"type": "user", "id": user, "name": user, "orgs": [], "auth": auth})


def open_repo(call: Call) -> tuple[Repo, str, dict[str, File]] | Answer:
    """The repository, commit and files that an address names; else the error."""
    repo = call.hub.repos.get(call.repo)
    if repo is None:
        # Names do not mind the case. Where somebody is sent on, he learns the right one.
        repo = next(
            (r for r in call.hub.repos.values() if r.name.lower() == call.repo.lower()), None
        )
        if repo is not None and call.hub.sends_on:
            query = f"?{call.request.query}" if call.request.query else ""
            path = quote(call.request.path.replace(call.repo, repo.name, 1))
            return Answer(307, {"Location": f"{path}{query}"})
    if repo is None or not repo.visible_to(call.request.user):
        return not_found(call.request.user)
    found = repo.find(call.revision)
    if found is None:
        return as_error(404, f"Invalid rev id: {call.revision}", "RevisionNotFound")
    return repo, *found


def page(call: Call, entries: list[Any], address: str, size: int) -> Answer:
    """A part of a list, with a link to the next where there is more."""
    start = int(call.one("cursor", "0"))
    answer = as_json(entries[start : start + size])
    if start + size < len(entries):
        query = {**call.query, "cursor": [str(start + size)], "limit": [str(size)]}
        url = f"{call.hub.url}{address}?{urlencode(query, doseq=True)}"
        answer.headers["Link"] = f'<{url}>; rel="next"'
    return answer


def tags(repo: Repo) -> list[str]:
    more = [f"base_model:{repo.base_model}"] if repo.base_model else []
    known = ["gguf"] if repo.gguf is not None else []
    return [*known, f"license:{repo.licence}", *more, *repo.tags]


def describe(repo: Repo, expand: Iterable[str] = (), *, listed: bool = False) -> dict[str, Any]:
    """What the Hub says of a repository; with `expand` nothing but that."""
    card = {"license": repo.licence}
    if repo.base_model:
        card["base_model"] = repo.base_model
    number = repo.refs["main"][:24]
    about: dict[str, Any] = {
        "_id": number,
        "id": repo.name,
        "modelId": repo.name,
        "author": repo.name.partition("/")[0],
        "sha": repo.refs["main"],
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": repo.downloads,
        "likes": repo.likes,
        "trendingScore": 0,
        "tags": tags(repo),
        "pipeline_tag": "text-generation",
        "library_name": "gguf",
        "createdAt": repo.updated,
        "lastModified": repo.updated,
        "cardData": card,
        "siblings": [],
    }
    if repo.gguf is not None:
        about["gguf"] = dict(repo.gguf)
    if wanted := set(expand):
        return {name: value for name, value in about.items() if name in wanted | ALWAYS}
    if listed:
        for name in ("author", "sha", "gated", "disabled", "cardData", "siblings", "gguf"):
            about.pop(name, None)
    return about


def sibling(file: File, *, blobs: bool) -> dict[str, Any]:
    """A file in a repository's description."""
    if not blobs:
        return {"rfilename": file.path}
    about = {"rfilename": file.path, "blobId": file.oid, "size": file.size}
    return about | file.lfs_entry("sha256")


def entry(file: File) -> dict[str, Any]:
    """A file in a tree."""
    about = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    return about | file.lfs_entry("oid")


def directory(path: str) -> dict[str, Any]:
    """A folder in a tree."""
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


def folder(files: Iterable[File], inside: str, *, recursive: bool) -> Iterable[dict[str, Any]]:
    """The entries of a folder, folders before what is in them."""
    prefix = f"{inside}/" if inside else ""
    seen: set[str] = set()
    for file in sorted(files, key=lambda file: file.path):
        if not file.path.startswith(prefix):
            continue
        parts = file.path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            path = prefix + "/".join(parts[:depth])
            if path not in seen:
                seen.add(path)
                yield directory(path)
        if recursive or len(parts) == 1:
            yield entry(file)
