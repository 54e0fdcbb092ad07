"""The palette of commands, in a terminal that may change its size at any time."""

from __future__ import annotations

from textual.command import CommandPalette
from textual.errors import NoWidget
from textual.geometry import Region
from textual.widget import Widget

from r1chat.tui.screens.once import Once

NAME = "--command-palette"
"""Its id, by which Textual knows whether it is open."""


class Palette(CommandPalette, Once[None]):
    """Textual's own, which raises where a click lies outside of the screen as it is by now."""

    def get_widget_at(self, x: int, y: int) -> tuple[Widget, Region]:
        """What stands somewhere; outside, the palette's own ground."""
        try:
            return super().get_widget_at(x, y)
        except NoWidget:
            return self, self.region
