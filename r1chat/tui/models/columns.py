"""The columns of the list of models: which there are depends on the room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from r1chat.formatting import format_bytes, speed_figure
from r1chat.sanitize import line
from r1chat.tui.models.rows import Row

if TYPE_CHECKING:
    from r1chat.hub.fit import Fit

WIDE, USUAL = 104, 64
"""Cells from which on there is room for whole words, and for more than the most important."""
_SIGNS = {
    "fits": ("✓", "$text-success"),
    "tight": ("~", "$text-warning"),
    "no": ("✗", "$text-error"),
}
_GAP = " "
_MARK = 2
_WIDEST_NAME = 60
_UNKNOWN = "·"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: Its head.
        width: Cells; 0 takes what the others leave.
        cell: What a row has in it, and a style.
        right: Whether it is set to the right.
    """

    title: str
    width: int
    cell: Callable[[Row], tuple[str, str]]
    right: bool = False


def said(fit: Fit | None) -> tuple[str, str]:
    """How a model fits, said by a sign, a word and a colour."""
    if fit is None:
        return _UNKNOWN, "$foreground 60%"
    from r1chat.hub.fit import WORDS

    sign, colour = _SIGNS[fit.mark]
    return f"{sign} {WORDS[fit.mark]}", colour


def columns(width: int, *, found: bool = False) -> list[Column]:
    """The columns that a width has room for.

    Args:
        width: Cells.
        found: Whether it is for the results of a search.
    """
    if found:
        about = 22 if width < USUAL else 46
        return [Column("Repository", 0, _name), Column("", about, _state)]
    if width < USUAL:
        return [
            Column("Name", 0, _full_name),
            Column("Size", 7, _size, right=True),
            Column("Fit", 10, _fit_or_state),
        ]
    wide = width >= WIDE
    return [
        Column("Name", 0, _name),
        Column("Quant", 12 if wide else 7, _quant),
        Column("Size", 7, _size, right=True),
        Column("Fit", 9, _fit),
        Column("tok/s", 5, _speed, right=True),
        Column("AIME 24" if wide else "AIME", 7 if wide else 4, _aime, right=True),
        Column("MATH-500" if wide else "MATH", 8 if wide else 4, _math, right=True),
        Column("State", 16 if wide else 14, _state),
    ]


def head(chosen: list[Column], width: int) -> Content:
    """The columns' titles."""
    cells = [
        _set(column.title, size, right=column.right)
        for column, size in zip(chosen, _widths(chosen, width), strict=True)
    ]
    return Content(" " * _MARK + _GAP.join(cells))


def row(of: Row, chosen: list[Column], width: int) -> Content:
    """A row, set in columns."""
    parts: list[str | tuple[str, str]] = ["● " if of.in_use else "  "]
    widths = _widths(chosen, width)
    if of.section == "served":
        # It has no more than a name and a state: the name takes the room of all between.
        *others, last = widths
        widths = [sum(others) + len(_GAP) * (len(others) - 1), last]
        chosen = [Column("", 0, _name), Column("", 0, _state)]
    for at, (column, size) in enumerate(zip(chosen, widths, strict=True)):
        text, style = column.cell(of)
        text = _set(text, size, right=column.right)
        parts += [_GAP if at else "", (text, style) if style else text]
    return Content.assemble(*parts)


def _widths(chosen: list[Column], width: int) -> list[int]:
    taken = _MARK + sum(column.width for column in chosen) + len(_GAP) * (len(chosen) - 1)
    rest = min(max(6, width - taken), _WIDEST_NAME)
    return [column.width or rest for column in chosen]


def _set(text: str, width: int, *, right: bool) -> str:
    text = middle(text, width)
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)


def middle(text: str, width: int) -> str:
    """Takes out of a text's middle what there is no room for: names of a family begin alike."""
    if cell_len(text) <= width:
        return text
    left = (width - 1) // 3
    end = text
    while cell_len(end) > width - 1 - left:
        end = end[1:]
    return set_cell_size(text, left) + "…" + end


def _name(of: Row) -> tuple[str, str]:
    return of.name, _style(of)


def _full_name(of: Row) -> tuple[str, str]:
    return f"{of.name} {of.quant}".strip(), _style(of)


def _style(of: Row) -> str:
    if of.section == "served" and not of.usable:
        return "$foreground 50%"
    return "bold" if of.in_use else ""


def _quant(of: Row) -> tuple[str, str]:
    return line(of.quant, 32), ""


def _size(of: Row) -> tuple[str, str]:
    return format_bytes(of.size) if of.size else "", ""


def _fit(of: Row) -> tuple[str, str]:
    return said(of.fit)


def _fit_or_state(of: Row) -> tuple[str, str]:
    return _state(of) if of.busy else _fit(of)


def _speed(of: Row) -> tuple[str, str]:
    if of.speed is None:
        return _UNKNOWN, "$foreground 60%"
    return f"~{speed_figure(of.speed, estimated=True)}", ""


def _aime(of: Row) -> tuple[str, str]:
    return _percent(of.entry.scores.aime_pass1 if of.entry else None)


def _math(of: Row) -> tuple[str, str]:
    return _percent(of.entry.scores.math500 if of.entry else None)


def _percent(score: float | None) -> tuple[str, str]:
    return (_UNKNOWN, "$foreground 60%") if score is None else (f"{score:.1f}", "")


def _state(of: Row) -> tuple[str, str]:
    accent = of.section != "served" and (of.busy or of.section in {"offered", "others"})
    return of.state, "$text-accent" if accent else "$foreground 60%"
