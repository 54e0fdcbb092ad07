"""The help: all keys, with what they do."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from r1chat import keymap
from r1chat.actions import ACTIONS, SECTIONS
from r1chat.tui.keys import bindings
from r1chat.tui.screens.once import Once

_COLUMN = 19
_LEAST = 20
_PAIR = 2
"""Of more keys that do the same, the first and the last are named."""


def text(of: Mapping[str, str], width: int) -> Content:
    """All keys with what they do.

    Args:
        of: The keys of the actions by their ids.
        width: Columns that there are.
    """
    parts: list[str | tuple[str, str]] = []
    for section, title in SECTIONS.items():
        parts.append((f"{title}\n", "bold $text-accent"))
        bound = [each for each in ACTIONS if each.section == section and of.get(each.id)]
        for about in dict.fromkeys(each.help for each in bound):
            those = [keymap.shown(of[each.id]) for each in bound if each.help == about]
            shown = list(dict.fromkeys(those))
            if len(shown) > _PAIR:
                shown[1:-1] = ["…"]
            rows = textwrap.wrap(about, max(_LEAST, width - _COLUMN - 2))
            parts.append(f"  {'  '.join(shown):<{_COLUMN - 1}} {rows[0]}\n")
            parts += [f"{'':<{_COLUMN + 2}}{row}\n" for row in rows[1:]]
        parts.append("\n")
    return Content.assemble(*parts).rstrip()


class Help(ModalScreen[None], Once[None]):
    """Explains the keys; any of Escape, F1 and q closes it.

    Args:
        of: The keys of the actions by their ids.
    """

    DEFAULT_CSS = """
    Help {
        align: center middle;
        & > VerticalScroll {
            width: 88;
            max-width: 98%;
            height: auto;
            max-height: 92%;
            padding: 1 2;
            background: $surface;
            border: round $primary;
            scrollbar-size-vertical: 1;
            scrollbar-gutter: stable;
            Static { height: auto; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(self, of: Mapping[str, str]) -> None:
        super().__init__()
        self._of = of

    def compose(self) -> ComposeResult:
        """One text that scrolls where the screen is small."""
        with VerticalScroll():
            yield _Keys(self._of)


class _Keys(Static):
    """The text, as wide as it is shown."""

    def __init__(self, of: Mapping[str, str]) -> None:
        super().__init__(markup=False)
        self._of = of

    def on_resize(self) -> None:
        """Breaks its lines again."""
        self.update(text(self._of, self.content_size.width))
