"""How sure a model was along a thought: by paragraph, and as a line of bars. Knows no widget."""

from __future__ import annotations

import math
from bisect import bisect_left

from r1chat.events import TokenScore

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 12
_A_BAR = 8
"""Tokens that a bar stands for, at least."""
_LOWEST = 0.5
"""The confidence of the lowest bar: the mean over some tokens is rarely below."""
_SHADES = (0.9, 0.75)
"""Below which of these a paragraph is shaded, and shaded more."""


class Sureness:
    """The tokens of a thought of which it was measured how sure the model was."""

    def __init__(self) -> None:
        self._places: list[int] = []
        """Where each token stands in the thought as it was written, in order."""
        self._sums = [0.0]
        """Of the logarithms of the probabilities, up to each token."""

    def add(self, score: TokenScore) -> None:
        """Adds a token, if it is one of the thought that the model wrote."""
        if score.part == "thought" and score.logprob is not None:
            last = self._places[-1] if self._places else 0
            self._places.append(max(last, score.at))
            self._sums.append(self._sums[-1] + score.logprob)

    def __bool__(self) -> bool:
        return bool(self._places)

    @property
    def whole(self) -> float:
        """The geometric mean of all probabilities; 1 where there are none."""
        return self._mean(0, len(self._places))

    def shade(self, start: int, end: int) -> int:
        """How strongly a part of the thought is shaded: 0 where the model was sure, to 2.

        Args:
            start: Where it begins in the thought as it was written, in characters.
            end: Where it ends.
        """
        sure = self._mean(bisect_left(self._places, start), bisect_left(self._places, end))
        return sum(sure < limit for limit in _SHADES)

    def bars(self) -> str:
        """How sure it was from the beginning to the end, a bar for as many tokens each."""
        count = len(self._places)
        number = min(MOST_BARS, count // _A_BAR)
        edges = [count * at // number for at in range(number + 1)] if number else [0]
        return "".join(map(self._bar, edges, edges[1:]))

    def _bar(self, first: int, last: int) -> str:
        height = (self._mean(first, last) - _LOWEST) / (1 - _LOWEST)
        return BARS[max(0, min(len(BARS) - 1, int(height * len(BARS))))]

    def _mean(self, first: int, last: int) -> float:
        if last <= first:
            return 1.0
        return math.exp((self._sums[last] - self._sums[first]) / (last - first))
