"""Suggests the word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that a mistyped word comes closest to; None where none is close.

    Args:
        word: What was typed; its case does not count.
        names: What there is.
    """
    from difflib import get_close_matches

    # The dashes that all options have make none of them alike.
    folded = {name.lower().lstrip("-"): name for name in names}
    found = get_close_matches(word.lower().lstrip("-"), folded, n=1)
    return folded[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A suggestion to stand behind an error, e.g. "; did you mean --model?", or nothing."""
    name = nearest(word, names)
    return f"; did you mean {name}?" if name is not None else ""
