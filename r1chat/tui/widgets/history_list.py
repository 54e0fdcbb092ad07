"""The list in the panel of conversations: in groups, or what a search has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from textual.message import Message
from textual.widgets.option_list import Option

from r1chat.tui import history_rows
from r1chat.tui.widgets.options import Rows

if TYPE_CHECKING:
    from r1chat.store import Hit, Summary

    Entry: TypeAlias = Summary | Hit

_TITLE = "title "
_NEAR = 20
"""So many lines above its end more is wanted."""


class HistoryList(Rows):
    """Conversations, or hits."""

    DEFAULT_CSS = """
    HistoryList, HistoryList:focus {
        height: 1fr;
        border: none;
        padding: 0;
        background: $surface;
        background-tint: $surface 0%;
        scrollbar-size-vertical: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &.-hits { text-wrap: wrap; }
        & > .option-list--option { padding: 0 1 0 0; }
        & > .option-list--option-disabled { color: $text-muted; text-style: bold; }
        & > .option-list--option-highlighted {
            color: $foreground;
            background: $primary 30%;
            text-style: none;
        }
    }
    """

    class MoreWanted(Message):
        """The end is near."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._entries: dict[str, Entry] = {}
        self._last_group: history_rows.Group | None = None

    @property
    def entry(self) -> Entry | None:
        """What the cursor is on."""
        option = self.highlighted_option
        return None if option is None or option.id is None else self._entries.get(option.id)

    @property
    def entries(self) -> list[Entry]:
        """All that is listed, from the top."""
        return list(self._entries.values())

    def show(
        self, entries: Sequence[Entry], now: float, current: str, *, fresh: bool = False
    ) -> None:
        """Lists some in place of what was listed; the cursor stays where it can.

        Args:
            entries: Conversations or hits.
            now: Seconds since 1970.
            current: The id of the conversation on the screen.
            fresh: Whether something else is listed than before: the cursor goes to the first.
        """
        before = self.highlighted_option.id if self.highlighted_option else None
        at, scroll = self.highlighted, self.scroll_offset.y
        self._entries.clear()
        self._last_group = None
        self.set_class(any(hasattr(entry, "snippet") for entry in entries[:1]), "-hits")
        self.set_options(self._draw(entries, now, current))
        ids = [option.id for option in self.options]
        if fresh:
            self.highlighted = next(
                (n for n, each in enumerate(ids) if each in self._entries), None
            )
        elif before in ids:
            self.highlighted = ids.index(before)
            self.scroll_to(y=scroll, animate=False)
        elif self._entries:
            # What was there is gone: the one in its place.
            near = range(min(at or 0, len(ids) - 1), -1, -1)
            self.highlighted = next((n for n in near if ids[n] in self._entries), 1)

    def add(self, entries: Sequence[Entry], now: float, current: str) -> None:
        """Lists more below."""
        self.add_options(self._draw(entries, now, current))

    def _draw(self, entries: Sequence[Entry], now: float, current: str) -> list[Option]:
        # Not at the top: the keys of the panel are looked up before there is a first frame.
        from r1chat.store import Hit

        options = []
        for entry in entries:
            if isinstance(entry, Hit):
                key, text = f"h {entry.node}", history_rows.hit(entry, now)
            else:
                key, text = (
                    f"c {entry.id}",
                    history_rows.entry(entry, now, current=entry.id == current),
                )
            # What has changed since the page before may come twice.
            if key in self._entries:
                continue
            if not isinstance(entry, Hit):
                group = history_rows.group(entry, now)
                if group != self._last_group:
                    self._last_group = group
                    # Times out of bounds in the file may have a group come again.
                    options.append(Option(history_rows.TITLES[group], _TITLE + key, disabled=True))
            self._entries[key] = entry
            options.append(Option(text, key))
        return options

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Asks for more in time."""
        super().watch_scroll_y(old, new)
        if new > old and new >= self.max_scroll_y - _NEAR:
            self.post_message(self.MoreWanted())
