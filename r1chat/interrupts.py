"""Handles the signals that ask the program to stop.

The first one stops the reply that is being written, or the download, so that what there is of it
can be kept; where nothing is under way it ends the program. A second one, or half a second without
an end, forces it.

Python runs a handler between two steps of the main thread. A signal that comes in the moment before
that thread blocks in a system call, or that another thread gets, interrupts nothing: the handler
would wait as long as the call does. So a thread of its own is told of each signal (by
`signal.set_wakeup_fd`), and repeats it to the main thread until it was handled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing_extensions import Self

GRACE_S = 0.45
"""From the signal to the forced end: the promise is half a second."""
ECHO_S = 0.1
"""Signals that come this soon after the first are the same one: `timeout` signals the process and
then its whole group."""
_BASE = 128
_REPEAT_S = 0.02
"""How long a signal may wait for its handler before it is repeated."""


class Cancellable(Protocol):
    """What can be asked to stop: a reply, a download."""

    def cancel(self) -> None:
        """Asks it, from any thread."""


class Interrupted(KeyboardInterrupt):
    """A signal came while no reply was being written."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"signal {signum}")
        self.code = _BASE + signum


class Interrupts:
    """Catches SIGINT, SIGTERM and SIGHUP inside a `with` block of the main thread.

    A signal that the process was started to ignore (by nohup, or by a shell in the background)
    stays ignored.

    Args:
        leave: Ends the process at once with an exit code.
    """

    def __init__(self, leave: Callable[[int], Any] = os._exit) -> None:
        self._leave = leave
        self._before: dict[int, Any] = {}
        self._first: tuple[int, float] | None = None
        self._over = False
        self._repeating = threading.Lock()
        self._wakeup: tuple[int, int] | None = None
        self.control: Cancellable | None = None
        """What steers the work that is under way, if any is."""

    @property
    def signum(self) -> int | None:
        """The first signal; None before any came."""
        return None if self._first is None else self._first[0]

    @property
    def code(self) -> int | None:
        """The exit code that the first signal asks for; None before any came."""
        return None if self._first is None else _BASE + self._first[0]

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        if hasattr(signal, "pthread_kill"):
            self._watch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._repeating:
            self._over = True  # From here on a signal would be repeated to others' handlers.
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._wakeup is not None:
            before, written = self._wakeup
            signal.set_wakeup_fd(before)
            # Its reader finds the end, and ends too.
            os.close(written)

    def _watch(self) -> None:
        """Starts the thread that sees to it that the first signal is handled."""
        read, written = os.pipe()
        os.set_blocking(written, False)
        before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        self._wakeup = (before, written)
        main = threading.get_ident()

        def repeat() -> None:
            with os.fdopen(read, "rb", buffering=0) as signals:
                while arrived := signals.read(1):
                    while arrived[0] in self._before and not (self._first or self._over):
                        time.sleep(_REPEAT_S)
                        with self._repeating:
                            if not (self._first or self._over):
                                signal.pthread_kill(main, arrived[0])

        threading.Thread(target=repeat, name="signals", daemon=True).start()

    def _handle(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        now = time.monotonic()
        if self._first is not None:
            if now - self._first[1] >= ECHO_S:
                self._leave(_BASE + self._first[0])
            return
        self._first = (signum, now)
        watchdog = threading.Timer(GRACE_S, self._leave, [_BASE + signum])
        watchdog.daemon = True
        watchdog.start()
        if self.control is None:
            raise Interrupted(signum)
        self.control.cancel()


@contextlib.contextmanager
def left_to_child() -> Iterator[None]:
    """Leaves Ctrl+C to a program that has the terminal meanwhile, such as a pager.

    It uses the key itself, and would leave the terminal as it is if it were left alone.
    """
    # Unlike SIG_IGN, the child does not inherit it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
