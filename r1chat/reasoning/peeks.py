"""Schedules answer previews, and says when they show that more thinking is not worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.reasoning.control import Control
from r1chat.reasoning.equality import same_answer
from r1chat.reasoning.governor import ends_sentence

if TYPE_CHECKING:
    from r1chat.events import EndedBy

EVERY = 64
"""Tokens of thought between two looks, where the budget asks for them."""
_SHARE = 8
PAUSE = 24
"""Tokens from the last look from which on one is due where a paragraph ends, or the model doubts
(Yang et al. 2025, "DEER"): there its last result stands complete."""
_PAUSE_SHARE = 16
SURE = 0.999
"""How sure the model has to be of an answer for its thought to end. The confidence of small models
is high everywhere: at 0.95 three answers of a hundred were lost (docs/thinking.md)."""
_DOUBTS = ("wait", "hmm", "alternatively", "等等")


def is_pause(tail: str, following: str) -> bool:
    """Whether a paragraph has ended in a thought, or the model begins to doubt.

    Args:
        tail: The end of the thought so far.
        following: What would come next.
    """
    if tail.endswith("\n"):
        return not following.startswith(("\n", "\r\n"))
    doubts = following.lstrip().lower().startswith(_DOUBTS)
    return doubts and ends_sentence(tail, following)


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
        self._confidence: float | None = None
        """How sure the model was of the last answer."""
        self._at = 0

    def due(self, tokens: int, *, pauses: bool = False) -> bool:
        """Whether to look now.

        Args:
            tokens: Tokens of thought so far.
            pauses: Whether the thought is at a pause; see `is_pause`.
        """
        control = self._control
        every = control.peek_every
        if control.budget.agree is not None:
            # Longer thoughts are looked at less often, so that the looks cost a fixed share.
            needed = max(EVERY, tokens // _SHARE)
            if pauses:
                needed = max(PAUSE, tokens // _PAUSE_SHARE)
            every = needed if every is None else min(every, needed)
        wanted = control.peeks_wanted > self._given
        if not wanted and (every is None or tokens - self._at < every):
            return False
        self._given = control.peeks_wanted
        self._at = tokens
        return True

    def put_off(self, tokens: int) -> None:
        """Counts the pause up to the next look from here on.

        Args:
            tokens: Tokens of thought so far.
        """
        self._at = tokens

    def forget(self) -> None:
        """Resets the count."""
        self.repeats, self._last, self._confidence = 0, None, None

    def take(self, final: str | None, confidence: float | None = None) -> int:
        """Takes an answer; returns how often in a row it was this one.

        Args:
            final: The answer.
            confidence: How sure the model was of it; None where that is not known.
        """
        same = final is not None and self._last is not None and same_answer(final, self._last)
        self.repeats = self.repeats + 1 if same else int(final is not None)
        self._last, self._confidence = final, confidence
        return self.repeats

    @property
    def verdict(self) -> EndedBy | None:
        """Why the thought should end, where the budget leaves that to the looks.

        Where it is known how sure the model is, that decides; else so many equal answers in a row.
        """
        agree = self._control.budget.agree
        if agree is None:
            return None
        if self._confidence is not None:
            return "sure" if self._confidence >= SURE else None
        return "agreed" if self.repeats >= agree else None
