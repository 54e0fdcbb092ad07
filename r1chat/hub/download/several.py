"""Chooses how many connections to use."""

from __future__ import annotations

import itertools

MOST = 4
WORTH_IT = 1.25
"""By how much another one has to speed the whole up."""
WORTH_TRYING = 64 << 20
"""Bytes left, below which it is not tried."""
SETTLE_S = 2.0
MEASURE_S = 4.0
_STEADY = 0.25


class Several:
    """Finds out how many connections are worth it, by trying one more at a time.

    It knows no clock: it is told the time.
    """

    def __init__(self) -> None:
        self.wanted = 1
        """How many to have."""
        self._settled = False
        self._rate = 0.0
        self._begin: float | None = None
        self._marks: list[tuple[float, int]] = []

    def look(self, now: float, done: int, left: int) -> None:
        """Takes how far it is.

        Args:
            now: Seconds, of any clock that only goes on.
            done: Bytes that are here.
            left: Bytes that are not.
        """
        if self._settled:
            return
        if self._begin is None:
            self._begin, self._marks = now + SETTLE_S, []
        # Three looks, so that the two halves between them can be compared.
        if now >= self._begin + len(self._marks) * MEASURE_S / 2:
            self._marks.append((now, done))
        if len(self._marks) == 3:  # noqa: PLR2004
            self._begin = None
            self._decide(left)

    def broke(self) -> None:
        """Takes that a transfer broke off: what was measured so far is worth nothing."""
        self._begin = None

    def _decide(self, left: int) -> None:
        early, late = (
            (done - before) / (now - then)
            for (then, before), (now, done) in itertools.pairwise(self._marks)
        )
        rate = (early + late) / 2
        if abs(late - early) > _STEADY * rate:
            return
        if self.wanted > 1 and rate < WORTH_IT * self._rate:
            self.wanted -= 1
            self._settled = True
            return
        self._rate = rate
        # The trial has to pay in the time that is left.
        worth = left > WORTH_TRYING and left > rate * (SETTLE_S + MEASURE_S) * 2
        if self.wanted < MOST and worth:
            self.wanted += 1
        else:
            self._settled = True
