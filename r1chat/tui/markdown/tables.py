"""Tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

from r1chat.tui.markdown.origins import Origins, sliced
from r1chat.tui.markdown.rows import EMPTY, Line, Margin, Part, Row, cut

LEAST = 10
"""Columns that a cell has at least where it needs them; with fewer its words fall apart."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Cells are wrapped where it is too wide; far too wide, it becomes a list."""

    head: list[Content]
    body: list[list[Content]]
    aligns: list[str]
    margin: Margin = field(default_factory=Margin)
    origins: list[list[Origins]] = field(default_factory=list)
    """Where its cells come from, the head's first, where that was asked for."""

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self.margin.fit(width)
        whole = self._natural
        widths = self._widths(whole, inner)
        if len(widths) > 1 and any(
            column < min(natural, LEAST) for column, natural in zip(widths, whole, strict=True)
        ):
            return self._records(margin, width)
        rule = Content.styled("─┼─".join("─" * column for column in widths), "answer--rule")
        traces = self.origins or [[] for _ in (self.head, *self.body)]
        drawn = [*self._draw(self.head, widths, "answer--table-head", traces[0]), Row(rule)]
        for row, traced in zip(self.body, traces[1:], strict=True):
            drawn += self._draw(row, widths, "", traced)
        rows = []
        for at, each in enumerate(drawn):
            left = margin.rest if at else margin.first
            parts = each.parts and tuple(
                part._replace(at=part.at + len(left.plain)) for part in each.parts
            )
            by = len(left.plain)
            origins = tuple(
                found._replace(start=found.start + by, end=found.end + by) for found in each.origins
            )
            content = left + each.content.truncate(inner)
            rows.append(Row(content, soft=each.soft, parts=parts, origins=origins))
        return rows

    @property
    def _natural(self) -> list[int]:
        """How wide the columns would be, had they room."""
        rows = [self.head, *self.body]
        return [
            max(1, *(_widest(row[at]) for row in rows if at < len(row)))
            for at in range(len(self.head))
        ]

    def _records(self, margin: Margin, width: int) -> list[Row]:
        """Its rows one below the other, each cell on lines of its own behind its head."""
        rows: list[Row] = []
        left = margin.first
        bullet = Content.styled("• ", "answer--bullet")
        for number, cells in enumerate(self.body):
            traces = self.origins[number + 1] if self.origins else []
            for at, (head, cell) in enumerate(zip(self.head, cells, strict=False)):
                named = head.stylize("answer--table-head") + Content(": ") if head else EMPTY
                by = len(named.plain)
                origins = tuple(
                    each._replace(start=each.start + by, end=each.end + by)
                    for each in (traces[at] if at < len(traces) else ())
                )
                beside = Margin(left + (Content("  ") if at else bullet), margin.rest + "    ")
                rows += Line(named + cell, beside, origins=origins).rows(width)
                left = margin.rest
        return rows

    def _widths(self, whole: Sequence[int], inner: int) -> list[int]:
        count = len(whole)
        widths = [*whole]
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

    def _draw(
        self, cells: list[Content], widths: list[int], style: str, traces: Sequence[Origins]
    ) -> list[Row]:
        wrapped = [
            _wrapped(cells[at] if at < len(cells) else EMPTY, width)
            for at, width in enumerate(widths)
        ]
        rows = []
        bar = Content.styled(" │ ", "answer--rule")
        done = [0] * len(widths)
        for y in range(max(len(lines) for lines in wrapped)):
            shown: list[Content] = []
            parts: list[Part] = []
            origins: Origins = ()
            place = 0
            for at, width in enumerate(widths):
                part, text = wrapped[at][y] if y < len(wrapped[at]) else (EMPTY, "")
                left, cell = _aligned(part, width, self.aligns[at])
                parts.append(Part(place + left, len(part.plain), text, at))
                if at < len(traces):
                    end = done[at] + len(part.plain)
                    origins += sliced(traces[at], done[at], end, place + left)
                    done[at] += len(text)
                place += len(cell.plain) + len(bar.plain)
                shown.append(cell)
            line = bar.join(shown)
            line = line.stylize(style) if style else line
            rows.append(Row(line, soft=y > 0, parts=tuple(parts), origins=origins))
        return rows


def _wrapped(cell: Content, width: int) -> list[tuple[Content, str]]:
    rows: list[tuple[Content, str]] = []
    for line in cell.split("\n", allow_blank=True):
        if rows:
            shown, text = rows[-1]
            rows[-1] = shown, text + " "
        rows += cut(line, width)
    return rows


def _widest(cell: Content) -> int:
    return max((cell_len(line) for line in cell.plain.split("\n")), default=0)


def _aligned(cell: Content, width: int, align: str) -> tuple[int, Content]:
    """A cell as wide as its column, and how many spaces stand to its left."""
    room = max(0, width - cell.cell_length)
    left = {"left": 0, "center": room // 2, "right": room}[align]
    return left, cell.pad(left, room - left)
