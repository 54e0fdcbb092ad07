"""A field for one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from r1chat.sanitize import line
from r1chat.tui import typed
from r1chat.tui.keys import bindings
from r1chat.tui.screens.once import Once


class OneLine(ModalScreen[str | None], Once[str | None]):
    """Asks for one line; Escape gives none.

    Args:
        title: What is asked for.
        value: What stands in the field already.
        about: More on it, in one line.
        replaced: Whether what is typed at first takes the place of what stands there.
        optional: Whether an empty line is an answer; else it is as Escape.
        suggester: Completes what is typed.
        refused: Says in a line why a text cannot be taken, empty where it can. The field stays
            then, with the text.
    """

    DEFAULT_CSS = """
    OneLine {
        align: center middle;
        & > Vertical {
            width: 72;
            max-width: 96%;
            height: auto;
            padding: 1 2;
            background: $surface;
            border: round $primary;
        }
        Static { height: auto; }
        Input { margin: 1 0 0 0; }
        .one-line--title { text-style: bold; }
        .one-line--about { color: $text-muted; }
        .one-line--refusal { display: none; color: $text-warning; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("one-line")

    def __init__(
        self,
        title: str,
        value: str = "",
        about: str = "",
        *,
        replaced: bool = False,
        optional: bool = False,
        suggester: Suggester | None = None,
        refused: Callable[[str], str] = lambda _: "",
    ) -> None:
        super().__init__()
        self._optional = optional
        self._suggester = suggester
        self._refused = refused
        self._title = line(title, 200)
        self._value = line(value, 400) + " " * value.endswith(" ")
        self._about = line(about, 300)
        self._replaced = replaced

    def compose(self) -> ComposeResult:
        """What is asked for, and the field."""
        with Vertical():
            yield Static(self._title, classes="one-line--title", markup=False)
            if self._about:
                yield Static(self._about, classes="one-line--about", markup=False)
            yield Static("", classes="one-line--refusal", markup=False)
            yield Input(self._value, compact=True, select_on_focus=False, suggester=self._suggester)

    def on_mount(self) -> None:
        """The field takes keys at once."""
        if self._replaced:
            self.query_one(Input).select_all()
        self.focus_text_field()

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the field."""
        return typed.focus_first(self, Input)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = line(event.value, 400)
        if not (text or self._optional):
            self.dismiss(None)
            return
        why = line(self._refused(text), 300)
        if not why:
            self.dismiss(text)
            return
        refusal = self.query_one(".one-line--refusal", Static)
        refusal.update(why)
        refusal.display = True

    def action_leave(self) -> None:
        """Gives nothing."""
        self.dismiss(None)
