"""What the pane of a thought says, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from r1chat.events import EndedBy, Peeked, ThoughtEnded
from r1chat.formatting import counted, format_duration, noun
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line

ENDED_BY: dict[EndedBy, str] = {
    "natural": "",
    "budget": "ended by budget",
    "user": "ended by you",
    "agreed": "ended by agreement",
    "loop": "ended, it went in circles",
    "time": "ended by time",
    "context": "ended, context full",
    "length": "ended by length",
    "cancelled": "stopped",
    "error": "ended by an error",
}
"""Why a thought ended. The usual end needs no word."""

_NARROW = 4
"""Cells that a count takes at least, so that what follows stays in place."""
_MINUTE = 59.5
_SECONDS, _MINUTES = len("9.9 s"), len("59 min 59 s")
"""Cells that a time takes, so that it grows in place."""
_LONGEST_FINAL = 30
_SHORT_FINAL = 12


def tokens(count: int) -> str:
    """Counts tokens: "1 token", "1,024 tokens"."""
    return counted(count, "token")


def thinking(seconds: float, count: int, budget: Budget, *, paused: bool = False) -> list[str]:
    """Says how far a thought is.

    The figures stand in fields of a constant width, so that nothing jumps while they grow.

    Args:
        seconds: How long it has been going on.
        count: Its tokens so far.
        budget: How long it may go on.
        paused: Whether it stands still.

    Returns:
        The same from long to short.
    """
    word = "Paused   " if paused else "Thinking…"
    time = format_duration(round(seconds, 1)).rjust(_SECONDS if seconds < _MINUTE else _MINUTES)
    if budget.tokens is not None:
        most = f"{budget.tokens:,}"
        spent = f"{count:>{max(len(most), _NARROW)},}"
        return [
            f"{word} {time} · {spent} of {most} {noun(budget.tokens, 'token')}",
            f"{word} {time} · {spent} of {most}",
            f"{time} · {spent}/{most}",
            spent,
        ]
    if budget.seconds is not None:
        most = format_duration(budget.seconds, trim=True)
        time = f"{format_duration(int(seconds), trim=True):>{max(len(most), _SECONDS)}} of {most}"
    spent = f"{count:>{_NARROW},}"
    unit = noun(count, "token").ljust(len("tokens"))
    return [f"{word} {time} · {spent} {unit}", f"{word} {time}", time]


def so_far(peeked: Peeked | None) -> list[str]:
    """Says what a look ahead has found.

    Args:
        peeked: What was found; None as long as it is being looked.

    Returns:
        The same from long to short.
    """
    if peeked is None:
        return ["so far: …"]
    if peeked.final is None:
        return ["so far: no answer"]
    said = [f"so far: {_final(peeked.final, most)}" for most in (_LONGEST_FINAL, _SHORT_FINAL)]
    if peeked.repeats > 1:
        said = [f"{said[0]} ({peeked.repeats} times)", f"{said[0]} ({peeked.repeats})", *said]
    return said


def _final(final: str, most: int) -> str:
    """A final answer on one line, its mathematics as signs."""
    if "\\" in final:
        from r1chat.tui.mathematics import render

        found = render(final)
        final = found.text if found is not None else final
    return line(final, most)


def beside(said: Sequence[str], aside: Sequence[str]) -> list[str]:
    """Puts two things beside each other; where there is no room for both, the first stays.

    Args:
        said: The first, from long to short.
        aside: The second, from long to short.

    Returns:
        Both from long to short, the second shortened before the first.
    """
    return [*(f"{one} · {other}" for one in said for other in aside), *said]


def thought(
    ended: ThoughtEnded, *, own: bool = True, least: int = 0, peeked: Peeked | None = None
) -> list[str]:
    """Says what a thought cost and why it ended.

    Args:
        ended: How it ended.
        own: Whether the model wrote any of it.
        least: Tokens that it was to have.
        peeked: The last look ahead.

    Returns:
        The same from long to short.
    """
    why = [ENDED_BY[ended.ended_by]]
    if ended.ended_by == "natural" and ended.tokens < least:
        why = [f"ended by itself, short of {least:,}"]
    elif ended.ended_by == "agreed" and peeked is not None and peeked.final is not None:
        final = _final(peeked.final, _LONGEST_FINAL)
        why.insert(0, f"{why[0]}: {final} ({peeked.repeats} times)")
    time = format_duration(ended.seconds)
    said = [f"Thought for {time} · {tokens(ended.tokens)}", f"Thought for {time}", time]
    if not own:
        said = ["No thought"]
    if not why[-1]:
        return said
    return [*(f"{first} · {reason}" for first in said for reason in why), why[-1]]


def fraction(seconds: float, count: int, budget: Budget) -> float | None:
    """How much of a budget is spent, 0 to 1; None where it has no limit."""
    parts = []
    if budget.tokens is not None:
        parts.append(count / budget.tokens if budget.tokens else 1.0)
    if budget.seconds is not None:
        parts.append(seconds / budget.seconds)
    return min(1.0, max(parts)) if parts else None


def fit(choices: Sequence[str], cells: int) -> str:
    """Takes the first of several texts that fits into so many cells, or the last."""
    return next((text for text in choices if cell_len(text) <= cells), choices[-1])
