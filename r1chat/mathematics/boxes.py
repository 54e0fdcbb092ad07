"""Boxes of signs: what a formula is put together from, as a typesetter does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from r1chat.cells import columns

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
        return columns(self.lines[0])

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
    room = max(0, width - columns(text))
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


def stack(base: Box, above: Box | None, below: Box | None) -> Box:
    """Puts boxes right above and below a box, in the middle."""
    boxes = [box for box in (above, base, below) if box is not None]
    width = max(box.width for box in boxes)
    lines = [pad(line, width, align="center") for box in boxes for line in box.lines]
    return Box(tuple(lines), base.base + (len(above.lines) if above else 0))


def brace(box: Box, *, over: bool) -> Box:
    """Draws a brace over or under a box."""
    width = box.width
    if width < 3:  # noqa: PLR2004 - too narrow for its tip
        line = "⏞" if over else "⏟"
    else:
        left = (width - 3) // 2
        start, tip, end = "╭┴╮" if over else "╰┬╯"
        line = start + "─" * left + tip + "─" * (width - 3 - left) + end
    drawn = Box((line,))
    return stack(box, drawn, None) if over else stack(box, None, drawn)


def struck(box: Box, stroke: str) -> Box:
    """Strikes all signs of a box out."""
    return Box(
        tuple("".join(c if c == " " else c + stroke for c in line) for line in box.lines), box.base
    )


def table(
    rows: Sequence[Sequence[Box]],
    align: str,
    gap: int,
    *,
    bars: Collection[int] = (),
    rules: Collection[int] = (),
) -> Box:
    """Puts boxes into rows and columns.

    Args:
        rows: The cells; rows may be of different lengths.
        align: A letter for each column, l, c or r; the last one goes for all that follow.
        gap: Columns between two columns.
        bars: Before which columns a line is drawn; as many as there are columns is behind the last.
        rules: Before which rows a line is drawn; as many as there are rows is below the last.
    """
    count = max(len(row) for row in rows)
    widths = [max((row[i].width for row in rows if i < len(row)), default=0) for i in range(count)]
    names = {"l": "left", "c": "center", "r": "right"}
    between = [_between(at, count, gap, bars) for at in range(count + 1)]
    lines: list[str] = []
    for number, row in enumerate(rows):
        if number in rules:
            lines.append(_rule(widths, between, _edge(number, len(rows))))
        boxes = [row[i] if i < len(row) else Box() for i in range(count)]
        above = max(box.base for box in boxes)
        height = above + max(len(box.lines) - box.base for box in boxes)
        cells = []
        for i, width in enumerate(widths):
            how = names[align[min(i, len(align) - 1)]]
            lined = tuple(pad(line, width, align=how) for line in boxes[i].lines)
            cells += [Box((between[i],) * height, above), Box(lined, boxes[i].base)]
        lines += beside([*cells, Box((between[count],) * height, above)]).lines
    if len(rows) in rules:
        lines.append(_rule(widths, between, "└┴┘"))
    return Box(tuple(lines), (len(lines) - 1) // 2)


def _between(at: int, count: int, gap: int, bars: Collection[int]) -> str:
    if at in (0, count):
        return ("│ " if at == 0 else " │") if at in bars else ""
    return " │ " if at in bars else " " * gap


def _edge(number: int, count: int) -> str:
    """The signs where a rule meets the bars: the first, those between, the last."""
    return "┌┬┐" if number == 0 else "└┴┘" if number == count else "├┼┤"


def _rule(widths: Sequence[int], between: Sequence[str], signs: str) -> str:
    line = ""
    for at, sep in enumerate(between):
        sign = signs[0] if at == 0 else signs[2] if at == len(widths) else signs[1]
        line += sep.replace("│", sign).replace(" ", "─")
        line += "─" * widths[at] if at < len(widths) else ""
    return line


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
