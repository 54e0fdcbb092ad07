"""One reply under way: a thread reads the engine's events, the screen takes them when it likes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from r1chat.errors import R1ChatError
from r1chat.events import AnswerText, Event, ThoughtText
from r1chat.reasoning.control import Control

log = logging.getLogger(__name__)


class Run:
    """Reads events on a thread of its own.

    Args:
        events: Makes the stream; called on that thread.
        control: Steers it.
    """

    def __init__(
        self,
        events: Callable[[], Iterator[Event]],
        control: Control,
    ) -> None:
        self.control = control
        self.error: str | None = None
        """One line, where there was no reply."""
        self.finished = False
        """Whether the last event has been taken."""
        self._events = events
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="r1chat-run", daemon=True)
        self._thread.start()

    @property
    def written(self) -> bool:
        """Whether the model is done, though not all of it may have been taken."""
        return not self._thread.is_alive()

    def _read(self) -> None:
        try:
            for event in self._events():
                self._queue.put(event)
        except R1ChatError as error:
            self.error = str(error)
        except Exception as error:
            log.exception("a reply failed")
            self.error = f"something went wrong ({type(error).__name__}); the log has the details"
        finally:
            self._queue.put(None)

    def take(self) -> list[Event]:
        """Takes what has come; neighbouring texts of a kind come as one."""
        taken: list[Event] = []
        while not self.finished:
            try:
                event = self._queue.get_nowait()
            except Empty:
                break
            if event is None:
                self.finished = True
            else:
                _append(taken, event)
        return taken

    def cancel(self) -> None:
        """Stops the reply."""
        self.control.cancel()

    def join(self, timeout: float) -> None:
        """Waits for the thread to end."""
        self._thread.join(timeout)


def _append(taken: list[Event], event: Event) -> None:
    last = taken[-1] if taken else None
    if isinstance(event, ThoughtText) and isinstance(last, ThoughtText):
        taken[-1] = ThoughtText(last.text + event.text, event.tokens)
    elif isinstance(event, AnswerText) and isinstance(last, AnswerText):
        taken[-1] = AnswerText(last.text + event.text, event.tokens)
    else:
        taken.append(event)
