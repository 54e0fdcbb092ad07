"""Locks that die with the process that holds them."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from r1chat import paths

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOOK_S = 0.03
"""Whoever looks at a lock holds it for a moment: another look waits for so long."""
_WAIT_S = 2.0
"""And so long whoever is to keep it."""
_BETWEEN_S = 0.01


def taken(file: Path, wait_s: float = _WAIT_S) -> BaseFileLock | None:
    """Takes a lock, for this user alone; None where another keeps it, or there can be none.

    Args:
        file: The lock's file; its folder is made where it is missing.
        wait_s: How long it is tried.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file, mode=0o600, thread_local=False)
    end = time.monotonic() + wait_s
    try:
        paths.made(file.parent)
        while True:
            left = max(0.0, end - time.monotonic())
            lock.acquire(timeout=left, poll_interval=_BETWEEN_S)
            if _is_file_of(lock):
                return lock
            # Whoever gave it back has removed the file that was opened: nobody would see it.
            lock.release()
    except (Timeout, OSError):
        return None


def _is_file_of(lock: BaseFileLock) -> bool:
    """Whether the file that is locked is the one that others find."""
    descriptor = lock._context.lock_file_fd  # noqa: SLF001  (there is no other way to it)
    if descriptor is None:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock.lock_file))  # noqa: PTH116
    except FileNotFoundError:
        return False


def released(lock: BaseFileLock) -> None:
    """Gives a lock back and removes its file, which goes first: nobody takes it in between."""
    with contextlib.suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def held(file: Path) -> bool:
    """Whether a process holds a lock now, for longer than to look at it."""
    if not file.exists():
        return False
    lock = taken(file, LOOK_S)
    if lock is None:
        return file.exists()
    # What is left of a process that died.
    released(lock)
    return False
