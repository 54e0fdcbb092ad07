"""The controls of a download that runs: pause and cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from r1chat.errors import DownloadCancelled

_T = TypeVar("_T")


class Paused(Exception):  # noqa: N818  (a state the user asked for, not an error)
    """The download was asked to pause; it lets go of everything until it is resumed."""


class Control:
    """Steers one download from other threads; whatever waits in it wakes up at once."""

    def __init__(self) -> None:
        self._cancelled = False
        self._paused = False
        self._event = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop for good."""
        return self._cancelled

    @property
    def paused(self) -> bool:
        """Whether it was asked to pause."""
        return self._paused

    def cancel(self) -> None:
        """Stops the download; what it fetched is kept."""
        self._cancelled = True
        self.wake()

    def pause(self) -> None:
        """Stops the download until `resume`; others may fetch the file meanwhile."""
        self._paused = True
        self.wake()

    def resume(self) -> None:
        """Resumes after `pause`."""
        self._paused = False
        self.wake()

    def wake(self) -> None:
        """Ends a `wait`. For the download's own threads."""
        self._event.set()

    def wait(self, seconds: float | None = None) -> None:
        """Waits until something happened, at most so long. For the download itself."""
        self._event.wait(seconds)
        self._event.clear()

    def check(self) -> None:
        """Looks what the user wants. For the download itself.

        Raises:
            DownloadCancelled: If it is to stop.
            Paused: If it is to pause.
        """
        if self._cancelled:
            msg = "the download was stopped; the next one resumes from here"
            raise DownloadCancelled(msg)
        if self._paused:
            raise Paused

    def call(self, work: Callable[[], _T]) -> _T:
        """Runs slow work in another thread, so that cancelling need not wait for it.

        Raises:
            DownloadCancelled, Paused: As `check`; the work is left to itself then.
            Exception: Whatever `work` raises.
        """
        results: list[_T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as error:  # noqa: BLE001  (it is raised below)
                errors.append(error)
            self.wake()

        threading.Thread(target=run, name="r1chat-hub-call", daemon=True).start()
        while not results and not errors:
            self.check()
            self.wait()
        if errors:
            raise errors[0]
        return results[0]
