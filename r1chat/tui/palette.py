"""The palette of commands, in a terminal that may change its size at any time."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.command import CommandList, CommandPalette
from textual.errors import NoWidget
from textual.geometry import Region
from textual.widget import Widget

from r1chat.tui.screens.once import Once
from r1chat.tui.widgets.options import Options


class Commands(CommandList, Options):
    """The commands that were found, of which a click may come when they are others."""


class Palette(CommandPalette, Once[None]):
    """Textual's own, which raises where a click lies outside of the screen as it is by now."""

    def compose(self) -> ComposeResult:
        """Textual's own parts, with another list."""
        for part in super().compose():
            yield Commands() if type(part) is CommandList else part

    def get_widget_at(self, x: int, y: int) -> tuple[Widget, Region]:
        """What stands somewhere; outside, the palette's own ground."""
        try:
            return super().get_widget_at(x, y)
        except NoWidget:
            return self, self.region
