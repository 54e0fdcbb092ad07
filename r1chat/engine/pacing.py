"""Slows generation to a reading pace."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from r1chat.reasoning.control import Control

NAP_S = 0.05
"""A stop is not waited for longer than this, however slow the pace."""


class ReadingPace:
    """Waits between the tokens as long as a control's pace asks for.

    Args:
        control: Says the pace, and may change it at any time.
        clock: Seconds, monotonic.
    """

    def __init__(self, control: Control, clock: Callable[[], float]) -> None:
        self._control = control
        self._clock = clock
        self._due = -math.inf

    def keep(self) -> None:
        """Waits until the next token may come, or the reply is stopped."""
        pace = self._control.pace
        if pace is None:
            return
        now = self._clock()
        self._due = max(self._due + 1 / pace, now)
        while now < self._due and not self._control.cancelled:
            time.sleep(min(self._due - now, NAP_S))
            now = self._clock()
