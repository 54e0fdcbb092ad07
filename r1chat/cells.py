"""How wide a text is on a terminal."""

from __future__ import annotations

import unicodedata

_NOTHING = frozenset(("Mn", "Me", "Cf"))
"""Categories of marks on other characters, and of signs that are not seen."""


def columns(text: str) -> int:
    """Counts the columns that a text takes, nearly: wide characters take two, marks none.

    Args:
        text: A text without line breaks and tabs.
    """
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in _NOTHING:
        return 0
    return 1 + (unicodedata.east_asian_width(char) in "WF")
