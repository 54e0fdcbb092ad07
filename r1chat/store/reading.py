"""The queries: lists of conversations, and a conversation as a tree."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Container, Iterator

from r1chat import tags
from r1chat.attachments import Attachment
from r1chat.conversation import Conversation, Node, Turn
from r1chat.events import Receipt
from r1chat.store import rows
from r1chat.store.replies import reply_of
from r1chat.store.values import ALL, Figures, Filter, Loaded, Summary, TitleSource

_SUMMARY = """
SELECT *, (SELECT count(*) FROM turns WHERE conversation = conversations.key) AS turns
FROM conversations
"""
_SOURCES: dict[object, TitleSource] = {"question": "question", "model": "model", "user": "user"}
_LONGEST_TITLE = 200


def summaries(
    connection: sqlite3.Connection, *, limit: int, offset: int, deleted: bool, only: Filter = ALL
) -> list[Summary]:
    """A page of the list: pinned ones first, then by their last change, the newest first."""
    which = "IS NOT NULL" if deleted else "IS NULL"
    more, values = condition(only)
    found = connection.execute(
        f"{_SUMMARY} WHERE deleted_at {which}{more} "
        "ORDER BY pinned DESC, updated DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [_summary(row) for row in found]


def condition(only: Filter) -> tuple[str, list[object]]:
    """What a filter means of a row of conversations: to stand behind another, and its values."""
    parts = [" AND instr(conversations.tags, ?)"] * len(only.tags)
    values: list[object] = [tags.sought(each) for each in only.tags]
    if values and only.begun:
        values[-1] = tags.sought(only.tags[-1], begun=True)
    if only.once is not None:
        parts.append(" AND conversations.once = ?")
        values.append(only.once)
    return "".join(parts), values


def known_tags(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """All tags, the most frequent first, and how many conversations have each."""
    found = connection.execute(
        "SELECT tags FROM conversations WHERE tags <> '' AND deleted_at IS NULL"
    )
    counts = Counter(each for (packed,) in found for each in tags.unpacked(packed))
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def count(connection: sqlite3.Connection, only: Filter) -> int:
    """How many conversations are meant, deleted ones left out."""
    more, values = condition(only)
    found = connection.execute(
        f"SELECT count(*) FROM conversations WHERE deleted_at IS NULL{more}",  # noqa: S608  (our own words)
        values,
    )
    return int(found.fetchone()[0])


def starting_with(connection: sqlite3.Connection, beginning: str, limit: int) -> list[Summary]:
    """Conversations whose id begins so, deleted ones left out."""
    found = connection.execute(
        f"{_SUMMARY} WHERE substr(id, 1, ?) = ? AND deleted_at IS NULL LIMIT ?",
        (len(beginning), beginning, limit),
    )
    return [_summary(row) for row in found]


def newest(connection: sqlite3.Connection) -> str | None:
    """The id of the conversation that was changed last."""
    found = connection.execute(
        "SELECT id FROM conversations WHERE deleted_at IS NULL ORDER BY updated DESC LIMIT 1"
    ).fetchone()
    return None if found is None else rows.text(found[0])


def known(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a conversation or a reply has this id."""
    found = connection.execute(
        "SELECT 1 FROM conversations WHERE id = ? UNION SELECT 1 FROM replies WHERE id = ?",
        (name, name),
    )
    return found.fetchone() is not None


def _summary(row: sqlite3.Row) -> Summary:
    deleted = row["deleted_at"]
    return Summary(
        id=rows.text(row["id"]),
        title=rows.text(row["title"], _LONGEST_TITLE),
        created=rows.number(row["created"]),
        updated=rows.number(row["updated"]),
        pinned=bool(row["pinned"]),
        turns=rows.count(row["turns"]),
        model=rows.text(row["model"]),
        title_source=_SOURCES.get(row["title_source"], "question"),
        deleted=None if deleted is None else rows.number(deleted),
        tags=tags.unpacked(row["tags"]),
        once=bool(row["once"]),
    )


def interrupted(connection: sqlite3.Connection, living: Container[str]) -> Summary | None:
    """The conversation whose reply was broken off, if that is the newest reply of all.

    Args:
        connection: The history.
        living: The ids of replies that are being written.
    """
    row = connection.execute(
        "SELECT replies.*, conversation, coalesce(before.chosen, conversations.chosen) AS way "
        "FROM replies JOIN turns ON turns.key = replies.turn "
        "JOIN conversations ON conversations.key = conversation "
        "LEFT JOIN replies AS before ON before.key = turns.parent "
        "WHERE deleted_at IS NULL ORDER BY replies.key DESC LIMIT 1"
    ).fetchone()
    if row is None or row["status"] == "done" or row["id"] in living:
        return None
    if row["way"] not in {None, row["key"]}:
        # It was only to be compared: the conversation goes on with another version.
        return None
    parts = connection.execute("SELECT * FROM parts WHERE reply = ? ORDER BY key", (row["key"],))
    reply = reply_of(row, parts.fetchall())
    if not (reply.thought or reply.answer):
        return None
    found = connection.execute(f"{_SUMMARY} WHERE key = ?", (row["conversation"],)).fetchone()
    return _summary(found)


