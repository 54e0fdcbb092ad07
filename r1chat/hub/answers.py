"""Parses and validates what the Hub returns; what cannot be is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from r1chat.errors import NetworkError
from r1chat.hub.names import good_commit, good_path, good_repo, good_sha256, same_repo
from r1chat.hub.values import Found, Listing, RemoteFile
from r1chat.sanitize import line

MOST_FILES = 20_000
_MOST_COUNT = 1 << 62
_LONGEST_WORD = 60


def listing(value: object, repo: str, revision: str) -> Listing:
    """Reads what the API says of a repository.

    Raises:
        NetworkError: If it says nothing that can be used.
    """
    about = _object(value)
    commit, siblings = about.get("sha"), about.get("siblings")
    if not good_commit(commit) or not isinstance(siblings, list):
        msg = f"the Hub's answer on {repo} cannot be read: try again later, or another HF_ENDPOINT"
        raise NetworkError(msg)
    if len(siblings) > MOST_FILES:
        msg = f"{repo} has {len(siblings):,} files; r1chat reads {MOST_FILES:,} at most"
        raise NetworkError(msg)
    # The Hub takes names in any case, and says which is the repository's own.
    own = about.get("id")
    if isinstance(own, str) and same_repo(own, repo) and good_repo(own):
        repo = own
    files: dict[str, RemoteFile] = {}
    for entry in siblings:
        file = _file(_object(entry), repo, commit)
        if file is not None:
            files.setdefault(file.path, file)
    card = _object(about.get("cardData"))
    return Listing(
        repo=repo,
        revision=revision,
        commit=commit,
        files=tuple(files.values()),
        licence=_first_word(card.get("license")),
        gated=_is_gated(about),
        base_model=_first_word(card.get("base_model")),
    )


def unmeasured(value: object) -> list[str]:
    """The GGUF files of a repository of which the API tells no size or no checksum.

    Mirrors leave them out, for all files or for none.
    """
    siblings = _object(value).get("siblings")
    entries = [_object(entry) for entry in siblings] if isinstance(siblings, list) else []
    no_checksums = all(entry.get("lfs") is None for entry in entries)
    return [
        path
        for entry in entries
        if isinstance(path := entry.get("rfilename"), str)
        and good_path(path)
        and path.lower().endswith(".gguf")
        and (entry.get("size") is None or no_checksums)
    ]


def tree(value: object, repo: str, commit: str) -> list[RemoteFile]:
    """Reads a page of a repository's tree, which has names of its own for the same things."""
    files = []
    for entry in map(_object, value if isinstance(value, list) else []):
        large = _object(entry.get("lfs"))
        renamed = {
            "rfilename": entry.get("path"),
            "size": entry.get("size"),
            "blobId": entry.get("oid"),
            "lfs": {"sha256": large.get("oid"), "size": large.get("size")} if large else None,
        }
        if file := _file(renamed, repo, commit):
            files.append(file)
    return files


def measured(headers: Mapping[str, str], repo: str, commit: str, path: str) -> RemoteFile | None:
    """Makes a file of what the Hub says where its bytes are; None if that is not enough."""
    etag = headers.get("x-linked-etag", headers.get("etag", ""))
    etag = etag.strip().removeprefix("W/").strip('"')
    size = headers.get("x-linked-size", headers.get("content-length", ""))
    if not (good_sha256(etag) or good_commit(etag)) or not re.fullmatch(
        r"\d{1,18}", size, re.ASCII
    ):
        return None
    return RemoteFile(repo, commit, path, int(size), etag if good_sha256(etag) else None, etag)


def found(value: object) -> list[Found]:
    """Reads a page of what a search found; what is no repository is left out."""
    entries = value if isinstance(value, list) else []
    return [one for entry in entries if (one := _found(_object(entry)))]


def _found(entry: Mapping[str, Any]) -> Found | None:
    repo = entry.get("id")
    if not isinstance(repo, str) or not good_repo(repo):
        return None
    gguf = _object(entry.get("gguf"))
    updated = entry.get("lastModified")
    date = re.match(r"\d{4}-\d\d-\d\d", updated, re.ASCII) if isinstance(updated, str) else None
    return Found(
        repo=repo,
        downloads=_count(entry.get("downloads")) or 0,
        likes=_count(entry.get("likes")) or 0,
        updated=date[0] if date else "",
        arch=_first_word(gguf.get("architecture")),
        parameters=_count(gguf.get("total")),
        context=_count(gguf.get("context_length")),
        gated=_is_gated(entry),
    )


def _file(entry: Mapping[str, Any], repo: str, commit: str) -> RemoteFile | None:
    path, size = entry.get("rfilename"), _count(entry.get("size"))
    if not isinstance(path, str) or not good_path(path) or size is None:
        return None
    if entry.get("lfs") is None:
        blob = entry.get("blobId")
        return RemoteFile(repo, commit, path, size, None, blob) if good_commit(blob) else None
    large = _object(entry["lfs"])
    sha256 = large.get("sha256")
    if not good_sha256(sha256) or _count(large.get("size")) != size:
        return None
    return RemoteFile(repo, commit, path, size, sha256, sha256)


def _is_gated(about: Mapping[str, Any]) -> bool:
    value = about.get("gated")
    return value is True or (isinstance(value, str) and value != "false")


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_COUNT
    return value if good else None  # type: ignore[return-value]


def _first_word(value: object) -> str:
    """A short text, or the first of several."""
    if isinstance(value, list) and value:
        value = value[0]
    return line(value, _LONGEST_WORD) if isinstance(value, str) else ""
