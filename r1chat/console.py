"""Writes to stderr for the command line: thoughts, notes, progress, errors."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from r1chat.sanitize import line, sanitize

PATIENCE_S = 0.3
"""Progress is shown only where something takes longer: a line that flashes up helps nobody."""

LONGEST_LINE = 1000

_DIM = "\x1b[2m"
_DIM_ITALIC = "\x1b[2;3m"
_PLAIN = "\x1b[0m"


class Console:
    """Writes to stderr, and never fails: a closed stderr must not cost anybody the answer.

    Args:
        stream: Where to; None where the process has no stderr.
        clock: Tells the time.
    """

    def __init__(self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self.tty = is_terminal(stream)
        """Whether somebody sees it."""
        self._colour = self.tty and "NO_COLOR" not in os.environ
        self._colour = self._colour and os.environ.get("TERM") != "dumb"
        self._at_start = True
        self._progress = ""
        self._since: float | None = None
        # A model reports its loading from another thread.
        self._lock = threading.Lock()

    def error(self, text: str) -> None:
        """Says in one line what went wrong."""
        self._line(f"r1chat: {text}")

    def note(self, text: str) -> None:
        """Says in one line what one should know."""
        self._line(f"r1chat: note: {text}")

    def aside(self, text: str) -> None:
        """Says something of little weight, in one line."""
        self._line(text, style=_DIM)

    @property
    def can_ask(self) -> bool:
        """Whether somebody sees a question and can answer it."""
        return self.tty and is_terminal(sys.stdin)

    def confirm(self, question: str, *, usually: bool = False) -> bool:
        """Asks yes or no on the terminal. The end of the input means no.

        Args:
            question: The question.
            usually: What Enter alone means.
        """
        with self._lock:
            self._put("" if self._at_start else "\n")
            self._put(f"{line(question, LONGEST_LINE)} [{'Y/n' if usually else 'y/N'}] ")
            # The user's own Enter ends the line.
            self._at_start = True
        answer = sys.stdin.readline()
        if not answer:
            self.fresh_line()
            return False
        return answer.strip().lower() in ({"", "y", "yes"} if usually else {"y", "yes"})

    def thought(self, text: str) -> None:
        """Shows a piece of a thought. The text is sanitised already."""
        with self._lock:
            self._put(text, style=_DIM)

    def injected(self, text: str) -> None:
        """Shows words that r1chat put into a thought, marked as such without colour too."""
        words = text.strip()
        before, _, after = text.partition(words) if words else (text, "", "")
        with self._lock:
            self._put(before)
            self._put(f"[{words}]" if words else "", style=_DIM_ITALIC)
            self._put(after)

    def log(self, text: str) -> None:
        """Shows lines of the log."""
        with self._lock:
            self._put("" if self._at_start else "\n")
            self._put(sanitize(text))

    def fresh_line(self, *, blank: bool = False) -> None:
        """Ends the line that was begun, if one was.

        Args:
            blank: Leaves an empty line as well.
        """
        with self._lock:
            self._put(("" if self._at_start else "\n") + ("\n" if blank else ""))

    def progress(self, text: str, *, at_once: bool = False) -> None:
        """Shows how far something is, on a terminal only, in a line that will go away.

        Args:
            text: How far.
            at_once: Shows it without patience: it is sure to take long.
        """
        with self._lock:
            now = self._clock()
            if self._since is None:
                self._since = now
            # A line that wraps could not be taken away again.
            text = line(text, max(1, shutil.get_terminal_size().columns - 1))
            too_soon = not at_once and now - self._since < PATIENCE_S
            if not self.tty or too_soon or text == self._progress:
                return
            self._erase()
            self._progress = text
            self._emit(text)

    def end_progress(self) -> None:
        """Takes the progress away."""
        with self._lock:
            self._erase()
            self._since = None

    def _line(self, text: str, *, style: str = "") -> None:
        cleaned = line(text, LONGEST_LINE)
        with self._lock:
            self._put("" if self._at_start else "\n")
            self._put(cleaned, style=style)
            self._put("\n")

    def _put(self, text: str, *, style: str = "") -> None:
        if not text:
            return
        self._erase()
        # Each piece is reset by itself, so that the terminal is sane wherever it stops.
        self._emit(f"{style}{text}{_PLAIN}" if style and self._colour else text)
        self._at_start = text.endswith("\n")

    def _erase(self) -> None:
        if self._progress:
            self._emit("\r" + " " * len(self._progress) + "\r")
            self._progress = ""

    def _emit(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is there, open, and a terminal."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False
