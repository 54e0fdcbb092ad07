"""Notices when a thought goes round in a circle."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MINIMUM = 64
"""Repeated tokens that make a loop. A 64-bit word in single digits, all zeros, is none yet."""
LONGEST_PERIOD = 512
NGRAM = 8


@dataclass(frozen=True, slots=True)
class Loop:
    """A repetition, word for word."""

    period: int
    """Tokens of what is repeated."""
    repeats: int
    """How often it stands there in full."""


class LoopGuard:
    """Looks out for a sequence of tokens that stands there three times in a row.

    What was last seen so many tokens ago may be the start of a period of that length: the last
    place of each n-gram gives one candidate at a time, and from then on each token is compared
    with the one a period before it. One that differs, such as the number of the next line of a
    table, ends the candidate. So the work is constant a token, and the memory does not grow.

    Args:
        minimum: Tokens that must repeat earlier ones in a row, however short the period.
        longest_period: Longest sequence whose repetition is noticed.
        ngram: Tokens that must agree before a period is considered.

    Raises:
        ValueError: If one of them is less than 1.
    """

    def __init__(
        self,
        *,
        minimum: int = MINIMUM,
        longest_period: int = LONGEST_PERIOD,
        ngram: int = NGRAM,
    ) -> None:
        if min(minimum, longest_period, ngram) < 1:
            message = "a loop guard's minimum, longest period and n-gram must be at least 1"
            raise ValueError(message)
        self._minimum = minimum
        self._longest = longest_period
        self._ngram = ngram
        self.reset()

    def reset(self) -> None:
        """Forgets what came so far, as at the start of another thought."""
        self._count = 0
        self._period = 0
        self._run = 0
        self._recent: deque[int] = deque(maxlen=self._longest)
        self._window: deque[int] = deque(maxlen=self._ngram)
        # Of two generations the elder is dropped whole: cheaper than to drop what is too old
        # one by one, and still bounded.
        self._seen: dict[tuple[int, ...], int] = {}
        self._seen_before: dict[tuple[int, ...], int] = {}

    def feed(self, token: int) -> Loop | None:
        """Takes the next token; returns the loop that it goes on with, if it is in one."""
        self._follow(token)
        self._recent.append(token)
        self._window.append(token)
        self._count += 1
        self._remember()
        if self._period and self._run >= max(2 * self._period, self._minimum):
            return Loop(self._period, 1 + self._run // self._period)
        return None

    def _follow(self, token: int) -> None:
        if not self._period:
            return
        if self._recent[-self._period] == token:
            self._run += 1
        else:
            self._period = self._run = 0

    def _remember(self) -> None:
        if len(self._window) < self._ngram:
            return
        gram = tuple(self._window)
        if not self._period:
            last = self._seen.get(gram) or self._seen_before.get(gram, 0)
            if last and self._count - last <= self._longest:
                self._period = self._count - last
                self._run = self._ngram
        self._seen[gram] = self._count
        if len(self._seen) >= self._longest:
            self._seen_before, self._seen = self._seen, {}
