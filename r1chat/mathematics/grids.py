"""Environments of rows and columns: what stands in their cells, and the rules between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from r1chat.mathematics.boxes import Box, table

_BRACKETS = {
    "pmatrix": "()",
    "bmatrix": "[]",
    "Bmatrix": "{}",
    "vmatrix": "||",
    "Vmatrix": "‖‖",
    "cases": "{ ",
    "dcases": "{ ",
    "rcases": " }",
}
_GRIDS = frozenset(["matrix", "smallmatrix", "array", "tabular", "subarray"])
_RULES = frozenset(["hline", "toprule", "midrule", "bottomrule", "hdashline"])
_BREAKS = frozenset(["\\", "cr", "tabularnewline"])
_REPEATED = re.compile(r"\*\s*\{?(\d{1,2})\}?\s*\{([^{}]*)\}")
_WIDTH = re.compile(r"[@!><]\s*\{[^{}]*\}")
_PARAGRAPH = re.compile(r"[pmbX]\s*(?:\{[^{}]*\}|[\d.]+\s*\w\w)?")
_WIDE, _NARROW = 2, 1


@dataclass(slots=True)
class Grid:
    """The cells of an environment.

    Attributes:
        rows: The nodes of each cell.
        rules: Before which rows a line is drawn; as many as there are rows is below the last.
        bars: Before which columns one is drawn, as far as they are known.
        align: A letter for each column, l, c or r; the last one goes for all that follow.
        gap: Columns of the screen between two columns.
        brackets: What stands around it, a space for nothing.
        comma: Whether a comma parts its columns in one line.
    """

    rows: list[list[list[Any]]]
    rules: set[int] = field(default_factory=set)
    bars: set[int] = field(default_factory=set)
    align: str = "c"
    gap: int = _WIDE
    brackets: str = "  "
    comma: bool = False


def grid(name: str, nodes: Sequence[Any], columns: str) -> Grid:
    """Reads the content of an environment.

    Args:
        name: The environment, without a star.
        nodes: What stands in it.
        columns: What it says of its columns, e.g. ``{c|cc}``.
    """
    found = Grid([[[]]], brackets=_BRACKETS.get(name, "  "), comma="cases" in name)
    for node in nodes:
        macro = getattr(node, "macroname", None)
        if macro in _BREAKS:
            found.rows.append([[]])
        elif macro in _RULES:
            found.rules.add(len(found.rows) - 1)
        elif macro == "cline":
            pass
        elif getattr(node, "specials_chars", None) == "&":
            found.rows[-1].append([])
        else:
            found.rows[-1][-1].append(node)
    kept = [at for at, row in enumerate(found.rows) if any(map(_is_something, row))]
    found.rules = {sum(at < rule for at in kept) for rule in found.rules}
    found.rows = [found.rows[at] for at in kept]
    if name in _BRACKETS or name in _GRIDS:
        found.align = "l" if "cases" in name else "c"
        _read_columns(found, columns)
    else:
        found.align = "rl" * max((len(row) for row in found.rows), default=1)
        found.gap = _NARROW
    return found


def _read_columns(found: Grid, columns: str) -> None:
    columns = _WIDTH.sub("", _REPEATED.sub(lambda each: each[2] * int(each[1]), columns))
    align = ""
    for sign in _PARAGRAPH.sub("l", columns):
        if sign in "|:":
            found.bars.add(len(align))
        elif sign in "lcr":
            align += sign
    found.align = align or found.align


def _is_something(cell: list[Any]) -> bool:
    return any(str(getattr(node, "chars", node)).strip() for node in cell if node is not None)


def table_of(found: Grid, rows: list[list[Box]]) -> Box:
    """Sets the cells in rows and columns."""
    return table(rows, found.align, found.gap, bars=found.bars, rules=found.rules)


def in_one_line(found: Grid, rows: list[list[Box]]) -> Box:
    """Sets the cells in one line, its rows behind one another; bars between columns stay."""
    lines = []
    for row in rows:
        text = ""
        for at, cell in enumerate(row):
            between = " | " if at in found.bars else (", " if found.comma else " ")
            text += (between if text and cell.text else "") + cell.text
        lines.append(text)
    return Box(("; ".join(lines),))
