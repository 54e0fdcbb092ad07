"""The scale of the thinking budget: where a figure stands on it, and how it is written.

Pure: no widget, no clock. A position is a stop's index; what lies between two stops has a
fraction in between.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from r1chat.formatting import counted, format_duration, format_tokens
from r1chat.reasoning.budget import AGREE, LIMIT_SECONDS, LIMIT_TOKENS, Budget
from r1chat.reasoning.difficulty import Expected

Unit: TypeAlias = Literal["tokens", "seconds"]

AUTO = math.inf
"""The figure of the budget "auto": more than any limit, and still not max."""
ROOM_FOR_FIGURE = 13
"""Columns of a budget in words."""
ROOM_FOR_MEANING = 14
"""Columns of what else there is to know of it."""
_SHORTEST_TRACK = 21
_MARK = _GAP = 2


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale from off (0) to max (None), with auto (`AUTO`) as the stop before max.

    Attributes:
        stops: The figures between off and auto, rising.
        limit: The largest figure there is; it stands just before auto.
        digits: Decimal places of a figure.
    """

    stops: tuple[float, ...]
    limit: float
    digits: int = 0

    @property
    def last(self) -> int:
        """The position of max."""
        return len(self.stops) + 2

    def position(self, figure: float | None) -> float:
        """Says where a figure stands: 0 is off, `last` is max.

        The way from off to the first stop is linear, as no logarithm reaches 0.
        """
        if figure is None:
            return float(self.last)
        if figure == AUTO:
            return self.last - 1.0
        first = self.stops[0]
        if figure <= first:
            return max(0.0, figure) / first
        marks = (*self.stops, self.limit)
        at = min(bisect.bisect_right(marks, figure), len(marks) - 1)
        low, high = marks[at - 1], marks[at]
        part = math.log(figure / low) / math.log(high / low)
        # The limit is a figure still: only auto stands at the stop behind it.
        return at + min(part, 1.0) * (1.0 if at < len(self.stops) else 0.999)

    def figure(self, position: float) -> float | None:
        """Says what stands at a position, rounded to `digits`; the reverse of `position`."""
        if position >= self.last - 1:
            return None if position >= self.last else AUTO
        first = self.stops[0]
        if position <= 1:
            return self._round(max(0.0, position) * first)
        marks = (*self.stops, self.limit)
        at = int(position)
        part = position - at
        if at == len(self.stops):
            part = min(1.0, part / 0.999)
        low, high = marks[at - 1], marks[at]
        return self._round(low * (high / low) ** part)

    def stop(self, index: int) -> float | None:
        """The figure of a stop; indexes beyond the ends count as the ends."""
        if index >= self.last - 1:
            return None if index >= self.last else AUTO
        return self.stops[index - 1] if index > 0 else 0

    def step(self, figure: float | None, by: int) -> float | None:
        """Goes `by` stops up or down. A figure between two stops goes to the nearer end first."""
        here = self.position(figure)
        nearest = round(here)
        if abs(here - nearest) < 1e-9:  # noqa: PLR2004 - what is left of a logarithm
            return self.stop(nearest + by)
        return self.stop(math.floor(here) + by if by > 0 else math.ceil(here) + by)

    def column(self, figure: float | None, width: int) -> int:
        """The column of a figure on a track of so many columns."""
        return round(self.position(figure) / self.last * max(0, width - 1))

    def at_column(self, column: int, width: int) -> float | None:
        """The figure of the stop nearest to a column of a track."""
        return self.stop(round(column / max(1, width - 1) * self.last))

    def _round(self, figure: float) -> float:
        return min(round(figure, self.digits), self.limit)


TOKENS = Scale(
    # Two stops an octave, which people read as round: 64, 128, 192 … 1k, 1.5k, 2k, 3k … 32k.
    stops=(64, *(base << power for power in range(6, 14) for base in (2, 3)), 32768),
    limit=LIMIT_TOKENS,
)
SECONDS = Scale(
    stops=(5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800),
    limit=LIMIT_SECONDS,
    digits=3,
)
SCALES: dict[Unit, Scale] = {"tokens": TOKENS, "seconds": SECONDS}


@lru_cache(maxsize=64)
def scale_up_to(unit: Unit, most: float | None) -> Scale:
    """The scale of a unit as far as the context reaches.

    Args:
        unit: What it counts.
        most: The figure that there is room for; None where nobody knows.
    """
    whole = SCALES[unit]
    if most is None or most > whole.stops[-1]:
        return whole
    stops = tuple(stop for stop in whole.stops if stop <= most) or whole.stops[:1]
    return replace(whole, stops=stops, limit=max(most, stops[-1] + 1))


def figure_of(budget: Budget, unit: Unit) -> float | None:
    """What a budget says in a unit: 0 is off, None is max."""
    if budget.off:
        return 0
    if budget.auto:
        return AUTO
    return budget.tokens if unit == "tokens" else budget.seconds


def with_figure(budget: Budget, figure: float | None, unit: Unit) -> Budget:
    """The budget with another limit. Its minimum sinks with it, and every other limit goes."""
    free = replace(budget, tokens=None, seconds=None, agree=None)
    if figure is None:
        return free
    if figure == AUTO:
        return replace(free, agree=AGREE)
    if unit == "seconds" and figure > 0:
        return replace(free, seconds=min(figure, LIMIT_SECONDS))
    tokens = min(max(0, round(figure)), LIMIT_TOKENS)
    return replace(free, tokens=tokens, minimum=min(budget.minimum, tokens))


