"""Writes states on a thread of its own, so that nobody who makes them waits for a disk."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from r1chat import paths
from r1chat.formatting import format_bytes
from r1chat.states import file
from r1chat.states.file import Damaged, New, Origin, Saved
from r1chat.states.folder import States, touch

log = logging.getLogger(__name__)

_MOST_WAITING = 64 << 20
"""Bytes that wait to be written before whoever makes more has to wait."""


class Writer:
    """Writes the parts of one state after another.

    Args:
        states: Where.
    """

    def __init__(self, states: States) -> None:
        self._states = states
        self._jobs: deque[tuple[int, Callable[[], None]]] = deque()
        self._news = threading.Condition()
        self._waiting = 0
        self._closing = self._busy = False
        self._thread: threading.Thread | None = None
        self._path: Path | None = None
        self._saved: Saved | None = None
        self.seconds = 0.0
        """Spent on writing so far."""
        self.fault: Exception | None = None
        """Why the state that was begun last is written no further: `Damaged` where another process
        has changed its file."""

    @property
    def full(self) -> bool:
        """Whether the disk is behind."""
        return self._waiting > _MOST_WAITING

    def begin(self, path: Path, saved: Saved | None) -> None:
        """Goes over to another state.

        Args:
            path: Its file.
            saved: What is in it; None where there is nothing.
        """
        self.fault = None

        def begin() -> None:
            self._path, self._saved, self.fault = path, saved, None
            if saved is not None:
                touch(path)

        self._put(0, begin)

    def add(self, origin: Origin, keep: int, new: New) -> None:
        """Adds a part; see `r1chat.states.file.write`."""
        self._put(new.size, lambda: self._write(origin, keep, new))

    def wait(self, timeout: float) -> bool:
        """Waits until the disk is not behind; whether that came in time."""
        with self._news:
            return self._news.wait_for(lambda: not self.full, timeout)

    def flush(self, timeout: float) -> bool:
        """Waits until all is written; whether that came in time."""
        with self._news:
            return self._news.wait_for(lambda: not (self._jobs or self._busy), timeout)

    def close(self, timeout: float) -> None:
        """Writes what waits, at most so many seconds."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    def _put(self, size: int, job: Callable[[], None]) -> None:
        with self._news:
            self._jobs.append((size, job))
            self._waiting += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="r1chat-state", daemon=True)
                self._thread.start()
            self._news.notify_all()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._jobs or self._closing)
                if not self._jobs:
                    return
                size, job = self._jobs.popleft()
                self._busy = True
            began = time.perf_counter()
            job()
            with self._news:
                self.seconds += time.perf_counter() - began
                self._waiting -= size
                self._busy = False
                self._news.notify_all()

    def _write(self, origin: Origin, keep: int, new: New) -> None:
        path, before = self._path, self._saved
        if path is None or self.fault is not None:
            return
        kept = before.parts[keep - 1] if before is not None and keep else None
        # Heads are small beside what they stand before.
        length = new.size + (kept.at + kept.length if kept is not None else 0)
        try:
            paths.made(path.parent)
            if self._states.make_room(path, length):
                self._saved = file.write(path, origin, before, keep, new)
            else:
                self.fault = OSError(f"{format_bytes(length)} is more than states may take")
        except (OSError, Damaged) as error:
            self.fault = error
        if self.fault is not None:
            log.info("a state is not saved: %r", self.fault)
