"""The header of a thought, in variants from long to short. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from r1chat.events import Peeked, ThoughtEnded, ThoughtStyle
from r1chat.formatting import counted, format_duration, format_probability, noun
from r1chat.reasoning.budget import Budget
from r1chat.sanitize import line
from r1chat.wording import (
    ENDINGS,
    LONGEST_FINAL,
    THOUGHT_STYLES,
    effort_words,
    preview,
    thought_cost,
    wrong_sums_words,
)

_NARROW = 4
"""Cells that a count takes at least, so that what follows stays in place."""
_MINUTE = 59.5
_SECONDS, _MINUTES = len("9.9 s"), len("59 min 59 s")
"""Cells that a time takes, so that it grows in place."""
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
    """Says what an answer preview has found.

    Args:
        peeked: What was found; None while the model still writes it.

    Returns:
        The same from long to short.
    """
    if peeked is None:
        return ["so far: …"]
    if peeked.final is None:
        return [preview(peeked)]
    bare = replace(peeked, repeats=1, confidence=None)
    finals = [_final(peeked.final, most) for most in (LONGEST_FINAL, _SHORT_FINAL)]
    said = [preview(bare, final) for final in finals]
    if peeked.repeats > 1:
        said.insert(0, f"{said[0]} ({peeked.repeats})")
    return said if peeked == bare else [preview(peeked, finals[0]), *said]


def sure(share: float, bars: str) -> list[str]:
    """Says how sure the model was of a thought, from long to short.

    Args:
        share: The mean probability of its tokens.
        bars: How that went.
    """
    percent = format_probability(share)
    return [f"{percent} sure {bars}", bars] if bars else [f"{percent} sure"]


def _final(final: str, most: int) -> str:
    """A final answer on one line, its mathematics as signs."""
    if "\\" in final:
        from r1chat.mathematics import render

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
    ended: ThoughtEnded,
    *,
    own: bool = True,
    least: int = 0,
    peeked: Peeked | None = None,
    paused: bool = False,
    style: ThoughtStyle | None = None,
    effort: str | None = None,
    wrong: int = 0,
) -> list[str]:
    """Says what a thought cost and why it ended.

    Args:
        ended: How it ended.
        own: Whether the model wrote any of it.
        least: Tokens that it was to have.
        peeked: The last answer preview.
        paused: Whether it was stopped to be steered, and will go on.
        style: How r1chat asked for it, if it did.
        effort: What the model was told of how long to think, if anything.
        wrong: Sums of it that do not hold.

    Returns:
        The same from long to short.
    """
    if paused:
        time = format_duration(ended.seconds)
        return [f"Paused after {time} · {tokens(ended.tokens)}", f"Paused after {time}", time]
    ending = ENDINGS[ended.ended_by]
    why = [ending.phrase, ending.label] if ending.phrase else []
    if ended.ended_by == "natural" and ended.tokens < least:
        why = [f"ended by itself, short of {least:,}"]
    elif ended.ended_by == "agreed" and peeked is not None and peeked.final is not None:
        final = _final(peeked.final, LONGEST_FINAL)
        why.insert(0, f"{ending.phrase}: {final} ({peeked.repeats} times)")
    elif ended.ended_by == "sure" and peeked is not None and peeked.confidence is not None:
        final = _final(peeked.final or "", LONGEST_FINAL)
        why.insert(0, f"{ending.phrase}: {final} ({format_probability(peeked.confidence)})")
    said = thought_cost(ended.seconds, ended.tokens) if own else ["No thought"]
    if why:
        said = [*(f"{first} · {reason}" for first in said for reason in why), why[-1]]
    if wrong:
        said = [f"{said[0]} · {wrong_sums_words(wrong)}", *said]
    asked = [THOUGHT_STYLES[style]] if style else []
    asked += [effort_words(effort)] if effort else []
    return [" · ".join([said[0], *asked]), *said] if asked else said


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
