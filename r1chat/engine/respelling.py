"""Spells a text in the tokens that it was spelled in when a state was saved.

A conversation comes out of the history as text. What the model wrote in it need not be cut into
the tokens that it wrote: “un|able” may have been “u|nable”, and what stands in a cache fits to
the one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from r1chat.prompt import Vocabulary


def respelled(
    tokens: Sequence[int], known: Sequence[int], vocabulary: Vocabulary, *, spaced: bool = False
) -> list[int]:
    """Takes over how others are spelled, as far as they begin with the same text.

    Markers must be the same tokens: what spells a marker out is none.

    Args:
        tokens: The tokens.
        known: Those that they may be spelled as.
        vocabulary: The model's.
        spaced: Whether these may have white space at the beginning, and behind markers, that the
            tokens lack.

    Returns:
        Tokens of the same text.
    """
    i = j = _same(tokens, known)
    while i < len(tokens) and j < len(known):
        met = _meet(tokens, i, known, j, vocabulary)
        if met is None and spaced and (not j or vocabulary.is_marker(known[j - 1])):
            gap = sum(1 for _ in takewhile(partial(_is_space, vocabulary), known[j:]))
            met = _meet(tokens, i, known, j + gap, vocabulary)
        if met is None:
            break
        i, j = met
    return [*known[:j], *tokens[i:]]


def _meet(
    tokens: Sequence[int], i: int, known: Sequence[int], j: int, vocabulary: Vocabulary
) -> tuple[int, int] | None:
    """Where two spellings have both come to the end of a token next; None if they never do.

    Args:
        tokens: The one.
        i: Where it stands.
        known: The other.
        j: Where that stands.
        vocabulary: The model's.
    """
    if tokens[i : i + 1] == known[j : j + 1]:
        return i + 1, j + 1
    mine = theirs = b""
    while True:
        is_mine = len(mine) <= len(theirs)
        left, at = (tokens, i) if is_mine else (known, j)
        text = _text(vocabulary, left[at]) if at < len(left) else b""
        if not text:
            return None
        if is_mine:
            mine, i = mine + text, i + 1
        else:
            theirs, j = theirs + text, j + 1
        if mine == theirs:
            return i, j
        shorter = min(len(mine), len(theirs))
        if mine[:shorter] != theirs[:shorter]:
            return None
        mine, theirs = mine[shorter:], theirs[shorter:]


def _same(tokens: Sequence[int], known: Sequence[int]) -> int:
    """How many tokens are the same at the beginning."""
    both = min(len(tokens), len(known))
    if tuple(tokens[:both]) == tuple(known[:both]):
        return both
    pairs = enumerate(zip(tokens, known, strict=False))
    return next(i for i, (one, other) in pairs if one != other)


def _text(vocabulary: Vocabulary, token: int) -> bytes:
    """What a token spells; nothing where it is more than its text."""
    return b"" if vocabulary.is_marker(token) else vocabulary.piece(token)


def _is_space(vocabulary: Vocabulary, token: int) -> bool:
    return _text(vocabulary, token).isspace()
