"""Tells replies that are being written from those whose process died, by locks that die with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import locks

if TYPE_CHECKING:
    from filelock import BaseFileLock


class Alive:
    """Holds a lock for each reply that this process is writing; on the writer's thread.

    Args:
        history: The history's file; None where nothing is saved.
    """

    def __init__(self, history: Path | None) -> None:
        self._folder = None if history is None else history.with_name("writing")
        self._held: dict[str, BaseFileLock] = {}

    def begin(self, reply: str) -> None:
        """A reply is being written from now on."""
        if self._folder is None or reply in self._held:
            return
        lock = locks.taken(self._folder / f"{reply}.lock")
        if lock is not None:
            self._held[reply] = lock

    def end(self, reply: str) -> None:
        """It is not any more."""
        lock = self._held.pop(reply, None)
        if lock is not None:
            locks.released(lock)

    def close(self) -> None:
        """No reply is written any more; once the writer has ended."""
        while self._held:
            locks.released(self._held.popitem()[1])

    def living(self) -> set[str]:
        """The replies that processes are writing now, as far as can be seen; from any thread."""
        if self._folder is None:
            return set()
        return {file.stem for file in self._folder.glob("*.lock") if locks.held(file)}
