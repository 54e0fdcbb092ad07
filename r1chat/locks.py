"""Locks that die with the process that holds them."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import paths

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOOKS, _BETWEEN_S = 3, 0.01
"""Whoever looks at a lock holds it for a moment."""


def taken(file: Path) -> BaseFileLock | None:
    """Takes a lock, for this user alone; None where another holds it, or there can be none.

    Args:
        file: The lock's file; its folder is made where it is missing.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file, mode=0o600, thread_local=False)
    try:
        paths.made(file.parent)
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return None
    return lock


def released(lock: BaseFileLock) -> None:
    """Gives a lock back and removes its file, which goes first: nobody takes it in between."""
    with contextlib.suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def held(file: Path) -> bool:
    """Whether a process holds a lock now, for longer than to look at it."""
    for _ in range(_LOOKS):
        if not file.exists():
            return False
        lock = taken(file)
        if lock is not None:
            released(lock)
            return False
        time.sleep(_BETWEEN_S)
    return True
