"""A backup copy of the history, for a file of which nothing can be read."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from r1chat.store.damage import beside

_DAY_S = 24 * 3600.0
_PAGES = 256
"""Pages between two looks at whether there is something else to do."""
_PRIVATE = 0o600


class _BusyError(Exception):
    """There is something else to do."""


def path_of(history: Path) -> Path:
    """Where the copy of a history is."""
    return history.with_name(f"{history.stem}.backup{history.suffix}")


def is_due(history: Path) -> bool:
    """Whether there is none, it is a day behind, or the history has grown to twice its size."""
    try:
        now = history.stat()
        old = path_of(history).stat()
    except FileNotFoundError:
        return history.exists()
    except OSError:
        return False
    grown = now.st_size >= 2 * old.st_size
    return grown or (now.st_mtime > old.st_mtime and time.time() - old.st_mtime > _DAY_S)


def make(connection: sqlite3.Connection, history: Path, busy: Callable[[], bool]) -> bool:
    """Copies the history; other work interrupts it.

    Args:
        connection: To the history.
        history: Its file.
        busy: Whether there is something else to do.

    Returns:
        Whether there is a new copy.
    """
    if not connection.execute("SELECT 1 FROM replies LIMIT 1").fetchone():
        return False
    fresh = beside(path_of(history), f".{os.getpid()}.new")

    def look(status: int, remaining: int, total: int) -> None:
        del status, remaining, total
        if busy():
            raise _BusyError

    try:
        if shutil.disk_usage(history.parent).free < 2 * history.stat().st_size:
            return False
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE))
        with closing(sqlite3.connect(fresh)) as target:
            connection.backup(target, pages=_PAGES, progress=look, sleep=0)
            # It stands alone: nothing is to be made beside it.
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
        fresh.replace(path_of(history))
    except (OSError, sqlite3.Error, _BusyError):
        return False
    finally:
        for each in (
            fresh,
            beside(fresh, "-wal"),
            beside(fresh, "-shm"),
            beside(fresh, "-journal"),
        ):
            with suppress(OSError):
                each.unlink(missing_ok=True)
    return True


def drop(history: Path) -> None:
    """Removes the copy, which has what was purged."""
    path_of(history).unlink(missing_ok=True)
