"""A file to attach, found by its path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from r1chat import paths
from r1chat.sanitize import line
from r1chat.tui.keys import bindings
from r1chat.tui.screens.once import Once
from r1chat.tui.typed import focus_first
from r1chat.tui.widgets.options import Options

_MOST = 200
_MOST_READ = 5_000


def entries(typed: str, here: Path) -> list[tuple[str, str]]:
    """What a path that is being typed may become.

    Args:
        typed: The beginning of a path.
        here: The folder that it is relative to.

    Returns:
        Paths in the way they were begun, folders with a slash at their end, and their names.
    """
    folder, _, begun = typed.rpartition("/")
    prefix = f"{folder}/" if "/" in typed else ""
    try:
        place = here / paths.named(prefix or ".")
        with os.scandir(place) as found:
            names = [
                entry.name + ("/" if entry.is_dir() else "")
                for entry, _ in zip(found, range(_MOST_READ), strict=False)
                # A pipe or a device would be read for ever.
                if entry.is_dir() or entry.is_file()
            ]
    except (OSError, RuntimeError, ValueError):
        return []
    begun = begun.lower()
    fitting = [
        name
        for name in names
        if name.lower().startswith(begun) and (begun.startswith(".") or not name.startswith("."))
    ]
    fitting.sort(key=lambda name: (not name.endswith("/"), name.lower()))
    return [(prefix + name, name) for name in fitting[:_MOST]]


class AttachFile(ModalScreen[str | None], Once[str | None]):
    """Asks for the path of a file; Escape leaves it."""

    DEFAULT_CSS = """
    AttachFile {
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
        .attach--title { text-style: bold; margin: 0 0 1 0; height: auto; }
        OptionList { height: auto; max-height: 14; background: $surface; border: none; }
        Input { margin: 0 0 1 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("attach")

    def __init__(self, here: Path | None = None) -> None:
        super().__init__()
        self._here = here or Path.cwd()

    def compose(self) -> ComposeResult:
        """A title, the path, what there is."""
        with Vertical():
            yield Static("Attach a text file", classes="attach--title", markup=False)
            yield Input(
                placeholder="Path  (Tab completes, Enter takes)",
                compact=True,
                select_on_focus=False,
            )
            yield Options(markup=False)

    def on_mount(self) -> None:
        """Shows the working folder."""
        self._fill("")
        self.focus_text_field()

    def focus_text_field(self) -> bool:
        """Gives the keyboard to the path."""
        return focus_first(self, Input)

    def _fill(self, typed: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        found = entries(typed, self._here)
        self._typed = typed
        self._paths = [path for path, _ in found]
        options.add_options([Option(line(name, 66)) for _, name in found])
        if self._paths:
            options.highlighted = 0

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        if event.value != self._typed:
            self._fill(event.value)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._take(self._paths[event.option_index])

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        at = self.query_one(OptionList).highlighted
        typed = event.value.strip()
        if typed and not typed.endswith("/") and self._is_file(typed):
            self._take(typed)
        elif at is not None:
            self._take(self._paths[at])

    def _is_file(self, typed: str) -> bool:
        try:
            return (self._here / paths.named(typed)).is_file()
        except (OSError, RuntimeError, ValueError):
            return False

    def _take(self, path: str) -> None:
        if path.endswith("/"):
            self._show(path)
            return
        self.dismiss(str(self._here / paths.named(path)))

    def _show(self, path: str) -> None:
        field = self.query_one(Input)
        field.value = path
        field.cursor_position = len(path)
        self.focus_text_field()

    def action_complete(self) -> None:
        """Completes the path with what the cursor is on, once the letters before have arrived."""
        (self.focused or self).call_later(self._complete)

    def _complete(self) -> None:
        typed = self.query_one(Input).value
        if typed != self._typed:
            self._fill(typed)
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self._show(self._paths[at])

    def action_move(self, step: int) -> None:
        """Moves the cursor of the list."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_leave(self) -> None:
        """Attaches nothing."""
        self.dismiss(None)
