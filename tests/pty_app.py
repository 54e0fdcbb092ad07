"""The app in a terminal of its own, which only remembers what was written to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect

HANGS_S = 60
QUIT = "\x11\x11"
"""Ctrl+Q, and once more where it asks first, because a reply is being written."""
ROOT = Path(__file__).parent.parent
_CODES = re.compile(r"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[ -/]*[0-~]")


class Terminal:
    """A program in a pty."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (24, 80),
        through: Sequence[str] = (),
        **variables: str,
    ) -> None:
        environment = os.environ | {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        environment.pop("NO_COLOR", None)
        command = [*through, sys.executable, *arguments]
        self._child = pexpect.spawn(
            command[0],
            command[1:],
            dimensions=size,
            env=environment,
            timeout=HANGS_S,
            cwd=str(ROOT),
        )
        self._child.delaybeforesend = None
        self.raw = b""
        self._echoes = False

    def read(self, seconds: float = 0.05) -> None:
        """Takes what comes, for some time."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.raw += self._child.read_nonblocking(65536, max(0.0, end - time.monotonic()))
            except pexpect.TIMEOUT:
                return
            except pexpect.EOF:
                return
            if time.monotonic() >= end:
                return

    def read_until(self, data: bytes, since: int = 0) -> None:
        """Takes what comes until some bytes did, from whatever still writes there."""
        end = time.monotonic() + HANGS_S
        while data not in self.raw[since:]:
            assert time.monotonic() < end, self.words[-3000:]
            self.read()

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._child.pid)

    @property
    def words(self) -> str:
        """All that was ever written, without the codes: parts of the screen, not the screen."""
        return _CODES.sub("", self.raw.decode("utf-8", "replace"))

    def wait_for(self, words: str, since: int = 0) -> None:
        """Waits until some words were written."""
        self.wait(lambda: words in _CODES.sub("", self.raw[since:].decode("utf-8", "replace")))

    def wait_for_one_of(self, pattern: str, since: int = 0) -> None:
        """Waits until some words were written that match a pattern.

        On a busy machine the screen leaves out what has scrolled by before it was drawn.
        """
        self.wait(
            lambda: (
                re.search(pattern, _CODES.sub("", self.raw[since:].decode("utf-8", "replace")))
                is not None
            )
        )

    def wait(self, condition: Callable[[], bool]) -> None:
        """Waits until something is so."""
        end = time.monotonic() + HANGS_S
        while not condition():
            assert time.monotonic() < end, self.words[-3000:]
            assert self._child.isalive() or condition(), self.words[-3000:]
            self.read()

    def send(self, text: str | bytes) -> None:
        """Types."""
        self._child.send(text)

    def resize(self, rows: int, columns: int) -> None:
        """Changes the size of the terminal."""
        self._child.setwinsize(rows, columns)

    def signal(self, number: int) -> None:
        """Signals the program."""
        os.kill(self._child.pid, number)

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, and not continued yet."""
        found = subprocess.run(
            ["ps", "-o", "stat=", "-p", f"{self._child.pid}"],  # noqa: S607
            capture_output=True,
            check=False,
            text=True,
        )
        return found.stdout.startswith("T")

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as it does for a shell."""
        return self._echoes

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return bool(self._child.isalive())

    def end(self) -> int:
        """Waits for the end of the program; returns its exit code, or minus a signal."""
        end = time.monotonic() + HANGS_S
        while self._child.isalive():
            assert time.monotonic() < end, self.words[-3000:]
            self.read()
        self.read(0.2)
        self._echoes = bool(termios.tcgetattr(self._child.child_fd)[3] & termios.ECHO)
        self._child.close()
        if self._child.exitstatus is not None:
            return int(self._child.exitstatus)
        return -int(self._child.signalstatus or 0)

    def kill(self) -> None:
        """Ends it, whatever it does."""
        if self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        self._child.close()


@contextmanager
def terminal(
    *arguments: str,
    size: tuple[int, int] = (24, 80),
    through: Sequence[str] = (),
    **variables: str,
) -> Iterator[Terminal]:
    """A program in a pty, ended in the end.

    Args:
        *arguments: For Python.
        size: Rows and columns.
        through: A command that runs the rest, `env` for one.
        **variables: More for its environment.
    """
    opened = Terminal(*arguments, size=size, through=through, **variables)
    try:
        yield opened
    finally:
        opened.kill()