def with_minimum(budget: Budget, minimum: float | None, scale: Scale = TOKENS) -> Budget:
    """The budget with another minimum, which stops at its limit in tokens."""
    highest = scale.stops[-1] if budget.tokens is None else budget.tokens
    # Auto and max are no figures that it could have.
    tokens = highest if minimum is None or minimum == AUTO else min(minimum, LIMIT_TOKENS)
    if budget.tokens is not None:
        tokens = min(tokens, budget.tokens)
    return replace(budget, minimum=max(0, round(tokens)))


def convert(budget: Budget, unit: Unit, tokens_per_s: float | None) -> Budget:
    """Says a budget in another unit.

    Without a measured speed nobody knows how many tokens a second has: then the stop at about
    the same place of the other scale is taken.
    """
    other: Unit = "seconds" if unit == "tokens" else "tokens"
    figure = figure_of(budget, other)
    if not figure or figure == AUTO:
        return with_figure(budget, figure, unit)
    if tokens_per_s:
        # What was a little must not become off.
        if unit == "seconds":
            figure = max(round(figure / tokens_per_s, 3), 0.001)
        else:
            figure = max(round(figure * tokens_per_s), 1)
    else:
        share = SCALES[other].position(figure) / SCALES[other].last
        scale = SCALES[unit]
        figure = scale.stop(min(max(round(share * scale.last), 1), len(scale.stops)))
    return with_figure(budget, figure, unit)


def describe(
    budget: Budget, unit: Unit, tokens_per_s: float | None, room: int | None = None
) -> tuple[str, str]:
    """Writes a budget, and what else there is to know of it.

    Args:
        budget: The budget.
        unit: What it is counted in.
        tokens_per_s: The measured speed of the model.
        room: Tokens that the context leaves, which a budget may exceed that was set before.

    Both keep within their columns, so that the track beside them never moves.

    Returns:
        The budget, as in "2,048 tokens", and its minimum with what it means in the other unit, as
        in "≥ 128 ≈ 51 s"; the second is empty where there is neither.
    """
    figure = figure_of(budget, unit)
    if figure == 0:
        return "no thinking", ""
    # No word for it: "min" is minutes.
    least = f"≥ {format_tokens(budget.minimum)}" if budget.minimum else ""
    if figure is None:
        return "no limit", least
    if figure == AUTO:
        return "auto", least or "until sure"
    text, meaning = write_figure(figure, unit), ""
    if room is not None and budget.tokens is not None and budget.tokens > room:
        return text, f"room {format_tokens(room)}"
    if tokens_per_s and unit == "tokens":
        meaning = f"≈ {format_duration(figure / tokens_per_s, trim=True)}"
    elif tokens_per_s:
        meaning = f"≈ {write_figure(figure * tokens_per_s, 'tokens', ROOM_FOR_MEANING - 2)}"
    both = f"{least} {meaning}".strip()
    return text, both if len(both) <= ROOM_FOR_MEANING else least


def write_figure(figure: float, unit: Unit, room: int = ROOM_FOR_FIGURE) -> str:
    """Writes a figure of a scale; of so many tokens that the word has no room the number alone."""
    if unit == "seconds":
        return format_duration(figure, trim=True)
    text = counted(round(figure), "token")
    return text if len(text) <= room else f"{figure:,.0f}"


def remark(
    budget: Budget, flat: Sequence[int], expected: Expected | None = None
) -> tuple[str, ...]:
    """What there is to say of a budget and of the marks.

    Args:
        budget: The budget.
        flat: Tokens, rising, from which on the model was measured to grow no better.
        expected: What a thought on the question in the composer will take.

    Returns:
        The same from long to short; nothing where there is nothing to say.
    """
    if budget.auto:
        return ("ends when the model is sure of its answer", "ends when it is sure")
    measured, likely = _of_flat(flat), _of_expected(expected)
    if measured and likely:
        return (*(f"{each} · {measured[-1]}" for each in likely), likely[-1])
    return likely or measured


def _of_expected(expected: Expected | None) -> tuple[str, ...]:
    if expected is None:
        return ()
    which = "such thoughts" if expected.by_question else "thoughts"
    short = f"8 in 10 {which} take up to {expected.tokens:,}"
    seen = f"{expected.examples} seen"
    reasons = "; ".join((", ".join(expected.why), seen) if expected.why else (seen,))
    long = f"8 in 10 {which} take up to {counted(expected.tokens, 'token')}"
    return (f"{long} ({reasons})", f"{long} ({seen})", long, short)


def _of_flat(flat: Sequence[int]) -> tuple[str, ...]:
    if not flat:
        return ()
    if flat[-1] == 0:
        return ("measured to be as good without thinking", "as good without thinking")
    figures = "–".join(f"{tokens:,}" for tokens in dict.fromkeys((flat[0], flat[-1])))
    short = f"accuracy flattens at {figures}"
    return (f"{short} tokens (measured)", f"{short} (measured)", short)


@dataclass(frozen=True, slots=True)
class Room:
    """What there is room for in the line of a slider.

    Attributes:
        label: Whether for its label.
        meaning: Whether for what the figure means.
        ends: Whether for "off" and "max" at the ends of the track.
        track: Columns of the track.
    """

    label: bool
    meaning: bool
    ends: bool
    track: int


def share_out(width: int, *, label: int) -> Room:
    """Shares out the columns of a line: the track comes first, then the ends, then the rest.

    It goes by the width alone, so that the track keeps still whatever stands beside it.

    Args:
        width: Columns of the line.
        label: Columns of the label.
    """
    always = _MARK + _GAP + ROOM_FOR_FIGURE
    meaning, ends = ROOM_FOR_MEANING + 1, len("off  max")
    for has_label, has_meaning in ((True, True), (False, True), (False, False)):
        track = width - always - label * has_label - meaning * has_meaning - ends
        if track >= _SHORTEST_TRACK:
            return Room(has_label, has_meaning, ends=True, track=track)
    return Room(label=False, meaning=False, ends=False, track=max(1, width - always))
