"""Queues replies for servers that would break one off for the next."""

from __future__ import annotations

import threading
from collections.abc import Callable

from r1chat.engine.remote.link import LOOK_S
from r1chat.errors import EngineError

_guard = threading.Lock()
_turns: dict[str, Turn] = {}


class Turn:
    """The turn on one server, for all engines of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0

    def take(self, *, wants_stop: Callable[[], bool]) -> bool:
        """Waits for the turn.

        Args:
            wants_stop: Says whether nobody waits for it any more.

        Returns:
            Whether it has come.

        Raises:
            EngineError: If the same thread has it, which would wait for itself.
        """
        while not self._lock.acquire(timeout=LOOK_S):
            if self._thread == threading.get_ident():
                msg = "this server writes one reply at a time: read the other one to its end first"
                raise EngineError(msg)
            if wants_stop():
                return False
        self._thread = threading.get_ident()
        return True

    @property
    def is_taken(self) -> bool:
        """Whether somebody has it."""
        return self._lock.locked()

    def end(self) -> None:
        """Hands the turn on."""
        self._thread = 0
        self._lock.release()


def turn_on(url: str) -> Turn:
    """The turn on the server at an address."""
    with _guard:
        return _turns.setdefault(url, Turn())
