"""How far a download is, and how fast."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "downloading", "waiting", "following", "checking", "paused", "done"]

EVERY_S = 0.1
"""Between two reports, unless something else than a number changed."""
_WINDOW_S = 8.0
_SHORTEST_S = 0.5
_MOVING = frozenset({"downloading", "waiting", "following"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is, over all of its files."""

    state: State
    done: int
    """Bytes that are here."""
    total: int
    """Bytes."""
    rate: float | None
    """Bytes a second, of late."""
    left_s: float | None
    """Seconds, if it goes on so."""
    wait_s: float | None = None
    """Seconds until the next try, in state "waiting"."""
    note: str = ""
    """Why it is so; one line, fit for a terminal."""


class Meter:
    """Measures how fast a number has grown over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def clear(self) -> None:
        """Forgets what it saw."""
        self._seen.clear()

    def rate(self, now: float, value: int) -> float | None:
        """Takes the number as it is now and returns its growth a second, once that is known."""
        if self._seen and value < self._seen[-1][1]:
            self.clear()
        self._seen.append((now, value))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW_S:  # noqa: PLR2004
            self._seen.popleft()
        since, first = self._seen[0]
        return (value - first) / (now - since) if now - since >= _SHORTEST_S else None


class Reporter:
    """Tells how far a download is, not more often than anybody can read.

    Args:
        total: Bytes of all files.
        tell: Whom to tell.
    """

    def __init__(self, total: int, tell: Callable[[Progress], None] | None) -> None:
        self.total = total
        self.before = 0
        """Bytes of the files that are finished."""
        self._tell = tell
        self._meter = Meter()
        self._last: tuple[State, str] | None = None
        self._next = 0.0

    def __call__(
        self, state: State, done: int = 0, *, wait_s: float | None = None, note: str = ""
    ) -> None:
        """Tells it if it is time to.

        Args:
            state: What goes on.
            done: Bytes of this file that are here.
            wait_s: Seconds until the next try.
            note: Why it is so.
        """
        now = time.monotonic()
        if (state, note) == self._last and now < self._next:
            return
        if state not in _MOVING:
            self._meter.clear()
        self._last = (state, note)
        self._next = now + EVERY_S
        done = min(self.before + done, self.total)
        rate = self._meter.rate(now, done) if state in _MOVING else None
        left = (self.total - done) / rate if rate else None
        if self._tell is not None:
            self._tell(Progress(state, done, self.total, rate, left, wait_s, note))
