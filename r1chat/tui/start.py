"""Runs the app in a terminal, from the start to a calm end."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Mapping

from r1chat import logs, paths
from r1chat.reasoning.budget import Think
from r1chat.sanitize import line
from r1chat.tui import terminal, terminal_input
from r1chat.tui.app import R1ChatApp

_SWITCH_S = 0.001
"""How long a thread keeps the interpreter at a stretch. Textual's reader of the terminal comes back
for it every 2 ms: with Python's own 5 ms a pasted megabyte kept the screen waiting for 0.3 s."""


def run(
    *,
    model: str | None = None,
    loading: Mapping[str, object] | None = None,
    conversation: str | None = None,
    think: Think | None = None,
) -> int:
    """Runs the app until the user leaves.

    Args:
        model: A model reference; by default what the settings say.
        loading: How to load models, before what the settings say.
        conversation: The id of the one that it begins with; by default a new one.
        think: Which models think, before what the settings say.

    Returns:
        The exit code.
    """
    logs.start()
    sys.setswitchinterval(_SWITCH_S)
    terminal_input.tell_alt()
    terminal_input.keep_pastes_whole()
    app = R1ChatApp(model=model, loading=loading, think=think)
    app.begins_with = conversation
    app.first_frame = _collect_garbage
    with terminal.private_screen():
        try:
            app.run()
        except Exception as error:  # noqa: BLE001  (the last border: nobody may see a traceback)
            app.crashed = True
            logs.crash(error)
        finally:
            _restore_title()
        ended = app.shut_down()
    if app.crashed:
        where = paths.log_file()
        sys.stderr.write(f"r1chat: something went wrong; the log has the details: {where}\n")
    code = app.return_code or 0
    for notice in app.history.take_notices():
        sys.stderr.write(f"r1chat: note: {line(notice, 1000)}\n")
    if handed := app.hand_over():
        sys.stderr.write(f"{handed}\n")
    if app.resumable and not app.crashed:
        sys.stderr.write(f"Continue this conversation: r1chat --conversation {app.resumable}\n")
    if not app.history.safe:
        code = code or 1
    if not ended:
        sys.stderr.flush()
        os._exit(code)
    return code


def _collect_garbage() -> None:
    """Has garbage collected from now on; what is there by now stays, and is not looked through."""
    gc.freeze()
    gc.enable()


def _restore_title() -> None:
    screen = sys.__stderr__
    # The terminal may be gone.
    with contextlib.suppress(OSError, ValueError):
        if screen is not None and screen.isatty():
            screen.write(terminal.OLD_TITLE)
            screen.flush()
