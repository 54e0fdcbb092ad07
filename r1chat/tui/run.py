"""One reply under way: a thread reads the engine's events, the screen takes them when it likes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from r1chat.errors import R1ChatError
from r1chat.events import Event
from r1chat.reasoning.control import Control
from r1chat.tui.pace import Pace

log = logging.getLogger(__name__)


class Run:
    """Reads events on a thread of its own.

    Args:
        events: Makes the stream; called on that thread.
        control: Steers it.
        pace: Tokens a second to show at most; None shows everything as it comes.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        events: Callable[[], Iterator[Event]],
        control: Control,
        *,
        pace: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.control = control
        self.error: str | None = None
        """One line, where there was no reply."""
        self.finished = False
        """Whether the last event has been taken."""
        self._events = events
        self._pace = Pace(pace)
        self._clock = clock
        self._queue: SimpleQueue[tuple[Event, float] | None] = SimpleQueue()
        self._read_all = False
        self._thread = threading.Thread(target=self._read, name="r1chat-run", daemon=True)
        self._thread.start()

    @property
    def written(self) -> bool:
        """Whether the model is done, though not all of it may have been taken."""
        return not self._thread.is_alive()

    def clock(self) -> float:
        """The time in seconds, as far as the reply is shown: what is held back is yet to come."""
        return self._clock() if self._pace.empty else self._pace.shown

    def _read(self) -> None:
        try:
            for event in self._events():
                self._queue.put((event, self._clock()))
        except R1ChatError as error:
            self.error = str(error)
        except Exception as error:
            log.exception("a reply failed")
            self.error = f"something went wrong ({type(error).__name__}); the log has the details"
        finally:
            self._queue.put(None)

    def take(self) -> list[Event]:
        """Takes what is to be shown now; neighbouring texts of a kind come as one."""
        while not self._read_all:
            try:
                come = self._queue.get_nowait()
            except Empty:
                break
            if come is None:
                self._read_all = True
            else:
                self._pace.put(*come)
        taken = self._pace.take(self._clock())
        self.finished = self._read_all and self._pace.empty
        return taken

    def hurry(self) -> None:
        """Shows at once what was held back, and from now on everything as it comes."""
        self._pace.hurry()

    def cancel(self) -> None:
        """Stops the reply, and shows what there is of it."""
        self.control.cancel()
        self.hurry()

    def join(self, timeout: float) -> None:
        """Waits for the thread to end."""
        self._thread.join(timeout)
