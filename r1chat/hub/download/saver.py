"""Flushes what was downloaded to disk while more arrives."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from r1chat.hub.download.part import Part

if TYPE_CHECKING:
    from typing_extensions import Self

EVERY_S = 0.3
_PATIENCE_S = 0.1


class Saver:
    """Keeps a part's journal, on its own thread, since a slow disk takes its time.

    The journal vouches for bytes only once the disk has them. So a process that is killed costs
    what came in the last moments, and a machine that crashes costs no more than that.

    Args:
        part: The part.
        wake: Called when something went wrong.
    """

    def __init__(self, part: Part, wake: Callable[[], None]) -> None:
        self._part = part
        self._wake = wake
        self._ending = threading.Event()
        self._abandoned = False
        self._saved = part.ranges
        self._thread = threading.Thread(target=self._run, name="r1chat-hub-save", daemon=True)
        self.error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether everything is safe after `end`, or it failed."""
        return not self._thread.is_alive()

    def end(self) -> None:
        """Makes everything safe for a last time, and then no more."""
        self._ending.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
        # Nobody who cancels waits for a disk. What it has not saved by then is fetched again.
        self._thread.join(_PATIENCE_S)
        self._abandoned = True

    def _run(self) -> None:
        try:
            # Not for appending: Windows flushes only what may be written.
            with self._part.path.open("r+b", buffering=0) as file:
                while not self._ending.wait(EVERY_S):
                    self._save(file.fileno())
                self._save(file.fileno())
        except Exception as error:  # noqa: BLE001  (the transfer raises it)
            self.error = error
        self._wake()

    def _save(self, descriptor: int) -> None:
        ranges = self._part.ranges
        if ranges == self._saved:
            return
        getattr(os, "fdatasync", os.fsync)(descriptor)
        if not self._abandoned:
            self._part.write_journal(ranges)
            self._saved = ranges
