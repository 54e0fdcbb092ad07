"""Closes a thought where its budget ends: the live machine over a `Budget`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r1chat.reasoning.control import Control

if TYPE_CHECKING:
    from r1chat.events import EndedBy

_SENTENCE_ENDS = (".", "!", "?", "…", ":", ";")
_WIDE_SENTENCE_ENDS = ("。", "！", "？", "：", "；")
_CLOSERS = "\"')]}*`”’»」』）"


def ends_sentence(text: str, following: str) -> bool:
    """Whether a thought can be closed between its text so far and what would follow.

    The full stop of "3.14" or "e.g." in the middle of a word ends nothing: a sentence ends where
    white space follows its last sign. Scripts that write without spaces have signs of their own.
    """
    if not text or text.endswith("\n") or following.startswith(("\n", "\r\n")):
        return True
    text = text.rstrip(_CLOSERS)
    if following[:1].isspace():
        return text.endswith(_SENTENCE_ENDS + _WIDE_SENTENCE_ENDS)
    return text.endswith(_WIDE_SENTENCE_ENDS) and following[:1] not in _CLOSERS


class _Limit:
    """A limit in whose last part, its grace, a thought ends with its sentence.

    One that is moved below what is used up already leaves as much again to land in.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = self._hard = limit

    def passed(self, limit: float | None, used: float, *, grace: float, boundary: bool) -> bool:
        if limit != self._limit:
            self._limit = limit
            moved_below = limit is not None and used >= limit
            self._hard = used + grace if moved_below else limit
        if limit is None or self._hard is None:
            return False
        return used >= self._hard or (boundary and used >= limit - grace)


class Governor:
    """Decides at every token whether a thought must close.

    It reads no clock: it is told the time.

    Args:
        control: Holds the budget and the wishes of the user; read again at every token, so that
            another thread may change them.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._tokens = _Limit(control.budget.tokens)
        self._seconds = _Limit(control.budget.seconds)

    def verdict(
        self,
        *,
        tokens: int,
        seconds: float,
        room: int,
        time_left: float,
        tail: str,
        following: str,
        looks: EndedBy | None = None,
        unfinished: int = 0,
    ) -> EndedBy | None:
        """Says whether to close the thought before the next token, and why.

        Args:
            tokens: Tokens of thought so far.
            seconds: Seconds of thought so far.
            room: Tokens of thought for which the context has room, the answer's reserve taken off.
            time_left: Seconds left before the answer must begin, or infinity.
            tail: The end of the thought's text so far; a few characters are enough.
            following: The text of the token that would come next.
            looks: Why answer previews would end it, if they do.
            unfinished: How many more tokens the character may take, at most, that the next one
                begins and does not end.

        Returns:
            The reason, or None to think on.
        """
        if self._control.wants_answer:
            return "user"
        if room <= 0:
            return "context"
        if time_left <= 0:
            return "time"
        budget = self._control.budget
        boundary = tokens >= budget.minimum and ends_sentence(tail, following)
        used = tokens + unfinished
        if self._tokens.passed(budget.tokens, used, grace=budget.spare, boundary=boundary):
            return "budget"
        late = (budget.seconds or 0) * budget.grace
        if self._seconds.passed(budget.seconds, seconds, grace=late, boundary=boundary):
            return "time"
        return looks if boundary else None

    def wants_more(self, *, tokens: int, seconds: float, waits: int) -> bool:
        """Whether to replace the model's own end of thinking with "Wait".

        Args:
            tokens: Tokens of thought so far.
            seconds: Seconds of thought so far.
            waits: How often it was replaced already for the sake of the minimum.
        """
        control = self._control
        budget = control.budget
        if control.wants_answer or control.cancelled:
            return False
        if control.take_think_more():
            return True
        if budget.tokens is not None and tokens >= budget.tokens:
            return False
        if budget.seconds is not None and seconds >= budget.seconds:
            return False
        return tokens < budget.minimum and waits < control.max_waits
