"""How many threads to use, and when to use fewer."""

from __future__ import annotations

from collections import deque
from statistics import median

from r1chat.resources import default_threads, usable_cores

__all__ = ["Pace", "default_threads", "usable_cores"]

_WINDOW = 16
_SLOWER = 2.5
_RETRY_AFTER = 512
_MEMORY = 32


class Pace:
    """Steps down to fewer threads where others use the cores, and tries again later.

    The threads of a graph wait for each other after every node, so that one whose core is taken
    holds up all. A window whose median is several times the best of late says so; "of late", since
    a token costs more as the context fills.

    Args:
        threads: Threads to begin with; never more than these are used.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._most = threads
        self._recent: deque[float] = deque(maxlen=_MEMORY)
        self._window: list[float] = []
        self._since_change = 0

    def observe(self, seconds: float) -> bool:
        """Takes note of how long one token took.

        Returns:
            Whether the number of threads has changed.
        """
        self._since_change += 1
        self._window.append(seconds)
        if len(self._window) < _WINDOW:
            return False
        typical = median(self._window)
        self._window.clear()
        self._recent.append(typical)
        if typical > min(self._recent) * _SLOWER and self.threads > 1:
            return self._change(self.threads - 1)
        if self.threads < self._most and self._since_change >= _RETRY_AFTER:
            return self._change(self._most)
        return False

    def _change(self, threads: int) -> bool:
        self.threads = threads
        self._since_change = 0
        self._recent.clear()
        return True
