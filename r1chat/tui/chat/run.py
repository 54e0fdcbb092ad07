"""One reply under way: a thread reads the events of the engine, the screen takes batches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from r1chat.errors import R1ChatError
from r1chat.events import AnswerText, Event, Sampled, ThoughtText
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
        # Samples come in turns: in each only what came before in the same one is a neighbour.
        last: dict[int | None, int] = {}
        while not self.finished:
            try:
                event = self._queue.get_nowait()
            except Empty:
                break
            if event is None:
                self.finished = True
            else:
                _append(taken, event, last)
        return taken

    def cancel(self) -> None:
        """Stops the reply."""
        self.control.cancel()

    def join(self, timeout: float) -> None:
        """Waits for the thread to end."""
        self._thread.join(timeout)


def _append(taken: list[Event], event: Event, last: dict[int | None, int]) -> None:
    """Appends an event, or joins it to the last one of the same sample.

    Args:
        taken: What has come before.
        event: What comes now.
        last: Where in it the last event of each sample stands.
    """
    sample = event.sample if isinstance(event, Sampled) else None
    at = last.get(sample)
    joined = _joined(taken[at], event) if at is not None else None
    if at is not None and joined is not None:
        taken[at] = joined
    else:
        last[sample] = len(taken)
        taken.append(event)


def _joined(one: Event, other: Event) -> Event | None:
    """Two texts of a kind as one."""
    match one, other:
        case ThoughtText(), ThoughtText():
            return ThoughtText(one.text + other.text, other.tokens)
        case AnswerText(), AnswerText() if one.injected == other.injected:
            return AnswerText(one.text + other.text, other.tokens, one.injected)
        case Sampled(), Sampled():
            inner = _joined(one.event, other.event)
            return Sampled(one.sample, inner) if inner is not None else None
        case _:
            return None
