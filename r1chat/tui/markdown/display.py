"""Formulas on lines of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content

from r1chat.mathematics import Formula, render
from r1chat.tui.markdown.origins import Origin, Place
from r1chat.tui.markdown.rows import Line, Margin, Part, Row


@dataclass(frozen=True, slots=True)
class Display:
    """A formula on lines of its own; in one line, wrapped, where it is too wide."""

    latex: str
    source: str
    margin: Margin = field(default_factory=Margin)
    span: tuple[Place, Place] | None = None
    """Where it stands in the source, where that was asked for."""

    def rows(self, width: int) -> list[Row]:
        """The rows that it takes in so many columns."""
        margin, inner = self.margin.fit(width)
        tall = render(self.latex, tall=True)
        if tall and cell_len(tall.lines[0]) + 2 <= inner:
            style = _style_of(tall)
            return self._tall_rows(margin, tall.lines, style)
        flat = render(self.latex)
        text = Content.styled(flat.text, _style_of(flat)) if flat else Content(self.source)
        return Line(text, margin, origins=self._origins(0, len(text))).rows(width)

    def _origins(self, start: int, end: int) -> tuple[Origin, ...]:
        return (Origin(start, end, *self.span),) if self.span and start < end else ()

    def _tall_rows(self, margin: Margin, lines: tuple[str, ...], style: str) -> list[Row]:
        rows = []
        for at, line in enumerate(lines):
            left = margin.rest if at else margin.first
            part = Part(len(left.plain) + 2, len(line), line)
            origins = self._origins(part.at, part.at + part.shown)
            content = left + Content.styled("  " + line, style)
            rows.append(Row(content, parts=(part,), origins=origins))
        return rows


def _style_of(formula: Formula) -> str:
    return "answer--boxed" if formula.boxed else "answer--math"
