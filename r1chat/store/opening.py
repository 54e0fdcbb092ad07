"""Opens the history; sets a damaged file aside and begins a new one."""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from r1chat.sanitize import line
from r1chat.store import damage, repair, schema
from r1chat.store.database import Database, identity

log = logging.getLogger(__name__)

_SMALL = 8 * 1024 * 1024
"""Bytes up to which a file is checked whole when it is opened; of a larger one most damage is found
when it is met."""
_TRIAL = 256 * 1024
"""Bytes that must fit onto a disk that is not full."""


def open_file(path: Path) -> tuple[Database, str | None]:
    """Opens a file, or a new one in the place of one that is damaged or not ours.

    Returns:
        The history, and the name of the damaged file from which it is still to be recovered.

    Raises:
        NewerHistoryError: If a newer r1chat was here.
        Exception: If it cannot be opened, which is not the fault of the file.
    """
    seen = identity(path)
    try:
        database = _sound(path)
    except Exception as error:
        if not _is_damage(error, path):
            raise
        log.warning("the history is damaged: %s", line(repr(error)))
        kept = repair.set_aside(path, seen)
        database = Database(path)
        if kept is not None:
            repair.note(database.writing, kept)
    return database, repair.noted(database.writing)


def _sound(path: Path) -> Database:
    """Opens a file that is not known to be damaged."""
    damage.check_file(path)
    database = Database(path)
    try:
        damage.check(database.writing, whole=path.stat().st_size <= _SMALL)
    except BaseException:
        database.close()
        raise
    return database


def _is_damage(error: Exception, path: Path) -> bool:
    """Whether the file is to blame for an error that came when it was opened."""
    if damage.certain(error):
        return True
    if not damage.elsewhere(error):
        # A migration may fail at what the user has put there.
        return not _is_whole(path)
    if damage.locked(error) or isinstance(error, (schema.NewerHistoryError, MemoryError)):
        return False
    return not path.is_mount() and _can_be_used(path) and not _is_full(path.parent)


def _is_whole(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as connection:
            damage.check_pages(connection)
    except Exception as error:  # noqa: BLE001  (a damaged file may have anything raised)
        return damage.elsewhere(error)
    return True


def _can_be_used(path: Path) -> bool:
    return os.access(path.parent, os.W_OK | os.X_OK) and (
        not path.exists() or os.access(path, os.R_OK | os.W_OK)
    )


def _is_full(folder: Path) -> bool:
    """Whether nothing can be written to a folder now, for whatever reason."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIAL))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return True
    return False


def check_list(connection: sqlite3.Connection) -> None:
    """Looks for damage that would hide conversations without an error."""
    damage.check(connection, whole=False)
