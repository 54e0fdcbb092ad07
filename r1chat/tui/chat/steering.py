"""How a reply is continued, and what a model lets one do to a thought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.actions import ACTIONS

if TYPE_CHECKING:
    from r1chat.engine.base import Continuation, Steering
    from r1chat.events import Reply

_NEEDS = {each.name: each.needs for each in ACTIONS if each.needs}


def continuation(
    reply: Reply, *, keep: int | None = None, words: str = "", close: bool = False
) -> Continuation:
    """A reply to continue from; the arguments are as for `Continuation`."""
    from r1chat.engine.base import Continuation

    return Continuation(reply, keep, words, close)


def forks(reply: Reply, keep: int) -> Continuation:
    """What several replies go on from that branch off at a place of a thought."""
    from r1chat.engine.base import Continuation
    from r1chat.events import Fork

    return Continuation(reply, keep, fork=Fork(keep))


def with_words(reply: Reply, text: str) -> Continuation:
    """A thought that continues after the user's words, on a line of their own."""
    gap = "" if reply.thought.endswith("\n") or not reply.thought else "\n"
    return continuation(reply, keep=len(reply.thought), words=f"{gap}{text}\n")


def obstacle(steering: Steering, action: str) -> str:
    """Why a model cannot do what an action is for, in a few words; empty where it can."""
    need = _NEEDS.get(action)
    return str(getattr(steering, need)) if need else ""
