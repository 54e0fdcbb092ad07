"""The history as the app has it: opened behind the first frame, and never waited for there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat.errors import R1ChatError

if TYPE_CHECKING:
    # All of this is imported where the history is opened: the first frame needs none of it.
    from r1chat.conversation import Act
    from r1chat.events import Event
    from r1chat.recording import Asked, Recording
    from r1chat.store import Store

log = logging.getLogger(__name__)

_OPENS_S = 5.0
"""How long a question waits for the history to be opened; then it is put without it."""
_CLOSES_S = 1.0
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
        self._closed = False

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
            self._store.close(0)

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
        """Saves a question at once, and begins to save its reply."""
        try:
            return self.store.begin(asked)
        except R1ChatError:
            log.warning("a reply is not saved: the history is not open")
            return _Unsaved()

    def close(self) -> bool:
        """Writes what is left; says whether everything is safe."""
        if self._closed:
            return True
        self._closed = True
        return self._store is None or self._store.close(_CLOSES_S)

    # -- from anywhere: these return at once --

    @property
    def saves(self) -> bool:
        """Whether conversations last, as far as is known now."""
        return self._store is None or (self._store.saves and not self._store.failing)

    def take_notices(self) -> list[str]:
        """What the user should know, each line once."""
        return [] if self._store is None else self._store.take_notices()

    def choose(self, node: str) -> None:
        """Makes a conversation go through a node."""
        if self._store is not None:
            self._store.choose(node)

    def remove(self, node: str) -> None:
        """Takes a version away."""
        if self._store is not None:
            self._store.remove(node)


class _Unsaved:
    """A recording that is none."""

    def take(self, event: Event) -> None:
        pass

    def act(self, act: Act) -> None:
        pass

    def choose(self) -> None:
        pass

    def discard(self) -> None:
        pass
