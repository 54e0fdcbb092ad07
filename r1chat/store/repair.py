"""Repairs a damaged history: keeps the file, and saves what can be read into a new one."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from r1chat.conversation import new_id
from r1chat.sanitize import line
from r1chat.store import salvage, saving
from r1chat.store.damage import SIDES, beside
from r1chat.store.database import Identity, connect, identity

log = logging.getLogger(__name__)

_NOTE = "recover"
_BATCH = 200
_PAUSE_S = 0.005


def set_aside(path: Path, seen: Identity | None) -> Path | None:
    """Gives a damaged file another name.

    Args:
        path: The file.
        seen: Which file it was that was found to be damaged.

    Returns:
        The new name; None where another process was quicker.

    Raises:
        OSError: If it cannot be renamed.
    """
    with _alone(path):
        if identity(path) != seen:
            return None
        stamp = time.strftime("%Y%m%d-%H%M%S")
        kept = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
        number = 1
        while kept.exists():
            number += 1
            kept = path.with_name(f"{path.stem}.damaged-{stamp}-{number}{path.suffix}")
        # What is beside it first: beside a new file it would be taken for that one's.
        for ending in SIDES:
            with suppress(FileNotFoundError):
                beside(path, ending).rename(beside(kept, ending))
        with suppress(FileNotFoundError):
            path.rename(kept)
        return kept


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes from doing the same at once; ends with the process."""
    lock = beside(path, ".repair")
    with closing(sqlite3.connect(lock, timeout=10, isolation_level=None)) as connection:
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN EXCLUSIVE")
        yield
    with suppress(OSError):
        lock.unlink()


