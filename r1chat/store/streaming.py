"""Saves a reply while it is written."""

from __future__ import annotations

from collections.abc import Callable

from r1chat.conversation import Act
from r1chat.events import Event, Reply
from r1chat.recording import Asked
from r1chat.store import saving
from r1chat.store.alive import Alive
from r1chat.store.aside import Call
from r1chat.store.replies import part_of
from r1chat.store.writer import Job, Piece


class StoredRecording:
    """A `r1chat.recording.Recording` in the history.

    Args:
        asked: The question.
        put: Hands jobs to the writer.
        alive: Tells other processes that the reply is being written.
    """

    def __init__(self, asked: Asked, put: Callable[[Job | Piece], None], alive: Alive) -> None:
        self._asked = asked
        self._put = put
        self._alive = alive
        self._acts = list(asked.turn.origin.acts) if asked.turn.origin else []
        self._begun = Job(Call(saving.begin, {"asked": asked}))
        self._over = False
        put(Job(lambda _: alive.begin(asked.node), urgent=False, writes=False))
        put(self._begun)

    @property
    def id(self) -> str:
        """The node's id."""
        return self._asked.node

    def acknowledged(self, timeout: float | None = None) -> bool:
        """Waits until the question is safe, at most so many seconds."""
        return self._begun.done.wait(timeout)

    def take(self, event: Event) -> None:
        """Saves what an event brings; a `Reply` ends the recording."""
        if self._over:
            return
        if isinstance(event, Reply):
            self._put(Job(Call(saving.finish, {"asked": self._asked, "reply": event})))
            self._end()
            return
        part = part_of(event)
        if part is not None:
            self._put(Piece(self.id, *part))

    def act(self, act: Act) -> None:
        """Saves what the user did."""
        self._acts.append(act)
        acts = tuple(self._acts)
        self._put(Job(Call(saving.write_acts, {"name": self.id, "acts": acts}), urgent=False))

    def choose(self) -> None:
        """Makes the conversation go through this reply, not through one begun later."""
        self._put(Job(Call(saving.choose, {"name": self.id})))

    def discard(self) -> None:
        """Forgets the question: it could not be put to the model."""
        self._put(Job(Call(saving.discard, {"asked": self._asked})))
        self._end()

    def _end(self) -> None:
        self._over = True
        self._put(Job(lambda _: self._alive.end(self.id), urgent=False, writes=False))
