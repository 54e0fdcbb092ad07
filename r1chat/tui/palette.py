"""The palette of commands, in a terminal that may change its size at any time."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.command import Command, CommandList, CommandPalette
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

    # The search goes on for a moment when the palette has closed; its list is gone then.

    def _refresh_command_list(
        self,
        command_list: CommandList,
        commands: list[Command],
        clear_current: bool,  # noqa: FBT001  (as textual has it)
    ) -> None:
        if command_list.is_attached:
            super()._refresh_command_list(command_list, commands, clear_current)

    def _watch__list_visible(self) -> None:
        if self.query(CommandList):
            super()._watch__list_visible()

    async def _watch__show_busy(self) -> None:
        if self.query(CommandList):
            await super()._watch__show_busy()

    def get_widget_at(self, x: int, y: int) -> tuple[Widget, Region]:
        """What stands somewhere; outside, the palette's own ground."""
        try:
            return super().get_widget_at(x, y)
        except NoWidget:
            return self, self.region
