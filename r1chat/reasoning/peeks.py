"""Schedules answer previews, and counts how many in a row agree."""

from __future__ import annotations

from r1chat.reasoning.control import Control
from r1chat.reasoning.equality import same_answer

EVERY = 64
"""Tokens of thought between two looks, where the budget asks for them."""
_SHARE = 8


class Peeks:
    """Schedules answer previews, and counts how many in a row agree.

    Args:
        control: Says how often.
    """

    def __init__(self, control: Control) -> None:
        self.repeats = 0
        self._control = control
        self._given = control.peeks_wanted
        self._last: str | None = None
        self._at = 0

    def due(self, tokens: int) -> bool:
        """Whether to look now.

        Args:
            tokens: Tokens of thought so far.
        """
        control = self._control
        every = control.peek_every
        if control.budget.agree is not None:
            # Longer thoughts are looked at less often, so that the looks cost a fixed share.
            needed = max(EVERY, tokens // _SHARE)
            every = needed if every is None else min(every, needed)
        wanted = control.peeks_wanted > self._given
        if not wanted and (every is None or tokens - self._at < every):
            return False
        self._given = control.peeks_wanted
        self._at = tokens
        return True

    def forget(self) -> None:
        """Resets the count."""
        self.repeats, self._last = 0, None

    def take(self, final: str | None) -> int:
        """Takes an answer; returns how often in a row it was this one."""
        same = final is not None and self._last is not None and same_answer(final, self._last)
        self.repeats = self.repeats + 1 if same else int(final is not None)
        self._last = final
        return self.repeats
