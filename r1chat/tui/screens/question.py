"""A question with a few answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from r1chat.sanitize import line
from r1chat.tui.keys import bindings
from r1chat.tui.screens.once import Once
from r1chat.tui.widgets.options import Options


class Question(ModalScreen[str | None], Once[str | None]):
    """Asks something before it is done; Escape does nothing.

    Args:
        title: What it is about.
        text: What has to be known, in clean lines.
        answers: Values and what they do. The cursor begins on the first, which should be safe.
    """

    DEFAULT_CSS = """
    Question {
        align: center middle;
        & > Vertical {
            width: 72;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            padding: 1 2;
            background: $surface;
            border: round $primary;
        }
        Static { height: auto; margin: 0 0 1 0; }
        .question--title { text-style: bold; }
        OptionList, OptionList:focus {
            height: auto;
            max-height: 6;
            background: $surface;
            background-tint: $background 0%;
            border: none;
            padding: 0;
            & > .option-list--option-highlighted {
                color: $foreground;
                background: $primary 30%;
                text-style: none;
            }
        }
        &.-low > Vertical { padding: 0 1; }
        &.-low Static { margin: 0; }
    }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012  (Textual declares it)
    BINDINGS: ClassVar[list[BindingType]] = bindings("question")

    def __init__(self, title: str, text: str, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = answers

    def compose(self) -> ComposeResult:
        """The question, and the answers below one another."""
        with Vertical():
            yield Static(line(self._title, 100), classes="question--title", markup=False)
            yield Static(self._text, markup=False)
            yield Options(
                *(Option(line(text, 66), value) for value, text in self._answers), markup=False
            )

    def on_mount(self) -> None:
        """The answers take keys at once."""
        self.query_one(OptionList).focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        """Does nothing."""
        self.dismiss(None)
