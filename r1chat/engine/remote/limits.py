"""The remaining limits of a reply: tokens of thought and answer, context, and time."""

from __future__ import annotations

from collections.abc import Callable

from r1chat.engine.base import Request
from r1chat.engine.loop import answer_reserve
from r1chat.engine.remote.account import Account
from r1chat.reasoning.control import Control

_THOUGHT_SHARE = 4
"""The part of the context that a thought should have room for, where it may have so much."""
_CLOSING = 32
"""Tokens, rather more than less, of the words that close a thought."""
_UNKNOWN = 1 << 30


class Limits:
    """Says what is left.

    Args:
        account: The reply so far.
        request: The question.
        control: Has the budget.
        context: Tokens of context; 0 where nobody knows.
        clock: Seconds, monotonic.
        began: When the question was asked, on that clock.
    """

    def __init__(
        self,
        account: Account,
        request: Request,
        control: Control,
        context: int,
        clock: Callable[[], float],
        *,
        began: float,
    ) -> None:
        self._account = account
        self._request = request
        self._control = control
        self._context = context
        self._clock = clock
        self._began = began

    @property
    def thought(self) -> int | None:
        """Tokens that the thought may still have; None for any number."""
        most = self._control.budget.tokens
        return None if most is None else max(1, most - self._account.transcript.thought_tokens)

    @property
    def thought_used_up(self) -> bool:
        """Whether it has had all of them."""
        most = self._control.budget.tokens
        return most is not None and self._account.transcript.thought_tokens >= most

    @property
    def answer(self) -> int | None:
        """Tokens that the answer may still have; None for any number."""
        maximum = self._request.max_answer
        return None if maximum is None else maximum - self._account.transcript.answer_tokens

    @property
    def crowded(self) -> bool:
        """Whether the prompt leaves less room than a good reply wants."""
        share = self._context // _THOUGHT_SHARE
        most = self._control.budget.tokens
        thought = share if most is None else min(most, share)
        wanted = self._account.used + thought + self._reserve + _CLOSING
        return self.knows_room and wanted > self._context

    @property
    def _reserve(self) -> int:
        """Tokens kept free for the answer."""
        return answer_reserve(self._context, self._request.max_answer)

    @property
    def knows_room(self) -> bool:
        """Whether anybody knows how much room there is."""
        return bool(self._context and self._account.used)

    @property
    def left(self) -> int:
        """The free tokens of the context; very many where its size is unknown."""
        return self._context - self._account.used if self.knows_room else _UNKNOWN

    @property
    def room(self) -> int:
        """The tokens of thought that still fit; very many where unknown."""
        return self.left - self._reserve - _CLOSING if self.knows_room else _UNKNOWN

    def time(self, kept_share: float = 0.0) -> float:
        """Seconds left, some share of them kept for what is to follow."""
        return self._request.time_left(self._clock() - self._began, kept_share)
