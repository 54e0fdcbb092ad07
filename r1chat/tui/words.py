"""Receipts in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.events import ASKED_IN_WORDS
from r1chat.formatting import counted, format_duration, format_speed
from r1chat.sanitize import line

if TYPE_CHECKING:
    from r1chat.conversation import Turn
    from r1chat.events import Reply

ENDINGS = {
    "natural": "",
    "budget": "thought ended by the budget",
    "user": "thought ended by you",
    "agreed": "thought ended by agreement",
    "loop": "ended because it went round in circles",
    "time": "ended by the time limit",
    "context": "ended because the context is full",
    "length": "answer cut at its limit",
    "cancelled": "stopped",
    "error": "failed",
}
_KEPT_AWAY = {
    "context": "the context is full",
    "length": "there was no room for one",
    "time": "its time was over",
    "loop": "it went round in circles",
}
_SAID_ABOVE = {"budget", "user", "agreed", "loop", "time", "context"}
"""The header of the thought says so already."""


def interrupted(turn: Turn) -> bool:
    """Whether a reply was cut off by nobody: r1chat or the machine stopped while it was written."""
    acts = turn.origin.acts if turn.origin else ()
    cancelled = turn.reply.receipt.ended_by == "cancelled"
    return turn.origin is not None and cancelled and all(act.kind != "stop" for act in acts)


def unanswered(reply: Reply) -> bool:
    """Whether a reply has ended without an answer, and nobody stopped it."""
    return not reply.answer.strip() and reply.receipt.ended_by not in {"cancelled", "error"}


def _no_answer(reply: Reply) -> str:
    """Says why there is no answer, and what stands in the thought instead."""
    cost = reply.receipt
    said = _KEPT_AWAY.get(cost.answer_ended_by) or _KEPT_AWAY.get(cost.ended_by)
    if said is None:
        said = "the model ended its reply without one"
        said += ", though it was asked for it" if cost.answer_asked else ""
    if reply.final:
        said += f"; its thought says {line(reply.final, 60)}"
    return f"no answer: {said}"


def receipt(reply: Reply, *, cut_off: bool = False) -> str:
    """What a reply cost and why it ended, in one line.

    Args:
        reply: The reply.
        cut_off: Whether it was `interrupted`.
    """
    cost = reply.receipt
    parts = []
    if reply.error:
        parts.append(f"✗ {line(reply.error, 200)}")
    elif cost.ended_by in _SAID_ABOVE and cost.ended_by == cost.thought_ended_by:
        pass
    elif cut_off:
        parts.append("interrupted: r1chat ended while it was written")
    elif ENDINGS[cost.ended_by]:
        parts.append(ENDINGS[cost.ended_by])
    if unanswered(reply):
        parts.append(_no_answer(reply))
    elif cost.answer_asked and not reply.error:
        parts.append(ASKED_IN_WORDS[cost.answer_asked])
    if cost.answer_tokens:
        parts.append(
            f"answer {counted(cost.answer_tokens, 'token')} in {format_duration(cost.answer_s)}"
        )
    if cost.tokens_per_s > 0:
        parts.append(format_speed(cost.tokens_per_s))
    return " · ".join(parts)


def name_of(ref: str) -> str:
    """A model reference as it is shown: of a file its name alone, of a server's all of it."""
    if "://" in ref or "#" in ref or not ref.endswith(".gguf"):
        return ref
    return ref.rpartition("/")[2] or ref
