"""Finds models of the Hub that another program has already downloaded.

Whether a file is the one that the Hub has is said by its SHA-256 alone. That takes a while for
gigabytes, so that it is done for files of the right size only, and remembered. Which model of the
Hub was found where is remembered too: it then answers to its name without a network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from r1chat import paths
from r1chat.errors import ModelError
from r1chat.gguf import read_header
from r1chat.hub import layout, lmstudio, ollama
from r1chat.hub.facts import stamp_of
from r1chat.hub.names import good_commit, good_path, good_repo, good_sha256, same_repo
from r1chat.hub.places import Place, files, shards
from r1chat.hub.reference import MAIN, HubRef
from r1chat.hub.values import RemoteFile
from r1chat.hub.variants import Variant, among, usual
from r1chat.user_files import small_text

_FORMAT = 1
_DEPTH = 3
_BLOCK = 1 << 20
_NO_COMMIT = "0" * 40

Tell = Callable[[int], None]
"""Is told how many bytes were read; may raise to end it."""


def twin(variant: Variant, tell: Tell = lambda _: None) -> Path | None:
    """A model that lies outside of the Hub's cache, with the right checksums.

    Args:
        variant: As the Hub has it.
        tell: Is told how much of it was compared.

    Returns:
        Its (first) file; None if there is none, or the cache has it.
    """
    if not all(file.sha256 for file in variant.files) or all(map(layout.has_blob, variant.files)):
        return None
    memory = _Memory()
    for place in _places():
        parts = shards(place.path)
        if len(parts) != len(variant.files):
            continue
        if all(map(_has_size, parts, variant.files)) and _same(parts, variant, memory, tell):
            memory.adopt(variant, parts[0])
            memory.save()
            return parts[0]
    memory.save()
    return None


def likely(several: Sequence[Variant]) -> Variant | None:
    """Of several models one that another program seems to have here, judged by sizes alone."""
    there = {tuple(map(_size, shards(place.path))) for place in _places()}
    found = [each for each in several if tuple(file.size for file in each.files) in there]
    return usual(found) if found else None


def _has_size(path: Path, file: RemoteFile) -> bool:
    return _size(path) == file.size > 0


def _same(parts: list[Path], variant: Variant, memory: _Memory, tell: Tell) -> bool:
    done = 0
    for path, file in zip(parts, variant.files, strict=True):
        if memory.checksum(path, partial(_add, tell, done)) != file.sha256:
            return False
        done += file.size
    return True


def _add(tell: Tell, before: int, read: int) -> None:
    tell(before + read)


def remembered(ref: HubRef) -> Path | None:
    """What an earlier `twin` found for a reference, if it is still there and has not changed."""
    memory = _Memory()
    for variant, path in memory.adopted():
        if not any(same_repo(variant.repo, repo) for repo in ref.repos):
            continue
        if ref.revision not in {variant.revision, variant.commit}:
            continue
        if among(variant.files, ref) and memory.is_unchanged(path, variant):
            return path
    return None


def by_name(ref: HubRef) -> Path | None:
    """A model that another program keeps under the repository's own name.

    LM Studio's folders are called after repositories, and so are Ollama's models from the Hub.
    """
    if ref.revision != MAIN:
        return None
    for repo in ref.repos:
        places = {
            place.file: place
            for place in [*lmstudio.models(), *ollama.models()]
            if place.file and not place.problem and same_repo(place.repo, repo)
        }
        there = tuple(
            RemoteFile(repo, _NO_COMMIT, name, size, None, "")
            for name, place in places.items()
            if (size := _size(place.path))
        )
        variant = among(there, ref)
        if variant is not None:
            path = places[variant.files[0].path].path
            with contextlib.suppress(ModelError):
                read_header(path)  # It is whole.
                return path
    return None


def _places() -> Iterator[Place]:
    """Whatever may be a model outside of the Hub's cache, and may be used."""
    yield from (
        Place(path, "folder") for path in files(paths.models(), depth=_DEPTH, suffix=".gguf")
    )
    for place in (*lmstudio.models(), *ollama.models()):
        if not place.problem:
            yield place


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except (OSError, ValueError):
        return 0


class _Memory:
    """Checksums of files, and which model of the Hub lies where, in a file of the cache.

    A damaged one is as good as none, and so is one that cannot be written.
    """

    def __init__(self) -> None:
        self._path = paths.cache_dir() / "twins.json"
        self._checksums: dict[str, Any] = {}
        self._adopted: list[Any] = []
        self._before = ""
        try:
            content = json.loads(small_text(self._path) or "{}")
            if content.get("format") == _FORMAT:
                self._checksums = dict(content["checksums"])
                self._adopted = list(content["adopted"])
                self._before = self._text()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass

    def checksum(self, path: Path, tell: Tell) -> str:
        """A file's SHA-256; empty if it cannot be read, or changes meanwhile."""
        stamp = stamp_of([path])
        if (known := self._known(path)) or stamp is None:
            return known
        digest, done = hashlib.sha256(), 0
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    done += len(block)
                    tell(done)
        except OSError:
            return ""
        if stamp_of([path]) != stamp:
            return ""
        self._checksums[str(path)] = {"stamp": list(stamp[0]), "sha256": digest.hexdigest()}
        return digest.hexdigest()

    def _known(self, path: Path) -> str:
        """The checksum of a file that has not changed since it was taken."""
        stamp, entry = stamp_of([path]), self._checksums.get(str(path))
        if stamp is None or not isinstance(entry, dict) or entry.get("stamp") != list(stamp[0]):
            return ""
        sha256 = entry.get("sha256")
        return sha256 if good_sha256(sha256) else ""

    def adopt(self, variant: Variant, path: Path) -> None:
        """Remembers where a model lies."""
        entry = {
            "revision": variant.revision,
            "files": [asdict(file) for file in variant.files],
            "path": str(path),
        }
        others = [
            each
            for each in self._adopted
            if isinstance(each, dict) and each.get("files") != entry["files"]
        ]
        self._adopted = [entry, *others]

    def adopted(self) -> Iterator[tuple[Variant, Path]]:
        """The models that were found, the latest first; what cannot be is left out."""
        for entry in self._adopted:
            try:
                there = tuple(RemoteFile(**each) for each in entry["files"])
                path, revision = Path(entry["path"]), entry["revision"]
                if there and all(map(_is_good, there)) and isinstance(revision, str):
                    yield Variant("", there, revision), path
            except (TypeError, KeyError, ValueError):
                continue

    def is_unchanged(self, path: Path, variant: Variant) -> bool:
        """Whether a model's files still are what was compared."""
        parts = shards(path)
        return len(parts) == len(variant.files) and all(
            self._known(part) == file.sha256
            for part, file in zip(parts, variant.files, strict=True)
        )

    def save(self) -> None:
        """Saves the checksums; forgets files that are gone."""
        self._checksums = {
            path: entry for path, entry in self._checksums.items() if stamp_of([Path(path)])
        }
        if (text := self._text()) != self._before:
            paths.remember(self._path, text)

    def _text(self) -> str:
        return json.dumps(
            {"format": _FORMAT, "checksums": self._checksums, "adopted": self._adopted}
        )


def _is_good(file: RemoteFile) -> bool:
    """Whether what was read from the memory can be a file of the Hub."""
    return (
        good_repo(file.repo)
        and good_commit(file.commit)
        and good_path(file.path)
        and good_sha256(file.sha256)
        and isinstance(file.size, int)
    )
