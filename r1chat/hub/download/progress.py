"""The progress of a download, and its speed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from r1chat.formatting import format_bytes, format_rate, format_remaining
from r1chat.sanitize import line

State = Literal["starting", "downloading", "waiting", "following", "checking", "paused", "done"]

EVERY_S = 0.1
"""Between two reports, unless something else than a number changed."""
_WINDOW_S = 8.0
_SHORTEST_S = 0.5
_WORDS: dict[State, str] = {
    "starting": "asking the Hub",
    "waiting": "trying again in {wait}",
    "following": "another r1chat downloads it",
    "checking": "checking",
    "paused": "paused",
}
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

    @property
    def share(self) -> float:
        """How much of it is here, 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def percent(self) -> str:
        """The same for people; never 100 % before it is whole."""
        return f"{min(99, int(self.share * 100))} %"

    @property
    def words(self) -> str:
        """How far it is and what goes on: "1.97 of 4.68 GB · 12.4 MB/s · 2 min 5 s left"."""
        done, total = format_bytes(self.done), format_bytes(self.total)
        number, _, unit = done.partition(" ")
        parts = [f"{number if total.endswith(unit) else done} of {total}"]
        if self.state in _WORDS:
            wait = "…" if self.wait_s is None else format_remaining(self.wait_s)
            parts.append(_WORDS[self.state].format(wait=wait))
        elif self.rate:
            parts.append(format_rate(self.rate))
            if self.left_s is not None:
                parts.append(f"{format_remaining(self.left_s)} left")
        if self.note and self.state != "following":
            parts.append(line(self.note, 120))
        return " · ".join(parts)


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
