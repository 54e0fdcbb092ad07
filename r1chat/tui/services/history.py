"""The history as the app has it: opened behind the first frame, and never waited for there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat.errors import R1ChatError

if TYPE_CHECKING:
    # All of this is imported where the history is opened: the first frame needs none of it.
    from r1chat.recording import Asked, LateRecorder, Recording
    from r1chat.store import Store

_OPENS_S = 5.0
"""How long what is to be read waits for the history to be opened."""
_TOO_SLOW = "not saved: the history could not be opened in time"
_CLOSES_S = 3.0
"""How long the end waits for what is still to be written."""


class History:
    """Keeps conversations for an app; a `r1chat.recording.Recorder`.

    Args:
        clock: Seconds since 1970, for what is said of dates.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._store: Store | None = None
        self._opened = threading.Event()
        self._late: LateRecorder | None = None
        self._closed = False
        self._notices: list[str] = []
        self.safe = True
        """Whether all that was to be kept is kept somewhere, once it is closed."""

    # -- from threads: these wait --

    def open(self, *, saves: bool) -> None:
        """Opens the history, once.

        Args:
            saves: Whether it is to last; else it ends with the app.
        """
        from r1chat.store import Store

        self._store = Store.open() if saves else Store.in_memory()
        self._opened.set()
        if self._closed:
            self._store.close()

    @property
    def store(self) -> Store:
        """The history itself.

        Raises:
            R1ChatError: If it cannot be had.
        """
        self._opened.wait(_OPENS_S)
        if self._store is None:
            message = "the history is still being opened; try again"
            raise R1ChatError(message)
        return self._store

    def begin(self, asked: Asked) -> Recording:
        """Saves a question, as soon as the history is open, and begins to save its reply."""
        if self._late is None and self._store is not None:
            return self._store.begin(asked)
        # What was asked before it was open comes before what is asked now.
        from r1chat.recording import LateRecorder

        self._late = self._late or LateRecorder(self._waited_for)
        return self._late.begin(asked)

    def _waited_for(self) -> Store:
        self._opened.wait()
        return self.store

    def close(self) -> None:
        """Writes what is left; what cannot be written is told."""
        if self._closed:
            return
        self._closed = True
        if self._late is not None:
            self._late.join()
        if self._store is not None:
            self.safe = self._store.close(_CLOSES_S) or not self._store.lost
        elif self._late is not None:
            self.safe = False
            self._notices.append(_TOO_SLOW)

    # -- from anywhere: these return at once --

    @property
    def saves(self) -> bool:
        """Whether conversations last, as far as is known now."""
        return self._store is None or (self._store.saves and not self._store.failing)

    def take_notices(self) -> list[str]:
        """What the user should know, each line once."""
        notices, self._notices = self._notices, []
        return notices if self._store is None else [*self._store.take_notices(), *notices]

    def choose(self, node: str) -> None:
        """Makes a conversation go through a node."""
        if self._store is not None:
            self._store.choose(node)

    def remove(self, node: str) -> None:
        """Takes a version away."""
        if self._store is not None:
            self._store.remove(node)
