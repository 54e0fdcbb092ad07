"""The thinking budget: a value that says how long a model may think."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1chat.reasoning.phrases import BRIEF_BELOW

Think: TypeAlias = Literal["auto", "on", "off"]
"""Which models think: auto, those that do so by themselves; on, the others too, because r1chat asks
them to; off, none."""

LIMIT_TOKENS = 1_000_000
LIMIT_SECONDS = 7 * 24 * 3600.0
_LONGEST_SHOWN = 40
AGREE = 3
"""Looks ahead in a row that have to agree, where the budget is "auto"."""
_FORMS = 'a budget is "off", tokens ("512"), seconds ("30s"), "auto" or "max"'


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
            message = f"a budget of {self.tokens:,} tokens is not between 0 and {LIMIT_TOKENS:,}"
            raise ValueError(message)
        if self.seconds is not None and not 0 < self.seconds <= LIMIT_SECONDS:
            message = f"a budget of {self.seconds:g} seconds is not above 0 and at most a week"
            raise ValueError(message)
        if not 0 <= self.minimum <= LIMIT_TOKENS:
            message = f"a minimum of {self.minimum:,} tokens is not between 0 and {LIMIT_TOKENS:,}"
            raise ValueError(message)
        if self.tokens is not None and self.minimum > self.tokens:
            message = f"the minimum ({self.minimum:,}) is more than the budget ({self.tokens:,})"
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

    @property
    def is_brief(self) -> bool:
        """Whether it has room only for a thought in short lines."""
        return self.tokens is not None and 0 < self.tokens <= BRIEF_BELOW
