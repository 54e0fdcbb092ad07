"""Tables for the terminal: columns that stand under one another."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from r1chat.console import is_terminal
from r1chat.sanitize import line

_WIDEST = 60
_LONGEST = 500
_GAP = "  "


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> str:
    """Sets rows of cells as lines of text; what is long is cut in a terminal, and nowhere else.

    Args:
        head: The columns' names.
        rows: The cells; what came from outside need not be cleaned.
        right: The names of the columns whose cells are figures, e.g. "size tok/s".
    """
    # The first cell names the row: cut, it would name nothing.
    widest = _WIDEST if is_terminal(sys.stdout) else _LONGEST
    cells = [
        [line(row[0], _LONGEST), *(line(cell, widest) for cell in row[1:])] for row in [head, *rows]
    ]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    figures = set(right.split())
    lines = []
    for row in cells:
        set_cells = [
            cell.rjust(width) if name in figures else cell.ljust(width)
            for cell, width, name in zip(row, widths, head, strict=True)
        ]
        lines.append(_GAP.join(set_cells).rstrip() + "\n")
    return "".join(lines)


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Sets names and values, one pair a line."""
    width = max((len(name) for name, _ in rows), default=0)
    return "".join(
        f"{line(name, _WIDEST).ljust(width)}  {line(value, _LONGEST)}\n" for name, value in rows
    )
