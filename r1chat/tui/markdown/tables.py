"""Tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

from r1chat.tui.markdown.origins import Origins, sliced
from r1chat.tui.markdown.rows import EMPTY, Margin, Part, Row, cut

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
        heads = _Flow(margin)
        for column, head in enumerate(self.head):
            heads.add(
                Content(" · ") if column else EMPTY, head.stylize("answer--table-head"), column
            )
        rows = heads.rows(width)
        bullet = Content.styled("• ", "answer--bullet")
        for number, cells in enumerate(self.body):
            traces = self.origins[number + 1] if self.origins else []
            for column, cell in enumerate(cells):
                beside = Margin(
                    margin.rest + (Content("  ") if column else bullet), margin.rest + "    "
                )
                flow = _Flow(beside, soft=column > 0)
                head = self.head[column] if column < len(self.head) else EMPTY
                label = head.stylize("answer--table-head") + Content(": ") if head else EMPTY
                flow.add(label, cell, column, traces[column] if column < len(traces) else ())
                rows += flow.rows(width)
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


class _Flow:
    """Cells in running text, which are copied as those of a table all the same.

    Args:
        margin: What stands to the left.
        soft: Whether it goes on with the row of the table that the rows before are of.
    """

    def __init__(self, margin: Margin, *, soft: bool = False) -> None:
        self._margin = margin
        self._soft = soft
        self._content = EMPTY
        self._cells: list[tuple[int, int, int]] = []
        self._origins: Origins = ()

    def add(self, before: Content, cell: Content, column: int, origins: Origins = ()) -> None:
        """Adds a cell.

        Args:
            before: What stands before it and is no part of it.
            cell: The cell.
            column: Its column.
            origins: Where it comes from.
        """
        self._content += before
        start = len(self._content)
        self._content += Content(" ").join(cell.split("\n", allow_blank=True))
        self._cells.append((start, len(self._content), column))
        self._origins += sliced(origins, 0, len(cell), start)

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self._margin.fit(width)
        rows: list[Row] = []
        done = 0
        for shown, text in cut(self._content, inner):
            left = margin.rest if rows else margin.first
            by = len(left.plain)
            end = done + len(shown)
            parts = []
            for start, stop, column in self._cells:
                first, last = max(start, done), min(stop, done + len(text))
                if first < last or (start == stop and done <= start <= end):
                    whole = text[first - done : last - done]
                    at = by + first - done
                    parts.append(Part(at, max(0, min(last, end) - first), whole, column))
            origins = sliced(self._origins, done, end, by)
            rows.append(Row(left + shown, "", self._soft or bool(rows), tuple(parts), origins))
            done += len(text)
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
