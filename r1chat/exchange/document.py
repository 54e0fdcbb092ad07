"""Exports conversations as r1chat's own JSON, with everything that the history has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from r1chat.conversation import Node, Origin
from r1chat.exchange.contents import contents
from r1chat.output import to_json
from r1chat.store import Loaded

KIND = "history"
SCHEMA = 1
"""Grows when a reader of the old form would be misled by the new one."""


def write(conversations: Iterable[Loaded], *, thoughts: bool = True) -> Iterator[str]:
    """Writes conversations as one object, a conversation a line.

    Args:
        conversations: The conversations.
        thoughts: Whether thoughts are kept, with what was put into them.
    """
    yield f'{{"r1chat": "{KIND}", "schema": {SCHEMA}, "conversations": ['
    separator = "\n"
    for loaded in conversations:
        yield separator + to_json(conversation(loaded, thoughts=thoughts))
        separator = ",\n"
    yield "\n]}\n"


def conversation(loaded: Loaded, *, thoughts: bool = True) -> dict[str, Any]:
    """A conversation as plain values."""
    summary = loaded.summary
    return {
        "id": loaded.conversation.id,
        "title": summary.title,
        "title_source": summary.title_source,
        "created": summary.created,
        "updated": summary.updated,
        "pinned": summary.pinned,
        "tags": list(summary.tags),
        "once": summary.once,
        "model": summary.model,
        "budget": loaded.budget,
        "settings": dict(loaded.settings),
        "system": loaded.system,
        "turns": [_turn(node, thoughts=thoughts) for node in _in_order(loaded.conversation.root)],
    }


def _in_order(root: Node) -> Iterator[Node]:
    """All turns: a parent before what follows it, versions in their order."""
    waiting = [*reversed(root.children)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def _turn(node: Node, *, thoughts: bool) -> dict[str, Any]:
    turn, parent = node.turn, node.parent
    # The root alone has neither, and it is no turn.
    assert turn is not None  # noqa: S101
    assert parent is not None  # noqa: S101
    origin = turn.origin or Origin()
    reply = turn.reply
    values = {
        "id": node.id,
        "parent": parent.id if parent.parent is not None else None,
        "chosen": parent.children[parent.chosen] is node,
        "created": origin.created,
        "model": {"ref": origin.model, "arch": origin.arch, "quant": origin.quant},
        "settings": dict(origin.settings),
        "question": turn.question,
        "attachments": [asdict(attachment) for attachment in turn.attachments],
        "raw": turn.raw,
        "thought": reply.thought if thoughts else "",
        "outline": [asdict(entry) for entry in contents(turn, reply.thought)] if thoughts else [],
        "answer": reply.answer,
        "final": reply.final,
        "injected": [asdict(injection) for injection in reply.injected] if thoughts else [],
        "acts": [asdict(act) for act in origin.acts],
        "receipt": asdict(reply.receipt),
    }
    if reply.error is not None:
        values["error"] = reply.error
    if turn.summary is not None:
        values["summary"] = asdict(turn.summary)
    return values
