"""Where `r1chat ask` keeps its turn, and what it goes on from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from r1chat.console import Console
from r1chat.conversation import Act
from r1chat.events import AnswerText, Event, InjectedText, Reply, ThoughtText
from r1chat.recording import Asked, Recorder, Recording

if TYPE_CHECKING:
    from r1chat.store import Loaded, Store

PATIENCE_S = 0.2
"""How long opening waits for the first token. The question is kept even if none ever comes."""
_WRITTEN = (ThoughtText, InjectedText, AnswerText, Reply)
OPENING_S = 10.0
"""How long the end waits for a history that is slow to open."""


class Keeper:
    """The history, as far as one question needs it.

    Args:
        saves: Whether the turn is to be kept.
    """

    def __init__(self, *, saves: bool) -> None:
        self._saves = saves
        self._store: Store | None = None
        self._late: LateRecorder | None = None

    def loaded(self, beginning: str | None) -> Loaded:
        """The conversation to go on with.

        Args:
            beginning: Of its id; the last conversation without it.

        Raises:
            R1ChatError: If there is none.
        """
        from r1chat.commands import conversations

        store = self._opened()
        if beginning is None:
            return conversations.last(store)
        return conversations.loaded(store, beginning)

    @property
    def recorder(self) -> Recorder | None:
        """Where the turn is kept; None where it is not."""
        if not self._saves:
            return None
        if self._store is not None:
            return self._store
        self._late = self._late or LateRecorder(self._opened)
        return self._late

    def close(self, console: Console) -> bool:
        """Writes what is left, and says what the user should know of it.

        Returns:
            Whether all that was to be kept is kept.
        """
        if self._late is not None:
            self._late.join()
        store = self._store
        if store is None:
            begun = self._late is not None and self._late.begun
            if begun:
                console.note("not saved: the history could not be opened in time")
            return not begun
        safe = store.close()
        for notice in store.take_notices():
            console.note(notice)
        return not self._saves or (safe and store.saves)

    def _opened(self) -> Store:
        if self._store is None:
            from r1chat.store import Store

            self._store = Store.open()
        return self._store


class LateRecorder:
    """Opens the history on a thread of its own: the first token does not wait for it.

    Args:
        opened: Opens it.
    """

    def __init__(self, opened: Callable[[], Recorder]) -> None:
        self._opened = opened
        self._recorder: Recorder | None = None
        self._thread: threading.Thread | None = None
        self._waiting: list[tuple[Asked, _LateRecording]] = []
        self._written = threading.Event()
        """Is set when there is something of a reply, or nothing more to come."""
        self._lock = threading.Lock()

    @property
    def begun(self) -> bool:
        """Whether there was anything to keep."""
        return self._thread is not None

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
        self._written.wait(PATIENCE_S)
        recorder = self._opened()
        with self._lock:
            self._recorder = recorder
            for asked, recording in self._waiting:
                recording.go_on(recorder.begin(asked))

    def join(self) -> None:
        """Waits until the history is open."""
        if self._thread is not None:
            self._thread.join(OPENING_S)


class _LateRecording:
    """Holds back what is to be saved until there is a recording that takes it.

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
