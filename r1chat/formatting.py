"""Puts counts into words, one and many told apart."""

from __future__ import annotations


def noun(number: float, one: str, many: str = "") -> str:
    """The noun for a number of things, e.g. "token" or "tokens".

    Args:
        number: How many there are.
        one: Its singular.
        many: Its plural, where that is not the singular with an "s".
    """
    return one if number == 1 else many or f"{one}s"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things, e.g. "1 token" or "1,024 tokens"; the arguments are as for `noun`."""
    return f"{number:,} {noun(number, one, many)}"
