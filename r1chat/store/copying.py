"""Duplicates conversations."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Container
from dataclasses import replace

from r1chat.conversation import Conversation, Node, new_id
from r1chat.store import reading, saving


def duplicate(connection: sqlite3.Connection, name: str, end: str | None, copy: str) -> None:
    """Saves a copy of a conversation, if it is there.

    Args:
        connection: In a transaction of the writer's.
        name: The conversation's id.
        end: The id of the node with which the copy ends; None copies the whole tree.
        copy: The id of the copy.
    """
    loaded = reading.load(connection, name)
    if loaded is None:
        return
    tree = loaded.conversation
    if end is not None:
        last = next((node for node in tree.nodes() if node.id == end), None)
        if last is None:
            return
        tree = _way_to(last)
    made = copied(tree, {node.id for node in tree.nodes()})
    made.id = copy
    now = time.time()
    summary = replace(loaded.summary, created=now, updated=now, pinned=False, once=False)
    saving.insert(connection, replace(loaded, summary=summary, conversation=made))


def copied(conversation: Conversation, taken: Container[str]) -> Conversation:
    """The same tree; ids that are taken are replaced by new ones."""

    def name(old: str) -> str:
        return new_id() if old in taken else old

    copy = Conversation(name(conversation.id))
    waiting = [(conversation.root, copy.root)]
    while waiting:
        node, made = waiting.pop()
        waiting += [
            (child, copy.add(child.turn, made, name(child.id)))
            for child in node.children
            if child.turn is not None
        ]
        made.chosen = node.chosen
    return copy


def _way_to(end: Node) -> Conversation:
    """The conversation that ends with a node, without what branches off."""
    path: list[Node] = []
    node: Node | None = end
    while node is not None:
        path.append(node)
        node = node.parent
    conversation = Conversation()
    last = conversation.root
    for each in reversed(path):
        if each.turn is not None:
            last = conversation.add(each.turn, last, each.id)
    return conversation
