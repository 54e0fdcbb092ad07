"""How long a model may think, and the machine that watches over it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from r1chat.events import EndedBy
    from r1chat.reasoning.control import Control

LIMIT_TOKENS = 1_000_000
LIMIT_SECONDS = 7 * 24 * 3600.0
_LONGEST_SHOWN = 40
AGREE = 3
"""Looks ahead in a row that have to agree, where the budget is "auto"."""
_FORMS = 'a budget is "off", tokens ("512"), seconds ("30s"), "auto" or "max"'
_SENTENCE_ENDS = (".", "!", "?", "…", ":", ";")
_WIDE_SENTENCE_ENDS = ("。", "！", "？", "：", "；")
_CLOSERS = "\"')]}*`”’»」』）"


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a model may think. Without tokens and seconds it may think as long as it likes.

    Attributes:
        tokens: Most tokens of thought; 0 is off.
        seconds: Most seconds of thought.
        minimum: Tokens of thought that it must spend.
        grace: The last part of the limit, as a fraction of it, in which a thought is closed at the
            end of a sentence, so that it need not be cut within one.
        agree: Looks ahead in a row whose answers have to agree for the thought to end; None leaves
            its end to the model.

    Raises:
        ValueError: If a figure makes no sense; the message is one line.
    """

    tokens: int | None = None
    seconds: float | None = None
    minimum: int = 0
    grace: float = 0.1
    agree: int | None = None

    def __post_init__(self) -> None:
        if self.tokens is not None and not 0 <= self.tokens <= LIMIT_TOKENS:
            message = f"a budget of {self.tokens} tokens is not between 0 and {LIMIT_TOKENS}"
            raise ValueError(message)
        if self.seconds is not None and not 0 < self.seconds <= LIMIT_SECONDS:
            message = f"a budget of {self.seconds:g} seconds is not above 0 and at most a week"
            raise ValueError(message)
        if not 0 <= self.minimum <= LIMIT_TOKENS:
            message = f"a minimum of {self.minimum} tokens is not between 0 and {LIMIT_TOKENS}"
            raise ValueError(message)
        if self.tokens is not None and self.minimum > self.tokens:
            message = f"the minimum ({self.minimum}) is more than the budget ({self.tokens})"
            raise ValueError(message)
        if not 0 <= self.grace <= 1:
            message = f"a grace of {self.grace:g} is not between 0 and 1"
            raise ValueError(message)
        if self.agree is not None and self.agree < 1:
            message = f"{self.agree} looks cannot agree"
            raise ValueError(message)

    @property
    def off(self) -> bool:
        """Whether the model is to answer at once."""
        return self.tokens == 0

    @property
    def auto(self) -> bool:
        """Whether agreement is all that ends it."""
        return self.agree is not None and self.tokens is None and self.seconds is None

    @property
    def spare(self) -> int:
        """Tokens before its limit from which on a thought ends with its sentence."""
        return math.floor((self.tokens or 0) * self.grace)

    @classmethod
    def parse(cls, text: str, *, minimum: int = 0) -> Budget:
        """Reads a budget as people write it: ``off``, ``512``, ``30s``, ``auto`` or ``max``.

        Raises:
            ValueError: If it is none of these; the message is one line.
        """
        word = text.strip().lower()
        if word == "off":
            return cls(tokens=0, minimum=minimum)
        if word == "max":
            return cls(minimum=minimum)
        if word == "auto":
            return cls(minimum=minimum, agree=AGREE)
        if re.fullmatch(r"[0-9]{1,9}", word):
            return cls(tokens=int(word), minimum=minimum)
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?s", word):
            return cls(seconds=float(word[:-1]), minimum=minimum)
        shown = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
        message = f"{shown!r} is not a budget: {_FORMS}"
        raise ValueError(message)

    def __str__(self) -> str:
        """The form that `parse` reads; of two limits the tokens."""
        if self.off:
            return "off"
        if self.tokens is not None:
            return str(self.tokens)
        if self.seconds is not None:
            # Never in the form 1e+05, which `parse` does not read, and never 0.
            figure = f"{max(self.seconds, 0.001):.3f}"
            return figure.rstrip("0").rstrip(".") + "s"
        return "auto" if self.auto else "max"


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
    """Decides at every token whether a thought must close. Knows no clock: it is told the time.

    Args:
        control: Holds the budget and the wishes of the user; read anew at every token, so that
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
        agreed: int = 0,
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
            agreed: How many looks ahead in a row had the same answer.
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
        enough = budget.agree is not None and agreed >= budget.agree
        return "agreed" if enough and boundary else None

    def wants_more(self, *, tokens: int, seconds: float, waits: int) -> bool:
        """Whether the model's own end of thinking is to be replaced by "Wait".

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
