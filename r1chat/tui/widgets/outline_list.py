"""The outline of a thought as a list: a row for each part, with a cursor."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from r1chat.tui.keys import bindings
from r1chat.tui.widgets.outlined import Part
from r1chat.tui.widgets.strips import FOLDED
from r1chat.wording import OUTLINE_SIGNS, part_title


class OutlineList(ScrollView, can_focus=True):
    """Shows the parts of a thought. Rows that stay the same are not drawn again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "outline--chosen",
        "outline--step",
        "outline--check",
        "outline--dead-end",
        "outline--restart",
        "outline--answer",
    }
    DEFAULT_CSS = """
    OutlineList {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        background: $surface;
        color: $foreground;
        & > .outline--chosen { background: $foreground 12%; }
        &:focus > .outline--chosen { background: $primary 30%; }
        & > .outline--step { color: $text-muted; }
        & > .outline--check { color: $text-success; }
        & > .outline--dead-end { color: $text-error; }
        & > .outline--restart { color: $text-warning; }
        & > .outline--answer { color: $text-accent; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("outline")
    ALLOW_SELECT = False

    cursor: reactive[int] = reactive(0, repaint=False)
    """The number of the row that is chosen."""

    @dataclass
    class Moved(Message):
        """The user has moved the cursor."""

        part: Part

    @dataclass
    class Chosen(Message):
        """The user wants to read a part."""

        part: Part

    @dataclass
    class FoldWanted(Message):
        """The user wants parts folded, or unfolded."""

        parts: Sequence[Part]
        folded: bool

    def __init__(self) -> None:
        super().__init__()
        self.parts: Sequence[Part] = ()
        self._folded: frozenset[int] = frozenset()

    def show(self, parts: Sequence[Part], folded: Container[int] = ()) -> None:
        """Shows parts. The cursor stays on its part, and what is in sight where it is.

        Args:
            parts: All of them.
            folded: The numbers of those that are folded in the text.
        """
        before, was_folded = self.parts, self._folded
        at_end = self.scroll_y >= self.max_scroll_y and not self.has_focus
        chosen = before[self.cursor] if self.cursor < len(before) else None
        # A list that grows in its owner's hands would be equal to what it was.
        self.parts = parts = tuple(parts)
        self._folded = frozenset(n for n in range(len(parts)) if n in folded)
        self.virtual_size = Size(self.size.width, len(parts))
        if chosen is not None and parts[self.cursor : self.cursor + 1] != (chosen,):
            # An answer may have come in above it.
            same = (n for n, part in enumerate(parts) if part[:3] == chosen[:3])
            self.set_reactive(OutlineList.cursor, next(same, min(self.cursor, len(parts) - 1)))
        for row in range(max(len(before), len(parts))):
            if before[row : row + 1] != parts[row : row + 1] or (row in was_folded) != (
                row in self._folded
            ):
                self._repaint(row)
        if at_end and len(parts) > len(before):
            self.scroll_end(animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        """Draws a row that is in sight."""
        row = self.scroll_offset.y + y
        width = self.size.width
        base = self.rich_style
        if row >= len(self.parts):
            return Strip.blank(width, base)
        part = self.parts[row]
        if row == self.cursor:
            base += self.get_component_rich_style("outline--chosen", partial=True)
        kind = self.get_component_rich_style(
            f"outline--{part.kind.replace(' ', '-')}", partial=True
        )
        fold = FOLDED if row in self._folded else " "
        title = part_title(part.kind, part.title)
        room = max(0, width - 5)
        text = set_cell_size(title, room) if len(title) * 2 > room else title
        if text.rstrip() != title and room:
            text = set_cell_size(title, room - 1).rstrip() + "…"
        words = base if part.kind == "step" else base + kind
        segments = [
            Segment(fold, base),
            Segment(f"{OUTLINE_SIGNS[part.kind]} ", base + kind),
            Segment(text, words),
        ]
        return Strip(segments).adjust_cell_length(width, base)

    def watch_cursor(self, old: int, new: int) -> None:
        """Draws the cursor, and brings it into sight."""
        self._repaint(old)
        self._repaint(new)
        self.scroll_to_region(
            Region(0, new, 1, 1), animate=False, force=True, immediate=True, x_axis=False
        )

    def validate_cursor(self, cursor: int) -> int:
        """Keeps it on a row."""
        return max(0, min(cursor, len(self.parts) - 1))

    def action_move(self, by: int) -> None:
        """Moves the cursor, and tells."""
        before, self.cursor = self.cursor, self.cursor + by
        if self.cursor != before:
            self.post_message(self.Moved(self.parts[self.cursor]))

    def action_page(self, by: int) -> None:
        """Moves the cursor by what is in sight."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_choose(self) -> None:
        """Tells which part is to be read."""
        if self.parts:
            self.post_message(self.Chosen(self.parts[self.cursor]))

    def action_fold(self, folded: bool) -> None:  # noqa: FBT001  (it comes from the key's action)
        """Folds the chosen part, or unfolds it."""
        self.post_message(self.FoldWanted(self.parts[self.cursor : self.cursor + 1], folded))

    def action_fold_all(self, folded: bool) -> None:  # noqa: FBT001
        """Folds all parts, or unfolds them."""
        self.post_message(self.FoldWanted(self.parts, folded))

    async def on_click(self, event: events.Click) -> None:
        """Goes to the part that was clicked."""
        row = self.scroll_offset.y + event.y
        if row < len(self.parts):
            self.cursor = row
            self.post_message(self.Chosen(self.parts[row]))

    def _repaint(self, row: int) -> None:
        y = row - self.scroll_offset.y
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))
