"""Computes the figures of many replies from the receipt of each."""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from r1chat.events import EndedBy
from r1chat.store import Figures

_FEWEST = 3
"""Points below which a correlation says nothing."""


@dataclass(frozen=True, slots=True)
class Model:
    """What one model did. Times are seconds."""

    ref: str
    replies: int
    thoughts: int
    """Replies with a thought."""
    thought_tokens: int
    answer_tokens: int
    thought_s: float
    answer_s: float
    tokens_per_s: float | None
    """The median; None where no reply was measured."""
    median_thought_tokens: float | None
    """Of the replies with a thought; None where there is none."""


@dataclass(frozen=True, slots=True)
class Day:
    """The tokens that were written on one day."""

    date: str
    """As in ISO 8601, in this machine's zone."""
    replies: int
    thought_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Point:
    """How long a reply was thought about, and how long its answer is."""

    thought_s: float
    answer_length: int
    """Characters."""
    model: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of a history."""

    conversations: int = 0
    replies: int = 0
    prompt_tokens: int = 0
    prompt_reused_tokens: int = 0
    thought_tokens: int = 0
    answer_tokens: int = 0
    injected_tokens: int = 0
    thought_s: float = 0.0
    answer_s: float = 0.0
    thoughts_ended_by: Mapping[EndedBy, int] = field(default_factory=dict)
    """The most frequent first."""
    answers_ended_by: Mapping[EndedBy, int] = field(default_factory=dict)
    models: Sequence[Model] = ()
    """Those that were asked most first."""
    days: Sequence[Day] = ()
    """In order; days on which nothing was asked are left out."""
    points: Sequence[Point] = ()
    """Of the replies with a thought and an answer."""
    correlation: float | None = None
    """Of thinking time and answer length, by rank (Spearman): -1 to 1; None where there are too
    few points."""


def compute(figures: Iterable[Figures]) -> Statistics:
    """Computes all of them in one pass over the history.

    Args:
        figures: What each reply cost, as `Store.figures` gives it.
    """
    conversations: set[str] = set()
    counts: Counter[str] = Counter()
    thought_s = answer_s = 0.0
    thoughts: Counter[EndedBy] = Counter()
    answers: Counter[EndedBy] = Counter()
    by_model: defaultdict[str, list[Figures]] = defaultdict(list)
    by_day: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    points: list[Point] = []
    for each in figures:
        receipt = each.receipt
        conversations.add(each.conversation)
        counts["replies"] += 1
        for name in _COUNTED:
            counts[name] += getattr(receipt, name)
        thought_s += receipt.thought_s
        answer_s += receipt.answer_s
        if receipt.thought_ended_by is not None:
            thoughts[receipt.thought_ended_by] += 1
        answers[receipt.answer_ended_by] += 1
        by_model[each.origin.model].append(each)
        day = by_day[_date(each.origin.created)]
        day[0] += 1
        day[1] += receipt.thought_tokens
        day[2] += receipt.answer_tokens
        if receipt.thought_s > 0 and each.answer_length > 0:
            points.append(Point(receipt.thought_s, each.answer_length, each.origin.model))
    return Statistics(
        conversations=len(conversations),
        **counts,
        thought_s=thought_s,
        answer_s=answer_s,
        thoughts_ended_by=dict(thoughts.most_common()),
        answers_ended_by=dict(answers.most_common()),
        models=tuple(
            sorted(
                (_model(ref, several) for ref, several in by_model.items()),
                key=lambda model: (-model.replies, model.ref),
            )
        ),
        days=tuple(Day(date, *numbers) for date, numbers in sorted(by_day.items()) if date),
        points=tuple(points),
        correlation=_correlation(points),
    )


_COUNTED = (
    "prompt_tokens",
    "prompt_reused_tokens",
    "thought_tokens",
    "answer_tokens",
    "injected_tokens",
)


def _model(ref: str, several: Sequence[Figures]) -> Model:
    receipts = [each.receipt for each in several]
    speeds = [receipt.tokens_per_s for receipt in receipts if receipt.tokens_per_s > 0]
    lengths = [receipt.thought_tokens for receipt in receipts if receipt.thought_tokens > 0]
    return Model(
        ref=ref,
        replies=len(receipts),
        thoughts=len(lengths),
        thought_tokens=sum(lengths),
        answer_tokens=sum(receipt.answer_tokens for receipt in receipts),
        thought_s=sum(receipt.thought_s for receipt in receipts),
        answer_s=sum(receipt.answer_s for receipt in receipts),
        tokens_per_s=statistics.median(speeds) if speeds else None,
        median_thought_tokens=statistics.median(lengths) if lengths else None,
    )


def _date(created: float) -> str:
    """The day of a time; nothing where it is unknown."""
    if created <= 0:
        return ""
    try:
        return time.strftime("%Y-%m-%d", time.localtime(created))
    except (OverflowError, ValueError, OSError):
        return ""


def _correlation(points: Sequence[Point]) -> float | None:
    if len(points) < _FEWEST:
        return None
    first = _ranks([point.thought_s for point in points])
    second = _ranks([float(point.answer_length) for point in points])
    try:
        return statistics.correlation(first, second)
    except statistics.StatisticsError:
        # All of one kind.
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in order; equal ones share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2
        start = end + 1
    return ranks
