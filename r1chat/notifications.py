"""Tells the desktop that something is done, where there is one and it has a program for that."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys

from r1chat import settings
from r1chat.sanitize import line

_PATIENCE_S = 5.0
_LONGEST = 120
_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


def job_ended(question: str, *, done: bool) -> None:
    """Says that a job has ended, unless the user wants no such words.

    Args:
        question: What was asked.
        done: Whether it has an answer.
    """
    if settings.load()[0].notify is False:
        return
    _notify("r1chat: answered" if done else "r1chat: no answer", line(question, _LONGEST))


def _notify(title: str, text: str) -> None:
    command = _command(title, text)
    if command is None:
        return
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        # Nobody waits for it.
        return


def _command(title: str, text: str) -> list[str] | None:
    """What shows a text; None where nothing does. No shell reads it."""
    if sys.platform == "darwin":
        program = shutil.which("osascript")
        script = [word for each in _SCRIPT for word in ("-e", each)]
        return [program, *script, title, text] if program else None
    desktop = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
    program = shutil.which("notify-send") if any(map(os.environ.get, desktop)) else None
    # Desktops take markup in the text.
    shown = html.escape(text, quote=False)
    return [program, "--app-name=r1chat", "--", title, shown] if program else None
