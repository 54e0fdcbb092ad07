"""Where to break a paragraph into lines. Knows cells, not widgets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, get_character_cell_size

NARROWEST = 2
"""Cells that a line has at least: a wide character would fit nowhere else."""

# What is one cell wide and stands alone, for certain. The rest is measured.
_SIMPLE = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0377\u0391-\u03a1\u03a3-\u0482"
    "\u2010-\u2027\u2030-\u203b\u2070\u2071\u2074-\u208e\u2500-\u257f]*"
)
_JOINER = "\u200d"
_WIDENER = "\ufe0f"
# Signs that may not begin a line, and such as may not end one.
_CLOSERS = frozenset(
    "、。，．：；？！）」』】》〉〕］｝”’…‥ー・゛゜々〻ゝゞヽヾぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;?!)]}"
)
_OPENERS = frozenset("（「『【《〈〔［｛“‘([{")


def line_starts(text: str, width: int, at: int = 0) -> list[int]:
    """Breaks a paragraph into lines.

    Lines break after spaces, and between wide characters where their signs allow it. Spaces at
    the end of a line hang over its edge. A word that is longer than a line begins on a line of
    its own and is broken. Whatever follows changes the last line only.

    Args:
        text: The paragraph, without newlines and tabs.
        width: Cells of a line; `NARROWEST` at least counts.
        at: Where a line begins; the text before it is left alone.

    Returns:
        Where the lines begin, `at` first.
    """
    width = max(width, NARROWEST)
    if _SIMPLE.fullmatch(text, at):
        return _simple_starts(text, width, at)
    return _measured_starts(text, width, at)


def _simple_starts(text: str, width: int, at: int) -> list[int]:
    starts = [at]
    length = len(text)
    while length - at > width:
        edge = at + width
        cut = edge
        if text[edge] != " ":
            cut = text.rfind(" ", at, edge) + 1
            # There is no use in a line of nothing but indentation.
            if cut <= at or not text[at:cut].strip(" "):
                cut = edge
        while cut < length and text[cut] == " ":
            cut += 1
        if cut == length:
            break
        starts.append(cut)
        at = cut
    return starts


def _measured_starts(text: str, width: int, at: int) -> list[int]:
    starts = [at]
    cells = 0
    blank = True
    opening = opening_cells = 0
    before = ""
    before_cells = 1
    for start, end, size in clusters(text, at):
        if text[start:end] == " ":
            cells += 1
            before, before_cells = " ", 1
            continue
        sign = text[start]
        if not blank and (before == " " or _may_part(before, before_cells, sign, size)):
            opening, opening_cells = start, cells
        if cells + size > width and opening > starts[-1]:
            starts.append(opening)
            cells -= opening_cells
        if cells + size > width and start > starts[-1]:
            starts.append(start)
            cells = 0
        cells += size
        blank = False
        before, before_cells = sign, size
    return starts


def fold_starts(text: str, width: int) -> list[int]:
    """Breaks a line where its rows are full, as code is.

    Args:
        text: The line, without newlines and tabs.
        width: Cells of a row; `NARROWEST` at least counts.

    Returns:
        Where the rows begin.
    """
    width = max(width, NARROWEST)
    if _SIMPLE.fullmatch(text):
        return list(range(0, len(text), width)) or [0]
    starts = [0]
    cells = 0
    for start, _, size in clusters(text):
        if cells + size > width and start > starts[-1]:
            starts.append(start)
            cells = 0
        cells += size
    return starts


def _may_part(before: str, before_cells: int, after: str, after_cells: int) -> bool:
    """Whether a line may end between two characters that no space parts."""
    if before_cells < NARROWEST and after_cells < NARROWEST:
        return False
    return before not in _OPENERS and after not in _CLOSERS


def clusters(text: str, at: int = 0) -> Iterator[tuple[int, int, int]]:
    """Finds what cannot be parted: a character, the marks on it, what is joined to it.

    Yields:
        Where it begins and ends, and its cells.
    """
    start = at
    flag = joined = False
    for index in range(at, len(text)):
        char = text[index]
        goes_on = (
            joined
            or (flag and _is_flag(char))
            or char in (_JOINER, _WIDENER)
            or "\U0001f3fb" <= char <= "\U0001f3ff"
            or not get_character_cell_size(char)
        )
        if index > start and not goes_on:
            yield start, index, cells_of(text, start, index)
            start = index
        # Two letters make a flag, a third begins the next one.
        flag = _is_flag(char) and (index == start)
        joined = char == _JOINER
    if start < len(text):
        yield start, len(text), cells_of(text, start, len(text))


def cells_of(text: str, start: int, end: int) -> int:
    """Measures a part of a text in cells, as the terminal's side will."""
    if end - start == 1:
        return get_character_cell_size(text[start])
    if _SIMPLE.fullmatch(text, start, end):
        return end - start
    return cell_len(text[start:end])


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