def note(connection: sqlite3.Connection, kept: Path) -> None:
    """Records in a new file what must be recovered into it."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (_NOTE, kept.name))
    # The old rows keep their keys, so that new ones need others.
    first = int(time.time()) << 16
    for table in ("conversations", "turns", "texts", "replies", "parts"):
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, first))
    connection.execute("COMMIT")


def noted(connection: sqlite3.Connection) -> str | None:
    """The name of the file that is still to be recovered."""
    found = connection.execute("SELECT value FROM notes WHERE name = ?", (_NOTE,)).fetchone()
    return None if found is None else str(found[0])


def forget_note(connection: sqlite3.Connection) -> None:
    """Says that there is nothing more to be recovered."""
    connection.execute("DELETE FROM notes WHERE name = ?", (_NOTE,))


class Recovery(threading.Thread):
    """Recovers rows in the background; the next process resumes where this one ends.

    Args:
        path: The new file.
        kept: The damaged one, and an older copy for where nothing can be read of it; it may be
            missing.
        tell: Takes what the user should know.
    """

    def __init__(self, path: Path, kept: Sequence[Path], tell: Callable[[str], None]) -> None:
        super().__init__(name="r1chat-recovery", daemon=True)
        self._path = path
        self._kept, *self._copies = kept
        self._tell = tell
        self._ended = threading.Event()
        self.over = False
        """Whether it has done what it could."""

    def stop(self) -> list[str]:
        """Asks it to stop.

        Returns:
            What the user should know of it, if it has not told everything yet.
        """
        self._ended.set()
        if self.over:
            return []
        shown = line(str(self._kept))
        return [f"the history was damaged: the next start brings more of it back from {shown}"]

    def run(self) -> None:
        """Brings the rows back."""
        shown = line(str(self._kept))
        try:
            with closing(connect(self._path)) as connection:
                found = self._recover(connection)
        except Exception as error:
            # Whatever it is: the file is kept, and the user must know of it.
            log.exception("the recovery failed")
            notice = f"{shown} could not be recovered: {line(str(error))}; it is kept"
        else:
            what = f"{found} conversation{'' if found == 1 else 's'} recovered from it"
            notice = f"the history was damaged: {what}; the damaged file is kept as {shown}"
        self.over = True
        if not self._ended.is_set():
            self._tell(notice)

    def _recover(self, connection: sqlite3.Connection) -> int:
        connection.execute("PRAGMA foreign_keys = OFF")
        for file in (self._kept, *filter(Path.is_file, self._copies)):
            # Of the copy only where there is nothing else: its rows may be another history's, or
            # have been removed since.
            if self._take(connection, file):
                break
        self._write(connection, _end)
        return int(connection.execute("SELECT count(*) FROM conversations").fetchone()[0])

    def _take(self, connection: sqlite3.Connection, file: Path) -> bool:
        """Imports the rows of a file; returns whether there were any."""
        pages = salvage.Pages(file)
        found = False
        batch: list[tuple[str, salvage.Row]] = []
        try:
            for each in salvage.rows(pages):
                found = True
                batch.append(each)
                if len(batch) == _BATCH:
                    self._write(connection, partial(_insert, batch=batch))
                    batch = []
                if self._ended.is_set():
                    break
        finally:
            pages.close()
        self._write(connection, partial(_insert, batch=batch))
        return found

    def _write(
        self, connection: sqlite3.Connection, do: Callable[[sqlite3.Connection], None]
    ) -> None:
        """Writes, once others let it."""
        while not self._ended.is_set():
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
            else:
                do(connection)
                connection.execute("COMMIT")
                # So that the thread that writes is not kept waiting for long.
                self._ended.wait(_PAUSE_S)
                return


def _end(connection: sqlite3.Connection) -> None:
    _reunite(connection)
    saving.settle(connection)
    forget_note(connection)


def _insert(connection: sqlite3.Connection, batch: list[tuple[str, salvage.Row]]) -> None:
    names = {table: _columns(connection, table) for table in salvage.LOOKS}
    for table, (key, values) in batch:
        # The first column of a table with a key of its own is that key.
        row = (key, *values[1:]) if values[0] is None else values
        columns = names[table][: len(row)]
        if table == "replies":
            row = tuple(0 if n == "indexed" else v for n, v in zip(columns, row, strict=True))
        # One that cannot be had must not keep the others from coming back.
        with suppress(sqlite3.Error, ValueError, OverflowError):
            connection.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) "  # noqa: S608  (our own names)
                f"VALUES ({', '.join('?' * len(row))})",
                row,
            )


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [each["name"] for each in connection.execute(f"PRAGMA table_info({table})")]


_REUNITE = """
-- Turns without their conversation get one.
INSERT INTO conversations (key, id, created, updated, title, title_source)
SELECT conversation, new_id(), :now, :now, 'Recovered', 'question' FROM turns
WHERE conversation NOT IN (SELECT key FROM conversations) GROUP BY conversation;
-- Replies without their question, too.
INSERT INTO conversations (key, id, created, updated, title, title_source)
SELECT (1 << 61) + turn, new_id(), :now, :now, 'Recovered', 'question' FROM replies
WHERE turn NOT IN (SELECT key FROM turns) GROUP BY turn;
INSERT INTO turns (key, conversation, question)
SELECT turn, (1 << 61) + turn, '(the question is lost)' FROM replies
WHERE turn NOT IN (SELECT key FROM turns) GROUP BY turn;
-- And questions without their reply an empty one.
INSERT INTO replies (id, turn, created, status)
SELECT new_id(), key, :now, 'interrupted' FROM turns
WHERE key NOT IN (SELECT turn FROM replies);
DELETE FROM parts WHERE reply NOT IN (SELECT key FROM replies);
DELETE FROM attachments WHERE turn NOT IN (SELECT key FROM turns)
OR text NOT IN (SELECT key FROM texts);
"""


def _reunite(connection: sqlite3.Connection) -> None:
    from r1chat.store.schema import statements

    connection.create_function("new_id", 0, new_id)
    for statement in statements(_REUNITE):
        connection.execute(statement, {"now": time.time()})
