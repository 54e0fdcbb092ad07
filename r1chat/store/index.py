"""The full-text index: what a word stands in.

It holds no text of its own and is kept up behind the writing, so that it can be missing, late or
made anew at any time.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata

from r1chat.store.rows import unpack

BATCH = 16
"""Replies that are taken into the index in one transaction."""
_TABLE = """
CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5(
    question, answer, thought,
    content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
)
"""
_WORDLESS = re.compile(
    "([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Signs of scripts without spaces between words: each is a word."""
_TEXTS = """
SELECT replies.key, replies.indexed, question, answer, thought
FROM replies JOIN turns ON turns.key = replies.turn
"""


def available(connection: sqlite3.Connection) -> bool:
    """Whether there is an index and this SQLite can read it."""
    try:
        connection.execute("SELECT rowid FROM search LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True


def make(connection: sqlite3.Connection) -> bool:
    """Makes the index where it is missing.

    Returns:
        Whether this SQLite can have one.
    """
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'search'").fetchone():
            connection.execute(_TABLE)
            connection.execute("UPDATE replies SET indexed = 0")
    except sqlite3.OperationalError as error:
        if "no such module" in str(error):
            return False
        raise
    return available(connection)


def spaced(text: str) -> str:
    """A text with its words apart, as the index is to read it."""
    return _WORDLESS.sub(r" \1 ", text) if _WORDLESS.search(text) else text


def behind(connection: sqlite3.Connection) -> bool:
    """Whether there is something that the index does not know."""
    found = connection.execute(
        "SELECT 1 FROM replies WHERE indexed = 0 AND status <> 'streaming' LIMIT 1"
    )
    return found.fetchone() is not None


def catch_up(connection: sqlite3.Connection) -> bool:
    """Takes in replies that the index does not know.

    Returns:
        Whether there may be more.
    """
    rows = connection.execute(
        _TEXTS + "WHERE indexed = 0 AND status <> 'streaming' LIMIT ?", (BATCH,)
    ).fetchall()
    for row in rows:
        connection.execute(
            "INSERT INTO search (rowid, question, answer, thought) VALUES (?, ?, ?, ?)",
            (row["key"], *_texts(row)),
        )
        connection.execute("UPDATE replies SET indexed = 1 WHERE key = ?", (row["key"],))
    return len(rows) == BATCH


def forget(connection: sqlite3.Connection, key: int) -> None:
    """Takes a reply out, before its texts change or go."""
    row = connection.execute(_TEXTS + "WHERE replies.key = ?", (key,)).fetchone()
    if row is None or not row["indexed"]:
        return
    connection.execute("UPDATE replies SET indexed = 0 WHERE key = ?", (key,))
    if available(connection):
        # The index is told the texts again, as it has none.
        connection.execute(
            "INSERT INTO search (search, rowid, question, answer, thought) "
            "VALUES ('delete', ?, ?, ?, ?)",
            (key, *_texts(row)),
        )


def _texts(row: sqlite3.Row) -> tuple[str, ...]:
    texts = (spaced(unpack(row[name])) for name in ("question", "answer", "thought"))
    return tuple(text.encode("utf-8", "replace").decode() for text in texts)


def folded(text: str) -> str:
    """A text as the index compares it, sign by sign: without case and accents."""
    if text.isascii():
        return text.lower()
    return "".join(_folded(char) for char in text)


def _folded(char: str) -> str:
    if char.isascii():
        return char.lower()
    base = unicodedata.normalize("NFD", char)[0].lower()
    return base if len(base) == 1 else char
