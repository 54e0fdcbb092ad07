"""The list of the models screen: rows in columns, in sections."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets.option_list import Option

from r1chat.tui.models import columns
from r1chat.tui.models.rows import TITLES, Row, Section
from r1chat.tui.widgets.options import Rows

_TITLE = "title "


class ModelList(Rows):
    """Rows of models."""

    DEFAULT_CSS = """
    ModelList, ModelList:focus {
        height: 1fr;
        border: none;
        padding: 0;
        background: $background;
        background-tint: $background 0%;
        scrollbar-size-vertical: 1;
        text-wrap: nowrap;
        & > .option-list--option { padding: 0; }
        & > .option-list--option-disabled { color: $text-muted; text-style: bold; }
        & > .option-list--option-highlighted {
            color: $foreground;
            background: $primary 30%;
            text-style: none;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._rows: dict[str, Row] = {}
        self._drawn: dict[str, Content] = {}

    @property
    def row(self) -> Row | None:
        """The row that the cursor is on."""
        option = self.highlighted_option
        return None if option is None or option.id is None else self._rows.get(option.id)

    @property
    def rows(self) -> list[Row]:
        """All that are shown, from the top."""
        return list(self._rows.values())

    @property
    def head(self) -> Content:
        """The columns' titles."""
        return columns.head(self._columns, self._room)

    @property
    def _room(self) -> int:
        # Before its first layout it has no size: it will be as wide as the screen lets it.
        around = self.styles.margin.width + self.styles.scrollbar_size_vertical
        return max(10, (self.size.width or self.app.size.width - around) - 1)

    @property
    def _columns(self) -> list[columns.Column]:
        found = any(row.section == "found" for row in self._rows.values())
        return columns.columns(self._room, found=found)

    def show(self, rows: Sequence[Row], *, cursor: str | None = None) -> None:
        """Shows some rows; the cursor stays on its row as long as that is there.

        Args:
            rows: The rows, those of a section together.
            cursor: The key of the row that the cursor is to be on.
        """
        before = self.row.key if self.row else None
        # What is downloaded becomes another row; its model is the same.
        ref = self.row.ref if self.row else None
        self._rows = {row.key: row for row in rows}
        chosen, room = self._columns, self._room
        drawn: dict[str, Content] = {}
        section: Section | None = None
        for row in self._rows.values():
            if row.section != section:
                section = row.section
                drawn[_TITLE + section] = Content(TITLES[section])
            drawn[row.key] = columns.row(row, chosen, room)
        if list(drawn) == list(self._drawn):
            for key, content in drawn.items():
                if not content.is_same(self._drawn[key]):
                    self.replace_option_prompt(key, content)
        else:
            scroll = self.scroll_offset.y
            self.set_options(
                Option(content, key, disabled=key.startswith(_TITLE))
                for key, content in drawn.items()
            )
            self.scroll_to(y=scroll, animate=False)
        self._drawn = drawn
        keys = list(drawn)
        same = [row.key for row in rows if row.ref == ref]
        used = [row.key for row in rows if row.in_use]
        for wish in (cursor, before, *same, *used, *self._rows):
            if wish is not None and wish in self._rows:
                self.highlighted = keys.index(wish)
                break

    def go_to_first(self) -> None:
        """Moves the cursor to the first row."""
        keys = list(self._drawn)
        self.highlighted = keys.index(next(iter(self._rows))) if self._rows else None

    def redraw(self) -> None:
        """Draws the rows for another width."""
        self._drawn = {}
        self.show(self.rows)
