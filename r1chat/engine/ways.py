"""Picks the fastest of several equivalent ways by trying them in production."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Generic, TypeVar

T = TypeVar("T")

_TRIES = 4
_HOPELESS = 2.0
_ROUND = 100
_LONGEST_ROUND = 1600


class Ways(Generic[T]):
    """Tries each way a few times, takes the fastest, and tries all again after a while.

    A way that is hopeless is broken off at once: two threads where another program has the second
    core can take ten times as long as one. Rounds that end as the one before become longer.

    Args:
        ways: In the order in which they are tried.
    """

    def __init__(self, ways: Sequence[T]) -> None:
        self._ways = list(ways)
        self._round = _ROUND
        self._best = 0
        self._begin()

    def _begin(self) -> None:
        self._found: list[float] = []
        self._times: list[float] = []
        self._left = 0

    @property
    def way(self) -> T:
        """How to do it now."""
        return self._ways[self._best if self._left else len(self._found)]

    def took(self, seconds: float) -> None:
        """Records the time of a unit of work."""
        if self._left:
            self._left -= 1
            if not self._left:
                self._begin()
            return
        self._times.append(seconds)
        hopeless = self._found and seconds > _HOPELESS * min(self._found)
        if not hopeless and len(self._times) < _TRIES:
            return
        self._found.append(seconds if hopeless else median(self._times))
        self._times = []
        if len(self._found) == len(self._ways):
            self._decide()

    def _decide(self) -> None:
        best = self._found.index(min(self._found))
        same = best == self._best
        self._round = min(2 * self._round, _LONGEST_ROUND) if same else _ROUND
        self._best, self._left = best, self._round
