"""A pace that can be read. Pure: it is told the time."""

from __future__ import annotations

from collections import deque

from r1chat.events import AnswerText, Event, ThoughtText

_BURST_S = 0.25
"""How much of a wait may be made up for at once."""
_DEAREST = 8
"""Tokens that one event counts at most: a reply that goes on counts from where it stood."""


class Pace:
    """Holds texts back that come faster than anybody reads; everything keeps its order.

    Args:
        tokens_per_s: Most tokens a second to let through; None holds nothing back.
    """

    def __init__(self, tokens_per_s: float | None = None) -> None:
        self._rate = tokens_per_s
        self._held: deque[tuple[Event, float]] = deque()
        self._counts = {ThoughtText: 0, AnswerText: 0}
        self._credit = 0.0
        self._at: float | None = None
        self.shown = 0.0
        """When the last text that was let through had come."""

    @property
    def empty(self) -> bool:
        """Whether nothing is held back."""
        return not self._held

    def put(self, event: Event, at: float = 0.0) -> None:
        """Takes the next event, which came at a time."""
        self._held.append((event, at))

    def hurry(self) -> None:
        """Holds nothing back any more, of this reply."""
        self._rate = None

    def take(self, now: float) -> list[Event]:
        """Gives what is due; neighbouring texts of a kind come as one.

        Args:
            now: The time in seconds; it never goes back.
        """
        if self._rate is not None:
            since = 0.0 if self._at is None else now - self._at
            self._credit = min(self._credit + since * self._rate, self._rate * _BURST_S)
            if self._at is None:
                # The first word need not wait.
                self._credit = 1.0
        self._at = now
        taken: list[Event] = []
        while self._held and (self._rate is None or self._due(self._held[0][0])):
            event, self.shown = self._held.popleft()
            _append(taken, event)
        return taken

    def _due(self, event: Event) -> bool:
        """Whether there is time for an event; pays for it if so."""
        if not isinstance(event, (ThoughtText, AnswerText)):
            return True
        if self._credit <= 0:
            return False
        kind = type(event)
        self._credit -= min(max(0, event.tokens - self._counts[kind]), _DEAREST)
        self._counts[kind] = event.tokens
        return True


def _append(taken: list[Event], event: Event) -> None:
    last = taken[-1] if taken else None
    if isinstance(event, ThoughtText) and isinstance(last, ThoughtText):
        taken[-1] = ThoughtText(last.text + event.text, event.tokens)
    elif isinstance(event, AnswerText) and isinstance(last, AnswerText):
        taken[-1] = AnswerText(last.text + event.text, event.tokens)
    else:
        taken.append(event)
