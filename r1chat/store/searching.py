"""Full-text search: finds replies, and the words around each match."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from r1chat.store import index, rows
from r1chat.store.reading import condition
from r1chat.store.values import ALL, Field, Filter, Hit

_WORDS = 32
"""Of what was typed; more than that finds nothing anyway."""
_SHORTEST_BEGINNING = 2
"""Characters from which on the last word may be the beginning of one."""
_BEFORE = 40
_AFTER = 120
_FIELDS: tuple[Field, ...] = ("question", "answer", "thought")
_ROW = """
SELECT replies.id, replies.created, turns.question, replies.answer, replies.thought,
       conversations.id AS conversation, title
FROM {source} JOIN turns ON turns.key = replies.turn
JOIN conversations ON conversations.key = turns.conversation
WHERE {condition} AND deleted_at IS NULL{{more}}
ORDER BY {order} DESC
"""
_INDEXED = _ROW.format(
    source="search CROSS JOIN replies ON replies.key = search.rowid",
    condition="search MATCH ?",
    order="search.rowid",
)
_ALL = _ROW.format(source="replies", condition="status <> 'streaming'", order="replies.key")


@dataclass(frozen=True, slots=True)
class Query:
    """A search query: replies that contain each of the words."""

    words: tuple[str, ...]
    """Any text, without white space."""
    open_end: bool
    """Whether the last word may be the beginning of one: it is still being typed."""

    @classmethod
    def parse(cls, text: str) -> Query:
        """Parses what a user typed; no character has a special meaning."""
        words = [word for word in text.split() if re.search(r"[^\W_]", word)][:_WORDS]
        last = words[-1] if words else ""
        long_enough = len(last) >= _SHORTEST_BEGINNING or not last.isascii()
        return cls(tuple(words), open_end=long_enough and not text[-1:].isspace())

    def match(self, *, thoughts: bool) -> str:
        """The query as FTS5 reads it."""
        # In quotes nothing has a meaning, and what is in them has no quote: letters and figures.
        terms = [f'"{term}"' for word in self.words for term in index.terms(word)]
        if self.open_end:
            terms[-1] += "*"
        sought = " AND ".join(terms)
        return sought if thoughts else f"{{question answer}} : ({sought})"

    def patterns(self) -> list[re.Pattern[str]]:
        """The words as they are found in a folded text."""
        last = len(self.words) - 1
        return [
            re.compile(_pattern(word, open_end=self.open_end and number == last))
            for number, word in enumerate(self.words)
        ]


def _pattern(word: str, *, open_end: bool) -> str:
    pieces = re.findall(r"[^\W_]+", index.folded(unicodedata.normalize("NFC", word)))
    pattern = r"(?:[^\w\s]|_)+".join(pieces)
    # Words of a script without spaces stand side by side.
    start = "" if index.wordless(pieces[0][0]) else r"(?<![^\W_])"
    end = "" if open_end or index.wordless(pieces[-1][-1]) else r"(?![^\W_])"
    return f"{start}{pattern}{end}"


def search(
    connection: sqlite3.Connection,
    text: str,
    *,
    thoughts: bool,
    limit: int,
    offset: int,
    only: Filter = ALL,
) -> list[Hit]:
    """Finds replies, the newest first."""
    query = Query.parse(text)
    if not query.words:
        return []
    more, values = condition(only)
    if index.available(connection):
        sought = (query.match(thoughts=thoughts), *values, limit, offset)
        patterns = query.patterns()
        try:
            statement = f"{_INDEXED.format(more=more)} LIMIT ? OFFSET ?"
            found = connection.execute(statement, sought).fetchall()
        except sqlite3.OperationalError as error:
            # A letter that this SQLite does not know parts a word, and the index has no phrases.
            if "phrase" not in str(error):
                raise
        else:
            return [_hit(row, patterns, thoughts=thoughts) for row in found]
    every = connection.execute(_ALL.format(more=more), values)
    return list(_look_through(every, query, thoughts=thoughts, limit=limit, offset=offset))


def _look_through(
    every: Iterable[sqlite3.Row], query: Query, *, thoughts: bool, limit: int, offset: int
) -> Iterator[Hit]:
    """The way without an index: reads everything."""
    patterns = query.patterns()
    for row in every:
        texts = "\n".join(index.folded(text) for _, text in _texts(row, thoughts=thoughts))
        if all(pattern.search(texts) for pattern in patterns):
            if offset > 0:
                offset -= 1
                continue
            if limit <= 0:
                return
            limit -= 1
            yield _hit(row, patterns, thoughts=thoughts)


def _texts(row: sqlite3.Row, *, thoughts: bool) -> Iterator[tuple[Field, str]]:
    for name in _FIELDS if thoughts else _FIELDS[:2]:
        yield name, rows.unpack(row[name])


def _hit(row: sqlite3.Row, patterns: list[re.Pattern[str]], *, thoughts: bool) -> Hit:
    texts = list(_texts(row, thoughts=thoughts))
    # Where the index sees a word that we do not, the question says what it is about.
    name, text = texts[0]
    first = 0
    for each, other in texts:
        folded = index.folded(other)
        starts = [found.start() for pattern in patterns if (found := pattern.search(folded))]
        if starts:
            name, text, first = each, other, min(starts)
            break
    snippet, matches = _snippet(text, first, patterns)
    return Hit(
        conversation=rows.text(row["conversation"]),
        title=rows.text(row["title"]),
        node=rows.text(row["id"]),
        created=rows.number(row["created"]),
        field=name,
        snippet=snippet,
        matches=matches,
    )


def _snippet(
    text: str, first: int, patterns: list[re.Pattern[str]]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    start = max(0, first - _BEFORE)
    if start > 0:
        # Not in the middle of a word, if there is a gap.
        gap = re.search(r"\s", text[start:first])
        start += gap.end() if gap else 0
    piece = re.sub(r"\s", " ", text[start : first + _AFTER])
    snippet = ("…" if start > 0 else "") + piece
    if first + _AFTER < len(text):
        snippet += "…"
    folded = index.folded(snippet)
    spans = {match.span() for pattern in patterns for match in pattern.finditer(folded)}
    return snippet, tuple(sorted(spans))
