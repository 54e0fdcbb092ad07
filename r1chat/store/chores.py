"""Background maintenance of the history while nothing is being written."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable

from r1chat import states
from r1chat.store import backup, index, opening, saving
from r1chat.store.database import Database

KEPT_DAYS = 30
"""How long a deleted conversation can be restored."""
_DAY_S = 24 * 3600.0


class Chores:
    """Looks for damage, puts together what died, takes out what was deleted, indexes and copies.

    Args:
        database: Where.
        busy: Whether there is something else to do.
    """

    def __init__(self, database: Database, busy: Callable[[], bool]) -> None:
        self._database = database
        self._busy = busy
        self._copied = False
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
        if indexing and database.searchable and index.behind(database.writing):
            with database.transaction() as connection:
                return index.catch_up(connection)
        # While something is still to be recovered, the copy before it is the better one.
        path = database.path
        if indexing and path is not None and not self._copied and backup.is_due(path):
            self._copied = backup.make(database.writing, path, self._busy)
        return False

    def purge(self, connection: sqlite3.Connection, name: str) -> None:
        """Takes a conversation out, and in time its words."""
        saving.purge_one(connection, name)
        self._drop_rest([name])

    def _purge_old(self, connection: sqlite3.Connection) -> None:
        names = saving.purge_deleted(connection, time.time() - KEPT_DAYS * _DAY_S)
        if names:
            self._drop_rest(names)

    def _drop_rest(self, names: Iterable[str]) -> None:
        """Removes what else there is of conversations that were purged."""
        for name in names:
            states.drop(name)
        self._waiting.append(index.tidy)
        if self._database.path is not None:
            backup.drop(self._database.path)
            self._copied = False
