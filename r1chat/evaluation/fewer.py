"""What fewer samples would have come to: those that `--samples-stop likely` draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

from r1chat.evaluation.intervals import Estimate, difference, ratio
from r1chat.evaluation.plan import Sample
from r1chat.reasoning.consensus import Tally

Right = Callable[[Sample], bool]
Same = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Fewer:
    """What it would have come to, against all samples."""

    right: float
    """The share of questions that the majority of fewer samples answers right."""
    lead: Estimate
    """What that adds to the majority of all, paired by question."""
    samples: float
    """How many came to their end, the mean."""
    tokens: Estimate
    """The share of all samples' tokens that were written; those of samples that were broken off
    are counted."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One draw."""

    right: bool
    ended: int
    tokens: int


def fewer(groups: Sequence[Sequence[Sample]], right: Right, same: Same) -> Fewer | None:
    """Replays draws in which every sample is known.

    Each is replayed as often as it has samples, beginning with another of them each time: which
    one is the first was chance.

    Args:
        groups: The samples of each.
        right: Judges a sample.
        same: Compares two answers.

    Returns:
        None where there are no draws of several samples.
    """
    if not groups or len(groups[0]) == 1:
        return None
    # Each turn of a draw compares the same answers again.
    same = cache(same)
    leads, costs, ended, share = [], [], [], []
    for group in groups:
        turns = [[*group[first:], *group[:first]] for first in range(len(group))]
        found = [replay(turn, right, same) for turn in turns]
        all_of_them = [majority(turn, right, same) for turn in turns]
        share.append(fmean(each.right for each in found))
        leads.append(round(share[-1] - fmean(all_of_them), 9))
        ended.append(fmean(each.ended for each in found))
        costs.append((fmean(each.tokens for each in found), sum(map(_tokens, group))))
    lead, tokens = difference(leads), ratio(costs)
    if lead is None or tokens is None:
        return None
    return Fewer(fmean(share), lead, fmean(ended), tokens)


def replay(group: Sequence[Sample], right: Right, same: Same) -> Replayed:
    """Draws samples that are known as `--samples-stop likely` would have.

    Those under way at a time write a token each in turn.

    Args:
        group: The samples, in the order in which they are begun.
        right: Judges a sample.
        same: Compares two answers.
    """
    tally = Tally(len(group), same, "likely")
    under_way: list[tuple[int, int]] = []
    """When each ends, and its number."""
    begun = now = spent = 0
    while tally.decided is None and tally.done < len(group):
        while begun < len(group) and len(under_way) < tally.wanted:
            under_way.append((now + max(1, _tokens(group[begun])), begun))
            begun += 1
        now, number = min(under_way)
        under_way.remove((now, number))
        spent += _tokens(group[number])
        tally.add(number, group[number].final, group[number].final_confidence)
    broken_off = sum(_tokens(group[number]) - (end - now) for end, number in under_way)
    winner = tally.winner
    is_right = winner is not None and right(group[winner.samples[0]])
    return Replayed(is_right, tally.done, spent + max(0, broken_off))


def majority(group: Sequence[Sample], right: Right, same: Same) -> bool:
    """Whether the answer of most of some samples is right."""
    tally = Tally(len(group), same)
    for number, sample in enumerate(group):
        tally.add(number, sample.final, sample.final_confidence)
    return tally.winner is not None and right(group[tally.winner.samples[0]])


def _tokens(sample: Sample) -> int:
    return sample.thought_tokens + sample.answer_tokens
