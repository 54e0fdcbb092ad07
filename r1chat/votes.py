"""Has several samples vote, counts how they did, and words the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from r1chat import formatting
from r1chat.events import Decided, Fork, Receipt, Reply, Tallied
from r1chat.reasoning.consensus import Tally
from r1chat.sanitize import line
from r1chat.wording import LONGEST_FINAL

_MOST_FINALS = 4
_SHORT: dict[Decided | None, str] = {
    "likely": "the others would hardly change it",
    "scattered": "no majority is in sight",
}
"""Why others were left out that might have changed the result."""


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
    decided: Decided | None = None
    """Why those that were stopped were not needed; None where they were."""
    by_confidence: bool = False
    """Whether, for want of final answers, the reply is the one that the model was surest of."""

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
        those that were stopped nobody knows: then it is the least that it can be, or, where they
        were left out because they would hardly change anything, the share of those that ended.
        """
        known = self.ended if self.is_short else self.samples - self.failed
        return self.agreed / known if self.ended else None

    @property
    def is_short(self) -> bool:
        """Whether others might have changed it, and were left out all the same."""
        return self.decided in _SHORT

    @property
    def chosen_by(self) -> Literal["votes", "confidence", "order"]:
        """What made one of them the reply: their order where nothing tells them apart."""
        if self.counts:
            return "votes"
        return "confidence" if self.by_confidence else "order"

    @property
    def stopped(self) -> int:
        """How many were stopped."""
        return self.samples - self.ended - self.failed

    @property
    def settled(self) -> bool:
        """Whether those that were stopped could have changed nothing."""
        second = self.counts[1][1] if len(self.counts) > 1 else 0
        return self.agreed > second + self.stopped


