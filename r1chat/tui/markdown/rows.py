"""Lines of a document, and the rows of the screen that they take at some width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rich.cells import cell_len
from textual.content import Content

from r1chat.tui.mathematics import Formula, render
from r1chat.tui.mathematics.boxes import pad

_NARROWEST = 8
_EMPTY = Content("")


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

    first: Content = _EMPTY
    rest: Content = _EMPTY

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


@dataclass(frozen=True, slots=True)
class Display:
    """A formula on lines of its own; in one line, wrapped, where it is too wide."""

    latex: str
    source: str
    margin: Margin = field(default_factory=Margin)

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self.margin.fit(width)
        tall = render(self.latex, tall=True)
        if tall and cell_len(tall.lines[0]) + 2 <= inner:
            style = _style_of(tall)
            return margin.put([Content.styled("  " + line, style) for line in tall.lines])
        flat = render(self.latex)
        text = Content.styled(flat.text, _style_of(flat)) if flat else Content(self.source)
        return Line(text, margin).rows(width)


def _style_of(formula: Formula) -> str:
    return "answer--boxed" if formula.boxed else "answer--math"


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Cells are wrapped where it is too wide."""

    head: list[Content]
    body: list[list[Content]]
    aligns: list[str]
    margin: Margin = field(default_factory=Margin)

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self.margin.fit(width)
        widths = self._widths(inner)
        rule = Content.styled("─┼─".join("─" * column for column in widths), "answer--rule")
        contents = [*self._draw(self.head, widths, "answer--table-head"), rule]
        for row in self.body:
            contents += self._draw(row, widths, "")
        return margin.put([content.truncate(inner) for content in contents])

    def _widths(self, inner: int) -> list[int]:
        rows = [self.head, *self.body]
        count = len(self.head)
        widths = [
            max(1, *(_widest(row[at]) for row in rows if at < len(row))) for at in range(count)
        ]
        spare = max(count, inner - 3 * (count - 1))
        while sum(widths) > spare:
            # The widest gives way first, down to the next one at once.
            widest = max(widths)
            among = [at for at, width in enumerate(widths) if width == widest]
            second = max((width for width in widths if width < widest), default=0)
            excess = sum(widths) - spare
            for at in among:
                widths[at] = max(second, widest - -(-excess // len(among)), 1)
            if widest == 1:
                break
        return widths

    def _draw(self, cells: list[Content], widths: list[int], style: str) -> list[Content]:
        wrapped = [
            cells[at].wrap(width) if at < len(cells) and cells[at] else [_EMPTY]
            for at, width in enumerate(widths)
        ]
        lines = []
        bar = Content.styled(" │ ", "answer--rule")
        for y in range(max(len(lines) for lines in wrapped)):
            parts = []
            for at, width in enumerate(widths):
                part = wrapped[at][y] if y < len(wrapped[at]) else _EMPTY
                parts.append(_aligned(part, width, self.aligns[at]).stylize(style))
            lines.append(bar.join(parts))
        return lines


def _widest(cell: Content) -> int:
    return max((cell_len(line) for line in cell.plain.split("\n")), default=0)


def _aligned(cell: Content, width: int, align: str) -> Content:
    text = cell.plain
    padded = pad(text, width, align=align)
    left = len(padded) - len(padded.lstrip(" ")) - (len(text) - len(text.lstrip(" ")))
    if not text.strip():
        left = 0
    return cell.pad_left(left).pad_right(max(0, width - cell_len(text) - left))
