"""Lines of a document, and the rows of the screen that they take at some width."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from textual.content import Content

from r1chat.tui.markdown.origins import Origins, sliced
from r1chat.tui.wrap import fold_starts, line_starts

_NARROWEST = 8
EMPTY = Content("")
BAR = "│ "
"""Stands to the left of code."""
QUOTE = "▌ "
"""Stands to the left of a quotation."""

_GLUE = re.compile("(?<=▣) |(?<=[0-9]) (?=[0-9]+/[0-9])")
"""Spaces where no line may end: behind the sign of a final answer, and within 2 1/3."""
_UNBROKEN = "\u00a0"
_BAR_OR_MARKS = re.compile(f"{BAR}|{QUOTE}|((?:(?!{BAR}|{QUOTE}).)+)")


class Part(NamedTuple):
    """A part of a row that is text, not ornament: what is copied of it.

    Attributes:
        at: Where it begins in the row, in characters.
        shown: How many characters of it are shown; spaces at the end of a row are not.
        text: The whole of it.
        column: The column of a table, from 0.
    """

    at: int
    shown: int
    text: str
    column: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the screen.

    Attributes:
        content: What stands in it; its styles are names of component classes.
        fill: The style of the whole row, or "".
        soft: Whether it only goes on with the row before, which was too short.
        parts: What is text in it; None where all of it is ornament.
        origins: Where it comes from, where that was asked for.
    """

    content: Content
    fill: str = ""
    soft: bool = False
    parts: tuple[Part, ...] | None = None
    origins: Origins = ()


class Block(Protocol):
    """Something that takes rows."""

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What stands to the left of a block: before its first row, and before the others."""

    first: Content = EMPTY
    rest: Content = EMPTY

    def fit(self, width: int) -> tuple[Margin, int]:
        """The margin, or none where it leaves too little; and the columns that are left."""
        inner = width - max(self.first.cell_length, self.rest.cell_length)
        return (self, inner) if inner >= _NARROWEST else (Margin(), width)

    def put(self, contents: Sequence[Content]) -> list[Row]:
        """Sets rows of ornament beside the margin."""
        return [Row((self.rest if at else self.first) + each) for at, each in enumerate(contents)]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, wrapped between words; or of code, which is folded where it ends."""

    content: Content
    margin: Margin = field(default_factory=Margin)
    fill: str = ""
    code: bool = False
    ornament: bool = False
    """Whether it says nothing that the model wrote."""
    origins: Origins = ()
    """Where its text comes from, where that was asked for."""

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self.margin.fit(width)
        left, whole = margin.first, self.margin.first.plain
        rows: list[Row] = []
        done = 0
        for line in self.content.split("\n", allow_blank=True):
            soft = False
            for shown, text in cut(line, inner, code=self.code):
                at, length = len(left.plain), len(shown.plain)
                marks = () if soft or self.code else _marks(whole, shown=bool(left))
                parts = None if self.ornament else (*marks, Part(at, length, text))
                origins = sliced(self.origins, done, done + length, at) if self.origins else ()
                rows.append(Row(left + shown, self.fill, soft, parts, origins))
                left, whole = margin.rest, self.margin.rest.plain
                soft = True
                done += len(text)
            done += 1
        return rows


def _marks(left: str, *, shown: bool) -> Iterator[Part]:
    """What is text of what stands to the left: a number, a bullet, the indentation of a list.

    It is copied all the same where there is no room to show it.
    """
    for found in _BAR_OR_MARKS.finditer(left):
        if found[1]:
            yield Part(found.start() if shown else 0, len(found[0]) if shown else 0, found[0])


def cut(line: Content, width: int, *, code: bool = False) -> list[tuple[Content, str]]:
    """Cuts a line into rows.

    Args:
        line: The line, without line breaks.
        width: Columns of a row.
        code: Whether it is cut where the row ends, and not between words.

    Returns:
        For each row what is shown of it, and the text that it has, the spaces at its end too.
    """
    line = line.expand_tabs()
    text = line.plain
    starts = fold_starts(text, width) if code else line_starts(_GLUE.sub(_UNBROKEN, text), width)
    parts = line.divide(starts[1:]) if starts[1:] else [line]
    return [(part if code else part.rstrip(" "), part.plain) for part in parts]


def copied(rows: Iterable[tuple[Row, int, int]]) -> str:
    """The text of rows as it was written, without wrapping and ornament.

    Args:
        rows: Each row with the part of it that is wanted: two places in it, in characters, the
            second -1 for its end.
    """
    lines: list[dict[int, str]] = []
    for row, start, end in rows:
        if row.parts is None:
            continue
        taken: dict[int, str] = {}
        for part in row.parts:
            if end < 0 or end >= part.at + part.shown:
                text = part.text[max(0, start - part.at) :]
            else:
                text = part.text[max(0, start - part.at) : max(0, end - part.at)]
            # Of a table, only the cells that are touched.
            if text or not part.column:
                taken[part.column] = taken.get(part.column, "") + text
        if row.soft and lines:
            for column, text in taken.items():
                lines[-1][column] = lines[-1].get(column, "") + text
        else:
            lines.append(taken)
    return "\n".join(
        "\t".join(line[column].rstrip(" ") for column in sorted(line)) for line in lines
    )
