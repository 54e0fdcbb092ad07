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
    """Their numbers, in the order in which they came."""

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

    def add(self, sample: int, final: str | None) -> None:
        """Counts a sample that has ended.

        Args:
            sample: Its number.
            final: Its answer; None where it has none.
        """
        self.done += 1
        if final is None:
            return
        for at, vote in enumerate(self._votes):
            if self._same(vote.final, final):
                self._votes[at] = Vote(vote.final, (*vote.samples, sample))
                return
        self._votes.append(Vote(final, (sample,)))

    @property
    def votes(self) -> tuple[Vote, ...]:
        """The answers, the most frequent first; of equals the one that came first."""
        return tuple(sorted(self._votes, key=lambda vote: -vote.count))

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

    @property
    def agreement(self) -> float:
        """The share of the samples so far that gave the winning answer, from 0 to 1.

        It estimates how often a single sample would have given it: pass@1, if it is right.
        """
        winner = self.winner
        return winner.count / self.done if winner else 0.0