def load_at_once(connection: sqlite3.Connection, name: str) -> Loaded | None:
    """As `load`; what another process writes meanwhile is seen whole or not at all."""
    connection.execute("BEGIN")
    try:
        return load(connection, name)
    finally:
        connection.execute("COMMIT")


def load(connection: sqlite3.Connection, name: str) -> Loaded | None:
    """A conversation, deleted or not; None where there is none of this id."""
    row = connection.execute(f"{_SUMMARY} WHERE id = ?", (name,)).fetchone()
    if row is None:
        if connection.execute("SELECT 1 FROM conversations WHERE +id = ?", (name,)).fetchone():
            # The plus keeps SQLite from its index, which would have to know of it.
            message = "the index of conversations is malformed"
            raise sqlite3.DatabaseError(message)
        return None
    summary = _summary(row)
    conversation = Conversation(summary.id)
    _grow(connection, row, conversation)
    return Loaded(
        summary=summary,
        conversation=conversation,
        system=rows.text_or_none(row["system"]),
        budget=rows.budget(row["budget"]),
        settings=rows.settings_in(row["settings"]),
    )


def _grow(connection: sqlite3.Connection, row: sqlite3.Row, conversation: Conversation) -> None:
    """Adds the turns, the oldest first."""
    attached = _attachments(connection, row["key"])
    parts = _parts(connection, row["key"])
    nodes: dict[int, Node] = {}
    chosen: dict[Node, object] = {conversation.root: row["chosen"]}
    found = connection.execute(
        "SELECT replies.*, question, raw, parent FROM replies JOIN turns ON turns.key = turn "
        "WHERE conversation = ? ORDER BY replies.key",
        (row["key"],),
    )
    for each in found:
        key = each["key"]
        turn = Turn(
            question=rows.unpack(each["question"]),
            reply=reply_of(each, parts.get(key, ())),
            attachments=tuple(attached.get(each["turn"], ())),
            raw=bool(each["raw"]),
            origin=rows.origin_in(each),
            summary=rows.summary_in(each["summary"]),
        )
        # Only what came before can be a parent, so that nothing goes round in a circle; what
        # has lost its parent begins the conversation again.
        parent = nodes.get(each["parent"], conversation.root)
        node = conversation.add(turn, parent, rows.text(each["id"]))
        nodes[key] = node
        chosen[node] = each["chosen"]
    for node, wanted in chosen.items():
        child = nodes.get(wanted) if isinstance(wanted, int) else None
        if child is not None and child in node.children:
            node.chosen = node.children.index(child)


def _attachments(connection: sqlite3.Connection, key: int) -> dict[int, list[Attachment]]:
    found: defaultdict[int, list[Attachment]] = defaultdict(list)
    texts: dict[int, str] = {}
    for each in connection.execute(
        "SELECT attachments.turn, name, texts.key, texts.text FROM attachments "
        "JOIN texts ON texts.key = attachments.text "
        "JOIN turns ON turns.key = attachments.turn WHERE conversation = ? "
        "ORDER BY attachments.turn, position",
        (key,),
    ):
        if each["key"] not in texts:
            texts[each["key"]] = rows.unpack(each["text"])
        found[each["turn"]].append(Attachment(rows.text(each["name"]), texts[each["key"]]))
    return found


def _parts(connection: sqlite3.Connection, key: int) -> dict[int, list[sqlite3.Row]]:
    found: defaultdict[int, list[sqlite3.Row]] = defaultdict(list)
    for each in connection.execute(
        "SELECT parts.* FROM turns JOIN replies ON replies.turn = turns.key "
        "JOIN parts ON parts.reply = replies.key WHERE conversation = ? ORDER BY parts.key",
        (key,),
    ):
        found[each["reply"]].append(each)
    return found


def thoughts(connection: sqlite3.Connection, model: str, most: int) -> list[tuple[str, Receipt]]:
    """The questions that a model has replied to, each with its receipt, the newest first."""
    found = connection.execute(
        "SELECT question, receipt FROM replies JOIN turns ON turns.key = turn "
        "JOIN conversations ON conversations.key = turns.conversation "
        "WHERE status = 'done' AND deleted_at IS NULL AND replies.model = ? "
        "ORDER BY replies.key DESC LIMIT ?",
        (rows.safe(model), most),
    )
    return [(rows.unpack(row["question"]), rows.receipt_in(row["receipt"])) for row in found]


def figures(connection: sqlite3.Connection, since: float = 0.0) -> Iterator[Figures]:
    """What all finished replies cost, the oldest first; those of deleted conversations left out."""
    for row in connection.execute(
        "SELECT conversations.id AS conversation, replies.id, replies.created, replies.model, "
        "arch, quant, replies.settings, acts, receipt, answer_length "
        "FROM replies JOIN turns ON turns.key = turn "
        "JOIN conversations ON conversations.key = turns.conversation "
        "WHERE status <> 'streaming' AND deleted_at IS NULL AND replies.created >= ? "
        "ORDER BY replies.key",
        (since,),
    ):
        yield Figures(
            conversation=rows.text(row["conversation"]),
            node=rows.text(row["id"]),
            origin=rows.origin_in(row),
            receipt=rows.receipt_in(row["receipt"]),
            answer_length=rows.count(row["answer_length"]),
        )
