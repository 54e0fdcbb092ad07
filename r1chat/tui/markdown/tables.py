"""Tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

from r1chat.tui.markdown.rows import EMPTY, Margin, Row


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
            _wrapped(cells[at] if at < len(cells) else EMPTY, width)
            for at, width in enumerate(widths)
        ]
        lines = []
        bar = Content.styled(" │ ", "answer--rule")
        for y in range(max(len(lines) for lines in wrapped)):
            parts = []
            for at, width in enumerate(widths):
                part = wrapped[at][y] if y < len(wrapped[at]) else EMPTY
                parts.append(_aligned(part, width, self.aligns[at]))
            line = bar.join(parts)
            lines.append(line.stylize(style) if style else line)
        return lines


def _wrapped(cell: Content, width: int) -> list[Content]:
    if "\n" not in cell.plain and cell.cell_length <= width:
        return [cell]
    return cell.wrap(width)


def _widest(cell: Content) -> int:
    return max((cell_len(line) for line in cell.plain.split("\n")), default=0)


def _aligned(cell: Content, width: int, align: str) -> Content:
    room = max(0, width - cell.cell_length)
    left = {"left": 0, "center": room // 2, "right": room}[align]
    return cell.pad(left, room - left)
