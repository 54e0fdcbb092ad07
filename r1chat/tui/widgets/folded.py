"""The rows of a page without those of the parts that are folded. Knows no widget.

A folded part shows its first row. Places mean the same as on the page: one that is hidden is found
in the row that its part shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from r1chat.tui.markdown.origins import Place
from r1chat.tui.markdown.rows import Row
from r1chat.tui.widgets.page import Page
from r1chat.tui.widgets.strips import Span


class Folded:
    """A page, seen with parts of it folded.

    Args:
        page: The page.
        spans: Where the folded parts begin and end, in order.
    """

    def __init__(self, page: Page, spans: Sequence[Span]) -> None:
        self.page = page
        self.spans = tuple(spans)
        self._starts: list[int] = []
        """The first hidden row of each part that hides any, as the page counts."""
        self._ends: list[int] = []
        self._hidden = [0]
        """Rows hidden before each of them, and in all."""
        if page.width:
            self._hide()

    @property
    def text(self) -> object:
        """The text."""
        return self.page.text

    @property
    def width(self) -> int:
        """The width of the rows."""
        return self.page.width

    @property
    def count(self) -> int:
        """How many rows are seen."""
        return self.page.count - self._hidden[-1]

    @property
    def raw(self) -> bool:
        """Whether the text is shown as it was written."""
        return self.page.raw

    @raw.setter
    def raw(self, raw: bool) -> None:
        self.page.raw = raw

    @property
    def ansi(self) -> bool:
        """Whether code has a terminal's own colours."""
        return self.page.ansi

    @ansi.setter
    def ansi(self, ansi: bool) -> None:
        self.page.ansi = ansi

    def update(self, width: int) -> int:
        """Brings the rows up to date; gives the first that may have changed."""
        changed = self.page.update(width)
        before = list(zip(self._starts, self._ends, strict=True))
        self._hide()
        after = list(zip(self._starts, self._ends, strict=True))
        # Where a part hides other rows than before, all below has moved.
        for number, hidden in enumerate(before):
            if after[number : number + 1] != [hidden]:
                changed = min(changed, hidden[0])
                break
        return max(0, self._seen(changed) - 1)

    def row_at(self, row: int) -> Row:
        """What stands in a row."""
        return self.page.row_at(self._on_page(row))

    def place(self, row: int) -> Place:
        """The character with which a row begins."""
        return self.page.place(self._on_page(row))

    def row(self, place: Place) -> int:
        """Finds the row in which a character stands, or its part."""
        return self._seen(self.page.row(place))

    def span(self, row: int) -> Span:
        """The characters that a row stands for."""
        return self.page.span(self._on_page(row))

    def whole(self, start: Place, end: Place) -> Span:
        """The characters between two places, with the whole of what is only shown as a whole."""
        return self.page.whole(start, end)

    def begins(self, paragraph: int) -> bool:
        """Whether a row that is seen begins with a paragraph."""
        return self.page.begins(paragraph) and not self._is_hidden(
            self.page.rows_of(paragraph).start
        )

    def last_of(self, paragraph: int) -> int:
        """The last paragraph that is shown as one with a paragraph."""
        return self.page.last_of(paragraph)

    def rows_of(self, paragraph: int) -> range:
        """The rows of a paragraph, as far as they are seen."""
        rows = self.page.rows_of(paragraph)
        return range(self._seen(rows.start), self._seen(rows.stop - 1) + 1)

    def is_folded(self, row: int) -> bool:
        """Whether rows are hidden below a row."""
        at = bisect_right(self._starts, self._on_page(row) + 1) - 1
        return at >= 0 and self._starts[at] == self._on_page(row) + 1

    def _hide(self) -> None:
        self._starts, self._ends, self._hidden = [], [], [0]
        for start, end in self.spans:
            first = self.page.row(start) + 1
            stop = self.page.row(end) if end < self.page.text.end else self.page.count
            if first < stop:
                self._starts.append(first)
                self._ends.append(stop)
                self._hidden.append(self._hidden[-1] + stop - first)

    def _on_page(self, row: int) -> int:
        """The row of the page that is seen in a row."""
        low, high = 0, len(self._starts)
        while low < high:
            middle = (low + high) // 2
            if self._starts[middle] - self._hidden[middle] <= row:
                low = middle + 1
            else:
                high = middle
        return row + self._hidden[low]

    def _seen(self, row: int) -> int:
        """The row in which a row of the page is seen, or the one that stands for it."""
        after = bisect_right(self._starts, row)
        if after and row < self._ends[after - 1]:
            return self._starts[after - 1] - 1 - self._hidden[after - 1]
        return row - self._hidden[after]

    def _is_hidden(self, row: int) -> bool:
        after = bisect_right(self._starts, row)
        return bool(after) and row < self._ends[after - 1]
