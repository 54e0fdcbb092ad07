"""Which version of a reply is shown, and the way to the others."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class Versions(Widget):
    """One line such as "‹ 2/3 ›"; not displayed where there is but one version."""

    DEFAULT_CSS = """
    Versions {
        height: 1;
        padding: 0 2;
        color: $text-muted;
        pointer: pointer;
        &:hover { color: $text; }
    }
    """
    ALLOW_SELECT = False

    @dataclass
    class Wanted(Message):
        """The user wants another version."""

        step: int
        """-1 is the one before, 1 the one after."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = (1, 1)
        self._about = ""

    def show(self, version: int, count: int, about: str = "") -> None:
        """Shows which of how many it is.

        Args:
            version: Which.
            count: How many there are.
            about: What tells it from the others, where they are of other models.
        """
        self._shown, self._about = (version, count), about
        self.display = count > 1
        self.refresh()

    @property
    def _text(self) -> str:
        version, count = self._shown
        return f"‹ {version}/{count} ›"

    def render(self) -> RenderResult:
        """The numbers between two arrows, and the keys that turn over."""
        said = (f"{self._text}   Alt+← Alt+→", self._about)
        return Content("   ".join(part for part in said if part))

    def on_click(self, event: events.Click) -> None:
        """The left half of the numbers goes back, the right half on."""
        event.stop()
        at = event.x - self.styles.padding.left
        self.post_message(self.Wanted(-1 if at < len(self._text) / 2 else 1))
