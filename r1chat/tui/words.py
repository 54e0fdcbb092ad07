"""Receipts in plain words."""

from __future__ import annotations

from r1chat.events import Reply
from r1chat.output import duration
from r1chat.sanitize import line

ENDINGS = {
    "natural": "",
    "budget": "thought ended by the budget",
    "user": "thought ended by you",
    "loop": "ended because it went round in circles",
    "time": "ended by the time limit",
    "context": "ended because the context is full",
    "length": "answer cut at its limit",
    "cancelled": "stopped",
    "error": "failed",
}
_SAID_ABOVE = {"budget", "user", "loop", "time", "context"}
"""The header of the thought says so already."""


def receipt(reply: Reply) -> str:
    """What a reply cost and why it ended, in one line."""
    cost = reply.receipt
    parts = []
    if reply.error:
        parts.append(f"✗ {line(reply.error, 200)}")
    elif cost.ended_by in _SAID_ABOVE and cost.ended_by == cost.thought_ended_by:
        pass
    elif ENDINGS[cost.ended_by]:
        parts.append(ENDINGS[cost.ended_by])
    if not reply.answer.strip() and cost.ended_by not in {"cancelled", "error"}:
        parts.append("no answer")
    if cost.answer_tokens:
        parts.append(f"answer {cost.answer_tokens:,} tokens in {duration(cost.answer_s)}")
    if cost.tokens_per_s > 0:
        parts.append(f"{cost.tokens_per_s:,.0f} tokens/s")
    return " · ".join(parts)
