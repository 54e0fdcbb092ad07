"""What is done in the history while there is nothing to write."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable

from r1chat.store import index, opening, saving
from r1chat.store.database import Database

KEPT_DAYS = 30
"""How long a deleted conversation can be restored."""
_DAY_S = 24 * 3600.0


class Chores:
    """Looks for damage, puts together what died, takes out what was deleted, and indexes.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Callable[[sqlite3.Connection], object]] = deque(
            [opening.check_list, saving.settle, self._purge_old]
        )

    @property
    def waiting(self) -> bool:
        """Whether there is something to do besides indexing."""
        return bool(self._waiting)

    def do(self, *, indexing: bool) -> bool:
        """Does the next of them, in a transaction of its own.

        Args:
            indexing: Whether the index may be kept up now.

        Returns:
            Whether there may be more.
        """
        database = self._database
        if self._waiting:
            with database.transaction() as connection:
                self._waiting[0](connection)
            self._waiting.popleft()
            return True
        if not (indexing and database.searchable and index.behind(database.writing)):
            return False
        with database.transaction() as connection:
            return index.catch_up(connection)

    def purge(self, connection: sqlite3.Connection, name: str) -> None:
        """Takes a conversation out, and in time its words."""
        saving.purge_one(connection, name)
        self._waiting.append(index.tidy)

    def _purge_old(self, connection: sqlite3.Connection) -> None:
        if saving.purge_deleted(connection, time.time() - KEPT_DAYS * _DAY_S):
            self._waiting.append(index.tidy)
