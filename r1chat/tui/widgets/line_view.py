"""Text that only grows, as lines: it wraps, follows the tail and costs the same at any length."""

from __future__ import annotations

from typing import ClassVar

from textual.geometry import Offset, Region, Size
from textual.reactive import reactive
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from r1chat.tui.selecting import WordSelection
from r1chat.tui.widgets.lines import Lines, Place
from r1chat.tui.widgets.strips import GUTTER, Palette, render

_MOST_CACHED = 512
_LEAST = 3
"""Lines that there are always room for."""


class LineView(WordSelection, ScrollView, can_focus=True):
    """Shows a text, which may come in any pieces. Only what is new costs anything.

    It stays at the end of the text until the user scrolls away from it, and again once the user
    is back there. While it, or anything that it stands in, is not displayed, it only stores.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-view--injected",
        "line-view--moment",
        "line-view--cursor",
    }
    DEFAULT_CSS = """
    LineView {
        height: auto;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-background: transparent;
        scrollbar-background-hover: transparent;
        scrollbar-background-active: transparent;
        scrollbar-color: $foreground 20%;
        color: $text-muted;

        &:focus {
            background: $foreground 4%;
            scrollbar-color: $primary;
        }
        & > .line-view--injected {
            color: $text-accent;
            text-style: italic;
        }
        & > .line-view--moment {
            color: $text-warning;
            text-style: bold;
        }
        & > .line-view--cursor {
            color: $text;
            background: $foreground 10%;
        }
    }
    """

    tallest: reactive[float] = reactive(0.4, repaint=False, layout=True)
    """The part of the screen's height that it takes at most, where its own is "auto"."""

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  (every widget of Textual calls it so)
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._lines = Lines()
        self._top: Place | None = None
        """What the user scrolled to; None follows the tail."""
        self._stale = True
        """Whether there is text that is not wrapped."""
        self._strips: dict[int, Strip] = {}
        self._palette: Palette | None = None
        self._screen_height = 0
        self._moving = False
        """Whether a change of the scroll position is not the user's."""

    # What comes in

    def write(self, text: str) -> None:
        """Adds what the model wrote, as it wrote it."""
        self._write(text, injected=False)

    def inject(self, text: str) -> None:
        """Adds words that are not the model's."""
        self._write(text, injected=True)

    def close(self) -> None:
        """Gives out what was held back, at the end of the text."""
        moments = len(self._lines.moments)
        self._lines.close()
        self._grow(moments)

    def clear(self) -> None:
        """Forgets everything."""
        self._lines = Lines()
        self._top = None
        self._stale = True
        self._strips.clear()
        self.refresh(layout=True)

    @property
    def text(self) -> str:
        """The text as it is shown, unwrapped."""
        return self._lines.text

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be read."""
        return self._lines.empty

    @property
    def following(self) -> bool:
        """Whether it stays at the end as the text grows."""
        return self._top is None

    # What Textual asks for

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  (its signature)
        """Wraps to the width and counts the lines."""
        self._wrap(width)
        # Not by "max-height": in a container of automatic height Textual heeds it in cells only.
        return min(self._lines.count, max(_LEAST, int(viewport.height * self.tallest)))

    def on_mount(self) -> None:
        """Waits for another height of the screen."""
        self._screen_height = self.screen.size.height
        self.screen.screen_layout_refresh_signal.subscribe(self, self._check_screen)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Renders the visible part."""
        # The style depends on what lies behind the view too, of which nobody tells.
        if self._palette is not None and self._palette.text != self.rich_style:
            self._palette = None
            self._strips.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Renders a line of the visible part."""
        row = self.scroll_offset.y + y
        palette = self._palette or self._mix()
        if row >= self._lines.count:
            return Strip.blank(self.size.width, palette.text)
        strip = self._strips.get(row)
        if strip is None:
            if len(self._strips) >= _MOST_CACHED:
                self._strips.clear()
            strip = self._strips[row] = self._render_row(row, palette)
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, without the breaks that wrapping made."""
        start = Place(0, 0)
        if selection.start is not None:
            start = Place(selection.start.y, selection.start.x)
        end = None if selection.end is None else Place(selection.end.y, selection.end.x)
        return self._lines.extract(start, end), "\n"

    def line_at(self, offset: Offset) -> tuple[str, list[tuple[int, Offset]]]:
        """The paragraph at a place."""
        return self._lines.paragraphs[offset.y].text, [(0, Offset(0, offset.y))]

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002  (Textual's signature)
        """Shows another selection."""
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        """Forgets the colours."""
        super().notify_style_update()
        self._palette = None
        self._strips.clear()

    def watch_scroll_target_y(self, _old: float, target: float) -> None:
        """Remembers where the user scrolled to."""
        if self._moving:
            return
        if target >= self.max_scroll_y:
            self._top = None
        else:
            self._hold(round(target))

    def action_scroll_end(self) -> None:
        """Goes to the end and stays there."""
        self._top = None
        self._settle()

    # Inside

    @property
    def _bottom(self) -> int:
        """The row below the last that is in sight."""
        return self.scroll_offset.y + self.container_size.height

    def _is_chosen(self, paragraph: int) -> bool:  # noqa: ARG002  (for those who inherit)
        return False

    def _write(self, text: str, *, injected: bool) -> None:
        moments = len(self._lines.moments)
        self._lines.write(text, injected=injected)
        self._grow(moments)

    def _grow(self, moments: int) -> None:
        """Brings the screen up to date after a writing.

        Args:
            moments: How many there were before it.
        """
        if not self.is_mounted or self._stale:
            return
        if not all(node.display for node in self.ancestors_with_self):
            # Once: whoever shows it again must not go by the height that it had.
            self._stale = True
            self.refresh(layout=True)
            return
        before = self.virtual_size.height
        first = self._lines.wrap(self._lines.width)
        count = self._lines.count
        if count != before:
            size = Size(self._lines.width, count)
            if before <= self.container_size.height:
                self.virtual_size = size
            else:
                # There is a scrollbar already, and nothing moves: spare the screen a layout.
                self.set_reactive(Widget.virtual_size, size)
                self.vertical_scrollbar.window_virtual_size = count
        if len(self._lines.moments) > moments:
            # The beginning of its sentence may be some rows above.
            first = min(first, self._lines.row(self._lines.moments[moments]))
        self._repaint(first, count)
        if self._top is None:
            self._settle()

    def _wrap(self, total: int) -> None:
        """Wraps to the width that the layout gives, the gutter and the scrollbar included."""
        width = max(1, total - GUTTER - self.styles.scrollbar_size_vertical)
        if width != self._lines.width:
            self._strips.clear()
        first = self._lines.wrap(width)
        for row in [row for row in self._strips if row >= first]:
            del self._strips[row]
        self.set_reactive(Widget.virtual_size, Size(width, self._lines.count))
        self._stale = False

    def _size_updated(
        self,
        size: Size,
        virtual_size: Size,
        container_size: Size,
        layout: bool = True,  # noqa: FBT001, FBT002  (Textual's signature)
    ) -> bool:
        # The one place where the sizes are known and nothing is painted yet.
        if size != self._size:
            self._strips.clear()
            self._wrap(size.width - self.styles.gutter.width)
        resized = super()._size_updated(size, virtual_size, container_size, layout)
        self._settle()
        return resized

    def _check_screen(self, screen: Screen[object]) -> None:
        # Where the width stays, Textual keeps the heights of what is in automatic containers.
        if screen.size.height != self._screen_height:
            self._screen_height = screen.size.height
            self.refresh(layout=True)

    def _settle(self) -> None:
        """Scrolls to where the reader is: to the end, or to what was at the top before."""
        row = self.max_scroll_y
        if self._top is not None:
            row = min(row, self._lines.row(self._top))
        if row == self.scroll_y == self.scroll_target_y:
            return
        self.app.animator.force_stop_animation(self, "scroll_y")
        self._moving = True
        self.scroll_target_y = row
        self.scroll_y = row
        self._moving = False

    def _hold(self, row: int) -> None:
        """Stays at a row, whatever comes."""
        if self._lines.count:
            line = self._lines.line(min(row, self._lines.count - 1))
            self._top = Place(line.paragraph, line.start)

    def _repaint(self, start: int, stop: int) -> None:
        for row in range(start, stop):
            self._strips.pop(row, None)
        top = self.scroll_offset.y
        first, last = max(start, top), min(stop, self._bottom)
        if first < last:
            self.refresh(Region(0, first - top, self.size.width, last - first))

    def _render_row(self, row: int, palette: Palette) -> Strip:
        line = self._lines.line(row)
        paragraph = self._lines.paragraphs[line.paragraph]
        selected = None
        selection = self.text_selection
        if selection is not None:
            selected = selection.get_span(line.paragraph)
            if selected is not None and selected[1] < 0:
                selected = (selected[0], len(paragraph.text))
        return render(
            paragraph,
            line,
            palette,
            width=self.size.width,
            chosen=self._is_chosen(line.paragraph),
            selected=selected,
        )

    def _mix(self) -> Palette:
        style = self.get_component_rich_style
        self._palette = Palette(
            text=self.rich_style,
            injected=style("line-view--injected"),
            moment=style("line-view--moment"),
            cursor=style("line-view--cursor"),
            selection=self.screen.get_component_rich_style("screen--selection"),
        )
        return self._palette
