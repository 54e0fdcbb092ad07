"""Opens the history without having anybody wait for it: the one opener of both front ends.

`r1chat ask` opens it behind the first token, the app behind its first frame. What is asked before
it is open is held back, in its order, and saved as soon as it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat.errors import R1ChatError
from r1chat.events import AnswerText, Event, InjectedText, Reply, ThoughtText

if TYPE_CHECKING:
    # All of this is imported where the history is opened: the first frame needs none of it.
    from r1chat.conversation import Act, TurnsSummary
    from r1chat.recording import Asked, Recorder, Recording
    from r1chat.store import Store

_PATIENCE_S = 0.2
"""How long opening waits for the first token. The question is kept even if none ever comes."""
_OPENS_S = 5.0
"""How long what is to be read waits for the history to be opened."""
_JOINING_S = 10.0
"""How long the end waits for a history that is slow to open."""
_CLOSES_S = 3.0
"""How long the end waits for what is still to be written."""
_TOO_SLOW = "not saved: the history could not be opened in time"
_WRITTEN = (ThoughtText, InjectedText, AnswerText, Reply)


class History:
    """Opens the store late and closes it in the end; a `r1chat.recording.Recorder`.

    Args:
        on_demand: Whether it opens when it is first needed; else somebody calls `open`.
        clock: Seconds since 1970, for what is said of dates.
    """

    def __init__(self, *, on_demand: bool = False, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._on_demand = on_demand
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._opened = threading.Event()
        self._late: _LateRecorder | None = None
        self._closed = False
        self._notices: list[str] = []
        self.safe = True
        """Whether all that was to be kept is kept somewhere, once it is closed."""

    # -- from threads: these wait --

    def open(self, *, saves: bool = True) -> None:
        """Opens the history, once.

        Args:
            saves: Whether it is to last; else it ends with the process.
        """
        from r1chat.store import Store

        with self._opening:
            if self._store is None:
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
        if self._on_demand:
            self.open()
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
        self._late = self._late or _LateRecorder(self._waited_for)
        return self._late.begin(asked)

    def _waited_for(self) -> Store:
        if not self._on_demand:
            self._opened.wait()
        return self.store

    def close(self, timeout_s: float = _CLOSES_S) -> bool:
        """Writes what is left; `take_notices` tells of what cannot be written.

        Args:
            timeout_s: How long to wait for it.

        Returns:
            Whether all that was to be kept is kept where the next start finds it.
        """
        if self._closed:
            return self.safe
        if self._late is not None:
            self._late.join()
        self._closed = found = True
        if self._store is not None:
            found = self._store.close(timeout_s)
            self.safe = found or not self._store.lost
        elif self._late is not None:
            found = self.safe = False
            self._notices.append(_TOO_SLOW)
        return found

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

    def summarise(self, node: str, summary: TurnsSummary | None) -> None:
        """Saves what stands for a node and all before it in prompts."""
        if self._store is not None:
            self._store.summarise(node, summary)

    def remove(self, node: str) -> None:
        """Takes a version away."""
        if self._store is not None:
            self._store.remove(node)


class _LateRecorder:
    """Opens the history on a thread of its own: the first token does not wait for it.

    Args:
        opened: Opens it; must not fail.
    """

    def __init__(self, opened: Callable[[], Recorder]) -> None:
        self._opened = opened
        self._recorder: Recorder | None = None
        self._thread: threading.Thread | None = None
        self._waiting: list[tuple[Asked, _LateRecording]] = []
        self._written = threading.Event()
        """Is set when there is something of a reply, or nothing more to come."""
        self._lock = threading.Lock()

    def begin(self, asked: Asked) -> Recording:
        """Begins to save a reply, as soon as there is a history."""
        with self._lock:
            if self._recorder is not None:
                return self._recorder.begin(asked)
            recording = _LateRecording(self._written)
            # Samples are begun at once, and belong into one history in their order.
            self._waiting.append((asked, recording))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._open, name="r1chat-opening", daemon=True
                )
                self._thread.start()
        return recording

    def _open(self) -> None:
        self._written.wait(_PATIENCE_S)
        recorder = self._opened()
        with self._lock:
            self._recorder = recorder
            for asked, recording in self._waiting:
                recording.go_on(recorder.begin(asked))

    def join(self) -> None:
        """Waits until the history is open."""
        if self._thread is not None:
            self._thread.join(_JOINING_S)


class _LateRecording:
    """Buffers what is to be saved until the history is open.

    Args:
        written: Is set when there is something of the reply, or nothing more to come.
    """

    def __init__(self, written: threading.Event) -> None:
        self._written = written
        self._waiting: list[Callable[[Recording], None]] = []
        self._recording: Recording | None = None
        self._lock = threading.Lock()

    def go_on(self, recording: Recording) -> None:
        """Hands over what was held back; what comes from now on is passed on at once."""
        with self._lock:
            for each in self._waiting:
                each(recording)
            self._recording = recording

    def take(self, event: Event) -> None:
        """Saves what an event brings."""
        if not self._written.is_set() and isinstance(event, _WRITTEN):
            self._written.set()
        self._pass_on(lambda recording: recording.take(event))

    def act(self, act: Act) -> None:
        """Saves what the user did."""
        self._pass_on(lambda recording: recording.act(act))

    def choose(self) -> None:
        """Makes the conversation go through this reply."""
        self._pass_on(lambda recording: recording.choose())

    def discard(self) -> None:
        """Forgets the question."""
        self._written.set()
        self._pass_on(lambda recording: recording.discard())

    def _pass_on(self, call: Callable[[Recording], None]) -> None:
        with self._lock:
            if self._recording is None:
                self._waiting.append(call)
                return
        call(self._recording)
