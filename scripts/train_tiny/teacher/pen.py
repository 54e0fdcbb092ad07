"""What the teacher writes with: text that knows which tokens are lessons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

DIGITS = frozenset(range(10))
STEP_BY_STEP = "Please reason step by step, and put your final answer within \\boxed{}."


class Part(NamedTuple):
    """A run of text; `learn` is False where the model must not be taught it."""

    text: str
    learn: bool


class Pen:
    """Writes working digit by digit, and can slip once at a planned digit.

    A slip is a wrong digit that is not learned itself; everything after it
    goes on consistently from what stands on the page, so that a reader can
    only find it by checking.

    Attributes:
        parts: what has been written.
        slots: how many digits could have slipped so far.
        slipped: whether the planned slip has happened.
    """

    def __init__(self, rng: Random | None = None, slip_at: int | None = None) -> None:
        """Start an empty page; without `slip_at` nothing slips."""
        self.parts: list[Part] = []
        self.slots = 0
        self.slipped = False
        self._rng = rng
        self._slip_at = slip_at

    def say(self, text: str) -> None:
        """Write text that is learned."""
        self.parts.append(Part(text, learn=True))

    def digit(self, true: int, allowed: frozenset[int] = DIGITS) -> int:
        """Write one digit and return the one that stands there now."""
        wrong = sorted(allowed - {true})
        if wrong:
            self.slots += 1
            if self._rng is not None and self.slots - 1 == self._slip_at:
                self.slipped = True
                slip = self._rng.choice(wrong)
                self.parts.append(Part(str(slip), learn=False))
                return slip
        self.say(str(true))
        return true

    def number(self, true: int) -> int:
        """Write a number whose digits may slip, and return what stands there."""
        text = str(true)
        nonzero = DIGITS - {0} if len(text) > 1 else DIGITS
        written = [self.digit(int(text[0]), nonzero)]
        written.extend(self.digit(int(char)) for char in text[1:])
        return int("".join(map(str, written)))


@dataclass(frozen=True)
class Lesson:
    r"""A question with its thought and answer.

    Attributes:
        kind: which kind of question it is, for tables.
        question: the user's words.
        thought: the thought between `<think>\n` and `\n</think>`.
        answer: what is said after it.
        result: what stands in the answer's box, or "" if it has none.
        history: earlier turns as (question, answer), without their thoughts.
        blind: characters of the thought where it holds a slip that it has not
            found yet; a thought cut there could not be followed by the truth.
        sound: False where only the working shows that there is no answer; such
            a thought cannot be cut, as what comes after would look like a guess.
        again: writes one more check, for a thought that is told to wait.
    """

    kind: str
    question: str
    thought: tuple[Part, ...]
    answer: str
    result: str
    history: tuple[tuple[str, str], ...] = ()
    blind: tuple[int, int] | None = None
    again: Callable[[Random], list[Part]] | None = field(default=None, compare=False)
    sound: bool = True

    @property
    def text(self) -> str:
        """The thought as plain text."""
        return "".join(part.text for part in self.thought)


def length(parts: list[Part]) -> int:
    """Count the characters of some parts."""
    return sum(len(part.text) for part in parts)


def plain(text: str) -> list[Part]:
    """Wrap text that is learned as it stands."""
    return [Part(text, learn=True)]
