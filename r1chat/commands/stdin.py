"""Reads the question, or what goes along with it, from standard input."""

from __future__ import annotations

import os
import select
import stat
import sys

from r1chat.attachments import LIMIT as LARGEST
from r1chat.attachments import Attachment, check_size, decode
from r1chat.console import Console, is_terminal
from r1chat.errors import UsageError
from r1chat.sanitize import line_breaks

PATIENCE_S = 2.0
"""After this long without input somebody should be told what is waited for."""
NAME = "stdin"


def question(given: str | None, console: Console) -> tuple[str, tuple[Attachment, ...]]:
    """The question, and what comes with it.

    Standard input is attached where it is a pipe, a socket or a file: the null device has
    nothing to say, and a terminal belongs to the user. A pipe is read to its end, however long
    that takes: what is slow to come must not be silently left out.

    Args:
        given: The QUESTION of the command line.
        console: Says it when input keeps one waiting.

    Raises:
        UsageError: If there is no question.
    """
    if given is not None and given != "-":
        # What the shell passed need not be UTF-8; the model reads nothing else.
        text = line_breaks(os.fsencode(given).decode("utf-8", "replace"))
        attached = _read(console) if _has_content() else ""
        return text, (Attachment(NAME, attached),) if attached.strip() else ()
    if given is None and is_terminal(sys.stdin):
        message = 'no question; try: r1chat ask "What is 44 + 41 + 25?" (or pipe one in)'
        raise UsageError(message)
    return _read(console).strip(), ()


def text(console: Console) -> str:
    """All of standard input.

    Raises:
        UsageError: If there is none, or it is no text.
    """
    if is_terminal(sys.stdin):
        console.note("reading from the terminal: end it with Ctrl+D")
    return _read(console)


def _has_content() -> bool:
    if sys.stdin is None:
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _read(console: Console) -> str:
    if sys.stdin is None:
        return ""
    try:
        if not is_terminal(sys.stdin):
            _explain_wait(console)
        data = sys.stdin.buffer.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read stdin: {reason}"
        raise UsageError(message) from None
    check_size(data, NAME)
    return decode(data, NAME)


def _explain_wait(console: Console) -> None:
    try:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], PATIENCE_S)
    except (OSError, ValueError):
        # Windows can wait for sockets only.
        return
    if not ready:
        console.note("waiting for the end of standard input; where there is none, add </dev/null")
