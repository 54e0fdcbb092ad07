"""Formulas on lines of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

from r1chat.tui.markdown.rows import Line, Margin, Part, Row
from r1chat.tui.mathematics import Formula, render


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
            return self._tall_rows(margin, tall.lines, style)
        flat = render(self.latex)
        text = Content.styled(flat.text, _style_of(flat)) if flat else Content(self.source)
        return Line(text, margin).rows(width)

    @staticmethod
    def _tall_rows(margin: Margin, lines: tuple[str, ...], style: str) -> list[Row]:
        rows = []
        for at, line in enumerate(lines):
            left = margin.rest if at else margin.first
            part = Part(len(left.plain) + 2, len(line), line)
            rows.append(Row(left + Content.styled("  " + line, style), parts=(part,)))
        return rows


def _style_of(formula: Formula) -> str:
    return "answer--boxed" if formula.boxed else "answer--math"
