"""The database schema, as an ordered list of migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from r1chat.errors import R1ChatError

APPLICATION_ID = 0x72316368
"""In the file's header: the database is a history of r1chat ("r1ch")."""

_FIRST = """
-- AUTOINCREMENT: a key that was deleted is never given again, so that nothing can point to
-- another row than the one it was made for.
CREATE TABLE conversations (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    title TEXT NOT NULL,
    title_source TEXT NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0,
    deleted_at REAL,
    model TEXT NOT NULL DEFAULT '',
    budget TEXT NOT NULL DEFAULT 'max',
    settings TEXT NOT NULL DEFAULT '{}',
    system TEXT,
    chosen INTEGER  -- the reply that it begins with; by default the last
);
CREATE INDEX conversations_list ON conversations (deleted_at, pinned, updated);

-- A question where it stands. Another version of its reply is another reply to it; an edited
-- question is another turn with the same parent.
CREATE TABLE turns (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
    parent INTEGER,  -- the reply that it follows
    question,  -- a text, here and below: TEXT, or where that is smaller, packed by zlib
    raw INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX turns_conversation ON turns (conversation);
CREATE INDEX turns_parent ON turns (parent);

-- Attached texts, each once however often it is attached.
CREATE TABLE texts (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    text
);
CREATE TABLE attachments (
    turn INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    text INTEGER NOT NULL REFERENCES texts,
    PRIMARY KEY (turn, position)
);
CREATE INDEX attachments_text ON attachments (text);

CREATE TABLE replies (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    turn INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
    created REAL NOT NULL,
    status TEXT NOT NULL,  -- 'streaming', 'interrupted' or 'done'
    indexed INTEGER NOT NULL DEFAULT 0,  -- whether the search knows of it
    chosen INTEGER,  -- the reply that the conversation goes on with; by default the last
    model TEXT NOT NULL DEFAULT '',
    arch TEXT NOT NULL DEFAULT '',
    quant TEXT NOT NULL DEFAULT '',
    settings TEXT NOT NULL DEFAULT '{}',
    acts TEXT NOT NULL DEFAULT '[]',
    injected TEXT NOT NULL DEFAULT '[]',
    receipt TEXT NOT NULL DEFAULT '{}',
    final TEXT,
    error TEXT,
    answer_length INTEGER NOT NULL DEFAULT 0,
    answer,
    thought
);
CREATE INDEX replies_turn ON replies (turn);
CREATE INDEX replies_streaming ON replies (key) WHERE status = 'streaming';
CREATE INDEX replies_waiting ON replies (key) WHERE indexed = 0 AND status <> 'streaming';

-- A reply's text while it is written; what stands here comes after what stands in its row.
CREATE TABLE parts (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    reply INTEGER NOT NULL REFERENCES replies ON DELETE CASCADE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    tokens INTEGER NOT NULL
);
CREATE INDEX parts_reply ON parts (reply);

CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


def _first(connection: sqlite3.Connection) -> None:
    for statement in statements(_FIRST):
        connection.execute(statement)


def _summaries(connection: sqlite3.Connection) -> None:
    # What the model reads in the place of a reply and all before it, as JSON.
    connection.execute("ALTER TABLE replies ADD COLUMN summary TEXT")


def _tags_and_single_questions(connection: sqlite3.Connection) -> None:
    # Between spaces, each of them: `r1chat.tags`.
    connection.execute("ALTER TABLE conversations ADD COLUMN tags TEXT NOT NULL DEFAULT ''")
    # Whether it is one question of `r1chat ask`, and was not gone on with.
    connection.execute("ALTER TABLE conversations ADD COLUMN once INTEGER NOT NULL DEFAULT 0")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _first,
    _summaries,
    _tags_and_single_questions,
)
"""In order. One that was shipped is never changed; the file's `user_version` counts them."""
_MOST_MIGRATIONS = 1000
"""No r1chat will ever have more; a file that says so is damaged."""


class NewerHistoryError(R1ChatError):
    """The file was written by a newer r1chat."""


class ForeignFileError(R1ChatError):
    """The file is a database, but no history."""


def statements(script: str) -> list[str]:
    """Takes a script apart; `executescript` would commit the transaction that it is run in."""
    found = []
    statement = ""
    for each in script.splitlines(keepends=True):
        statement += each
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found


def version(connection: sqlite3.Connection) -> int:
    """How many migrations the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the tables up to date, all of it or nothing.

    Raises:
        NewerHistoryError: If a newer r1chat was here; the file is left as it is.
        ForeignFileError: If it is the database of something else.
        sqlite3.Error: If the file cannot be read or written.
    """
    check(connection)
    if version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been quicker.
        check(connection)
        for number, migration in enumerate(MIGRATIONS[version(connection) :], version(connection)):
            migration(connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def check(connection: sqlite3.Connection) -> None:
    """Looks whether a file is ours, and of a version that we know; an empty one is.

    Raises:
        NewerHistoryError: If a newer r1chat was here.
        ForeignFileError: If it is the database of something else.
        sqlite3.Error: If it cannot be read.
    """
    # All of it at one moment: another process may be making the tables.
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")
    try:
        found = version(connection)
        owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {str(name) for (name,) in names}
    finally:
        if alone:
            connection.rollback()
    if owner != APPLICATION_ID:
        if owner or found or tables:
            message = "it is the database of another program"
            raise ForeignFileError(message)
    elif not 0 < found <= _MOST_MIGRATIONS:
        message = "its version is damaged"
        raise ForeignFileError(message)
    elif found > len(MIGRATIONS):
        message = "it was written by a newer r1chat; update this one"
        raise NewerHistoryError(message)
    elif not {"conversations", "turns", "replies"} <= tables:
        message = "its tables are missing"
        raise ForeignFileError(message)
