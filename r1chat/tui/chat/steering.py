"""How a reply is continued, and what a model lets one do to a thought."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from r1chat.actions import ACTIONS

if TYPE_CHECKING:
    from r1chat.engine.base import Continuation, Steering
    from r1chat.events import Reply
    from r1chat.reasoning.budget import Budget

_LEAST_MORE = 256
"""Least tokens that a thought gets where the user wants more of it."""
_NEEDS = {each.name: each.needs for each in ACTIONS if each.needs}


def continuation(
    reply: Reply, *, keep: int | None = None, words: str = "", close: bool = False
) -> Continuation:
    """A reply to continue from; the arguments are as for `Continuation`."""
    from r1chat.engine.base import Continuation

    return Continuation(reply, keep, words, close)


def with_words(reply: Reply, text: str) -> Continuation:
    """A thought that continues after the user's words, on a line of their own."""
    gap = "" if reply.thought.endswith("\n") or not reply.thought else "\n"
    return continuation(reply, keep=len(reply.thought), words=f"{gap}{text}\n")


def was_stopped(reply: Reply) -> bool:
    """Whether a reply was broken off and can be continued."""
    if not (reply.thought or reply.answer):
        return False
    return reply.receipt.ended_by in {"cancelled", "length", "time", "error"}


def allowance(budget: Budget, resume: Continuation) -> Budget:
    """The budget of a reply that is continued: what is spent counts, but is never all of it.

    Args:
        budget: As it is set.
        resume: Where the reply goes on from.
    """
    reply = resume.reply
    share = 1.0
    if resume.keep is not None and reply.thought:
        share = resume.keep / len(reply.thought)
    tokens = round(reply.receipt.thought_tokens * share)
    seconds = reply.receipt.thought_s * share
    if budget.tokens is not None and tokens >= budget.tokens:
        return replace(budget, tokens=tokens + max(budget.tokens, _LEAST_MORE))
    if budget.seconds is not None and seconds >= budget.seconds:
        return replace(budget, seconds=seconds + budget.seconds)
    return budget


def obstacle(steering: Steering, action: str) -> str:
    """Why a model cannot do what an action is for, in a few words; empty where it can."""
    need = _NEEDS.get(action)
    return str(getattr(steering, need)) if need else ""
