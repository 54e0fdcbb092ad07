"""Counts how several samples voted, and words the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from r1chat import formatting
from r1chat.events import Fork, Receipt, Reply
from r1chat.sanitize import line
from r1chat.wording import LONGEST_FINAL

_MOST_FINALS = 4


@dataclass(frozen=True, slots=True)
class Votes:
    """How several samples voted."""

    samples: int
    """How many were drawn."""
    ended: int
    """Of them, those that came to their end, with a final answer or without one."""
    failed: int
    counts: tuple[tuple[str, int], ...]
    """The final answers and how many gave each, the most frequent first."""

    @property
    def final(self) -> str | None:
        """The answer of the majority: cons@K."""
        return self.counts[0][0] if self.counts else None

    @property
    def agreed(self) -> int:
        """How many gave it."""
        return self.counts[0][1] if self.counts else 0

    @property
    def agreement(self) -> float | None:
        """The share of the samples that gave it, those that failed left out.

        It estimates how often a single sample would have given it: pass@1, if it is right. Of
        those that were stopped nobody knows: then it is the least that it can be.
        """
        known = self.samples - self.failed
        return self.agreed / known if self.ended else None

    @property
    def stopped(self) -> int:
        """How many were stopped."""
        return self.samples - self.ended - self.failed

    @property
    def settled(self) -> bool:
        """Whether those that were stopped could have changed nothing."""
        second = self.counts[1][1] if len(self.counts) > 1 else 0
        return self.agreed > second + self.stopped


def votes_of(reply: Reply) -> Votes:
    """The votes of the samples that a reply was chosen from."""
    receipts = [sample.receipt for sample in reply.samples]
    return Votes(len(receipts), _ended(receipts), _failed(receipts), reply.votes)


def counted(receipts: Sequence[Receipt]) -> Votes:
    """The votes of samples, reconstructed from those that were kept.

    Args:
        receipts: Theirs, in the order in which they were drawn.
    """
    votes = Counter(receipt.vote for receipt in receipts if receipt.vote is not None)
    drawn = max((receipt.samples for receipt in receipts), default=0)
    # `most_common` keeps the order of equals.
    counts = tuple(votes.most_common())
    return Votes(max(drawn, len(receipts)), _ended(receipts), _failed(receipts), counts)


def _ended(receipts: Sequence[Receipt]) -> int:
    return sum(receipt.ended_by not in {"cancelled", "error"} for receipt in receipts)


def _failed(receipts: Sequence[Receipt]) -> int:
    return sum(receipt.ended_by == "error" for receipt in receipts)


@dataclass(frozen=True, slots=True)
class Branching:
    """Samples that branch off from the thought of the first at one place."""

    at: int
    """Where in that thought, in characters."""
    entropy: float | None
    """How open it was what comes next there, in nats."""
    samples: tuple[int, ...]
    """Their numbers, from 0."""
    shared_tokens: int
    """Tokens of the thought up to there, which were drawn once for all of them."""
    drawn_tokens: int
    """Tokens that they wrote."""
    votes: Mapping[str, int]
    """Their final answers and how many gave each."""


def branchings(reply: Reply) -> tuple[Branching, ...]:
    """The places where samples branch off from the first, in the order of its thought."""
    places: dict[int, list[int]] = {}
    for number, sample in enumerate(reply.samples):
        if sample.receipt.fork is not None:
            places.setdefault(sample.receipt.fork.at, []).append(number)
    return tuple(_branching(reply, numbers) for _, numbers in sorted(places.items()))


def _branching(reply: Reply, numbers: Sequence[int]) -> Branching:
    receipts = [reply.samples[number].receipt for number in numbers]
    fork = receipts[0].fork or Fork(0)
    written = sum(each.thought_tokens + each.answer_tokens for each in receipts)
    votes = Counter(each.vote for each in receipts if each.vote is not None)
    return Branching(
        at=fork.at,
        entropy=fork.entropy,
        samples=tuple(numbers),
        shared_tokens=fork.tokens,
        drawn_tokens=written - fork.tokens * len(numbers),
        votes=dict(votes.most_common()),
    )


def branched(reply: Reply) -> str:
    """How samples branched off, e.g. "7 branch off at 2 places · 770 tokens shared, 900 drawn"."""
    found = branchings(reply)
    if not found:
        return ""
    count = sum(len(each.samples) for each in found)
    shared = sum(len(each.samples) * each.shared_tokens for each in found)
    drawn = sum(each.drawn_tokens for each in found)
    verb = "branches" if count == 1 else "branch"
    places = formatting.counted(len(found), "place")
    return f"{count} {verb} off at {places} · {shared:,} tokens shared, {drawn:,} drawn"


def agreeing(votes: Votes, longest: int = LONGEST_FINAL) -> str:
    """How many agree on which answer, e.g. "5 of 8 agree on 110".

    Args:
        votes: The votes.
        longest: Most characters of the answer.
    """
    if votes.final is None:
        return f"no answer in {votes.samples} samples"
    if len(votes.counts) > 1 and votes.agreed == 1:
        return f"no two of {votes.samples} agree"
    verb = "answered" if votes.agreed == 1 else "agree on"
    return f"{votes.agreed} of {votes.samples} {verb} {line(votes.final, longest)}"


def unfinished(votes: Votes) -> str:
    """What became of the others, e.g. "1 stopped early (could not change the result)"."""
    parts = []
    if votes.stopped:
        why = " (could not change the result)" if votes.settled else ""
        parts.append(f"{votes.stopped} stopped early{why}")
    if votes.failed:
        parts.append(f"{votes.failed} failed")
    return " · ".join(parts)


def answers(counts: Sequence[tuple[str, int]]) -> str:
    """The answers with their votes, e.g. "110 (5), 112 (1)"."""
    shown = [f"{line(final, LONGEST_FINAL)} ({count})" for final, count in counts[:_MOST_FINALS]]
    return ", ".join([*shown, "…"] if len(counts) > _MOST_FINALS else shown)
