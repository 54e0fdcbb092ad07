"""Sends what is typed to the text field of the screen in front, in its order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.dom import NoScreen
from textual.errors import NoWidget
from textual.widgets import Input, OptionList

from r1chat.sanitize import line_breaks, sanitize
from r1chat.tui import typed

_NOT_YET_S = 0.01
"""How soon it is tried again where a screen is not ready for what is typed."""


class Keyboard:
    """Owns what was typed before a screen that was opened had its text field.

    Args:
        app: The app.
        forward: Does with an event what Textual does.
    """

    def __init__(self, app: App[Any], forward: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._forward = forward
        self._early: list[events.Key | events.Paste] = []

    async def take(self, event: events.Event) -> None:
        """Takes any event of the app's; letters go to the text, whatever has the focus."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self._early.append(event)
            await self._send()
        elif not (isinstance(event, events.MouseEvent) and self._is_stray(event)):
            await self._forward(event)

    def _is_stray(self, event: events.MouseEvent) -> bool:
        """Whether the mouse hit what has been taken off the screen and is still to be seen.

        Textual looks for what it stands in, or for an option of its number, and raises.
        """
        if event.is_forwarded or not self._app.screen_stack:
            return False
        try:
            widget, _ = self._app.get_widget_at(event.x, event.y)
        except (NoWidget, NoScreen):
            return False
        if not widget.is_attached:
            return True
        option = self._app.screen.get_style_at(event.x, event.y).meta.get("option", 0)
        return isinstance(widget, OptionList) and option >= widget.option_count > 0

    async def _send(self) -> None:
        while self._early:
            event = self._early[0]
            if self._app.screen_stack:
                # Textual gives the focus back where the terminal had lost it, but too late.
                self._app.app_focus = True
                if not typed.aim(self._app.screen, event):
                    self._app.set_timer(_NOT_YET_S, self._send)
                    return
            if isinstance(event, events.Paste):
                self._clean(event)
            del self._early[0]
            await self._forward(event)

    def _clean(self, paste: events.Paste) -> None:
        """Cleans what is pasted, for the field that has the focus by now."""
        text = sanitize(line_breaks(paste.text))
        # Textual's own field for one line takes the first and drops the others.
        one_line = isinstance(self._app.focused, Input)
        paste.text = text.rstrip("\n").replace("\n", " ") if one_line else text
