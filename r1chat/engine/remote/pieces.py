"""Cuts a text of several tokens, of which a server says only how many they are, into about those.

So a thought ends at the same place whether its tokens come one by one or many at a time.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"\s?[^\W\d_]+|\d|\s+|.", re.DOTALL)
"""What is a token in most vocabularies: a word with its space, a digit, a sign."""


def pieces(text: str, tokens: int) -> list[tuple[str, int]]:
    """The parts of a text, each with its share of the tokens."""
    found = _PIECE.findall(text)
    count = min(tokens, len(found))
    if count <= 1:
        return [(text, tokens)]
    return [
        (
            "".join(found[at * len(found) // count : (at + 1) * len(found) // count]),
            (at + 1) * tokens // count - at * tokens // count,
        )
        for at in range(count)
    ]


def size(text: str) -> int:
    """The tokens of a text, roughly."""
    return len(_PIECE.findall(text))
