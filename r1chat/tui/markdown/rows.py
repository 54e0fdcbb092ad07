"""Lines of a document, and the rows of the screen that they take at some width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from textual.content import Content

_NARROWEST = 8
EMPTY = Content("")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the screen.

    Attributes:
        content: What stands in it; its styles are names of component classes.
        fill: The style of the whole row, or "".
        soft: Whether it only goes on with the row before, which was too short.
        spaced: Whether a space was lost where it was broken.
        margin: Characters at its beginning that are not part of the text.
    """

    content: Content
    fill: str = ""
    soft: bool = False
    spaced: bool = False
    margin: int = 0


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

    def put(
        self,
        contents: Sequence[Content],
        *,
        fill: str = "",
        soft: bool = False,
        spaced: bool = False,
    ) -> list[Row]:
        """Sets contents as rows beside the margin."""
        rows = []
        for at, content in enumerate(contents):
            left = self.rest if at else self.first
            rows.append(Row(left + content, fill, soft and at > 0, spaced, len(left.plain)))
        return rows


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, wrapped between words; or of code, which is folded where it ends."""

    content: Content
    margin: Margin = field(default_factory=Margin)
    fill: str = ""
    code: bool = False

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self.margin.fit(width)
        if not self.content:
            return margin.put([self.content], fill=self.fill)
        if self.code:
            return margin.put(self.content.fold(inner), fill=self.fill, soft=True)
        rows: list[Row] = []
        for line in self.content.split("\n", allow_blank=True):
            rows += margin.put(line.wrap(inner), fill=self.fill, soft=True, spaced=True)
            margin = Margin(margin.rest, margin.rest)
        return rows
