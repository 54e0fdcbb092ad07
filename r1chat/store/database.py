"""The database file and its connections."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeAlias

from r1chat import paths
from r1chat.store import damage, index, schema
from r1chat.store.damage import PAGE

OPENING_S = 5.0
"""How long a file that another process has locked is waited for when it is opened."""
BUSY_S = 0.5
"""How long SQLite itself waits for another process later on; the writer then tries again."""
_CACHE_KB = 16 * 1024
_MEMORY_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that cannot be written to, up to which it is shown from memory."""
_PRIVATE = 0o600
_OTHERS = 0o077
_SPARE = 4
Identity: TypeAlias = "tuple[int, int]"


def identity(path: Path | None) -> Identity | None:
    """Which file this is, whatever it is called."""
    if path is None:
        return None
    try:
        state = path.stat()
    except OSError:
        return (0, 0)
    return state.st_dev, state.st_ino


def connect(path: Path) -> sqlite3.Connection:
    """Opens a file of this user's own, and makes it where it must.

    Raises:
        NewerHistoryError, ForeignFileError: If it is not ours to change.
        OSError: If it cannot be made.
        sqlite3.Error: If it cannot be opened.
    """
    if not path.exists():
        paths.made(path.parent)
        # SQLite would make it readable for everybody; the files beside it get the same rights.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _PRIVATE))
    elif hasattr(os, "getuid") and path.stat().st_mode & _OTHERS:
        with suppress(OSError):
            path.chmod(_PRIVATE)
    connection = _opened(str(path))
    try:
        # Before anything is changed.
        schema.check(connection)
    except BaseException:
        connection.close()
        raise
    return _configured(connection)


def _opened(name: str, *, uri: bool = False) -> sqlite3.Connection:
    # A connection is used by one thread at a time, though not always by the one that made it.
    connection = sqlite3.connect(
        name, timeout=OPENING_S, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.row_factory = sqlite3.Row
    # Text that is no UTF-8 is damage, which must not keep a row from being read.
    connection.text_factory = _text
    return connection


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _configured(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        # After a power cut the last moments may be missing; the file stays whole.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What was deleted is gone from the file, and not brought back by a repair.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


class Database:
    """A history that is open: in a file, or in memory where there can be no file.

    Args:
        path: The file; None for memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._spare: list[tuple[Identity | None, sqlite3.Connection]] = []
        self._closed = False
        self.identity: Identity | None = None
        """Which file is open."""
        self.searchable = False
        """Whether this SQLite can have a full-text index."""
        self.writing = self._open()

    def _open(self) -> sqlite3.Connection:
        path = self.path
        connection = connect(path) if path is not None else _configured(_opened(":memory:"))
        try:
            schema.migrate(connection)
            self.searchable = index.make(connection)
        except BaseException:
            connection.close()
            raise
        self.identity = identity(self.path)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}")
        return connection

    @property
    def replaced(self) -> bool:
        """Whether the file is another one by now: a second r1chat has repaired it."""
        return self.path is not None and identity(self.path) != self.identity

    def fault(self) -> Exception | None:
        """What is wrong with the file, as far as a new look at it can tell."""
        if self.path is None:
            return None
        try:
            with closing(self._reader(self.path)) as connection:
                schema.check(connection)
                damage.check(connection)
        except Exception as error:  # noqa: BLE001  (a damaged file may have anything raised)
            return None if damage.elsewhere(error) else error
        return None

    def remake_search(self) -> bool:
        """Rebuilds the search index where nothing else is damaged; returns whether it did."""
        if not self.searchable or self.fault() is not None:
            return False
        try:
            return index.make(self.writing, rebuild=True)
        except sqlite3.Error:
            return False

    def reopen(self) -> None:
        """Reopens the file for reading and writing.

        Raises:
            R1ChatError, OSError, sqlite3.Error: As when a store is opened; then what was open
                is closed, and the next try may succeed.
        """
        self.disconnect()
        # Should it fail, it counts as replaced, and is tried again.
        self.identity = (-1, -1)
        self.writing = self._open()

    def move_to_memory(self) -> None:
        """Gives the file up."""
        self.disconnect()
        self.path = None
        self.writing = self._open()

    def disconnect(self) -> None:
        """Closes all connections that are not in use for reading at this moment."""
        with self._lock:
            spare, self._spare = self._spare, []
        for _, connection in spare:
            connection.close()
        self.writing.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with, for any thread.

        Raises:
            sqlite3.Error: If the file cannot be read.
        """
        if self.path is None:
            # What is in memory belongs to its one connection.
            with self._lock:
                yield self.writing
            return
        file = identity(self.path)
        with self._lock:
            which, connection = self._spare.pop() if self._spare else (None, None)
        if connection is not None and which != file:
            connection.close()
            connection = None
        connection = connection or self._reader(self.path)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._spare) < _SPARE and not self._closed:
                self._spare.append((file, connection))
                return
        connection.close()

    @staticmethod
    def _reader(path: Path) -> sqlite3.Connection:
        connection = _configured(_opened(path.as_uri() + "?mode=rw", uri=True))
        connection.execute("PRAGMA query_only = ON")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes, in a transaction: all that is done is kept, or nothing.

        Raises:
            sqlite3.Error: If it cannot be written.
        """
        with self._lock if self.path is None else nullcontext():
            connection = self.writing
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise

    def close(self) -> None:
        """Closes everything."""
        self._closed = True
        self.disconnect()


def in_memory(path: Path) -> Database:
    """A history in memory, with what can be read of a file that cannot be written."""
    database = Database(None)
    try:
        if path.is_file() and 0 < path.stat().st_size <= _MEMORY_LIMIT:
            _copy(path, database)
    except Exception:  # noqa: BLE001  (a damaged file may have anything raised)
        database.close()
        return Database(None)
    return database


def _copy(path: Path, database: Database) -> None:
    # Nothing may be made beside it, which SQLite would need to know of other processes.
    source = _opened(path.absolute().as_uri() + "?mode=ro&immutable=1", uri=True)
    try:
        source.backup(database.writing)
    finally:
        source.close()
    schema.migrate(database.writing)
    damage.check(database.writing)
