"""Draws on a page in place of a terminal."""

from __future__ import annotations

import contextlib

from textual import messages
from textual.drivers import web_driver

_BEGINNING = "\x1b[?1049h\x1b[?25l"
"""The screen without a history of lines, and no cursor: as Textual's own begins."""


class WebDriver(web_driver.WebDriver):
    """Textual's own, which would go on for ever when the server is gone."""

    def write(self, data: str) -> None:
        """Draws, as long as somebody looks."""
        with contextlib.suppress(BrokenPipeError):
            super().write(data)

    def write_meta(self, data: dict[str, object]) -> None:
        """Tells the server something, as long as it is there."""
        with contextlib.suppress(BrokenPipeError):
            super().write_meta(data)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Takes a message of the server."""
        if packet_type == "redraw":
            self._app.call_later(self._redraw)
        else:
            super().on_meta(packet_type, payload)

    def _redraw(self) -> None:
        """Draws all of it, on a page whose terminal is as it was made."""
        self.write(_BEGINNING)
        self._enable_mouse_support()
        self._enable_bracketed_paste()
        self._app.refresh(layout=True)

    def run_input_thread(self) -> None:
        """Reads keys until the app ends; where the server ends first, the app does too."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self.process_message(messages.ExitApp())
