"""Finds model files in a folder: common to all places where models lie.

The folders of other programs are only ever read. Whatever stands in them, nothing here raises,
waits or goes round in a circle.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

log = logging.getLogger(__name__)

Source: TypeAlias = Literal["built in", "hub", "lm studio", "ollama", "folder"]
SOURCES: dict[Source, str] = {
    "built in": "built in",
    "hub": "Hub cache",
    "lm studio": "LM Studio",
    "ollama": "Ollama",
    "folder": "folder",
}
"""Where a model lies, in words."""

MOST_ENTRIES = 50_000
"""Looked at below one folder: someone's whole home may be set as the folder for models."""
MAX_SHARDS = 1 << 10
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\.gguf)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A file that should be a model, and what its place says about it."""

    path: Path
    source: Source
    repo: str = ""
    """Who published it, as "owner/name"."""
    commit: str = ""
    file: str = ""
    """Its path in the repository."""
    name: str = ""
    """What the program that it belongs to calls it; empty: ask the file."""
    problem: str = ""
    """Why it cannot be used, whatever the file says."""


def files(root: Path, *, depth: int, suffix: str = "") -> Iterator[Path]:
    """The files below a folder, hidden ones left out, in the order of their names.

    Links to folders are followed, and no folder is entered twice. What cannot be listed is passed
    over.

    Args:
        root: The folder; it need not exist.
        depth: How many folders deep a file may lie; 0 is in `root` itself.
        suffix: What their names end with, in lower case.
    """
    seen: set[tuple[int, int]] = set()
    room = MOST_ENTRIES
    todo = [(str(root), depth)]
    while todo:
        folder, deeper = todo.pop()
        below = []
        for entry in _entries(folder, seen, room):
            room -= 1
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                below.append((entry.path, deeper - 1))
            elif entry.name.lower().endswith(suffix):
                yield Path(entry.path)
        if deeper and room:
            todo += reversed(below)
    if not room:
        log.warning("%r has %d entries or more; no others are looked at", root, MOST_ENTRIES)


def _entries(folder: str, seen: set[tuple[int, int]], most: int) -> list[os.DirEntry[str]]:
    """What is in a folder that was not seen yet, sorted."""
    try:
        info = os.stat(folder)  # noqa: PTH116  (thousands of Path objects take seconds)
        if (info.st_dev, info.st_ino) in seen:
            return []
        seen.add((info.st_dev, info.st_ino))
        with os.scandir(folder) as listing:
            return sorted(islice(listing, most), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        log.info("%r is passed over: %s", folder, error)
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def shards(path: Path) -> list[Path]:
    """The files of the model that a file belongs to, judged by its name alone."""
    match = _SHARD.fullmatch(path.name)
    if match is None or not 1 <= int(match[3]) <= MAX_SHARDS:
        return [path]
    name, _, count, ending = match.groups()
    return [path.with_name(f"{name}-{n:05}-of-{count}{ending}") for n in range(1, int(count) + 1)]


def whole(places: Iterable[Place]) -> Iterator[Place]:
    """Leaves of each split model the first of its files that is there."""
    known: set[Path] = set()
    for place in places:
        first = shards(place.path)[0]
        if first not in known:
            known.add(first)
            yield place
