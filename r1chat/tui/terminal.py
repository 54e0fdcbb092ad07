"""Keeps the screen to ourselves, whatever native code prints; and the terminal's title."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from r1chat import crashes, paths, web
from r1chat.sanitize import line
from r1chat.tui.watcher import Watcher

_STDOUT, _STDERR = 1, 2

KEEP_TITLE = "\x1b[22;2t"
"""Has the terminal remember its title."""
OLD_TITLE = "\x1b[23;2t"
"""Has it take that title again."""
_LONGEST_TITLE = 60
_LONGEST_NOTE = 120


def title(text: str) -> str:
    """What sets the terminal's title."""
    return f"\x1b]2;{line(text, _LONGEST_TITLE)}\x07"


def note(text: str) -> str:
    """What has the desktop show a notification, where the terminal knows how to."""
    return f"\x1b]9;{line(text, _LONGEST_NOTE)}\x07"


RESTORED = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[<u"
    "\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m" + OLD_TITLE
)
"""What takes back all that the app, and textual, have set in a terminal."""


_watcher: Watcher | None = None


def watch() -> None:
    """Has a process give the terminal back if this one is killed; behind the first frame."""
    if _watcher is not None:
        _watcher.start()


def _last_words(screen: int, watcher: Watcher) -> Callable[[str, int], None]:
    """Makes what gives the terminal back when native code has crashed, and says why.

    Args:
        screen: The file descriptor that is drawn on; afterwards nothing is.
        watcher: Need not do it.
    """
    terminal, nowhere = os.dup(screen), os.open(os.devnull, os.O_WRONLY)
    mode = _mode(terminal)

    def report(message: str, code: int) -> None:
        del code
        # Another thread may be in the middle of a frame.
        os.dup2(nowhere, screen)
        watcher.say_goodbye()
        if mode is not None:
            mode()
            os.write(terminal, f"{RESTORED}r1chat: {message}\r\n".encode())
        os.write(_STDERR, f"{message}\n".encode())

    return report


def _mode(terminal: int) -> Callable[[], None] | None:
    """What gives a terminal the mode that it has now; None where there is no terminal."""
    try:
        import termios

        mode = termios.tcgetattr(terminal)
    except (ImportError, OSError, termios.error):
        return None
    return lambda: termios.tcsetattr(terminal, termios.TCSANOW, mode)


@contextlib.contextmanager
def private_screen() -> Iterator[None]:
    """Gives Textual a copy of the terminal, and the log file to all who print to fd 1 and 2.

    Textual draws on ``sys.__stderr__``; a library that prints a warning to the file descriptor
    itself would tear the screen. In a browser it draws on stdout, by a protocol that a stray print
    would break. Where this cannot be done, all stays as it was.
    """
    try:
        log = os.open(
            paths.made(paths.log_file().parent) / paths.log_file().name,
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0),
            0o600,
        )
    except OSError:
        # A read-only home: what is printed there is lost, the screen is not.
        log = os.open(os.devnull, os.O_WRONLY)
    old_out, old_err = os.dup(_STDOUT), os.dup(_STDERR)
    before = sys.__stdout__, sys.__stderr__
    drawn_on = old_out if web.is_child() else old_err
    screen = os.fdopen(os.dup(drawn_on), "w", encoding="utf-8", errors="replace")
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(log, _STDOUT)
    os.dup2(log, _STDERR)
    os.close(log)
    # The size of the terminal is asked of the one, and the other is drawn on.
    sys.__stdout__ = sys.__stderr__ = screen  # type: ignore[misc]
    global _watcher  # noqa: PLW0603  (there is one terminal)
    _watcher = Watcher(drawn_on, RESTORED)
    crashes.tell_by(_last_words(screen.fileno(), _watcher))
    try:
        yield
    finally:
        _watcher.dismiss()
        with contextlib.suppress(OSError, ValueError):
            screen.close()
        sys.__stdout__, sys.__stderr__ = before  # type: ignore[misc]
        os.dup2(old_out, _STDOUT)
        os.dup2(old_err, _STDERR)
        os.close(old_out)
        os.close(old_err)
