"""Cuts a growing Markdown text into pieces, so that only its end has to be read again.

A piece is Markdown by itself and never changes once it is given out. Besides the blocks at the
left edge, long lists are cut between their items, and long paragraphs and long code between their
lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONG_LIST = 600
"""Characters from which a list is cut before its next item."""
LONG_TEXT = 2000
"""Characters from which a paragraph is cut before its next line."""
LONG_CODE = 12
"""Lines from which code is cut: to colour it costs far more than to read it."""

_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})([^\n]*)$")
_ITEM = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])(?: |$)")
_FORMULA = re.compile(r"[ \t>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*(\$\$|\\\[|\\begin(\{\w+\*?\}))")
_LONGEST_FORMULA = 100
"""Lines; a formula that has no end by then is none."""
_INDENT = re.compile(r" *")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text.

    Attributes:
        text: Markdown.
        joined: Whether it goes on with the code of the piece before it.
        tight: Whether no blank line is to be shown before it.
        line: Which line of the whole text its first one is. What goes on with code begins with a
            line that is made up, and the one before its first is meant.
    """

    text: str
    joined: bool = False
    tight: bool = False
    line: int = 0


class Cutter:
    """Takes a text in chunks and gives out its pieces.

    Args:
        cuts_code: Whether long code is cut. Its colours can be wrong then, where a text in quotes
            goes over a cut.
    """

    def __init__(self, *, cuts_code: bool = True) -> None:
        self._cuts_code = cuts_code
        self.closed = False
        """Whether the text has ended."""
        self._unread = ""
        self._lines: list[str] = []
        self._size = 0
        self._taken = 0
        """Lines that were read."""
        self._first = 0
        """Which of them begins what is not complete."""
        self._joined = False
        self._tight = False
        self._fence: re.Match[str] | None = None
        self._in_list = False
        self._item_indent = 0
        self._after_blank = False
        self._formula: tuple[str, int] | None = None
        """What ends the formula that the last lines are part of, and how long it may go on."""

    def feed(self, text: str) -> list[Piece]:
        """Takes the next chunk.

        Returns:
            The pieces that are complete now.
        """
        self.closed = False
        *lines, self._unread = (self._unread + text).split("\n")
        done: list[Piece] = []
        for line in lines:
            self._take(line, done)
        ended = self._after_blank and not (self._in_list or self._fence)
        if ended and self._is_border(self._unread):
            # However the line goes on, it belongs to another piece.
            self._cut(done)
        return done

    def open(self) -> Piece | None:
        """What is not complete yet, or None."""
        text = "\n".join([*self._lines, self._unread])
        if not text.strip():
            return None
        return self._piece(text)

    @property
    def open_line(self) -> int:
        """The line of the text at which begins what is not complete yet."""
        return self._first

    @property
    def open_size(self) -> int:
        """Characters of what is not complete yet."""
        return self._size + len(self._unread)

    def close(self) -> list[Piece]:
        """Ends the text and returns the last piece."""
        rest = self.open()
        self._taken += 1
        self._unread = ""
        self.closed = True
        self._start()
        return [rest] if rest else []

    def _take(self, line: str, done: list[Piece]) -> None:
        if self._fence is not None:
            self._take_code(line, self._fence, done)
            return
        fence = _FENCE.match(line)
        if fence is None and self._goes_on(line):
            self._add(line)
            return
        if fence and "`" not in fence[3] and not (self._in_list and fence[1]):
            self._cut(done)
            self._fence = fence
        elif self._is_border(line):
            tight = not self._after_blank
            self._cut(done)
            self._tight = tight
        self._add(line)
        if self._fence is None:
            self._look_at(line)

    def _take_code(self, line: str, fence: re.Match[str], done: list[Piece]) -> None:
        ticks = line.strip()
        if ticks.startswith(fence[2]) and not ticks.strip(fence[2][0]) and line[:4].strip():
            self._add(line)
            self._cut(done)
            self._fence = None
            return
        if self._cuts_code and len(self._lines) > LONG_CODE:
            self._lines.append(fence[1] + fence[2])
            self._cut(done)
            self._joined = self._tight = True
            self._lines.append(fence[0])
        self._add(line)

    def _goes_on(self, line: str) -> bool:
        """Whether a line stands in a formula that began before it, which may have blank lines."""
        if self._formula is None:
            return False
        closing, left = self._formula
        self._formula = None if closing in line or not left else (closing, left - 1)
        self._after_blank = False
        return True

    def _is_border(self, line: str) -> bool:
        """Whether a new piece can begin with a line."""
        if not line.strip():
            return False
        indent = _width_of_indent(line)
        item = _ITEM.match(line)
        if not self._in_list:
            if self._size >= LONG_TEXT and "|" not in line and line[0].isalpha():
                return True
            return self._after_blank and indent < 4  # noqa: PLR2004 - more is code
        if item is None:
            return self._after_blank and indent == 0
        return indent <= self._item_indent and self._size >= LONG_LIST

    def _look_at(self, line: str) -> None:
        blank = not line.strip()
        item = _ITEM.match(line)
        if item and (not self._in_list or _width_of_indent(line) <= self._item_indent):
            self._in_list = True
            self._item_indent = len(item[1])
        self._after_blank = blank
        if begin := _FORMULA.match(line):
            closing = f"\\end{begin[2]}" if begin[2] else {"\\[": "\\]"}.get(begin[1], "$$")
            if closing not in line[begin.end() :]:
                self._formula = closing, _LONGEST_FORMULA

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._taken += 1
        self._size += len(line) + 1

    def _cut(self, done: list[Piece]) -> None:
        text = "\n".join(self._lines)
        if text.strip():
            done.append(self._piece(text))
        self._start()

    def _piece(self, text: str) -> Piece:
        return Piece(text, self._joined, self._tight, self._first - self._joined)

    def _start(self) -> None:
        self._lines.clear()
        self._first = self._taken
        self._size = 0
        self._joined = self._tight = self._in_list = self._after_blank = False
        self._formula = None


def _width_of_indent(line: str) -> int:
    found = _INDENT.match(line)
    return len(found[0]) if found else 0
