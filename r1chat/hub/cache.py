"""Lists the standard Hub cache, whoever filled it, and frees room in it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from r1chat.errors import ModelError
from r1chat.hub.layout import FOLDER, RepoFolder, folders, hub_cache
from r1chat.hub.names import good_commit, good_path, good_repo
from r1chat.hub.places import files, shards
from r1chat.hub.reference import MAIN, HubRef
from r1chat.hub.values import RemoteFile
from r1chat.hub.variants import Variant, among
from r1chat.sanitize import line

__all__ = ["Installed", "cached", "hub_cache", "installed", "remove", "repos"]

_GGUF = ".gguf"
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Installed:
    """A GGUF file in the cache."""

    repo: str
    commit: str
    path_in_repo: str
    file: Path
    """Where it lies under its name."""
    size: int
    """Bytes."""


def installed() -> Iterator[Installed]:
    """All GGUF files in the cache, as many times as commits have them. Opens none of them."""
    for folder in repos():
        for commit in _commits(folder):
            yield from _held(folder, commit)


def cached(ref: HubRef, choose: Callable[[list[Variant]], Variant] | None = None) -> Path | None:
    """What the cache has for a reference, without asking anybody.

    The commit that "main" was when somebody last looked comes first, then any other.

    Args:
        ref: The reference.
        choose: Takes one of several, where the reference leaves it open; without it the usual.

    Returns:
        The file, of a split model the first; None if it is not there, or not whole.
    """
    for folder in (folder for repo in ref.repos for folder in folders(repo)):
        for commit in _commits_for(folder, ref.revision):
            files = (
                RemoteFile(folder.repo, commit, each.path_in_repo, each.size, None, "")
                for each in _held(folder, commit)
            )
            if found := among(files, ref, choose):
                return folder.pointer(commit, found.files[0].path)
    return None


def remove(path: Path) -> int:
    """Removes a model from the cache.

    Args:
        path: Where it lies under its name; of a split model any of its files.

    Returns:
        Bytes that are free now. What another commit has as well stays, and so does whatever a
        link leads to outside of the cache.

    Raises:
        ModelError: If it is not in the cache, or cannot be removed.
    """
    cache = hub_cache()
    try:
        name, snapshots, commit, *_ = path.absolute().relative_to(cache).parts
        inside = path.parent.resolve().is_relative_to(cache.resolve())
    except (ValueError, OSError, RuntimeError):
        inside = False
    repo = _repo_of(name) if inside else None
    if repo is None or snapshots != "snapshots" or not good_commit(commit):
        msg = f"{line(str(path))} is not in the Hub's cache: not removed"
        raise ModelError(msg)
    folder = RepoFolder(cache, repo)
    try:
        freed = sum(_remove_one(folder, each) for each in shards(path))
        _tidy(folder, commit, path.parent)
    except OSError as error:
        msg = f"{line(str(path))} cannot be removed: {error.strerror or 'the cache failed'}"
        raise ModelError(msg) from None
    return freed


def repos() -> Iterator[RepoFolder]:
    """All repositories of models in the cache."""
    cache = hub_cache()
    for name in _names(cache):
        repo = _repo_of(name)
        if repo is not None:
            yield RepoFolder(cache, repo)


def _repo_of(name: str) -> str | None:
    repo = name.removeprefix(FOLDER).replace("--", "/")
    return repo if name.startswith(FOLDER) and good_repo(repo) else None


def _commits(folder: RepoFolder) -> list[str]:
    return [name for name in _names(folder.snapshots) if good_commit(name)]


def _commits_for(folder: RepoFolder, revision: str) -> list[str]:
    """The candidate commits of a revision, the best first."""
    known = folder.commit_of(revision)
    first = [known] if known else []
    if revision != MAIN:
        return first
    others = [commit for commit in _commits(folder) if commit != known]
    return first + sorted(others, key=lambda commit: _changed(folder.snapshot(commit)))[::-1]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _held(folder: RepoFolder, commit: str) -> Iterator[Installed]:
    """The GGUF files of a commit that are really there: their links lead somewhere."""
    snapshot = folder.snapshot(commit)
    for file in files(snapshot, depth=_DEPTH, suffix=_GGUF):
        name = file.relative_to(snapshot).as_posix()
        with contextlib.suppress(OSError):
            if good_path(name):
                yield Installed(folder.repo, commit, name, file, file.stat().st_size)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _remove_one(folder: RepoFolder, pointer: Path) -> int:
    """Removes a file; returns the bytes that are free now."""
    if not pointer.is_symlink():
        try:
            info = pointer.lstat()
        except FileNotFoundError:
            return 0
        pointer.unlink()
        return info.st_size if info.st_nlink <= 1 else 0
    blob = _target(pointer)
    pointer.unlink()
    # A link to anywhere else is somebody's own doing, and what it leads to is his.
    if blob.parent.resolve() != folder.blobs.resolve() or _is_wanted(folder, blob):
        return 0
    return _remove_blob(folder, blob)


def _target(link: Path) -> Path:
    """Where a link leads, one hop far."""
    return Path(os.path.normpath(link.parent.resolve() / link.readlink()))


def _is_wanted(folder: RepoFolder, blob: Path) -> bool:
    for below, _, names in os.walk(folder.snapshots):
        for name in names:
            path = Path(below, name)
            with contextlib.suppress(FileNotFoundError):
                if path.is_symlink() and _target(path) == blob:
                    return True
    return False


def _remove_blob(folder: RepoFolder, blob: Path) -> int:
    try:
        info = blob.lstat()
    except FileNotFoundError:
        return 0
    if not blob.is_symlink():
        blob.unlink()
        return info.st_size
    # It lies in a store that repositories share. The library knows who else wants it.
    from huggingface_hub import DeleteCacheStrategy

    shared, size, none = blob.resolve(), blob.stat().st_size, frozenset[Path]()
    DeleteCacheStrategy(0, frozenset([blob]), none, none, none, cache_dir=folder.cache).execute()
    return 0 if shared.exists() else size


def _tidy(folder: RepoFolder, commit: str, below: Path) -> None:
    """Removes what is empty now, as far as the cache's other readers want it to be gone."""
    snapshot = folder.snapshot(commit)
    while below != folder.snapshots:
        if _names(below):
            return
        below.rmdir()
        below = below.parent
    for path, _, names in os.walk(folder.folder / "refs"):
        for ref in (Path(path, name) for name in names):
            # A branch that leads to no commit counts as damage.
            if ref.read_bytes() == snapshot.name.encode():
                ref.unlink()
    if not _names(folder.snapshots) and not _names(folder.blobs):
        shutil.rmtree(folder.folder)
