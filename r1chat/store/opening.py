"""Opens the history; puts a damaged file aside and begins a new one."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from r1chat.sanitize import line
from r1chat.store import repair
from r1chat.store.database import Database, identity
from r1chat.store.schema import ForeignFileError
from r1chat.store.writer import damaged

log = logging.getLogger(__name__)

_SMALL = 8 * 1024 * 1024
"""Bytes up to which a file is checked whole when it is opened; of a larger one most damage is found
when it is met."""
_MALFORMED = "malformed"
_MAGIC = b"SQLite format 3\0"


def open_file(path: Path) -> tuple[Database, str | None]:
    """Opens a file, or a new one in the place of one that is damaged or not ours.

    Returns:
        The history, and the name of the damaged file from which it is still to be recovered.

    Raises:
        NewerHistoryError: If a newer r1chat was here.
        OSError, sqlite3.Error: If it cannot be opened.
    """
    seen = identity(path)
    try:
        database = _sound(path)
    except (ForeignFileError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.DatabaseError) and not damaged(error):
            raise
        log.warning("the history is damaged: %s", line(str(error)))
        kept = repair.set_aside(path, seen)
        database = Database(path)
        if kept is not None:
            repair.note(database.writing, kept)
    return database, repair.noted(database.writing)


def _sound(path: Path) -> Database:
    """Opens a file that is not known to be damaged."""
    if path.exists():
        with path.open("rb") as file:
            # What is shorter than a header SQLite would take for nothing, and write over.
            if file.read(len(_MAGIC)) not in (b"", _MAGIC):
                raise sqlite3.DatabaseError(_MALFORMED)
    database = Database(path)
    if path.stat().st_size <= _SMALL and not repair.sound(database.writing, whole=True):
        database.close()
        raise sqlite3.DatabaseError(_MALFORMED)
    return database


def check_list(connection: sqlite3.Connection) -> None:
    """Looks for damage that would hide conversations without an error."""
    if not repair.sound(connection, whole=False):
        raise sqlite3.DatabaseError(_MALFORMED)
