"""The statements that write; each function runs in a transaction of the writer."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Sequence

from r1chat import tags
from r1chat.attachments import Attachment
from r1chat.conversation import Act, Node, Origin, Turn
from r1chat.events import Reply
from r1chat.recording import Asked
from r1chat.store import index, rows
from r1chat.store.replies import reply_of
from r1chat.store.titles import title_of
from r1chat.store.values import Loaded, TitleSource
from r1chat.wording import UNTITLED

Key = int

# -- a reply while it is written --


def begin(connection: sqlite3.Connection, asked: Asked) -> Key:
    """Saves a question, and makes room for its reply."""
    origin = asked.turn.origin or Origin(created=time.time(), model=asked.model.ref)
    conversation = _conversation(connection, asked, origin)
    parent = _reply(connection, asked.parent) if asked.parent else None
    turn = _turn(connection, conversation, parent, asked.turn)
    key = _insert_reply(connection, asked.node, turn, asked.turn, "streaming")
    if not asked.beside:
        _choose(connection, conversation, parent, key)
    return key


def _conversation(connection: sqlite3.Connection, asked: Asked, origin: Origin) -> Key:
    known = (
        rows.safe(origin.model),
        str(asked.request.budget),
        rows.settings_out(origin.settings),
        origin.created,
    )
    if asked.beside:
        connection.execute(
            "UPDATE conversations SET updated = ?, deleted_at = NULL WHERE id = ?",
            (origin.created, asked.conversation),
        )
    else:
        connection.execute(
            "UPDATE conversations SET model = ?, budget = ?, settings = ?, updated = ?, "
            "deleted_at = NULL, once = 0 WHERE id = ?",
            (*known, asked.conversation),
        )
    connection.execute(
        "INSERT OR IGNORE INTO conversations "
        "(model, budget, settings, updated, id, created, title, title_source, system, once) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 'question', ?, ?)",
        (
            *known,
            asked.conversation,
            origin.created,
            _title(asked.turn),
            None if asked.system is None else rows.safe(asked.system),
            asked.once,
        ),
    )
    found = connection.execute("SELECT key FROM conversations WHERE id = ?", (asked.conversation,))
    return int(found.fetchone()[0])


def _title(turn: Turn) -> str:
    names = (title_of(attachment.name) for attachment in turn.attachments)
    return title_of(turn.question) or next(names, "") or UNTITLED


def _turn(connection: sqlite3.Connection, conversation: Key, parent: Key | None, turn: Turn) -> Key:
    """The row of a question; another version of its reply finds the same."""
    question = rows.pack(turn.question)
    texts = [(rows.safe(each.name), _text(connection, each)) for each in turn.attachments]
    # The pluses choose the index: few turns follow a reply, but no turn is followed by the first
    # ones of all conversations.
    place = "conversation = ? AND +parent" if parent is None else "+conversation = ? AND parent"
    same = connection.execute(
        f"SELECT key FROM turns WHERE {place} IS ? AND question = ? AND raw = ?",  # noqa: S608  (our own names)
        (conversation, parent, question, turn.raw),
    ).fetchall()
    for (key,) in same:
        attached = connection.execute(
            "SELECT name, text FROM attachments WHERE turn = ? ORDER BY position", (key,)
        )
        if [tuple(each) for each in attached] == texts:
            return int(key)
    made = connection.execute(
        "INSERT INTO turns (conversation, parent, question, raw) VALUES (?, ?, ?, ?)",
        (conversation, parent, question, turn.raw),
    ).lastrowid
    connection.executemany(
        "INSERT INTO attachments (turn, position, name, text) VALUES (?, ?, ?, ?)",
        [(made, position, *each) for position, each in enumerate(texts)],
    )
    return int(made or 0)


def _text(connection: sqlite3.Connection, attachment: Attachment) -> Key:
    digest = hashlib.sha256(attachment.text.encode("utf-8", "surrogatepass")).digest()
    connection.execute(
        "INSERT OR IGNORE INTO texts (hash, text) VALUES (?, ?)",
        (digest, rows.pack(attachment.text)),
    )
    found = connection.execute("SELECT key FROM texts WHERE hash = ?", (digest,))
    return int(found.fetchone()[0])


def _insert_reply(
    connection: sqlite3.Connection, name: str, turn: Key, made: Turn, status: str
) -> Key:
    origin = made.origin or Origin()
    values = {
        "id": name,
        "turn": turn,
        "created": origin.created,
        "status": status,
        "model": rows.safe(origin.model),
        "arch": rows.safe(origin.arch),
        "quant": rows.safe(origin.quant),
        "settings": rows.settings_out(origin.settings),
        "acts": rows.acts_out(origin.acts),
        "summary": rows.summary_out(made.summary),
        **_texts(made.reply),
    }
    done = connection.execute(
        f"INSERT INTO replies ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608  (our own names)
        tuple(values.values()),
    )
    return int(done.lastrowid or 0)


def _texts(reply: Reply) -> dict[str, object]:
    return {
        "thought": rows.pack(reply.thought),
        "answer": rows.pack(reply.answer),
        "answer_length": len(reply.answer),
        "final": None if reply.final is None else rows.safe(reply.final),
        "error": None if reply.error is None else rows.safe(reply.error),
        "injected": rows.injected_out(reply.injected),
        "receipt": rows.receipt_out(reply.receipt),
    }


def write_part(
    connection: sqlite3.Connection, name: str, kind: str, text: str, tokens: int
) -> None:
    """Appends a part to the reply that is being written."""
    connection.execute(
        "INSERT INTO parts (reply, kind, text, tokens) "
        "SELECT key, ?, ?, ? FROM replies WHERE id = ?",
        (kind, rows.pack(text), tokens, name),
    )


def write_acts(connection: sqlite3.Connection, name: str, acts: Sequence[Act]) -> None:
    """Saves what the user has done so far."""
    connection.execute(
        "UPDATE replies SET acts = ? WHERE id = ?", (rows.acts_out(tuple(acts)), name)
    )


def finish(connection: sqlite3.Connection, asked: Asked, reply: Reply) -> None:
    """Saves a whole reply in the place of its parts."""
    key = _reply(connection, asked.node)
    if key is None:
        # The file is another one by now.
        key = begin(connection, asked)
    _replace(connection, key, reply, "done")
    connection.execute(
        "UPDATE conversations SET updated = ? WHERE id = ?", (time.time(), asked.conversation)
    )


def _replace(connection: sqlite3.Connection, key: Key, reply: Reply, status: str) -> None:
    index.forget(connection, key)
    values = {"status": status, **_texts(reply)}
    connection.execute(
        f"UPDATE replies SET {', '.join(f'{name} = ?' for name in values)} WHERE key = ?",  # noqa: S608  (our own names)
        (*values.values(), key),
    )
    connection.execute("DELETE FROM parts WHERE reply = ?", (key,))


def settle(connection: sqlite3.Connection) -> None:
    """Puts together what was being written when a process died.

    One that is alive still, in another r1chat, loses nothing by it: what it writes later comes
    after this, and its end replaces it all.
    """
    for row in connection.execute("SELECT * FROM replies WHERE status = 'streaming'").fetchall():
        parts = connection.execute(
            "SELECT * FROM parts WHERE reply = ? ORDER BY key", (row["key"],)
        )
        _replace(connection, row["key"], reply_of(row, parts.fetchall()), "interrupted")


# -- conversations --


def rename(connection: sqlite3.Connection, name: str, title: str, source: TitleSource) -> None:
    """Gives a conversation a title; a model's never takes the place of the user's."""
    connection.execute(
        "UPDATE conversations SET title = ?, title_source = ?, once = once AND ? <> 'user' "
        "WHERE id = ? AND (? = 'user' OR title_source <> 'user')",
        (rows.safe(title), source, source, name, source),
    )


def pin(connection: sqlite3.Connection, name: str, *, pinned: bool) -> None:
    """Pins a conversation to the top of the list, or not."""
    connection.execute(
        "UPDATE conversations SET pinned = ?, once = once AND NOT ? WHERE id = ?",
        (pinned, pinned, name),
    )


def tag(connection: sqlite3.Connection, name: str, packed: str) -> None:
    """Gives a conversation tags, in the form of `tags.packed`, in the place of those it has.

    What is sorted like this is no single question any more.
    """
    connection.execute(
        "UPDATE conversations SET tags = ?, once = once AND ? = '' WHERE id = ?",
        (packed, packed, name),
    )


def delete(connection: sqlite3.Connection, name: str, when: float | None) -> None:
    """Hides a conversation; with None it is shown again."""
    connection.execute("UPDATE conversations SET deleted_at = ? WHERE id = ?", (when, name))


def purge(connection: sqlite3.Connection, keys: Sequence[Key]) -> None:
    """Takes conversations out of the file."""
    if not keys:
        return
    for key in keys:
        replies = connection.execute(
            "SELECT replies.key FROM replies JOIN turns ON turns.key = turn WHERE conversation = ?",
            (key,),
        )
        for (reply,) in replies.fetchall():
            index.forget(connection, reply)
        connection.execute("DELETE FROM conversations WHERE key = ?", (key,))
    _drop_loose_texts(connection)


def purge_deleted(connection: sqlite3.Connection, before: float) -> list[str]:
    """Takes out what was deleted before a time.

    Returns:
        The ids of the conversations.
    """
    found = connection.execute("SELECT key, id FROM conversations WHERE deleted_at < ?", (before,))
    several = found.fetchall()
    purge(connection, [key for key, _ in several])
    return [str(name) for _, name in several]


def purge_one(connection: sqlite3.Connection, name: str) -> None:
    """Purges one conversation."""
    found = connection.execute("SELECT key FROM conversations WHERE id = ?", (name,))
    purge(connection, [key for (key,) in found.fetchall()])


def _drop_loose_texts(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM texts WHERE key NOT IN (SELECT text FROM attachments)")


def remember(
    connection: sqlite3.Connection, name: str, model: str | None, budget: str | None
) -> None:
    """Saves the model and budget with which to continue a conversation."""
    connection.execute(
        "UPDATE conversations SET model = coalesce(?, model), budget = coalesce(?, budget) "
        "WHERE id = ?",
        (None if model is None else rows.safe(model), budget, name),
    )


# -- the tree --


def choose(connection: sqlite3.Connection, name: str) -> None:
    """Makes the conversation go through a reply."""
    key = _reply(connection, name)
    while key is not None:
        conversation, parent = connection.execute(
            "SELECT conversation, parent FROM turns JOIN replies ON turn = turns.key "
            "WHERE replies.key = ?",
            (key,),
        ).fetchone()
        _choose(connection, conversation, parent, key)
        # Parents are older; in a damaged file they may not be.
        key = parent if parent is not None and parent < key else None


def _choose(
    connection: sqlite3.Connection, conversation: Key, parent: Key | None, key: Key | None
) -> None:
    if parent is None:
        connection.execute("UPDATE conversations SET chosen = ? WHERE key = ?", (key, conversation))
    else:
        connection.execute("UPDATE replies SET chosen = ? WHERE key = ?", (key, parent))


def summarise(connection: sqlite3.Connection, name: str, summary: str | None) -> None:
    """Saves what stands for a reply and all before it in prompts, as `rows.summary_out` has it."""
    connection.execute("UPDATE replies SET summary = ? WHERE id = ?", (summary, name))


def remove(connection: sqlite3.Connection, name: str) -> None:
    """Takes a version away, with all that follows it."""
    key = _reply(connection, name)
    if key is None:
        return
    (conversation,) = connection.execute(
        "SELECT conversation FROM turns JOIN replies ON turn = turns.key WHERE replies.key = ?",
        (key,),
    ).fetchone()
    found = connection.execute(
        "WITH RECURSIVE below (key) AS (SELECT ? UNION SELECT replies.key FROM replies "
        "JOIN turns ON turns.key = replies.turn JOIN below ON turns.parent = below.key) "
        "SELECT key FROM below",
        (key,),
    )
    for (reply,) in found.fetchall():
        index.forget(connection, reply)
        connection.execute("DELETE FROM replies WHERE key = ?", (reply,))
    connection.execute(
        "DELETE FROM turns WHERE conversation = ? "
        "AND NOT EXISTS (SELECT 1 FROM replies WHERE turn = turns.key)",
        (conversation,),
    )
    _drop_loose_texts(connection)


def discard(connection: sqlite3.Connection, asked: Asked) -> None:
    """Forgets a question that could not be put, and its conversation where it was the first."""
    remove(connection, asked.node)
    connection.execute(
        "DELETE FROM conversations WHERE id = ? "
        "AND NOT EXISTS (SELECT 1 FROM turns WHERE conversation = conversations.key)",
        (asked.conversation,),
    )


def insert(connection: sqlite3.Connection, loaded: Loaded) -> None:
    """Saves a whole conversation, which must not be there yet."""
    summary = loaded.summary
    conversation = connection.execute(
        "INSERT INTO conversations (id, created, updated, title, title_source, pinned, model, "
        "budget, settings, system, tags, once) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            loaded.conversation.id,
            summary.created,
            summary.updated,
            rows.safe(summary.title) or UNTITLED,
            summary.title_source,
            summary.pinned,
            rows.safe(summary.model),
            loaded.budget,
            rows.settings_out(loaded.settings),
            None if loaded.system is None else rows.safe(loaded.system),
            tags.packed(summary.tags),
            summary.once,
        ),
    ).lastrowid
    waiting: list[tuple[Node, Key | None]] = [(loaded.conversation.root, None)]
    while waiting:
        node, key = waiting.pop()
        made: list[Key] = []
        for child in node.children:
            if child.turn is None:
                continue
            turn = _turn(connection, int(conversation or 0), key, child.turn)
            made.append(_insert_reply(connection, child.id, turn, child.turn, "done"))
            waiting.append((child, made[-1]))
        if made and node.chosen < len(made):
            _choose(connection, int(conversation or 0), key, made[node.chosen])


def _reply(connection: sqlite3.Connection, name: str) -> Key | None:
    found = connection.execute("SELECT key FROM replies WHERE id = ?", (name,)).fetchone()
    return None if found is None else int(found[0])
