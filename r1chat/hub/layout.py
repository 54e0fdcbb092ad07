"""The paths of the standard Hub cache, which `hf`, llama.cpp and others share with us.

::

    <cache>/.locks/models--owner--name/<etag>.lock
    <cache>/models--owner--name/refs/main                       the commit, as text
    <cache>/models--owner--name/snapshots/<commit>/<path>       a link to the blob
    <cache>/models--owner--name/blobs/<etag>                    the bytes
    <cache>/models--owner--name/blobs/<etag>.r1chat.incomplete  ours while we fetch them

The etag of a large file is its SHA-256, that of a small one git's SHA-1. Where the system makes no
symbolic links, the file itself lies in the snapshot.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from r1chat.errors import ModelError
from r1chat.hub.environment import expanded, home, is_true
from r1chat.hub.names import good_commit, good_path, good_repo, good_revision
from r1chat.hub.values import RemoteFile
from r1chat.sanitize import line

PART = ".r1chat.incomplete"
FOLDER = "models--"
"""What the folders of models begin with."""
_ETAG = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Backups may leave this folder out: what lies in it can be downloaded again.\n"
)


def hub_cache() -> Path:
    """The folder of the Hub's cache, where the environment puts it now."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return (expanded(named) if named else home() / "hub").absolute()


@dataclass(frozen=True, slots=True)
class RepoFolder:
    """A repository's folder in the cache. Its paths lead nowhere else, or are refused.

    Raises:
        ModelError: From its methods, for a name that has no place in the cache.
    """

    cache: Path
    repo: str

    def __post_init__(self) -> None:
        if not good_repo(self.repo):
            _refuse("repository", self.repo)

    @property
    def folder(self) -> Path:
        """All of it."""
        return self.cache / (FOLDER + self.repo.replace("/", "--"))

    @property
    def blobs(self) -> Path:
        """The files' bytes, by their etags."""
        return self.folder / "blobs"

    @property
    def snapshots(self) -> Path:
        """A folder for each commit."""
        return self.folder / "snapshots"

    def blob(self, etag: str) -> Path:
        """A file's bytes."""
        return self.blobs / _good_etag(etag)

    def part(self, etag: str) -> Path:
        """What of a file is here so far."""
        return self.blobs / (_good_etag(etag) + PART)

    def lock(self, etag: str) -> Path:
        """The lock that `hf` takes, too, before it fetches the file."""
        return self.cache / ".locks" / self.folder.name / (_good_etag(etag) + ".lock")

    def snapshot(self, commit: str) -> Path:
        """A commit's files."""
        if not good_commit(commit):
            _refuse("commit", commit)
        return self.snapshots / commit

    def pointer(self, commit: str, path: str) -> Path:
        """A file, by the name that it has in the repository."""
        if not good_path(path):
            _refuse("file", path)
        return self.snapshot(commit).joinpath(*path.split("/"))

    def ref(self, revision: str) -> Path:
        """The file that says which commit a branch or a tag is."""
        if not good_revision(revision):
            _refuse("revision", revision)
        return self.folder.joinpath("refs", *revision.split("/"))

    def commit_of(self, revision: str) -> str | None:
        """The cached commit of a revision; None if there is none."""
        if good_commit(revision):
            return revision
        try:
            commit = self.ref(revision).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return commit if good_commit(commit) else None


def folders(repo: str) -> list[RepoFolder]:
    """The folders that a repository has in the cache, the one of this very spelling first.

    Names on the Hub do not mind the case; folders do, on most disks.
    """
    cache = hub_cache()
    exact = RepoFolder(cache, repo)
    wanted = exact.folder.name
    try:
        names = [path.name for path in cache.iterdir() if path.name.lower() == wanted.lower()]
    except OSError:
        return []
    names.sort(key=lambda name: (name != wanted, name))
    return [
        RepoFolder(cache, name[len(FOLDER) :].replace("--", "/"))
        for name in names
        if name.startswith(FOLDER)
    ]


def place(file: RemoteFile) -> RepoFolder:
    """The folder that a file belongs to: one that is there, whatever its case, else a new one."""
    return next(iter(folders(file.repo)), RepoFolder(hub_cache(), file.repo))


def here(file: RemoteFile) -> Path | None:
    """The path of a complete file, judged by its size; None if it is not complete."""
    pointer = place(file).pointer(file.commit, file.path)
    if _size(pointer) != file.size:
        return None
    is_other = pointer.is_symlink() and pointer.readlink().name != file.etag
    return None if is_other else pointer


def has_blob(file: RemoteFile) -> bool:
    """Whether a file's bytes are there already, under whatever name and commit."""
    return _size(place(file).blob(file.etag)) == file.size


def prepare(file: RemoteFile) -> None:
    """Makes the folders that a file needs.

    Raises:
        OSError: If that cannot be.
    """
    folder = place(file)
    # The snapshot's too: without one, the cache's other readers call the repository damaged.
    for path in (
        folder.blobs,
        folder.pointer(file.commit, file.path).parent,
        folder.lock(file.etag).parent,
    ):
        path.mkdir(parents=True, exist_ok=True)
    tag = folder.cache / "CACHEDIR.TAG"
    with contextlib.suppress(OSError):
        if not tag.exists():
            tag.write_text(_TAG, encoding="ascii")


def install(file: RemoteFile, revision: str) -> Path:
    """Gives the bytes that lie in `blobs` their name.

    Args:
        file: The file.
        revision: What it was asked for by; it is remembered which commit that was.

    Returns:
        The file under its name.

    Raises:
        OSError: If that cannot be.
    """
    folder = place(file)
    pointer = here(file)
    if pointer is None:
        pointer = folder.pointer(file.commit, file.path)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        _point(pointer, folder.blob(file.etag))
    remember(file, revision)
    return pointer


def remember(file: RemoteFile, revision: str) -> None:
    """Notes which commit a branch or a tag was.

    Raises:
        OSError: If that cannot be.
    """
    if good_commit(revision):
        return
    ref = place(file).ref(revision)
    with contextlib.suppress(OSError, ValueError):
        if ref.read_text(encoding="ascii") == file.commit:
            return
    ref.parent.mkdir(parents=True, exist_ok=True)
    fresh = ref.with_name(f"{ref.name}.{os.getpid()}.tmp")
    fresh.write_text(file.commit, encoding="ascii")
    fresh.replace(ref)


def _point(pointer: Path, blob: Path) -> None:
    pointer.unlink(missing_ok=True)
    if not is_true("HF_HUB_DISABLE_SYMLINKS"):
        # Relative, so that the cache can be moved as a whole.
        with contextlib.suppress(OSError, NotImplementedError):
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
            return
    blob.replace(pointer)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _good_etag(etag: str) -> str:
    if not _ETAG.fullmatch(etag):
        _refuse("etag", etag)
    return etag


def _refuse(kind: str, text: str) -> None:
    msg = f'the Hub gave a {kind} that r1chat does not store: "{line(text, 80)}"'
    raise ModelError(msg)
