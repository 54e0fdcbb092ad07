"""Repositories as a test declares them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tests.hub.server.content import Bytes, Content, content


class File:
    """A file in a repository.

    Args:
        path: Its name in the repository.
        data: Bytes, a file on disk, or anything else to serve.
        lfs: Whether it is large: then it comes from the other origin, named by its sha256.
    """

    def __init__(self, path: str, data: bytes | Path | Content, *, lfs: bool = True) -> None:
        self.path = path
        self.content = content(data)
        self.lfs = lfs

    @property
    def size(self) -> int:
        return self.content.size

    @cached_property
    def pointer(self) -> Bytes:
        """What git holds in the place of a large file."""
        lines = (
            "version https://git-lfs.github.com/spec/v1",
            f"oid sha256:{self.content.sha256}",
            f"size {self.size}",
        )
        return Bytes("".join(f"{line}\n" for line in lines).encode())

    @property
    def oid(self) -> str:
        return self.pointer.git_oid if self.lfs else self.content.git_oid

    @property
    def etag(self) -> str:
        return self.content.sha256 if self.lfs else self.oid

    def lfs_entry(self, name: Literal["sha256", "oid"]) -> dict[str, Any]:
        """Its large-file entry; listings call the sum "sha256", trees call it "oid"."""
        if not self.lfs:
            return {}
        pointer_size = self.pointer.size
        return {"lfs": {name: self.content.sha256, "size": self.size, "pointerSize": pointer_size}}


@dataclass
class Repo:
    """A model repository.

    Args:
        name: "owner/name".
        files: Those of its first commit, to which "main" points.
        gated: How access is granted, if it has to be asked for.
        private: Whether only members see it.
        members: Users who may read it where not everybody may.
        gguf: What the Hub says it read in the file's header.
    """

    name: str
    files: list[File] = field(default_factory=list)
    gated: Literal[False, "auto", "manual"] = False
    private: bool = False
    members: frozenset[str] = frozenset({"member"})
    licence: str = "mit"
    base_model: str = ""
    gguf: Mapping[str, Any] | None = None
    downloads: int = 1000
    likes: int = 10
    updated: str = "2026-01-20T12:00:00.000Z"
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.refs: dict[str, str] = {}
        self.commits: dict[str, dict[str, File]] = {}
        self.push(self.files)

    def push(self, files: list[File], revision: str = "main") -> str:
        """Puts a new commit with these files behind a branch or tag; returns its name."""
        digest = hashlib.sha1(f"{self.name} {len(self.commits)}".encode(), usedforsecurity=False)
        for file in files:
            digest.update(file.path.encode("utf-8", "surrogatepass"))
            # The beginning will do: all of a large file would take long.
            digest.update(b"%d" % file.size + file.content.read(0, min(file.size, 1000)))
        commit = digest.hexdigest()
        self.commits[commit] = {file.path: file for file in files}
        self.refs[revision] = commit
        return commit

    def find(self, revision: str) -> tuple[str, dict[str, File]] | None:
        """The commit and the files of a branch, a tag or a commit; HEAD is that of "main"."""
        commit = self.refs.get("main" if revision == "HEAD" else revision, revision)
        files = self.commits.get(commit)
        return None if files is None else (commit, files)

    def readable_by(self, user: str | None) -> bool:
        return not (self.gated or self.private) or user in self.members

    def visible_to(self, user: str | None) -> bool:
        return not self.private or user in self.members
