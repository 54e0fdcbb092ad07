"""Tables for the terminal: columns that stand under one another."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

from r1chat.cells import columns as cells_of
from r1chat.console import is_terminal
from r1chat.sanitize import line

_WIDEST = 60
_LONGEST = 500
_NARROWEST = 12
"""Columns that a last cell is broken into at least."""
_GAP = "  "

_Rows = Sequence[Sequence[str]]


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> str:
    """Sets rows of cells as lines of text.

    In a terminal, and nowhere else, what is long is cut, and a table that is wider than the window
    is fitted into it.

    Args:
        head: The columns' names.
        rows: The cells; what came from outside need not be cleaned.
        right: The names of the columns whose cells are figures, e.g. "size tok/s".
    """
    terminal = is_terminal(sys.stdout)
    # The first cell names the row: cut, it would name nothing.
    widest = _WIDEST if terminal else _LONGEST
    cells = [
        [line(row[0], _LONGEST), *(line(cell, widest) for cell in row[1:])] for row in [head, *rows]
    ]
    figures = [name in right.split() for name in head]
    if not terminal:
        return _set(cells, figures)
    return _fitted(cells, figures, shutil.get_terminal_size().columns)


def _fitted(cells: _Rows, figures: Sequence[bool], width: int) -> str:
    """Breaks the last column's words, or puts columns below, where a table is too wide."""
    widths = _widths(cells)
    ends = [sum(widths[:at]) + at * len(_GAP) for at in range(1, len(widths) + 1)]
    if ends[-1] <= width:
        return _set(cells, figures)
    room = width - (ends[-1] - widths[-1])
    if room >= _NARROWEST:
        return _set(cells, figures, last=room)
    # What stands before the first figures names the rows: it stands in each part.
    named = max(1, figures.index(True)) if True in figures else 1
    if ends[named - 1] > width // 2:
        return _set(cells, figures)
    parts, at = [], named
    while at < len(widths):
        start, taken = at, ends[named - 1]
        while at < len(widths) and (at == start or taken + len(_GAP) + widths[at] <= width):
            taken += len(_GAP) + widths[at]
            at += 1
        chosen = [*range(named), *range(start, at)]
        # A row that says nothing here is needed in the first part alone.
        said = [row for row in cells if start == named or row is cells[0] or any(row[start:at])]
        part = [[row[each] for each in chosen] for row in said]
        parts.append(_set(part, [figures[each] for each in chosen]))
    return "\n".join(parts)


def _set(cells: _Rows, figures: Sequence[bool], *, last: int | None = None) -> str:
    """Sets cells under one another; what the last of a row has no room for goes on below it."""
    widths = _widths(cells)
    lines = []
    for row in cells:
        broken = _broken(row[-1], last) if last is not None else [row[-1]]
        shown = [*row[:-1], broken[0] if broken else ""]
        if last is not None:
            widths[-1] = last
        texts = []
        for cell, width, figure in zip(shown, widths, figures, strict=True):
            gap = " " * (width - cells_of(cell))
            texts.append(gap + cell if figure else cell + gap)
        lines.append(_GAP.join(texts).rstrip())
        indent = " " * (sum(widths[:-1]) + len(_GAP) * (len(widths) - 1))
        lines += [indent + rest for rest in broken[1:]]
    return "".join(f"{each}\n" for each in lines)


def _broken(text: str, width: int) -> list[str]:
    # Wide characters take two columns: such a text is broken at half the width.
    return textwrap.wrap(text, width if cells_of(text) == len(text) else width // 2)


def _widths(cells: _Rows) -> list[int]:
    return [max(cells_of(row[at]) for row in cells) for at in range(len(cells[0]))]


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Sets names and values, one pair a line."""
    width = max((len(name) for name, _ in rows), default=0)
    return "".join(
        f"{line(name, _WIDEST).ljust(width)}  {line(value, _LONGEST)}\n" for name, value in rows
    )
