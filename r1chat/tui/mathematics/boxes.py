"""Boxes of signs: what a formula is put together from, as a typesetter does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

_TALL = {
    "(": "⎛⎜⎝",
    ")": "⎞⎟⎠",
    "[": "⎡⎢⎣",
    "]": "⎤⎥⎦",
    "{": "⎧⎪⎩",
    "}": "⎫⎪⎭",
    "|": "│││",
    "‖": "║║║",
    "⌊": "⎢⎢⎣",
    "⌋": "⎥⎥⎦",
    "⌈": "⎡⎢⎢",
    "⌉": "⎤⎥⎥",
}
_MIDDLE = {"{": "⎨", "}": "⎬"}


@dataclass(frozen=True, slots=True)
class Box:
    """Lines of signs, all of one width.

    Attributes:
        lines: The lines, one at least.
        base: The line that stands on the line of text.
    """

    lines: tuple[str, ...] = ("",)
    base: int = 0

    @property
    def width(self) -> int:
        """Columns."""
        return cell_len(self.lines[0])

    @property
    def flat(self) -> bool:
        """Whether it is one line only."""
        return len(self.lines) == 1

    @property
    def text(self) -> str:
        """The only line of a flat box."""
        return self.lines[0]


def pad(text: str, width: int, *, align: str = "left") -> str:
    """Fills a text up to a width in columns."""
    room = max(0, width - cell_len(text))
    left = {"left": 0, "center": room // 2, "right": room}[align]
    return " " * left + text + " " * (room - left)


def beside(boxes: Sequence[Box]) -> Box:
    """Puts boxes side by side, on one base line."""
    if all(box.flat for box in boxes):
        return Box(("".join(box.text for box in boxes),))
    above = max(box.base for box in boxes)
    below = max(len(box.lines) - box.base for box in boxes)
    rows = [""] * (above + below)
    for box in boxes:
        first = above - box.base
        for row in range(above + below):
            inside = 0 <= row - first < len(box.lines)
            rows[row] += box.lines[row - first] if inside else " " * box.width
    return Box(tuple(rows), above)


def over(top: Box, bottom: Box) -> Box:
    """Puts one box over another, with the bar of a fraction between."""
    width = max(top.width, bottom.width) + 2
    lines = [pad(line, width, align="center") for line in top.lines]
    lines.append("─" * width)
    lines += [pad(line, width, align="center") for line in bottom.lines]
    return Box(tuple(lines), len(top.lines))


def table(rows: Sequence[Sequence[Box]], align: str, gap: int) -> Box:
    """Puts boxes into rows and columns.

    Args:
        rows: The cells; rows may be of different lengths.
        align: A letter for each column, l, c or r; the last one goes for all that follow.
        gap: Columns between two columns.
    """
    count = max(len(row) for row in rows)
    widths = [max((row[i].width for row in rows if i < len(row)), default=0) for i in range(count)]
    names = {"l": "left", "c": "center", "r": "right"}
    lines: list[str] = []
    for row in rows:
        cells = []
        for i, width in enumerate(widths):
            cell = row[i] if i < len(row) else Box()
            how = names[align[min(i, len(align) - 1)]]
            cells.append(Box(tuple(pad(line, width, align=how) for line in cell.lines), cell.base))
            if i < count - 1:
                cells.append(Box((" " * gap,)))
        lines += beside(cells).lines
    return Box(tuple(lines), (len(lines) - 1) // 2)


def fence(sign: str, like: Box) -> Box:
    """A bracket as high as a box."""
    height = len(like.lines)
    if height == 1 or sign not in _TALL:
        return Box((sign,))
    parts = _TALL[sign]
    signs = [parts[0], *[parts[1]] * (height - 2), parts[2]]
    if sign in _MIDDLE:
        if height == 2:  # noqa: PLR2004 - too low for its tip
            signs = ["⎰", "⎱"] if sign == "{" else ["⎱", "⎰"]
        else:
            signs[height // 2] = _MIDDLE[sign]
    return Box(tuple(signs), like.base)


def frame(box: Box) -> Box:
    """Draws a frame around a box."""
    bar = "─" * (box.width + 2)
    lines = (f"┌{bar}┐", *(f"│ {line} │" for line in box.lines), f"└{bar}┘")
    return Box(lines, box.base + 1)
