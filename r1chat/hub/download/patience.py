"""Decides when to retry, and when to give up."""

from __future__ import annotations

import random
import time

from r1chat.errors import NetworkError
from r1chat.formatting import counted
from r1chat.hub.download.faults import Broken

TRIES = 8
"""Failures in a row, without a byte more than ever before, after which it gives up."""
FIRST_S = 0.25
LONGEST_S = 30.0
LONGEST_ASKED_S = 3600.0


class Patience:
    """Backs off from a server that fails, longer each time that no byte came in between."""

    def __init__(self) -> None:
        self.last: Broken | None = None
        """What happened last."""
        self._failures = 0
        self._most = 0
        self._until = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the next try; 0 if it is time."""
        return max(0.0, self._until - time.monotonic())

    def begin(self, done: int) -> None:
        """Takes what is here before anything was tried, in bytes."""
        self._most = max(self._most, done)

    def failed(self, fault: Broken, done: int) -> None:
        """Takes a failure.

        Args:
            fault: What happened.
            done: Bytes that are here.

        Raises:
            NetworkError: If it is time to give up.
        """
        if done > self._most:
            self._most, self._failures = done, 0
        self._failures += 1
        self.last = fault
        if self._failures > TRIES:
            msg = f"{fault.reason}; gave up after {TRIES} tries. The partial download is kept"
            raise NetworkError(msg)
        asked = fault.wait_s or 0.0
        if asked > LONGEST_ASKED_S:
            wait = counted(round(asked / 3600), "hour")
            msg = f"{fault.reason}; it asks to wait {wait}. Try again then"
            raise NetworkError(msg)
        # Jitter: whoever was cut off together should not come back together.
        own = min(LONGEST_S, FIRST_S * 2 ** (self._failures - 1)) * random.uniform(0.5, 1)  # noqa: S311
        self._until = time.monotonic() + max(own, asked * random.uniform(1, 1.02))  # noqa: S311
