"""Chooses the number of threads for single tokens by measuring while they are computed."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from r1chat.resources import FreeCores, default_threads, usable_cores

__all__ = ["Pace", "default_threads", "usable_cores"]

_WINDOW = 8
"""Tokens that are looked at together."""
_TRIAL = 3
"""Tokens that another number of threads is tried for; the first, which wakes them, not counted."""
_BETTER = 0.97
"""By how much a trial has to be faster."""
_SLOWER = 1.5
"""By how much tokens become dearer, of late, where fewer threads are tried: a full context makes
them dearer by and by."""
_STALLED = 3.0
"""By how much a single token is dearer where another program has one of the cores: the threads wait
for each other after every node of the graph, so that the slowest one holds up all."""
_RECENT = 4
_FIRST_WAIT, _STALL_WAIT, _LONGEST_WAIT = 4, 256, 1024
"""Tokens before another number is tried; four times as many after each trial in vain."""
_FREE = 0.7
"""Of a core, which has to be free before a thread more is tried on it."""
_SPAN_S = 0.1
"""Seconds that have to be looked at to tell: cores' times are counted in hundredths."""


class Pace:
    """Finds the number of threads that writes tokens fastest, and follows what else runs.

    It begins with some, tries one more where a core is free, at the first token already, and one
    less where tokens have become dearer. A token that stalls takes a thread away at once. What is
    best so is kept as long as the model is loaded.

    Args:
        threads: Threads to begin with.
        most: Threads that may be used at most; as many as to begin with by default.
        free: Says how many cores no other program has used since it was last asked; None where
            nobody knows.
    """

    def __init__(
        self,
        threads: int,
        most: int | None = None,
        free: Callable[[], float | None] | None = None,
    ) -> None:
        self.threads = threads
        self._most = max(threads, most or threads)
        self._free = free if free is not None else FreeCores()
        self._window: list[float] = []
        self._recent: list[float] = []
        self._back_to: tuple[int, float] | None = None
        """While another number is tried: the one before, and the seconds of its tokens."""
        self._woken = False
        """Whether the first token behind a change was seen, which is dearer than others."""
        self._wait = _FIRST_WAIT
        self._since = 0
        self._span = 0.0
        """Seconds since it was last asked which cores are free."""
        self._is_first = True
        self._free()

    def observe(self, seconds: float) -> bool:
        """Records the time of one token.

        Returns:
            Whether the number of threads has changed.
        """
        self._since += 1
        self._span += seconds
        if self._stalls(seconds):
            return self._step_down()
        if self._is_first:
            # What was free while the prompt was read tells whether to begin with one more.
            self._is_first = False
            free = self._free()
            if free is not None and self._has_room(free):
                return self._try(self.threads + 1, seconds)
        if not self._woken:
            self._woken = True
            return False
        self._window.append(seconds)
        if self._back_to is not None:
            return len(self._window) >= _TRIAL and self._judge(*self._back_to)
        if len(self._window) < min(_WINDOW, self._wait):
            return False
        self._recent = [*self._recent[1 - _RECENT :], median(self._window)]
        self._window.clear()
        return self._consider()

    def _stalls(self, seconds: float) -> bool:
        if self._back_to is not None:
            before = self._back_to[1]
            return self.threads > self._back_to[0] and seconds > _STALLED * before
        usual = min(self._recent, default=None)
        return self.threads > 1 and usual is not None and seconds > _STALLED * usual

    def _step_down(self) -> bool:
        """Takes a thread away at once."""
        self._wait = max(self._wait, _STALL_WAIT)
        return self._set(self.threads - 1)

    def _judge(self, before: int, seconds: float) -> bool:
        """Ends a trial: keeps what is faster."""
        found = median(self._window)
        self._window.clear()
        if found <= _BETTER * seconds:
            self._back_to, self._recent = None, [found]
            self._wait, self._since = _FIRST_WAIT, 0
            return False
        self._wait_longer()
        self._set(before)
        self._recent = [seconds]
        return True

    def _consider(self) -> bool:
        """Tries another number of threads where there is reason to."""
        typical = self._recent[-1]
        if self.threads > 1 and typical > _SLOWER * min(self._recent):
            return self._try(self.threads - 1, typical)
        if self.threads < self._most and self._since >= self._wait and self._span >= _SPAN_S:
            free, self._span = self._free(), 0.0
            if free is None or self._has_room(free):
                return self._try(self.threads + 1, typical)
            self._since = 0
        return False

    def _has_room(self, free: float) -> bool:
        """Whether cores are free for a thread more."""
        return self.threads < self._most and free >= self.threads + _FREE

    def _try(self, threads: int, typical: float) -> bool:
        before = self.threads, typical
        self._set(threads)
        self._back_to = before
        return True

    def _wait_longer(self) -> None:
        self._wait = min(4 * self._wait, _LONGEST_WAIT)

    def _set(self, threads: int) -> bool:
        self.threads = max(1, threads)
        self._back_to = None
        self._window.clear()
        self._recent.clear()
        self._since = 0
        self._woken = False
        return True
