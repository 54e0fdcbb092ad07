"""Runs the app in a terminal, from the start to a calm end."""

from __future__ import annotations

import contextlib
import os
import sys

from r1chat import logs, paths
from r1chat.tui import terminal
from r1chat.tui.app import R1ChatApp


def run(*, model: str | None = None) -> int:
    """Runs the app until the user leaves; returns the exit code."""
    logs.start()
    app = R1ChatApp(model=model)
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
    if not ended:
        sys.stderr.flush()
        os._exit(code)
    return code


def _restore_title() -> None:
    screen = sys.__stderr__
    # The terminal may be gone.
    with contextlib.suppress(OSError, ValueError):
        if screen is not None and screen.isatty():
            screen.write(terminal.OLD_TITLE)
            screen.flush()
