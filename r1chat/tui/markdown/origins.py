"""A source map: which characters of a Markdown source the rendered text comes from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

_MARKUP = " *_~`[]()!<>\\"
"""What may stand between two texts and is not shown."""
_REACH = 16
"""Characters in which the next one is looked for, where an escape or an entity was replaced."""


class Place(NamedTuple):
    """A character of a text, by its line (a paragraph, where lines are wrapped)."""

    paragraph: int
    char: int


class Origin(NamedTuple):
    """A part of rendered text, and the part of the source that it comes from.

    Either both have the same characters, or the part stands for its source as a whole, as a
    formula does.
    """

    start: int
    """Where it begins in the rendered text."""
    end: int
    first: Place
    """Where it begins in the source."""
    last: Place
    """Behind its last character there."""

    @property
    def exact(self) -> bool:
        """Whether both have the same characters."""
        (line, begin), (last, end) = self.first, self.last
        return line == last and end - begin == self.end - self.start

    def part(self, start: int, end: int) -> Origin:
        """What comes from it between two places of the rendered text."""
        start, end = max(start, self.start), min(end, self.end)
        if not self.exact:
            return Origin(start, end, self.first, self.last)
        line, char = self.first
        begin = char + start - self.start
        return Origin(start, end, Place(line, begin), Place(line, begin + end - start))


Origins = tuple[Origin, ...]
"""The parts of a rendered text, in order; what belongs to none was made by the rendering."""


def sliced(origins: Origins, start: int, end: int, at: int) -> Origins:
    """The origins of a part of a text.

    Args:
        origins: Those of the whole text.
        start: Where the part begins.
        end: Where it ends.
        at: Where its first character stands in the row that it becomes.
    """
    found = []
    by = at - start
    for origin in origins[bisect_right(origins, start, key=attrgetter("end")) :]:
        if origin.start >= end:
            break
        part = origin.part(start, end)
        found.append(part._replace(start=part.start + by, end=part.end + by))
    return tuple(found)


class Lines(NamedTuple):
    """The lines of a piece of source."""

    texts: Sequence[str]
    first: int
    """Which line of the whole source the first of them is."""

    def place(self, line: int, char: int) -> Place:
        """A character of one of the lines."""
        return Place(self.first + line, char)

    def span(self, line: int, end: int) -> tuple[Place, Place]:
        """Some of the lines as a whole: those before `end`."""
        last = min(end, len(self.texts)) - 1
        return self.place(line, 0), self.place(last, len(self.texts[last]))

    def column(self, line: int, text: str, start: int = 0) -> int:
        """Where a text stands in a line; its beginning, where it does not."""
        if line >= len(self.texts):
            return 0
        return max(self.texts[line].find(text, start), start)


class Tracer:
    """Follows the parts of an inline text through its source as they are rendered, in order.

    The parser does not say where they come from. But nothing is moved: what is shown stands in
    the source in the same order, with markup between.

    Args:
        source: What the parser read.
        lines: The lines that it stands in.
        line: The first of them.
        column: Where in it to look first.
    """

    def __init__(self, source: str, lines: Lines, line: int, column: int = 0) -> None:
        self._source = source
        self._at = 0
        self._found: list[tuple[int, int, int, int]] = []
        self._lines = lines
        self._begins: list[int] = []
        """Where the lines begin in the source."""
        self._places: list[Place] = []
        """Where these beginnings stand."""
        begin = 0
        for number, text in enumerate(source.split("\n"), line):
            self._begins.append(begin)
            self._places.append(lines.place(number, lines.column(number, text, column)))
            begin += len(text) + 1
            column = 0

    @property
    def end(self) -> int:
        """The column behind what the parser read of its last line."""
        return self._places[-1].char + len(self._source) - self._begins[-1]

    def text(self, start: int, text: str) -> None:
        """Follows a text that is shown as it was written.

        Args:
            start: Where it is shown.
            text: The text.
        """
        at = self._source.find(text, self._at)
        if at >= 0 and not self._source[self._at : at].strip(_MARKUP):
            self.whole(start, start + len(text), at, at + len(text))
            return
        for number, sign in enumerate(text, start):
            at = self._source.find(sign, self._at, self._at + _REACH)
            if at >= 0:
                self._letter(number, at)

    def whole(self, start: int, end: int, begin: int, close: int) -> None:
        """Follows what stands for a part of the source, as a formula does.

        Args:
            start: Where it is shown.
            end: Where that ends.
            begin: Where its source begins.
            close: Where that ends.
        """
        if start < end:
            self._found.append((start, end, begin, close))
        self._at = close

    def line_break(self) -> None:
        """Goes on with the next line."""
        self._skip("\n")

    def address(self) -> None:
        """Leaves out the address of a link or an image, which is shown in another form."""
        if self._source.startswith("](", self._at):
            self._skip(")")

    def image(self, start: int, end: int) -> None:
        """Follows an image, of which a description is shown."""
        begin = max(self._source.find("![", self._at), self._at)
        self._at = begin
        self._skip("](")
        self._skip(")")
        self.whole(start, end, begin, max(self._at, begin + 1))

    @property
    def origins(self) -> Origins:
        """Where the text comes from."""
        return tuple(
            Origin(start, end, self._place(begin), self._place(close - 1, 1))
            for start, end, begin, close in self._found
        )

    def _letter(self, start: int, at: int) -> None:
        self._at = at + 1
        if self._found:
            first, end, begin, close = self._found[-1]
            if (end, close) == (start, at) and end - first == close - begin:
                self._found[-1] = first, end + 1, begin, close + 1
                return
        self._found.append((start, start + 1, at, at + 1))

    def _skip(self, sign: str) -> None:
        at = self._source.find(sign, self._at)
        if at >= 0:
            self._at = at + len(sign)

    def _place(self, at: int, past: int = 0) -> Place:
        index = max(0, bisect_right(self._begins, at) - 1)
        line, char = self._places[index]
        return Place(line, char + at - self._begins[index] + past)
