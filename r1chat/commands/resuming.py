"""Continues a reply that was stopped, or that a crash broke off: `r1chat ask --resume`."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from r1chat.conversation import Conversation
from r1chat.engine.base import Continuation, Engine
from r1chat.errors import UsageError
from r1chat.events import Event
from r1chat.history import History
from r1chat.reasoning.budget import Think
from r1chat.reasoning.control import Control
from r1chat.sanitize import line
from r1chat.session import Session


class Resumed:
    """The last reply of a conversation.

    Args:
        conversation: The conversation.

    Raises:
        UsageError: If that reply has ended by itself.
    """

    def __init__(self, conversation: Conversation) -> None:
        node = conversation.last()
        if node.turn is None or node.turn.raw or not node.turn.reply.stopped:
            message = "--resume: the last reply of this conversation was not broken off"
            raise UsageError(message)
        self._node, self.turn = node, node.turn

    def ask(
        self,
        session: Session,
        engine: Engine,
        question: str,
        *,
        control: Control,
        think: Think,
        **others: Any,  # noqa: ANN401  (as `Session.ask` has them)
    ) -> Generator[Event, None, None]:
        """Has it continued as another version, which tells of what is new alone.

        Raises:
            UsageError: Says why it cannot be.
        """
        origin, info = self.turn.origin, engine.info
        if origin is not None and origin.model != info.ref:
            message = f"--resume: {line(origin.model)} wrote the reply, and only it can continue it"
            raise UsageError(message)
        if why := info.steering_with(think).go_on:
            message = f"--resume: this model cannot continue a reply: {why}"
            raise UsageError(message)
        resume = Continuation(self.turn.reply)
        control.budget = resume.allowance(control.budget)
        return session.ask(
            question,
            control=control,
            parent=self._node.parent,
            resume=resume,
            think=think,
            **others,
        )

    def replace(self, history: History) -> None:
        """Drops the version that was broken off, once there is the other one."""
        history.remove(self._node.id)
