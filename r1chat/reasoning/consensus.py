"""Counts the answers of several samples: cons@k.

Majority voting over final answers is "self-consistency" (Wang et al., 2022) and what DeepSeek
reports as cons@64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from r1chat.reasoning.equality import same_answer


@dataclass(frozen=True, slots=True)
class Vote:
    """An answer, and the samples that gave it."""

    final: str
    """As the first of them wrote it."""
    samples: tuple[int, ...]
    """Their numbers, the lowest first."""

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.samples)


class Tally:
    """Counts answers as they come.

    Args:
        samples: How many are drawn.
        same: Says whether two answers are the same.
    """

    def __init__(self, samples: int, same: Callable[[str, str], bool] = same_answer) -> None:
        self.samples = samples
        self.done = 0
        """Samples that have ended, those without an answer among them."""
        self._same = same
        self._votes: list[Vote] = []

    def add(self, sample: int, final: str | None) -> str | None:
        """Counts a sample that has ended.

        Args:
            sample: Its number.
            final: Its answer; None where it has none.

        Returns:
            The answer that it counts for, as the first that gave it wrote it.
        """
        self.done += 1
        if final is None:
            return None
        for at, vote in enumerate(self._votes):
            if self._same(vote.final, final):
                self._votes[at] = Vote(vote.final, tuple(sorted((*vote.samples, sample))))
                return vote.final
        self._votes.append(Vote(final, (sample,)))
        return final

    @property
    def votes(self) -> tuple[Vote, ...]:
        """The answers, the most frequent first; of equals that of the sample of lowest number.

        So it does not depend on which of them happened to end first.
        """
        return tuple(sorted(self._votes, key=lambda vote: (-vote.count, vote.samples[0])))

    @property
    def winner(self) -> Vote | None:
        """The most frequent answer so far."""
        return self.votes[0] if self._votes else None

    @property
    def certain(self) -> bool:
        """Whether no sample that is still to come can change the winner."""
        votes = self.votes
        second = votes[1].count if len(votes) > 1 else 0
        return bool(votes) and votes[0].count > second + self.samples - self.done
