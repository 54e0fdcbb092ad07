"""Draws on a page in place of a terminal."""

from __future__ import annotations

import contextlib

from textual import messages
from textual.drivers import web_driver


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

    def run_input_thread(self) -> None:
        """Reads keys until the app ends; where the server ends first, the app does too."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self.process_message(messages.ExitApp())
