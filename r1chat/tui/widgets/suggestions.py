"""The list of what the word that is being typed may become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from r1chat.tui.widgets.options import Options


class Suggestions(Options):
    """Stands above the composer, which keeps the keyboard.

    Args:
        choose: Called with the number of the one that is clicked.
    """

    DEFAULT_CSS = """
    Suggestions, Suggestions:focus {
        height: auto;
        max-height: 8;
        margin: 0 1;
        padding: 0 1;
        border: none;
        background: $surface;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        scrollbar-size-vertical: 1;
        & > .option-list--option-highlighted { background: $block-cursor-background; }
    }
    """
    can_focus = False
    ALLOW_SELECT: ClassVar[bool] = False

    def __init__(self, choose: Callable[[int], None]) -> None:
        super().__init__(markup=False)
        self._choose = choose

    def suggest(self, choices: Sequence[tuple[str, str]]) -> None:
        """Shows other suggestions; without any it is not to be seen.

        Args:
            choices: Each with what there is to say of it.
        """
        self.clear_options()
        widest = max((cell_len(label) for label, _ in choices), default=0)
        for label, about in choices:
            padded = label + " " * (widest - cell_len(label))
            self.add_option(Option(f"{padded}  {about}".rstrip()))
        self.highlighted = 0 if choices else None
        self.display = bool(choices)

    def step(self, by: int) -> None:
        """Moves the cursor."""
        if by > 0:
            self.action_cursor_down()
        else:
            self.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes what is clicked."""
        event.stop()
        self._choose(event.option_index)
