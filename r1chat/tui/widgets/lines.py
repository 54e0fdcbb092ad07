"""A text that only grows: its paragraphs, and the lines they are wrapped to. Knows no widget."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from r1chat.events import WrongSum
from r1chat.reasoning.moments import Moments
from r1chat.sanitize import Sanitizer
from r1chat.tui.markdown.origins import Place
from r1chat.tui.sureness import Sureness
from r1chat.tui.wrap import line_starts

_NEAR = 8
TAB = 4
"""Characters from one tab stop to the next."""

# Exactly what the sanitiser lets out as a newline, and at once.
_NEWLINE = re.compile("[\n\u2028\u2029]")


class Line(NamedTuple):
    """A line as it is shown: a part of a paragraph."""

    paragraph: int
    start: int
    end: int


class WrongPlace(NamedTuple):
    """A wrong sum, and the place where it stands."""

    place: Place
    found: WrongSum


@dataclass(slots=True)
class Paragraph:
    """What stands between two newlines."""

    offset: int
    """Where it begins in the text as it was written, in characters."""
    text: str = ""
    """As it is shown: clean, without its newline, tabs as spaces."""
    injected: list[tuple[int, int]] = field(default_factory=list)
    """The parts of `text` that were injected: begin and end."""
    moments: list[int] = field(default_factory=list)
    """Where in `text` the model doubts."""


class Written:
    """A thought as it was written: clean, in paragraphs, what was injected and doubted marked.

    The cost of adding to it depends on what is new alone.
    """

    def __init__(self) -> None:
        self.paragraphs: list[Paragraph] = [Paragraph(0)]
        self.length = 0
        """Characters written so far, as they came."""
        self.moments: list[Place] = []
        """Where the model doubts, in order."""
        self.wrong: list[WrongPlace] = []
        """The sums that do not hold, in order."""
        self.closed = False
        """Whether the text has ended."""
        self.sureness = Sureness()
        """How sure the model was of it, as far as that was measured."""
        self._sanitizer = Sanitizer()
        self._finder = Moments()
        self._found_from = 0
        """Where the last paragraph begins, as the finder counts."""
        self._found_to = 0
        self._injecting = False

    @property
    def text(self) -> str:
        """The clean text as it stands."""
        return "\n".join(paragraph.text for paragraph in self.paragraphs)

    @property
    def end(self) -> Place:
        """The place behind its last character."""
        return Place(len(self.paragraphs) - 1, len(self.paragraphs[-1].text))

    @property
    def marks(self) -> list[Place]:
        """All that is marked at the margin but injected words, in order."""
        return sorted([*self.moments, *(each.place for each in self.wrong)])

    def mark_wrong(self, found: WrongSum) -> None:
        """Marks a sum that was written and does not hold."""
        number = bisect_right(self.paragraphs, found.start, key=lambda each: each.offset) - 1
        paragraph = self.paragraphs[max(0, number)]
        # As it was written a paragraph may have more characters than are shown.
        at = paragraph.text.find(found.left, max(0, found.start - paragraph.offset - _NEAR))
        char = at if at >= 0 else min(found.start - paragraph.offset, len(paragraph.text))
        self.wrong.append(WrongPlace(Place(max(0, number), max(0, char)), found))

    @property
    def empty(self) -> bool:
        """Whether nothing but white space has been written."""
        return all(not p.text or p.text.isspace() for p in self.paragraphs)

    def write(self, text: str, *, injected: bool = False) -> None:
        """Adds text at the end.

        Args:
            text: The text as the model wrote it.
            injected: Whether it is not the model's.
        """
        self.closed = False
        if injected != self._injecting:
            # A sequence that began in the model's words must not swallow others.
            self._store(self._sanitizer.close(), injected=self._injecting)
            self._injecting = injected
        start = 0
        for newline in _NEWLINE.finditer(text):
            self._add(text[start : newline.end()], injected=injected)
            start = newline.end()
        if start < len(text):
            self._add(text[start:], injected=injected)

    def close(self) -> None:
        """Gives out what was held back, at the end of the text."""
        self._store(self._sanitizer.close(), injected=self._injecting)
        self._find("\n")
        # Should the thought go on after all, a sentence begins with it.
        self._finder = Moments()
        self._found_from = -len(self.paragraphs[-1].text)
        self._found_to = 0
        self.closed = True

    def end_of(self, paragraph: int) -> int:
        """Where a paragraph ends in the text as it was written, its newline included."""
        if paragraph + 1 < len(self.paragraphs):
            return self.paragraphs[paragraph + 1].offset
        return self.length

    def shade(self, paragraph: int) -> int:
        """How strongly a paragraph is shaded by what the model was sure of; see `Sureness`."""
        return self.sureness.shade(self.paragraphs[paragraph].offset, self.end_of(paragraph))

    def extract(self, start: Place, end: Place | None) -> str:
        """Takes the text between two characters, or from one on."""
        last = len(self.paragraphs) - 1
        end = end or self.end
        texts = [p.text for p in self.paragraphs[start.paragraph : end.paragraph + 1]]
        if texts:
            if end.paragraph <= last:
                texts[-1] = texts[-1][: end.char]
            texts[0] = texts[0][start.char :]
        return "\n".join(texts)

    def _add(self, text: str, *, injected: bool) -> None:
        """Takes text with a newline at its end, if anywhere."""
        self.length += len(text)
        self._store(self._sanitizer.feed(text), injected=injected)

    def _store(self, text: str, *, injected: bool) -> None:
        for number, part in enumerate(text.split("\n")):
            if number:
                self._find("\n")
                self._found_from = self._found_to
                self.paragraphs.append(Paragraph(self.length))
            if part:
                self._extend(part, injected=injected)

    def _extend(self, part: str, *, injected: bool) -> None:
        paragraph = self.paragraphs[-1]
        start = len(paragraph.text)
        if "\t" in part:
            part = _expand(part, start)
        paragraph.text += part
        if injected:
            spans = paragraph.injected
            if spans and spans[-1][1] == start:
                start = spans.pop()[0]
            spans.append((start, len(paragraph.text)))
        self._find(part)

    def _find(self, text: str) -> None:
        """Looks for moments in the last paragraph, to which this text was added."""
        self._found_to += len(text)
        for at in self._finder.feed(text):
            char = at - self._found_from
            self.paragraphs[-1].moments.append(char)
            self.moments.append(Place(len(self.paragraphs) - 1, char))


class Wrapped:
    """The paragraphs of a text from one on, wrapped to lines.

    Wrapping goes on from the last line that was wrapped, so that its cost depends on what is new,
    and a text that nobody looks at is never wrapped.

    Args:
        text: The text.
    """

    def __init__(self, text: Written) -> None:
        self._text = text
        self.first = 0
        """The paragraph that it begins with."""
        self.width = 0
        """The width that the lines are wrapped to; 0 before the first wrapping."""
        self._rows = [0]
        """The first row of each paragraph that is wrapped."""
        self._starts = [[0]]
        """Where the lines of each begin."""

    @property
    def count(self) -> int:
        """Rows, as of the last wrapping. A newline at the very end makes no empty row."""
        if not self._text.paragraphs[self.first + len(self._rows) - 1].text:
            return self._rows[-1]
        return self._rows[-1] + len(self._starts[-1])

    def begin(self, first: int) -> bool:
        """Begins with a paragraph.

        Args:
            first: Its number.

        Returns:
            Whether that is another one than before.
        """
        if first == self.first and self.width:
            return False
        self.first, self.width = first, 0
        return True

    def wrap(self, width: int) -> int:
        """Brings the lines up to date.

        Args:
            width: Cells of a line.

        Returns:
            The first row that may have changed.
        """
        if width != self.width:
            self.width = width
            self._rows = [0]
            self._starts = [[0]]
        paragraphs = self._text.paragraphs
        at = self.first + len(self._rows) - 1
        starts = self._starts[-1]
        last_start = starts.pop()
        changed = self._rows[-1] + len(starts)
        starts += line_starts(paragraphs[at].text, width, last_start)
        row = self._rows[-1] + len(starts)
        for paragraph in paragraphs[at + 1 :]:
            self._rows.append(row)
            self._starts.append(line_starts(paragraph.text, width))
            row += len(self._starts[-1])
        return changed

    def line(self, row: int) -> Line:
        """Finds what stands in a row."""
        index = bisect_right(self._rows, row) - 1
        starts = self._starts[index]
        paragraph = self.first + index
        at = row - self._rows[index]
        whole = len(self._text.paragraphs[paragraph].text)
        end = starts[at + 1] if at + 1 < len(starts) else whole
        return Line(paragraph, starts[at], end)

    def row(self, place: Place) -> int:
        """Finds the row in which a character stands."""
        index = min(max(0, place.paragraph - self.first), len(self._rows) - 1)
        return self._rows[index] + max(0, bisect_right(self._starts[index], place.char) - 1)


def _expand(text: str, column: int) -> str:
    parts = []
    for number, part in enumerate(text.split("\t")):
        if number:
            spaces = TAB - column % TAB
            parts.append(" " * spaces)
            column += spaces
        parts.append(part)
        column += len(part)
    return "".join(parts)
