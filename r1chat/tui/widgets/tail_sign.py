"""Says that there is new text below what is in sight."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Static

_PADDING = 3


class TailSign(Static):
    """A sign on the last row of the conversation; a click on it goes there."""

    DEFAULT_CSS = """
    TailSign {
        layer: above;
        dock: bottom;
        width: auto;
        height: 1;
        padding: 0 1;
        margin: 0 0 0 2;
        background: $panel;
        color: $text-accent;
        text-style: bold;
        pointer: pointer;
        display: none;
        &:hover { color: $text; }
    }
    """
    ALLOW_SELECT = False

    class Pressed(Message):
        """The user wants to see the new text."""

    def stand_right(self, width: int) -> None:
        """Stands at the end of its row, where lines of text rarely reach.

        Args:
            width: Columns of the row.
        """
        self.styles.margin = (0, 0, 0, max(0, width - len(str(self.content)) - _PADDING))

    def on_click(self, event: events.Click) -> None:
        """Asks to be taken there."""
        event.stop()
        self.post_message(self.Pressed())
