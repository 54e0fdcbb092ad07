"""Gives the terminal back when the app was killed and could not do it itself.

A process that is killed leaves the terminal as it was: without a cursor, and telling of every move
of the mouse. A shell of a few hundred kilobytes waits at a pipe for the app to say goodbye; where
the pipe ends without a word, it puts the terminal right and says so in one line.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading

_PATIENCE_S = 1.0
_GOODBYE = b"goodbye\n"
_SCRIPT = """
trap '' INT TERM HUP QUIT TSTP TTIN TTOU
read -r word && exit
printf '%s' "$1"
stty sane <&1
printf '%s\\n' "$2"
"""
_KILLED = "r1chat: the app was killed, most likely because the memory was full"


class Watcher:
    """Watches over a terminal.

    Args:
        terminal: Its file descriptor, which stays the caller's.
        restored: What takes back all that the app has set there.
    """

    def __init__(self, terminal: int, restored: str) -> None:
        self._terminal = terminal
        self._restored = restored
        self._lock = threading.Lock()
        self._pipe: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._dismissed = False

    def start(self) -> None:
        """Begins to watch; where there is no shell, nobody does."""
        with self._lock:
            if self._dismissed or self._child is not None or not os.isatty(self._terminal):
                return
            end, self._pipe = os.pipe()
            with contextlib.suppress(OSError):
                self._child = subprocess.Popen(
                    ["/bin/sh", "-c", _SCRIPT, "sh", self._restored, _KILLED],
                    stdin=end,
                    stdout=self._terminal,
                    stderr=subprocess.DEVNULL,
                )
            os.close(end)

    def say_goodbye(self) -> None:
        """Says that the terminal will be put right without it; needs no lock."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.write(self._pipe, _GOODBYE)

    def dismiss(self) -> None:
        """Ends the watch."""
        with self._lock:
            self._dismissed = True
            self.say_goodbye()
            if self._child is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(_PATIENCE_S)
            if self._pipe is not None:
                os.close(self._pipe)
                self._pipe = None
