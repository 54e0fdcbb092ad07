"""What the tests of the history share."""

from __future__ import annotations

from r1chat.conversation import Conversation, Origin, Turn, new_id
from r1chat.engine.base import Request
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.events import Receipt, Reply
from r1chat.recording import Asked
from r1chat.session import Session

SCRIPT = ("Let", " me", " see", ".", "</think>", "It", " is", " 42", ".")


def session(store, *scripts, conversation=None, **options):
    """A session that plays scripts and is saved."""
    engine = FakeEngine(*(scripts or (SCRIPT,)))
    return Session(engine, recorder=store, conversation=conversation, **options)


def ask(session, question="What is 6 * 7?", **options):
    """Asks, and returns the node."""
    list(session.ask(question, **options))
    return session.conversation.last()


def asked(question="Well?", *, conversation=None, node=None, parent=None, so_far=None):
    """A question, without a session."""
    reply = so_far or Reply("", "", Receipt(ended_by="cancelled"))
    turn = Turn(question, reply, origin=Origin(created=1.0, model="fake"))
    return Asked(
        conversation=conversation or Conversation().id,
        node=node or new_id(),
        parent=parent,
        turn=turn,
        request=Request(()),
        model=INFO,
    )


def tree(node):
    """A tree as plain values: what was said, and which way is chosen."""
    return [
        (child.id, said(child.turn), index == node.chosen, tree(child))
        for index, child in enumerate(node.children)
    ]


def said(turn):
    """What is the same after saving and loading: all but token ids."""
    reply = turn.reply
    return (
        turn.question,
        turn.attachments,
        turn.raw,
        turn.origin,
        (reply.thought, reply.answer, reply.receipt, reply.final, reply.injected, reply.error),
        turn.summary,
    )


def settle(store):
    """Waits until all is written and the search knows of it."""
    assert store.flush(10)
    while not store.indexed:
        assert store.flush(10)
