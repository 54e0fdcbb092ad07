"""Tells replies that are being written from those whose process died, by locks that die with it."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import paths

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)


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
        try:
            paths.made(self._folder)
        except OSError as error:
            log.info("no lock for a reply: %s", error)
            return
        lock = _locked(self._folder / f"{reply}.lock")
        if lock is not None:
            self._held[reply] = lock

    def end(self, reply: str) -> None:
        """It is not any more."""
        lock = self._held.pop(reply, None)
        if lock is not None:
            _release(lock)

    def close(self) -> None:
        """No reply is written any more; once the writer has ended."""
        while self._held:
            _release(self._held.popitem()[1])

    def living(self) -> set[str]:
        """The replies that processes are writing now, as far as can be seen; from any thread."""
        found: set[str] = set()
        if self._folder is None:
            return found
        for file in self._folder.glob("*.lock"):
            lock = _locked(file)
            if lock is None:
                found.add(file.stem)
            else:
                # Its process died.
                _release(lock)
        return found


def _locked(file: Path) -> BaseFileLock | None:
    from filelock import FileLock, Timeout

    lock = FileLock(file, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return None
    return lock


def _release(lock: BaseFileLock) -> None:
    with contextlib.suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
