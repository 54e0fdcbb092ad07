"""Finds words in a text, for the reader. Pure: knows no widget."""

from __future__ import annotations

import re
from collections.abc import Sequence

from r1chat.tui.markdown.origins import Place

MOST = 10_000
"""Places that are found at most."""


def places_of(words: str, paragraphs: Sequence[str]) -> tuple[tuple[Place, Place], ...]:
    """Finds the places of words; capitals count only where they are typed.

    Args:
        words: The words. White space in them stands for any.
        paragraphs: The text.

    Returns:
        Where each begins and ends, in order.
    """
    parts = words.split()
    if not parts:
        return ()
    flags = re.IGNORECASE if words == words.lower() else 0
    pattern = re.compile(r"\s+".join(map(re.escape, parts)), flags)
    found = []
    for number, text in enumerate(paragraphs):
        for match in pattern.finditer(text):
            found.append((Place(number, match.start()), Place(number, match.end())))
            if len(found) == MOST:
                return tuple(found)
    return tuple(found)
