"""A text that grows, as the rows of a view: rendered Markdown, or the source. Knows no widget.

    ┌ rows of what is complete                    rendered once
    ├ rows of what is still being written         rendered again with each new text
    └ lines of what is too long for that          wrapped as they were written

One coordinate is meant everywhere: the place of a character in the text as it was written. So the
reader's place, a selection, the cursor and the marks are the same in both forms and at any width.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from textual.content import Content

from r1chat.tui.markdown.document import Document
from r1chat.tui.markdown.origins import Origin, Place
from r1chat.tui.markdown.rows import Block, Row
from r1chat.tui.widgets.lines import Wrapped, Written

LONGEST = 2400
"""Characters of what is still being written that are rendered again with each new text."""
_BLANK = Row(Content(""))


class Page:
    """The rows of a text at a width. What nobody looks at is neither rendered nor wrapped.

    Args:
        text: The text.
    """

    def __init__(self, text: Written) -> None:
        self.text = text
        self.width = 0
        """The width of the rows; 0 before the first update."""
        self._raw = False
        self._document = Document(traced=True, longest=LONGEST)
        self._fed = Place(0, 0)
        """Up to where the document has the text."""
        self._rows: list[Row] = []
        self._places: list[Place] = []
        """Where each of the rows begins, in order."""
        self._kept = 0
        """Rows that can no longer change."""
        self._wrapped = Wrapped(text)
        self._has_lines = False
        """Whether lines as they were written follow the rows."""
        self._floor = 0

    @property
    def count(self) -> int:
        """How many rows there are, as of the last update.

        As long as the text grows they become no fewer: what is shorter once it is understood must
        not make the text jump.
        """
        return max(self._floor, len(self._rows) + self._lines)

    @property
    def _lines(self) -> int:
        return self._wrapped.count if self._has_lines else 0

    @property
    def raw(self) -> bool:
        """Whether the text is shown as it was written."""
        return self._raw

    @raw.setter
    def raw(self, raw: bool) -> None:
        self._raw = raw
        self.width = 0

    @property
    def ansi(self) -> bool:
        """Whether code has a terminal's own colours."""
        return self._document.ansi

    @ansi.setter
    def ansi(self, ansi: bool) -> None:
        if ansi != self._document.ansi:
            self._document.ansi = ansi
            self._document.reread()

    def update(self, width: int) -> int:
        """Brings the rows up to date.

        Args:
            width: Cells of a row.

        Returns:
            The first row that may have changed.
        """
        if width != self.width:
            self.width = width
            self._floor = 0
            self._wrapped.width = 0
            self._document.rewind()
        if self._raw:
            self._drop(0)
            self._has_lines = True
            self._wrapped.begin(0)
            return self._wrapped.wrap(width)
        self._feed()
        if self._document.begins_anew:
            self._kept = 0
        kept = self._kept
        before = self._drop(kept)
        fixed, rest = self._document.news(raw=False)
        self._add(fixed)
        self._kept = len(self._rows)
        self._add(rest)
        changed = kept + _same(before, self._rows[kept:])
        line = self._document.open_line
        self._has_lines = line is not None
        if line is not None:
            begun = self._wrapped.begin(line)
            wrapped = len(self._rows) + self._wrapped.wrap(width)
            if not (begun or before or fixed):
                changed = wrapped
        self._floor = 0 if self.text.closed else max(self._floor, len(self._rows) + self._lines)
        return changed

    # What stands where

    def row_at(self, row: int) -> Row:
        """What stands in a row."""
        if row < len(self._rows):
            return self._rows[row]
        at = row - len(self._rows)
        if at >= self._lines:
            return _BLANK
        line = self._wrapped.line(at)
        text = self.text.paragraphs[line.paragraph].text[line.start : line.end].rstrip(" ")
        first = Place(line.paragraph, line.start)
        last = Place(line.paragraph, line.start + len(text))
        return Row(Content(text), origins=(Origin(0, len(text), first, last),))

    def place(self, row: int) -> Place:
        """The character with which a row begins."""
        if row < len(self._rows):
            return self._places[row]
        at = row - len(self._rows)
        if at >= self._lines:
            return self.text.end
        line = self._wrapped.line(at)
        return Place(line.paragraph, line.start)

    def row(self, place: Place) -> int:
        """Finds the row in which a character stands; of several, the first."""
        if self._has_lines and (not self._rows or place >= (self._wrapped.first, 0)):
            return len(self._rows) + self._wrapped.row(place)
        at = bisect_right(self._places, place) - 1
        return bisect_left(self._places, self._places[at]) if at >= 0 else 0

    def span(self, row: int) -> tuple[Place, Place]:
        """The characters that a row stands for, those too that it does not show.

        Of several rows that show the same, a tall formula, the first one stands for it.
        """
        first = self.place(row)
        after = bisect_right(self._places, first) if row < len(self._rows) else row + 1
        end = self.text.end
        last = self.place(after) if after < self.count else Place(end.paragraph, end.char + 1)
        shown_before = 0 < row < len(self._rows) and self._places[row - 1] == first
        return (last, last) if shown_before else (first, last)

    def whole(self, start: Place, end: Place) -> tuple[Place, Place]:
        """The characters between two places, with the whole of what is only shown as a whole."""
        for origin in self._whole_at(start):
            start = min(start, origin.first)
        for origin in self._whole_at(end):
            end = max(end, origin.last)
        return start, end

    def _whole_at(self, place: Place) -> Iterable[Origin]:
        if not self._rows:
            return
        for row in range(self.row(place), min(bisect_right(self._places, place), len(self._rows))):
            for origin in self._rows[row].origins:
                if not origin.exact and origin.first < place < origin.last:
                    yield origin

    # Paragraphs

    def begins(self, paragraph: int) -> bool:
        """Whether a row begins with a paragraph: not every line of a formula has one."""
        if not self._rows or (self._has_lines and paragraph >= self._wrapped.first):
            return True
        rows = range(*self._rows_between(paragraph, paragraph))
        return any(self._rows[row].origins for row in rows)

    def last_of(self, paragraph: int) -> int:
        """The last paragraph, not a blank one, that is shown as one with a paragraph."""
        paragraphs = self.text.paragraphs
        last = paragraph
        for after in range(paragraph + 1, len(paragraphs)):
            if self.begins(after):
                break
            if paragraphs[after].text.strip():
                last = after
        return last

    def rows_of(self, paragraph: int) -> range:
        """The rows of a paragraph, and of what is shown as one with it."""
        first, end = self._rows_between(paragraph, self.last_of(paragraph))
        while end > first + 1 and not self.row_at(end - 1).origins:
            end -= 1
        return range(first, max(end, first + 1))

    def _rows_between(self, first: int, last: int) -> tuple[int, int]:
        if self._has_lines and (not self._rows or first >= self._wrapped.first):
            begin = self.row(Place(first, 0))
            end = Place(last, len(self.text.paragraphs[last].text))
            return begin, self.row(end) + 1
        places = self._places
        return bisect_left(places, Place(first, 0)), bisect_left(places, Place(last + 1, 0))

    # Inside

    def _feed(self) -> None:
        """Gives the document what is new."""
        at, char = self._fed
        end = self.text.end
        if end != self._fed:
            new = [self.text.paragraphs[at].text[char:]]
            new += [each.text for each in self.text.paragraphs[at + 1 :]]
            self._document.feed("\n".join(new))
            self._fed = end
        if self.text.closed and not self._document.closed:
            self._document.close()

    def _drop(self, start: int) -> list[Row]:
        dropped = self._rows[start:]
        del self._rows[start:], self._places[start:]
        return dropped

    def _add(self, blocks: Iterable[Block]) -> None:
        last = self._places[-1] if self._places else Place(0, 0)
        for block in blocks:
            for row in block.rows(self.width):
                if row.origins:
                    place = row.origins[0].first
                    if place.paragraph > last.paragraph:
                        # The marks before its first word are part of the row.
                        place = Place(place.paragraph, 0)
                        self._give_blank_rows(last, place)
                    last = max(last, place)
                self._rows.append(row)
                self._places.append(last)

    def _give_blank_rows(self, last: Place, place: Place) -> None:
        """Has a blank row stand for the blank paragraph before a place."""
        before = Place(place.paragraph - 1, 0)
        at = len(self._rows) - 1
        is_blank = before > last and not self.text.paragraphs[before.paragraph].text.strip()
        if is_blank and at >= 0 and not self._rows[at].origins:
            self._places[at] = before


def _same(before: list[Row], after: list[Row]) -> int:
    """How many rows are still the same."""
    for at, (old, new) in enumerate(zip(before, after, strict=False)):
        # Contents count as the same where their text is.
        if old != new or old.content.spans != new.content.spans:
            return at
    return min(len(before), len(after))
