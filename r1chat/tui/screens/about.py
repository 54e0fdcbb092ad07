"""All that is known of a model, as names and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from r1chat.sanitize import line
from r1chat.tui.screens.once import Once
from r1chat.tui.shelf import Row
from r1chat.tui.widgets import model_details

_LONGEST = 500


class AboutModel(ModalScreen[None], Once[None]):
    """Shows what is known of a model; any of Escape, F6, i and q closes it.

    Args:
        row: The model.
        pairs: More about it.
    """

    DEFAULT_CSS = """
    AboutModel {
        align: center middle;
        & > VerticalScroll {
            width: 76;
            max-width: 98%;
            height: auto;
            max-height: 94%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
            scrollbar-size-vertical: 1;
            Static { height: auto; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f6,i,q", "dismiss", "Close", id="about.close", priority=True),
    ]

    def __init__(self, row: Row, pairs: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._row = row
        self._pairs = pairs

    def compose(self) -> ComposeResult:
        """One text that scrolls where the screen is small."""
        parts: list[Content | str | tuple[str, str]] = [model_details.text(self._row), "\n"]
        for name, value in self._pairs:
            parts += [("\n" + line(name, 40) + "  ", "$foreground 60%"), line(value, _LONGEST)]
        with VerticalScroll():
            yield Static(Content.assemble(*parts), markup=False)