class Poll:
    """Has samples vote as they end, and says when no others are needed; a group's judge.

    Args:
        tally: Counts.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.decided: Decided | None = None
        """Why no others are needed."""
        self.votes: tuple[tuple[str, int], ...] = ()
        """The final answers so far and how many gave each, the most frequent first."""
        self._receipts: dict[int, Receipt] = {}
        self._tallied: dict[int, Tallied] = {}

    @property
    def wanted(self) -> int:
        """How many samples may be under way at a time."""
        return max(1, self._tally.wanted)

    def take(self, number: int, reply: Reply) -> bool:
        """Counts a sample that has ended; returns whether the others are not needed any more."""
        tally = self._tally
        final = None if is_cut(reply) else reply.final
        vote = tally.add(number, final, _sure_of_final(reply.receipt))
        decides = None
        if self.decided is None and not is_cut(reply) and tally.done < tally.samples:
            self.decided = decides = tally.decided
        self._receipts[number] = replace(
            reply.receipt, samples=tally.samples, vote=vote, decided=decides
        )
        self.votes = tuple((vote.final, vote.count) for vote in tally.votes)
        self._tallied[number] = Tallied(
            self.votes, tally.done, tally.samples, tally.certain, self.decided
        )
        return decides is not None

    def noted(self, number: int, reply: Reply) -> tuple[Reply, Tallied | None]:
        """A sample's reply with what it counts for, and how the votes stood with its end.

        It is counted now, where no engine has asked before. The votes are None of one that was
        left out.
        """
        if number not in self._receipts and not is_cut(reply):
            self.take(number, reply)
        receipt = self._receipts.get(number) or replace(reply.receipt, samples=self._tally.samples)
        return replace(reply, receipt=receipt), self._tallied.get(number)

    def chosen(self, replies: Sequence[Reply | None]) -> int:
        """The number of the sample whose reply counts.

        Of the majority the first; where there are no final answers to compare the one that the
        model was surest of, or the first.

        Args:
            replies: Those that have ended.
        """
        if self._tally.winner is not None:
            return self._tally.winner.samples[0]
        return surest([None if reply is None else reply.receipt for reply in replies]) or 0


def _sure_of_final(receipt: Receipt) -> float | None:
    return None if receipt.confidence is None else receipt.confidence.final


def is_cut(reply: Reply) -> bool:
    """Whether a reply says nothing, because somebody or something stopped it."""
    return _is_cut(reply.receipt)


def _is_cut(receipt: Receipt) -> bool:
    return receipt.ended_by in {"cancelled", "error"}


def surest(receipts: Sequence[Receipt | None]) -> int | None:
    """Which of several replies the model was surest of, by the mean over its answer's tokens.

    None where that is not known of two of them at least.
    """
    known = [
        (receipt.confidence.answer, -number)
        for number, receipt in enumerate(receipts)
        if receipt is not None
        and not _is_cut(receipt)
        and receipt.confidence is not None
        and receipt.confidence.answer is not None
    ]
    return -max(known)[1] if len(known) > 1 else None


def votes_of(reply: Reply) -> Votes:
    """The votes of the samples that a reply was chosen from."""
    receipts = [sample.receipt for sample in reply.samples]
    return _votes(len(receipts), receipts, reply.votes)


def counted(receipts: Sequence[Receipt]) -> Votes:
    """The votes of samples, reconstructed from those that were kept.

    Args:
        receipts: Theirs, in the order in which they were drawn.
    """
    drawn = max((receipt.samples for receipt in receipts), default=0)
    # Whether two answers are the same was found out when they were drawn.
    tally = Tally(len(receipts), str.__eq__)
    for number, receipt in enumerate(receipts):
        # A history that was imported may say anything.
        vote = None if _is_cut(receipt) else receipt.vote
        tally.add(number, vote, _sure_of_final(receipt))
    counts = tuple((vote.final, vote.count) for vote in tally.votes)
    return _votes(max(drawn, len(receipts)), receipts, counts)


def _votes(drawn: int, receipts: Sequence[Receipt], counts: tuple[tuple[str, int], ...]) -> Votes:
    return Votes(
        drawn,
        ended=sum(not _is_cut(receipt) for receipt in receipts),
        failed=sum(receipt.ended_by == "error" for receipt in receipts),
        counts=counts,
        decided=next((receipt.decided for receipt in receipts if receipt.decided), None),
        by_confidence=not counts and surest(receipts) is not None,
    )


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
    tokens = sum(len(each.samples) * each.shared_tokens for each in found)
    shared = formatting.counted(tokens, "token")
    drawn = sum(each.drawn_tokens for each in found)
    verb = "branches" if count == 1 else "branch"
    places = formatting.counted(len(found), "place")
    return f"{count} {verb} off at {places} · {shared} shared, {drawn:,} drawn"


def agreeing(votes: Votes, longest: int = LONGEST_FINAL) -> str:
    """How many agree on which answer, e.g. "5 of 8 agree on 110".

    Args:
        votes: The votes.
        longest: Most characters of the answer.
    """
    if votes.by_confidence:
        return f"no results to compare: the surest of {votes.ended} answers"
    if votes.final is None:
        return f"no answer in {votes.samples} samples"
    asked = votes.ended if votes.is_short else votes.samples
    if len(votes.counts) > 1 and votes.agreed == 1:
        return f"no two of {asked} agree"
    verb = "answered" if votes.agreed == 1 else "agree on"
    return f"{votes.agreed} of {asked} {verb} {line(votes.final, longest)}"


def unfinished(votes: Votes) -> str:
    """What became of the others, e.g. "1 stopped early (could not change the result)"."""
    parts = []
    if votes.decided in _SHORT:
        parts.append(f"{drawn(votes)}: {_SHORT[votes.decided]}")
    elif votes.stopped:
        why = " (could not change the result)" if votes.settled else ""
        parts.append(f"{votes.stopped} stopped early{why}")
    if votes.failed:
        parts.append(f"{votes.failed} failed")
    return " · ".join(parts)


def tokens_of(receipt: Receipt) -> int:
    """Tokens that the model wrote for a sample, without those of a thought that it branches off."""
    shared = 0 if receipt.fork is None else receipt.fork.tokens
    return receipt.thought_tokens + receipt.answer_tokens - shared


def drawn(votes: Votes) -> str:
    """How many samples came to their end, e.g. "3 of 8 drawn"."""
    return f"{votes.ended} of {votes.samples} drawn"


def answers(counts: Sequence[tuple[str, int]]) -> str:
    """The answers with their votes, e.g. "110 (5), 112 (1)"."""
    shown = [f"{line(final, LONGEST_FINAL)} ({count})" for final, count in counts[:_MOST_FINALS]]
    return ", ".join([*shown, "…"] if len(counts) > _MOST_FINALS else shown)
