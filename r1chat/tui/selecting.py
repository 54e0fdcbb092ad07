"""Double clicks select words, triple clicks whole lines, as everywhere else.

Textual selects the whole widget at a double click, and all that stands beside it at a triple one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.geometry import Offset
from textual.selection import Selection

if TYPE_CHECKING:
    from textual.widget import Widget as _Base
else:
    _Base = object

_DOUBLE, _TRIPLE = 2, 3
# An address, a number, a word with its hyphens and apostrophes, other signs, or spaces.
_WORD = re.compile(
    r"""https?://[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}]|\d+(?:[.,]\d+)+|\w+(?:['’-]\w+)*|[^\w\s]+|\s+"""
)


def word_at(text: str, at: int) -> tuple[int, int]:
    """Where the word begins and ends that a character belongs to."""
    for found in _WORD.finditer(text):
        if found.end() > at:
            return found.span()
    return len(text), len(text)


class WordSelection(_Base):
    """A widget whose words and lines can be selected by clicks; stands before its other bases."""

    def line_at(self, offset: Offset) -> tuple[str, list[tuple[int, Offset]]]:
        """Finds the line of text at a place.

        Args:
            offset: The place, as selections give it.

        Returns:
            The line, and where its parts stand: each with its first character and its offset.
        """
        visual = self._render()
        text = str(visual) if isinstance(visual, Content) else ""
        lines = text.split("\n")
        line = lines[offset.y] if offset.y < len(lines) else ""
        return line, [(0, Offset(0, offset.y))]

    def on_click(self, event: events.Click) -> None:
        """Selects a word or a line."""
        if event.chain < _DOUBLE or event.widget is not self or not self.allow_select:
            return
        event.prevent_default()
        _, offset = self.screen.get_widget_and_offset_at(*event.screen_offset)
        if offset is None:
            return
        line, parts = self.line_at(offset)
        start, end = 0, len(line)
        if event.chain == _DOUBLE:
            start, end = word_at(line, _place_of(offset, parts))
        if start < end:
            chosen = Selection(_offset_of(start, parts), _offset_of(end - 1, parts, past=1))
            self.screen.selections = {self: chosen}


def _place_of(offset: Offset, parts: list[tuple[int, Offset]]) -> int:
    first, origin = next((part for part in parts if part[1].y == offset.y), parts[0])
    return first + max(0, offset.x - origin.x)


def _offset_of(place: int, parts: list[tuple[int, Offset]], *, past: int = 0) -> Offset:
    first, origin = next(part for part in reversed(parts) if part[0] <= place)
    return Offset(origin.x + place - first + past, origin.y)
