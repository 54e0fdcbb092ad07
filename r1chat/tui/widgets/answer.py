"""The pane of an answer: Markdown that grows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Offset, Size
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from r1chat.sanitize import Sanitizer
from r1chat.tui.clipboard import Clipboard
from r1chat.tui.keys import bindings
from r1chat.tui.markdown import styles
from r1chat.tui.markdown.code import CodeBlock, code_blocks
from r1chat.tui.markdown.document import Document
from r1chat.tui.markdown.rows import Row, copied
from r1chat.tui.selecting import WordSelection

SHORTEST_WAIT = 0.05
"""Seconds between two flushes at least."""
LONGEST_WAIT = 0.2
COSTS = 4
"""A flush waits so many times as long as the last one kept the processor, which leaves the rest of
the time to keys."""


@dataclass(slots=True)
class _Drawn:
    """A row, and its strip once it was on the screen."""

    row: Row
    strip: Strip | None = None


class AnswerView(WordSelection, Widget, can_focus=True):
    """Shows an answer while it is written, and after.

    Feed it with `write`, and call `finish` however the answer ends. It is as high as its text.

    Args:
        text: What there is of the answer already; it is complete then.
        name: The name of the widget.
        id: The id of the widget.
        classes: The classes of the widget.
    """

    DEFAULT_CSS = f"""
    AnswerView {{
        height: auto;
        width: 1fr;
        color: $foreground;

        &:focus {{
            background: $foreground 4%;
        }}
        {styles.RULES}
    }}
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {*styles.CLASSES}

    FOCUS_ON_CLICK = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("answer")

    raw: reactive[bool] = reactive(default=False, init=False)
    """Whether the source is shown instead: Markdown and LaTeX as the model wrote them."""

    def __init__(
        self,
        text: str = "",
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._sanitizer = Sanitizer()
        self._source: list[str] = []
        self._waiting: list[str] = []
        self._document = Document()
        self._streaming = False
        self._ready = False
        self._timer: Timer | None = None
        self._flushed_at = float("-inf")
        self._cost = 0.0
        self._drawn: list[_Drawn] = []
        self._kept = 0
        self._width = 0
        self._floor = 0
        if text:
            self.write(text)
            self.finish()

    # The text.

    @property
    def source(self) -> str:
        """The answer as it was written, fit for a terminal: what is copied."""
        return "".join(self._source)

    @property
    def streaming(self) -> bool:
        """Whether more is to come."""
        return self._streaming

    @property
    def code_blocks(self) -> list[CodeBlock]:
        """The blocks of code so far, with their languages."""
        return code_blocks(self.source)

    def write(self, text: str) -> None:
        """Takes the next piece of the answer; it is shown soon."""
        self._streaming = True
        self._take(self._sanitizer.feed(text))
        if self._ready and self._waiting and self._timer is None:
            pause = min(max(SHORTEST_WAIT, COSTS * self._cost), LONGEST_WAIT)
            wait = self._flushed_at + pause - time.monotonic()
            self._timer = self.set_timer(max(wait, 0.001), self._flush)

    def finish(self) -> None:
        """Shows all there is at once: the answer has ended, however it did."""
        self._take(self._sanitizer.close())
        self._streaming = False
        self._flush()

    def reset(self) -> None:
        """Forgets everything, for another answer in the same pane."""
        self._sanitizer = Sanitizer()
        self._source.clear()
        self._waiting.clear()
        self._document = Document()
        self._streaming = False
        self._rebuild()

    def _take(self, text: str) -> None:
        if text:
            self._source.append(text)
            self._waiting.append(text)

    # From text to rows.

    def on_mount(self) -> None:
        """Shows what was written before."""
        self._ready = True
        self._flush()

    def _flush(self) -> None:
        """Shows what was written since the last time."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if not self._ready:
            return
        begun = time.thread_time()
        self._document.ansi = self.app.native_ansi_color
        self._document.feed("".join(self._waiting))
        self._waiting.clear()
        if self._source and not self._streaming:
            self._document.close()
        height = self._height
        if not self._streaming:
            self._floor = 0
        self._build()
        self.refresh(layout=self._height != height)
        self._flushed_at = time.monotonic()
        self._cost = time.thread_time() - begun

    def _build(self) -> None:
        """Brings the rows up to date with the document; those that are certain are kept."""
        if not self._width:
            return
        if self._document.begins_anew:
            self._kept = 0
        del self._drawn[self._kept :]
        fixed, rest = self._document.news(raw=self.raw)
        for block in fixed:
            self._drawn += map(_Drawn, block.rows(self._width))
        self._kept = len(self._drawn)
        for block in rest:
            self._drawn += map(_Drawn, block.rows(self._width))
        if self._streaming:
            # What becomes shorter once it is understood must not make the text below jump.
            self._floor = max(self._floor, len(self._drawn))

    def _rebuild(self) -> None:
        self._rewrap(self._width)
        self.refresh(layout=True)

    def _rewrap(self, width: int) -> None:
        """Makes all rows again, at a width.

        A layout calls this. It must not ask for another one: Textual then takes that which the
        next text asks for to be on its way already, and the text stays out of sight.
        """
        self._width = width
        self._drawn.clear()
        self._kept = self._floor = 0
        self._document.rewind()
        self._build()

    @property
    def _height(self) -> int:
        return max(len(self._drawn), self._floor)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as there is room."""
        del viewport
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as the text is at a width."""
        del container, viewport
        if width != self._width and width > 0:
            self._rewrap(width)
        return self._height

    def on_resize(self) -> None:
        """Wraps to the width that it got, where that is not the last one it was asked about."""
        width, height = self.content_size.width, self._height
        if width not in {0, self._width}:
            self._rewrap(width)
            self.refresh(layout=self._height != height)

    def watch_raw(self) -> None:
        """Shows the other form."""
        self._rebuild()

    def notify_style_update(self) -> None:
        """Draws with the new colours."""
        super().notify_style_update()
        ansi = self.app.native_ansi_color
        if ansi != self._document.ansi:
            self._document.ansi = ansi
            self._document.reread()
            self._rebuild()
        for drawn in self._drawn:
            drawn.strip = None

    # From rows to strips.

    def render_line(self, y: int) -> Strip:
        """Draws a row."""
        if y >= len(self._drawn):
            return Strip.blank(self.size.width, self.rich_style)
        drawn = self._drawn[y]
        if drawn.strip is None:
            drawn.strip = self._draw(drawn.row)
        strip = drawn.strip
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            strip = self._select(strip, drawn.row.content.plain, *span)
        return strip.apply_offsets(0, y)

    def _draw(self, row: Row) -> Strip:
        base = self.visual_style
        if row.fill:
            base += styles.named(self, row.fill)
        segments = [
            Segment(text, style.rich_style)
            for text, style in row.content.render(
                base, end="", parse_style=partial(styles.named, self)
            )
        ]
        return Strip(segments).adjust_cell_length(self._width, base.rich_style)

    def _select(self, strip: Strip, text: str, start: int, end: int) -> Strip:
        left = cell_len(text[:start])
        right = strip.cell_length if end < 0 else cell_len(text[:end])
        style = self.screen.get_component_rich_style("screen--selection")
        parts = [
            strip.crop(0, left),
            strip.crop(left, right).apply_style(style),
            strip.crop(right),
        ]
        return Strip.join(parts)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as it was written: not how it was wrapped, nor what stands beside."""
        spans = ((drawn.row, selection.get_span(y)) for y, drawn in enumerate(self._drawn))
        return copied((row, *span) for row, span in spans if span is not None), "\n"

    def line_at(self, offset: Offset) -> tuple[str, list[tuple[int, Offset]]]:
        """The line at a place, however it is wrapped; in a table, the row of the screen."""
        rows = [drawn.row for drawn in self._drawn]
        row = rows[offset.y] if offset.y < len(rows) else None
        if row is None or row.parts is None or row.parts[-1].column:
            return row.content.plain if row else "", [(0, Offset(0, offset.y))]
        first = last = offset.y
        while rows[first].soft:
            first -= 1
        while last + 1 < len(rows) and rows[last + 1].soft:
            last += 1
        text = ""
        parts: list[tuple[int, Offset]] = []
        for y in range(first, last + 1):
            if found := rows[y].parts:
                parts.append((len(text), Offset(found[-1].at, y)))
                text += found[-1].text
        return text, parts

    # What the keys do.

    def action_toggle_raw(self) -> None:
        """Shows the source, or the text again."""
        self.raw = not self.raw

    def action_copy_answer(self) -> None:
        """Copies the whole answer as it was written."""
        self._copy("answer", self.source)

    def action_copy_code(self, number: int = 0) -> None:
        """Copies a block of code by its number; without one, the last."""
        self.copy_code(number)

    def copy_code(self, number: int = 0) -> bool:
        """Copies a block of code.

        Args:
            number: Its number, from 1; 0 is the last one.

        Returns:
            Whether there is one.
        """
        blocks = self.code_blocks
        if not 0 <= number <= len(blocks) or not blocks:
            return False
        number = number or len(blocks)
        self._copy(f"code {number}", blocks[number - 1].text)
        return True

    def _copy(self, what: str, text: str) -> None:
        if text:
            Clipboard.of(self.app).copy(text, what)
