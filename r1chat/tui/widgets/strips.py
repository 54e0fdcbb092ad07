"""How a line of a thought looks: a gutter with its marks, then the words."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from r1chat.tui.widgets.lines import Line, Paragraph
from r1chat.tui.wrap import cells_of

GUTTER = 2
"""Cells at the left: a mark, and the bar of the paragraph that is chosen."""
INJECTED = "▸"
MOMENT = "↺"
CURSOR = "▏"


@dataclass(frozen=True, slots=True)
class Palette:
    """The styles of a thought."""

    text: Style
    injected: Style
    moment: Style
    cursor: Style
    selection: Style


def mark(paragraph: Paragraph, line: Line) -> str:
    """The sign that stands before a line; what was injected goes before what is doubted."""
    for start, end in paragraph.injected:
        if start < line.end and line.start < end:
            return INJECTED
    at = bisect_left(paragraph.moments, line.start)
    doubted = at < len(paragraph.moments) and paragraph.moments[at] < line.end
    return MOMENT if doubted else " "


def render(
    paragraph: Paragraph,
    line: Line,
    palette: Palette,
    *,
    width: int,
    chosen: bool,
    selected: tuple[int, int] | None,
) -> Strip:
    """Renders a line.

    Its segments carry where they stand in the paragraph, not in the line, so that a selection
    outlives another wrapping.

    Args:
        paragraph: The paragraph.
        line: The part of it to render.
        palette: The styles.
        width: Cells of the line, the gutter included.
        chosen: Whether the cursor is on the paragraph.
        selected: The part of the paragraph that is selected.
    """
    text = paragraph.text[line.start : line.end].rstrip(" ")
    end = line.start + len(text)
    base = palette.cursor if chosen else palette.text
    sign = mark(paragraph, line)
    signed = {INJECTED: palette.injected, MOMENT: palette.moment}.get(sign, base)
    # One cell each, so that both point at the line's first character.
    start = Style.from_meta({"offset": (line.start, line.paragraph)})
    segments = [
        Segment(sign, _on(signed, base) + start),
        Segment(CURSOR if chosen else " ", _on(palette.moment, base) + start),
    ]
    cells = GUTTER
    for begin, stop, injected in _parts(paragraph.injected, line.start, end):
        style = _on(palette.injected, base) if injected else base
        for first, last, is_selected in _parts([selected] if selected else [], begin, stop):
            here = style + palette.selection if is_selected else style
            part = paragraph.text[first:last]
            offset = Style.from_meta({"offset": (first, line.paragraph)})
            segments.append(Segment(part, here + offset))
            cells += cells_of(paragraph.text, first, last)
    return Strip(segments, cells).adjust_cell_length(width, base)


def _on(style: Style, base: Style) -> Style:
    """A style on the background of another."""
    return style if style is base else style + Style(bgcolor=base.bgcolor)


def _parts(spans: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int, bool]]:
    """Cuts a range at spans; tells of each part whether it lies in one."""
    parts = []
    for first, last in spans:
        if last <= start or first >= end:
            continue
        if first > start:
            parts.append((start, first, False))
        parts.append((max(first, start), min(last, end), True))
        start = min(last, end)
    if start < end:
        parts.append((start, end, False))
    return parts
