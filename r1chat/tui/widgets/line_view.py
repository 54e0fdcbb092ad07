"""Text that only grows, as rows: it wraps, follows the tail and costs the same at any length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.geometry import Offset, Region, Size
from textual.reactive import reactive
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from r1chat.tui.markdown import styles
from r1chat.tui.markdown.origins import Place
from r1chat.tui.selecting import WordSelection
from r1chat.tui.widgets.folded import Folded
from r1chat.tui.widgets.lines import Written
from r1chat.tui.widgets.page import Page
from r1chat.tui.widgets.strips import GUTTER, Marked, Palette, Span, mark, render

MOST_COLUMNS = 110
"""Columns of text at most: longer lines are hard to read."""
_MOST_CACHED = 512
_LEAST = 3
"""Lines that there are always room for."""


class LineView(WordSelection, ScrollView, can_focus=True):
    """Shows a text, which may come in any pieces. Only what is new costs anything.

    It stays at the end of the text until the user scrolls away from it, and again once the user
    is back there. While it, or anything that it stands in, is not displayed, it only stores.

    Args:
        text: What it shows, where that is another's: then `update` tells that there is more.
        name: The name of the widget.
        id: The id of the widget.
        classes: The classes of the widget.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-view--injected",
        "line-view--moment",
        "line-view--wrong",
        "line-view--cursor",
        "line-view--found",
        "line-view--unsure",
        "line-view--doubtful",
        *styles.CLASSES,
    }
    DEFAULT_CSS = f"""
    LineView {{
        height: auto;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 0;
        scrollbar-background: transparent;
        scrollbar-background-hover: transparent;
        scrollbar-background-active: transparent;
        scrollbar-color: $foreground 20%;
        color: $text-muted;

        &:focus {{
            background: $foreground 4%;
            scrollbar-color: $primary;
        }}
        & > .line-view--injected {{
            color: $text-accent;
            text-style: italic;
        }}
        & > .line-view--moment {{
            color: $text-warning;
            text-style: bold;
        }}
        & > .line-view--wrong {{
            color: $text-error;
            text-style: bold;
        }}
        & > .line-view--cursor {{
            color: $text;
            background: $foreground 10%;
        }}
        & > .line-view--unsure {{
            background: $warning 14%;
        }}
        & > .line-view--doubtful {{
            background: $warning 30%;
        }}
        & > .line-view--found {{
            color: $text;
            background: $warning 40%;
        }}
        {styles.RULES}
    }}
    """

    tallest: reactive[float] = reactive(0.4, repaint=False, layout=True)
    """The part of the screen's height that it takes at most, where its own is "auto"."""
    raw: reactive[bool] = reactive(default=False, repaint=False, init=False)
    """Whether the text is shown as it was written, and not rendered as Markdown."""
    news: reactive[bool] = reactive(default=False, repaint=False)
    """Whether there is text below what is in sight that came after one had scrolled away."""

    def __init__(
        self,
        text: Written | None = None,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  (every widget of Textual calls it so)
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.written = text or Written()
        """The text."""
        self._page: Page | Folded = Page(self.written)
        self._top: tuple[Place, int] | None = None
        """What the user scrolled to: a place, and rows below its first one. None follows the
        tail."""
        self._stale = True
        """Whether there is text that is not on the page."""
        self._marked_moments = 0
        """Moments that had their mark when the page was brought up to date."""
        self._marked_wrong = 0
        """The same for wrong sums."""
        self._length = 0
        """How long the text was when the page was brought up to date."""
        self._strips: dict[int, Strip] = {}
        self._palette: Palette | None = None
        self._screen_height = 0
        self._moving = False
        """Whether a change of the scroll position is not the user's."""

    # What comes in

    def write(self, text: str) -> None:
        """Adds what the model wrote, as it wrote it."""
        self.written.write(text)
        self.update_text()

    def inject(self, text: str) -> None:
        """Adds words that are not the model's."""
        self.written.write(text, injected=True)
        self.update_text()

    def close(self) -> None:
        """Gives out what was held back, at the end of the text."""
        self.written.close()
        self.update_text()

    def clear(self) -> None:
        """Forgets everything."""
        raw = self._page.raw
        self.written = Written()
        self._page = Page(self.written)
        self._page.raw = raw
        self._follow()
        self._stale = True
        self._marked_moments = self._marked_wrong = 0
        self._strips.clear()
        self.refresh(layout=True)

    @property
    def text(self) -> str:
        """The text as it is shown, unwrapped."""
        return self.written.text

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be read."""
        return self.written.empty

    @property
    def following(self) -> bool:
        """Whether it stays at the end as the text grows."""
        return self._top is None

    def fold(self, spans: Sequence[Span]) -> None:
        """Shows the first row alone of parts of the text; what was at the top stays there.

        Args:
            spans: Where these parts begin and end, in order.
        """
        page = self._page
        before = page.spans if isinstance(page, Folded) else ()
        if tuple(spans) == before:
            return
        if isinstance(page, Folded) and [each[0] for each in spans] == [each[0] for each in before]:
            # Only the text has grown: whoever brings it up to date sees to the rest.
            page.spans = tuple(spans)
            return
        whole = page.page if isinstance(page, Folded) else page
        self._page = Folded(whole, spans) if spans else whole
        self._wrap_anew()

    # What Textual asks for

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  (its signature)
        """Wraps to the width and counts the lines."""
        self._wrap(width)
        # Not by "max-height": in a container of automatic height Textual heeds it in cells only.
        return min(self._page.count, max(_LEAST, int(viewport.height * self.tallest)))

    def on_mount(self) -> None:
        """Waits for another height of the screen."""
        self._screen_height = self.screen.size.height
        self.screen.screen_layout_refresh_signal.subscribe(self, self._check_screen)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Renders the visible part."""
        # The style depends on what lies behind the view too, of which nobody tells.
        if self._palette is not None and self._palette.text != self.visual_style:
            self._palette = None
            self._strips.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Renders a row of the visible part."""
        row = self.scroll_offset.y + y
        palette = self._palette or self._mix()
        if row >= self._page.count:
            return Strip.blank(self.size.width, palette.text.rich_style)
        strip = self._strips.get(row)
        if strip is None:
            if len(self._strips) >= _MOST_CACHED:
                self._strips.clear()
            strip = self._strips[row] = self._render_row(row, palette)
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, as it was written."""
        return self.written.extract(*self._page.whole(*self._span_of(selection))), "\n"

    def line_at(self, offset: Offset) -> tuple[str, list[tuple[int, Offset]]]:
        """The paragraph at a place."""
        return self.written.paragraphs[offset.y].text, [(0, Offset(0, offset.y))]

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002  (Textual's signature)
        """Shows another selection."""
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        """Forgets the colours."""
        super().notify_style_update()
        self._palette = None
        self._strips.clear()
        if self._page.ansi != self.app.native_ansi_color:
            self._page.ansi = self.app.native_ansi_color
            self._wrap_anew()

    def watch_raw(self, raw: bool) -> None:  # noqa: FBT001  (Textual calls it)
        """Shows the other form; what was at the top stays there."""
        if self._top is not None:
            self._top = self._top[0], 0
        self._page.raw = raw
        self._wrap_anew()

    def watch_scroll_target_y(self, _old: float, target: float) -> None:
        """Remembers where the user scrolled to."""
        if self._moving:
            return
        if target >= self.max_scroll_y:
            self._follow()
        else:
            self._hold(round(target))

    def action_scroll_end(self) -> None:
        """Goes to the end and stays there."""
        self._follow()
        self._settle()

    # Inside

    @property
    def _bottom(self) -> int:
        """The row below the last that is in sight."""
        return self.scroll_offset.y + self.container_size.height

    def _follow(self) -> None:
        """Stays at the end, whatever comes."""
        self._top = None
        self.news = False

    def _is_chosen(self, place: Place) -> bool:  # noqa: ARG002  (for those who inherit)
        return False

    def _shade_of(self, place: Place) -> int:  # noqa: ARG002  (for those who inherit)
        """How strongly the paragraph of a place is shaded."""
        return 0

    def _found_in(self, span: Span) -> tuple[Span, ...]:  # noqa: ARG002  (for those who inherit)
        """What a search has found in a part of the text."""
        return ()

    def update_text(self) -> None:
        """Brings the screen up to date with the text."""
        if not self.is_mounted or self._stale:
            return
        if not all(node.display for node in self.ancestors_with_self):
            # Once: whoever shows it again must not go by the height that it had.
            self._stale = True
            self.refresh(layout=True)
            return
        before = self.virtual_size.height
        first = self._page.update(self._page.width)
        count = self._page.count
        if count != before:
            size = Size(self._page.width, count)
            if min(before, count) <= self.container_size.height:
                self.virtual_size = size
            else:
                # There is a scrollbar already, and nothing moves: spare the screen a layout.
                self.set_reactive(Widget.virtual_size, size)
                self.vertical_scrollbar.window_virtual_size = count
        moments = self.written.moments
        if len(moments) > self._marked_moments:
            # The beginning of its sentence may be some rows above.
            first = min(first, self._page.row(moments[self._marked_moments]))
            self._marked_moments = len(moments)
        wrong = self.written.wrong
        if len(wrong) > self._marked_wrong:
            first = min(first, self._page.row(wrong[self._marked_wrong].place))
            self._marked_wrong = len(wrong)
        self._repaint(first, max(before, count))
        if self._top is None:
            self._settle()
        elif self.written.length > self._length:
            self.news = True
        self._length = self.written.length

    def _wrap(self, total: int) -> None:
        """Wraps to the width that the layout gives, the gutter and the scrollbar included."""
        width = total - GUTTER - self.styles.scrollbar_size_vertical
        self._drop_strips(self._page.update(max(1, min(width, MOST_COLUMNS))))
        self._marked_moments = len(self.written.moments)
        self._marked_wrong = len(self.written.wrong)
        self._length = self.written.length
        self.set_reactive(Widget.virtual_size, Size(self._page.width, self._page.count))
        self._stale = False

    def _wrap_anew(self) -> None:
        self._strips.clear()
        if not self._stale:
            self._wrap(self.size.width - self.styles.gutter.width)
            self.call_after_refresh(self._settle)
        self.refresh(layout=True)

    def _drop_strips(self, first: int) -> None:
        for row in [row for row in self._strips if row >= first]:
            del self._strips[row]

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
            place, below = self._top
            row = min(row, self._page.row(place) + below)
        if row == self.scroll_y == self.scroll_target_y:
            return
        self.app.animator.force_stop_animation(self, "scroll_y")
        self._moving = True
        self.scroll_target_y = row
        self.scroll_y = row
        self._moving = False

    def _hold(self, row: int) -> None:
        """Stays at a row, whatever comes."""
        if self._page.count:
            place = self._page.place(min(row, self._page.count - 1))
            self._top = place, max(0, row - self._page.row(place))

    def _repaint(self, start: int, stop: int) -> None:
        self._drop_strips(start)
        top = self.scroll_offset.y
        first, last = max(start, top), min(stop, self._bottom)
        if first < last:
            self.refresh(Region(0, first - top, self.size.width, last - first))

    def _render_row(self, row: int, palette: Palette) -> Strip:
        page = self._page
        span = page.span(row)
        shown = page.row_at(row)
        marked = Marked(
            self._span_of(self.text_selection) if self.text_selection is not None else None,
            self._found_in(span),
            chosen=bool(shown.origins) and self._is_chosen(page.place(row)),
            shade=self._shade_of(span[0]) if shown.origins else 0,
            folded=isinstance(page, Folded) and page.is_folded(row),
        )
        sign = mark(self.written, span)
        return render(shown, self.written, span[0], palette, sign, marked, self.size.width)

    def _span_of(self, selection: Selection) -> Span:
        """What is selected, as places."""
        start, end = selection.start, selection.end
        return (
            Place(0, 0) if start is None else Place(start.y, start.x),
            self.written.end if end is None else Place(end.y, end.x),
        )

    def _mix(self) -> Palette:
        style = self.get_component_rich_style
        self._palette = Palette(
            text=self.visual_style,
            cursor=self.get_visual_style("line-view--cursor"),
            injected=style("line-view--injected"),
            moment=style("line-view--moment"),
            wrong=style("line-view--wrong"),
            selection=self.screen.get_component_rich_style("screen--selection"),
            found=style("line-view--found", partial=True),
            unsure=tuple(
                self.visual_style + self.get_visual_style(f"line-view--{name}", partial=True)
                for name in ("unsure", "doubtful")
            ),
            named=partial(styles.named, self),
        )
        return self._palette
