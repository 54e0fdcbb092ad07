"""A list to pick from, with a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from r1chat.sanitize import line
from r1chat.tui import typed
from r1chat.tui.keys import bindings
from r1chat.tui.screens.once import Once
from r1chat.tui.widgets.options import Options

_COLUMN = 30
"""What is said about a choice begins here at the latest."""
_NOTHING = "  Nothing has these words."


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry."""

    value: str
    label: str
    about: str = ""


class Pick(ModalScreen[str | None], Once[str | None]):
    """Lets the user pick one of several things; Escape picks nothing.

    Args:
        title: What is being picked.
        choices: What there is.
        current: The value that is in use.
        preview: Called with each value that the cursor is moved to, and with `current` when
            nothing is picked.
        typed: For a list that opens by itself while somebody may be typing: takes the text, in
            the place of a filter.
    """

    DEFAULT_CSS = """
    Pick {
        align: center middle;
        & > Vertical {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 80%;
            padding: 1 2;
            background: $surface;
            border: round $primary;
        }
        .pick--title { text-style: bold; margin: 0 0 1 0; height: auto; }
        OptionList {
            height: auto;
            max-height: 16;
            background: $surface;
            border: none;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        Input { margin: 0 0 1 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("pick")

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        *,
        current: str | None = None,
        preview: Callable[[str], None] | None = None,
        typed: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._current = current
        self._preview = preview
        self._typed = typed
        self._writes = False
        """Whether what was pressed last was text for somewhere else."""
        labels = [len(line(choice.label, 60)) for choice in choices]
        self._widest = min(max(labels, default=0), _COLUMN)

    def compose(self) -> ComposeResult:
        """A title, the filter, the list."""
        with Vertical():
            yield Static(self._title, classes="pick--title", markup=False)
            if self._typed is None:
                yield Input(placeholder="Filter", compact=True, select_on_focus=False)
            yield Options(markup=False)

    def on_mount(self) -> None:
        """Shows all there is, with the cursor on what is in use."""
        self._fill("")
        self.focus_text_field()

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the filter, or to the list where there is none."""
        if self._typed is None:
            return typed.focus_first(self, Input)
        self.query_one(OptionList).focus()
        return True

    def on_key(self, event: events.Key) -> None:
        """Passes on what belongs to another text, with the Enter that ends it."""
        if self._typed is None:
            return
        if typed.is_text(event) and event.character is not None:
            self._typed(event.character)
        elif not (self._writes and event.key == "enter"):
            self._writes = False
            return
        self._writes = event.key != "enter"
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Passes on what belongs to another text."""
        if self._typed is not None:
            self._typed(event.text)
            self._writes = True
            event.stop()

    def _fill(self, text: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        words = text.lower().split()
        for choice in self._choices:
            searched = f"{choice.label} {choice.about} {choice.value}".lower()
            if all(word in searched for word in words):
                mark = "●" if choice.value == self._current else " "
                label = line(choice.label, 60).ljust(self._widest)
                text = f"{mark} {label}  {line(choice.about, 60)}".rstrip()
                options.add_option(Option(text, choice.value))
        values = [option.id for option in options.options]
        if not values:
            options.add_option(Option(_NOTHING, disabled=True))
        else:
            at = values.index(self._current) if self._current in values and not words else 0
            options.highlighted = at

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if self._preview is not None and event.option.id is not None:
            self._preview(event.option.id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    def action_move(self, step: int) -> None:
        """Moves the cursor of the list, wherever the focus is."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_leave(self) -> None:
        """Picks nothing."""
        if self._preview is not None and self._current is not None:
            self._preview(self._current)
        self.dismiss(None)
