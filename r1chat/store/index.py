"""The full-text index over questions, answers and thoughts.

It holds no text of its own and is kept up behind the writing, so that it can be missing, late or
rebuilt at any time.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from functools import cache

from r1chat.store.damage import elsewhere
from r1chat.store.rows import unpack

BATCH = 16
"""Replies that are taken into the index in one transaction."""
_VERSION = "1"
"""Another one has the index rebuilt; it is to be changed with `prepared` and the table."""
_MISSING = ("no such module", "no such table: search")
_QUICKLY_TIDIED = 8192
"""Pages of a file."""
_TABLE = """
CREATE VIRTUAL TABLE search USING fts5(
    question, answer, thought,
    content = '', columnsize = 0, detail = column, prefix = '2 3',
    tokenize = 'unicode61 remove_diacritics 2'
)
"""
_PARTS = ("data", "idx", "content", "docsize", "config")
"""Tables of FTS5's own behind one, by the ends of their names."""
_GLUE = "\ue000"
"""Joins two words to one of the index's: a letter to FTS5 that no text has."""
_PIECE = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s")
_SLICE = 16 * 1024
"""Characters."""
_GAP = re.compile(r"[\W_]+")
_JOINED = re.compile(r"(?<![^\W_])[^\W_]+(?:(?:[^\w\s]|_)+[^\W_]+)+")
_WORDLESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts without spaces between their words."""
_RUN = re.compile(f"[{_WORDLESS}]+")
_SEGMENT = re.compile(f"[{_WORDLESS}]+|[^{_WORDLESS}]+")
_TEXTS = """
SELECT replies.key, replies.indexed, question, answer, thought
FROM replies JOIN turns ON turns.key = replies.turn
"""


def available(connection: sqlite3.Connection) -> bool:
    """Whether there is an index."""
    try:
        connection.execute("SELECT rowid FROM search LIMIT 0")
    except sqlite3.OperationalError as error:
        if any(words in str(error) for words in _MISSING):
            return False
        raise
    return True


@cache
def _can_be_made(table: str) -> bool:
    """Whether this SQLite has full-text search."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(table)
        except sqlite3.OperationalError:
            return False
    return True


def make(connection: sqlite3.Connection, *, rebuild: bool = False) -> bool:
    """Makes the index where it is missing, or of an older make.

    Args:
        connection: For writing.
        rebuild: Whether to make it in any case.

    Returns:
        Whether this SQLite can have one.
    """
    if not _can_be_made(_TABLE):
        return False
    if not rebuild and _is_here(connection):
        return True
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been quicker.
        if rebuild or not _is_here(connection):
            _drop(connection)
            connection.execute(_TABLE)
            connection.execute("UPDATE replies SET indexed = 0")
            connection.execute("INSERT OR REPLACE INTO notes VALUES ('index', ?)", (_VERSION,))
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return True


def _is_here(connection: sqlite3.Connection) -> bool:
    try:
        return _version(connection) == _VERSION and available(connection)
    except sqlite3.DatabaseError as error:
        if elsewhere(error):
            raise
        # A part of it is missing, or damaged.
        return False


def _drop(connection: sqlite3.Connection) -> None:
    """Takes out an index, or what is left of one."""
    try:
        connection.execute("DROP TABLE IF EXISTS search")
    except sqlite3.DatabaseError:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'search'")
        connection.execute("PRAGMA writable_schema = RESET")
    for part in _PARTS:
        connection.execute(f"DROP TABLE IF EXISTS search_{part}")


def _version(connection: sqlite3.Connection) -> str | None:
    found = connection.execute("SELECT value FROM notes WHERE name = 'index'").fetchone()
    return None if found is None else str(found[0])


def prepared(text: str) -> str:
    """A text as the index is to read it.

    The index knows which words a text has, not their order, which would double its size. What
    is to be found as one is therefore glued in pairs: the parts of "3.14" or "don't", and the
    neighbours in scripts that have no spaces.
    """
    if len(text) <= _SLICE:
        return _prepared(text)
    # The app's thread must not have to wait for one long search of a pattern.
    return " ".join(_prepared(text[start:end]) for start, end in _slices(text))


def _slices(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        gap = _SPACE.search(text, start + _SLICE, start + 2 * _SLICE)
        end = gap.start() if gap else min(len(text), start + 2 * _SLICE)
        yield start, end
        # Where there is no space, the neighbours at the cut are a pair too.
        start = end if gap or end == len(text) else end - 1


def _prepared(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    pairs = [pair for joined in _JOINED.findall(text) for pair in _glued(_PIECE.findall(joined))]
    # What a word is must not depend on the Unicode of this SQLite.
    words = _GAP.sub(" ", text)
    if not text.isascii():
        words = _RUN.sub(lambda run: f" {' '.join(_signs(run[0]))} ", words)
    return f"{words} {' '.join(pairs)}" if pairs else words


def terms(word: str) -> list[str]:
    """What the index has of a word that is sought; all of it must be there."""
    pieces = _PIECE.findall(unicodedata.normalize("NFC", word))
    if len(pieces) > 1 and not _RUN.search(word):
        return _glued(pieces)
    found: list[str] = []
    for segment in (each for piece in pieces for each in _SEGMENT.findall(piece)):
        pairs = len(segment) > 1 and _RUN.match(segment)
        found += _signs(segment)[len(segment) :] if pairs else [segment]
    return found


def _glued(pieces: list[str]) -> list[str]:
    return [first + _GLUE + second for first, second in itertools.pairwise(pieces)]


def _signs(run: str) -> list[str]:
    """Each sign, then each with its neighbour."""
    return [*run, *map("".join, itertools.pairwise(run))]


def behind(connection: sqlite3.Connection) -> bool:
    """Whether there is something that the index does not know."""
    found = connection.execute(
        "SELECT 1 FROM replies WHERE indexed = 0 AND status <> 'streaming' LIMIT 1"
    )
    return found.fetchone() is not None


def catch_up(connection: sqlite3.Connection) -> bool:
    """Indexes replies that are missing from the index.

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


def tidy(connection: sqlite3.Connection) -> None:
    """Takes the words of what was forgotten out of the file, where that does not take long.

    In a large index they go as it is merged in the course of time.
    """
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    if pages <= _QUICKLY_TIDIED and available(connection):
        connection.execute("INSERT INTO search (search) VALUES ('optimize')")


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
    texts = (prepared(unpack(row[name])) for name in ("question", "answer", "thought"))
    return tuple(text.encode("utf-8", "replace").decode() for text in texts)


def wordless(text: str) -> bool:
    """Whether a text is of a script without spaces between its words."""
    return _RUN.match(text) is not None


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
