"""How many random examples a property is tried on."""

from __future__ import annotations

from hypothesis import settings

_FEWEST = 20
_SHARE = 4


def examples(number: int) -> settings:
    """So many in a long run, which draws new ones; a quarter in the usual run.

    The usual run draws the same ones every time: what they show, they have shown before.
    """
    if settings().derandomize:
        number = min(number, max(_FEWEST, number // _SHARE))
    return settings(max_examples=number, deadline=None)
