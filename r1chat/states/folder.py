"""The folder of saved states: their names, how much room they take, and which go first."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from r1chat import paths
from r1chat.states import file
from r1chat.states.file import Damaged, Origin, Saved

log = logging.getLogger(__name__)

_MOST = 2_000_000_000
"""Bytes of all states, unless a setting says otherwise."""
_SHARE = 20
"""They take one part of so many of the free disk, if that is less."""
_GIGABYTE = 1_000_000_000
_SUFFIXES = {".state", ".trying", ".new"}
"""Of states, of those that are being loaded, and of those that are being written."""
_NAMED = 20
"""Characters of a digest in a file's name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A saved state."""

    path: Path
    size: int
    """Bytes."""
    used: float
    """Seconds since 1970."""
    saved: Saved | None = None
    """What is in it; None where that cannot be read."""


def enabled(
    *, saves: bool | None = None, keeps: bool | None = None, space: float | None = None
) -> States | None:
    """The saved states, as settings have them; None where none are to be kept.

    Args:
        saves: Whether conversations are saved.
        keeps: Whether their states are.
        space: Gigabytes that states may take.
    """
    if saves is False or keeps is False or space == 0:
        return None
    return States(None if space is None else round(space * _GIGABYTE))


class States:
    """The states on this machine.

    Args:
        most: Bytes that all of them may take; None leaves the choice to r1chat.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self.folder = paths.states()

    def path(self, origin: Origin) -> Path:
        """The file of a conversation's state."""
        return self.folder / f"{_name(origin.conversation)}-{origin.key[:_NAMED]}.state"

    def entries(self, *, parts: bool = True) -> list[Entry]:
        """All states, the one that was used last first.

        Args:
            parts: Whether to look into them.
        """
        return sorted(_entries(self.folder, parts=parts), key=lambda each: -each.used)

    @property
    def most(self) -> int:
        """Bytes that all of them may take."""
        if self._most is not None:
            return self._most
        try:
            free = shutil.disk_usage(_existing(self.folder)).free
        except OSError:
            return _MOST
        # What they take already is no reason to take less.
        taken = sum(each.size for each in _entries(self.folder, parts=False))
        return min(_MOST, (free + taken) // _SHARE)

    def make_room(self, path: Path, size: int) -> bool:
        """Removes the states that were not used for longest, until there is room for one.

        Args:
            path: Its file, which stays.
            size: Bytes that it is to have.

        Returns:
            Whether there is.
        """
        most = self.most
        if size > most:
            return False
        others = [each for each in self.entries(parts=False) if each.path != path]
        taken = size + sum(each.size for each in others)
        while taken > most and others:
            oldest = others.pop()
            taken -= oldest.size
            _remove([oldest.path])
        return True

    def clear(self, conversations: Iterable[str] | None = None) -> int:
        """Removes states.

        Args:
            conversations: Ids; by default those of all conversations.

        Returns:
            How many were removed.
        """
        if conversations is None:
            return _remove(each.path for each in _entries(self.folder, parts=False))
        return sum(_remove(_files_of(self.folder, each)) for each in conversations)


def drop(conversation: str) -> None:
    """Removes what is saved of a conversation."""
    _remove(_files_of(paths.states(), conversation))


def touch(path: Path) -> None:
    """Notes that a state was used."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _name(conversation: str) -> str:
    """A conversation's name in file names: its id may be a stranger's, and be anything."""
    data = conversation.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=_NAMED // 2).hexdigest()


def _files_of(folder: Path, conversation: str) -> list[Path]:
    return [*folder.glob(f"*{_name(conversation)}-*")]


def _entries(folder: Path, *, parts: bool) -> Iterable[Entry]:
    try:
        found = [each for each in folder.iterdir() if each.suffix in _SUFFIXES]
    except OSError:
        return
    for path in found:
        try:
            status = path.lstat()
            saved = _read(path) if parts else None
        except OSError:
            # Another process has just removed it.
            continue
        yield Entry(path, status.st_size, status.st_mtime, saved)


def _read(path: Path) -> Saved | None:
    try:
        with file.opened(path) as opened:
            return file.read(opened)
    except (Damaged, OSError):
        return None


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _remove(several: Iterable[Path]) -> int:
    removed = 0
    for path in several:
        try:
            path.unlink()
            removed += 1
        except OSError as error:
            log.info("a state cannot be removed: %s", error)
    return removed
