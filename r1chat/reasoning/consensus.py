"""Counts the answers of several samples, and says when enough of them have been drawn.

Majority voting over final answers is "self-consistency" (Wang et al., 2022) and what DeepSeek
reports as cons@64. That most of it can be had from fewer samples, drawn in small groups until the
majority is clear, was found by "adaptive consistency" (Aggarwal et al., 2023) and "early-stopping
self-consistency" (Li et al., 2024). They ask whether the leading answer is the more probable one
for ever; what is asked here is whether the samples that are left would still change it, so that
all of them are the yardstick.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from r1chat.reasoning.equality import same_answer

if TYPE_CHECKING:
    from r1chat.events import Decided, SamplesStop

HARDLY = 0.05
"""The chance that the others would change the majority, below which they are not drawn."""
_DIGITS = 9
SCATTERED = 4
"""Answers, at least half as many as samples, of which no two agree, that are enough of them: which
one the others would make the most frequent is chance."""


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer, and the samples that gave it."""

    final: str
    """As the first of them wrote it."""
    samples: tuple[int, ...]
    """Their numbers, the lowest first."""
    confidence: float = 0.0
    """How sure the model was of it in each of them, summed up; 0 where that was not measured."""

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.samples)


class Tally:
    """Counts answers as they come.

    Args:
        samples: How many are drawn at most.
        same: Says whether two answers are the same.
        stop: When it is decided.
    """

    def __init__(
        self,
        samples: int,
        same: Callable[[str, str], bool] = same_answer,
        stop: SamplesStop = "settled",
    ) -> None:
        self.samples = samples
        self.done = 0
        """Samples that have ended, those without an answer among them."""
        self._same = same
        self._stop: SamplesStop = stop
        self._votes: list[Vote] = []
        self._wanted: int | None = None
        """What `wanted` was last found to be, as long as nothing has ended since."""

    def add(self, sample: int, final: str | None, confidence: float | None = None) -> str | None:
        """Counts a sample that has ended.

        Args:
            sample: Its number.
            final: Its answer; None where it has none.
            confidence: How sure the model was of that, from 0 to 1; None where nobody knows.

        Returns:
            The answer that it counts for, as the first that gave it wrote it.
        """
        self.done += 1
        self._wanted = None
        if final is None:
            return None
        for at, vote in enumerate(self._votes):
            if self._same(vote.final, final):
                samples = tuple(sorted((*vote.samples, sample)))
                self._votes[at] = Vote(vote.final, samples, vote.confidence + (confidence or 0.0))
                return vote.final
        self._votes.append(Vote(final, (sample,), confidence or 0.0))
        return final

    @property
    def votes(self) -> tuple[Vote, ...]:
        """The answers, the most frequent first; of equals that which the model was surest of.

        If nothing else tells them apart, that of the sample of lowest number: it never matters
        which of them happened to end first.
        """
        return tuple(sorted(self._votes, key=_rank))

    @property
    def winner(self) -> Vote | None:
        """The most frequent answer so far."""
        return self.votes[0] if self._votes else None

    @property
    def certain(self) -> bool:
        """Whether no sample that is still to come can change the winner."""
        return _decided(self._counts, self.samples, self.samples - self.done, "settled") is not None

    @property
    def decided(self) -> Decided | None:
        """Why the samples that are left need not be drawn; None as long as they are wanted."""
        return _decided(self._counts, self.samples, self.samples - self.done, self._stop)

    @property
    def wanted(self) -> int:
        """How many samples are to be under way: the fewest that could decide it.

        More of them would end at about the same time, when nobody needs them any more. Where
        nothing is to be spared it is all that are left.
        """
        # Engines ask before each token.
        if self._wanted is None:
            self._wanted = self._fewest()
        return self._wanted

    def _fewest(self) -> int:
        left = self.samples - self.done
        if self._stop != "likely":
            return left
        first, *others = counts = self._counts or [0]
        for more in range(1, left):
            agreeing, differing = [first + more, *others], [*counts, *[1] * more]
            for each in (agreeing, differing):
                if _decided(each, self.samples, left - more, self._stop):
                    return more
        return left

    @property
    def _counts(self) -> list[int]:
        return sorted((vote.count for vote in self._votes), reverse=True)


def _rank(vote: Vote) -> tuple[int, float, int]:
    # A sum depends on the order of what is summed up, in its last digits.
    return -vote.count, -round(vote.confidence, _DIGITS), vote.samples[0]


def _decided(counts: Sequence[int], samples: int, left: int, stop: SamplesStop) -> Decided | None:
    if not counts or stop == "never":
        return None
    first, second = counts[0], counts[1] if len(counts) > 1 else 0
    if first > second + left:
        return "settled"
    if stop == "settled":
        return None
    if chance_of_change(first, second, left) < HARDLY:
        return "likely"
    return "scattered" if first == 1 and len(counts) >= max(SCATTERED, samples / 2) else None


@lru_cache(maxsize=4096)
def chance_of_change(first: int, second: int, left: int) -> float:
    """The chance that the samples that are left would make another answer the most frequent one.

    Each of them is taken to give the one answer or the other, with a probability of which nothing
    was known before the first sample (uniform, so that its votes are beta-binomial). Answers that
    compete for the second place overtake the first more rarely than one that has all their votes.

    Args:
        first: Votes of the most frequent answer.
        second: Votes of the one behind it.
        left: Samples that are left.
    """
    chances = 0
    for more in range(left + 1):
        # So many of the rest for the first; a tie is no change.
        if second + left - more > first + more:
            chances += math.comb(first + more, more) * math.comb(second + left - more, left - more)
    return chances / math.comb(first + second + left + 1, left)
