"""How a row of a thought looks: a gutter with its mark, then the words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.style import Style as ContentStyle

from r1chat.tui.markdown.origins import Origin, Place
from r1chat.tui.markdown.rows import Row
from r1chat.tui.widgets.lines import Written

GUTTER = 2
"""Cells at the left: a mark, and the bar of the paragraph that is chosen."""
INJECTED = "▸"
MOMENT = "↺"
WRONG = "≠"
FOLDED = "▶"
CURSOR = "▏"

Span = tuple[Place, Place]


@dataclass(frozen=True, slots=True)
class Palette:
    """The styles of a thought."""

    text: ContentStyle
    cursor: ContentStyle
    injected: Style
    moment: Style
    wrong: Style
    selection: Style
    found: Style
    unsure: tuple[ContentStyle, ...]
    """Of a paragraph that the model was not sure of, and of one that it was less sure of."""
    named: Callable[[str | ContentStyle], ContentStyle]
    """Looks up what the parts of rendered Markdown look like."""


class Marked(NamedTuple):
    """What is marked in a row beside its text."""

    selected: Span | None = None
    found: tuple[Span, ...] = ()
    """What a search has found in it."""
    chosen: bool = False
    """Whether the cursor is on its paragraph."""
    shade: int = 0
    """How unsure the model was of its paragraph."""
    folded: bool = False
    """Whether it stands for a part that is folded."""


class _Cell(NamedTuple):
    """A part of a row that looks the same and comes from one place."""

    start: int
    end: int
    place: Place
    injected: bool = False
    marks: tuple[bool, bool] = (False, False)
    """Whether it is selected, and whether it was found."""


def mark(text: Written, span: Span) -> str:
    """The sign that stands before a row: of what was injected, of a wrong sum, or of a doubt.

    Args:
        text: The text.
        span: What the row stands for.
    """
    first, last = span
    for number in range(first.paragraph, min(last.paragraph + 1, len(text.paragraphs))):
        paragraph = text.paragraphs[number]
        begin = first.char if number == first.paragraph else 0
        close = last.char if number == last.paragraph else len(paragraph.text)
        for start, end in paragraph.injected:
            if paragraph.text[max(start, begin) : min(end, close)].strip():
                return INJECTED
    at = bisect_left(text.wrong, first, key=lambda each: each.place)
    if at < len(text.wrong) and text.wrong[at].place < last:
        return WRONG
    at = bisect_left(text.moments, first)
    return MOMENT if at < len(text.moments) and text.moments[at] < last else " "


def render(
    row: Row, text: Written, place: Place, palette: Palette, sign: str, marked: Marked, width: int
) -> Strip:
    """Renders a row.

    Its segments carry where they stand in the text, not in the row, so that a selection outlives
    another wrapping.

    Args:
        row: The row.
        text: The text that it is of.
        place: Where in it a row stands that shows nothing of it.
        palette: The styles.
        sign: The mark before it.
        marked: What is marked in it.
        width: Cells of the row, the gutter included.
    """
    shades = (palette.text, *palette.unsure)
    base = palette.cursor if marked.chosen else shades[marked.shade]
    plain = base.rich_style
    if row.fill and not marked.chosen:
        base += palette.named(row.fill)
    bar = CURSOR if marked.chosen else " "
    if marked.folded:
        # The background shows the cursor, too.
        sign, bar = (FOLDED, bar) if sign == " " else (sign, FOLDED)
    signed = {
        INJECTED: palette.injected,
        MOMENT: palette.moment,
        WRONG: palette.wrong,
    }.get(sign, plain)
    # One cell each, so that both point at the row's first character.
    start = _at(row.origins[0].first if row.origins else place)
    segments = [
        Segment(sign, _on(signed, plain) + start),
        Segment(bar, _on(palette.moment, plain) + start),
    ]
    cells = list(_cells(row, text, place, marked))
    at = begin = 0
    for words, style in row.content.render(base, end="", parse_style=palette.named):
        end = begin + len(words)
        while at < len(cells) and begin < end:
            cell = cells[at]
            stop = min(end, cell.end)
            here = style.rich_style
            if cell.injected:
                here += _on(palette.injected, plain)
            for is_so, style_of in zip(cell.marks, (palette.selection, palette.found), strict=True):
                if is_so:
                    here += style_of
            where = cell.place._replace(char=cell.place.char + max(0, begin - cell.start))
            segments.append(Segment(words[begin - end :][: stop - begin], here + _at(where)))
            begin = stop
            at += stop == cell.end
    return Strip(segments).adjust_cell_length(width, base.rich_style)


def _at(place: Place) -> Style:
    return Style.from_meta({"offset": (place.char, place.paragraph)})


def _on(style: Style, base: Style) -> Style:
    """A style on the background of another."""
    return style if style is base else style + Style(bgcolor=base.bgcolor)


def _cells(row: Row, text: Written, place: Place, marked: Marked) -> Iterator[_Cell]:
    done = 0
    for origin in row.origins:
        if origin.start > done:
            first = origin.first
            yield _Cell(
                done, origin.start, first._replace(char=max(0, first.char - origin.start + done))
            )
        yield from _parts(origin, text, marked)
        done, place = origin.end, origin.last
    if done < len(row.content.plain):
        yield _Cell(done, len(row.content.plain), place)


def _parts(origin: Origin, text: Written, marked: Marked) -> Iterator[_Cell]:
    """Cuts what comes from one place wherever its looks change."""
    line, begin = origin.first
    paragraph = text.paragraphs[line] if line < len(text.paragraphs) else None
    injected = paragraph.injected if paragraph is not None else []
    if not origin.exact:
        is_injected = any(start <= begin < end for start, end in injected)
        marks = _is_in(marked.selected, origin), any(_is_in(each, origin) for each in marked.found)
        # Whole, and never pointing behind its source, however much longer it is.
        inside = origin.last.char - begin if origin.last.paragraph == line else 1
        step = max(1, inside)
        for start in range(origin.start, origin.end, step):
            end = min(start + step, origin.end)
            yield _Cell(start, end, origin.first, is_injected, marks)
        return
    spans = [marked.selected] if marked.selected else []
    edges = {begin, origin.last.char}
    edges |= {edge for span in injected for edge in span}
    for first, last in (*spans, *marked.found):
        edges |= {each.char for each in (first, last) if each.paragraph == line}
    inside_edges = sorted(edge for edge in edges if begin <= edge <= origin.last.char)
    shift = origin.start - begin
    for first_char, last_char in pairwise(inside_edges):
        part = Origin(
            first_char + shift, last_char + shift, Place(line, first_char), Place(line, last_char)
        )
        yield _Cell(
            part.start,
            part.end,
            part.first,
            any(start <= first_char < end for start, end in injected),
            (_is_in(marked.selected, part), any(_is_in(each, part) for each in marked.found)),
        )


def _is_in(span: Span | None, origin: Origin) -> bool:
    """Whether any of an origin lies in a part of the text."""
    return span is not None and span[0] < origin.last and span[1] > origin.first
