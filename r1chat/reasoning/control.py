"""The controls of a reply that another thread may use while the model thinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from r1chat.reasoning.budget import Budget

if TYPE_CHECKING:
    from r1chat.events import Reply

MAX_WAITS = 16


class Control:
    """Steers one reply from another thread.

    Its fields are single values that are replaced whole, so that no lock is needed: the engine
    reads them at every token.

    Args:
        budget: The thinking budget to begin with. Assign another to `budget` at any time.
        pace: Tokens a second to write at most, for models that are faster than any reader; None
            holds nothing back.
        peek_every: Tokens of thought between two looks at what the answer would be; None for
            looks on `peek` alone. Where the budget needs looks, they come as often as it needs.
        measures: Whether it is noted of each token how sure the model was.
        sums_up: Whether the receipt says how sure it was of its answer; measures that alone.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        pace: float | None = None,
        peek_every: int | None = None,
        *,
        measures: bool = False,
        sums_up: bool = False,
    ) -> None:
        self.budget = budget or Budget()
        self.pace = pace
        self.peek_every = peek_every
        self.measures = measures
        self.sums_up = sums_up
        self.peeks_wanted = 0
        self.max_waits = MAX_WAITS
        """Most times that "Wait" replaces the end of thinking for the sake of the minimum."""
        self.wants_answer = False
        self.cancelled = False
        self.over = False
        """Of one of several: whether its reply has ended."""
        self._more_wanted = 0
        self._more_given = 0
        self._on_cancel: Callable[[], None] | None = None
        self._before: Control | None = None

    @contextmanager
    def before(self, part: Control) -> Iterator[None]:
        """Does something before the reply, which `skip` stops alone and `cancel` with the reply.

        Args:
            part: Steers it.
        """
        self._before = part
        if self.cancelled:
            part.cancel()
        try:
            yield
        finally:
            self._before = None

    def skip(self) -> bool:
        """Stops what is done before the reply; whether there was anything."""
        part = self._before
        if part is None or part.cancelled:
            return False
        part.cancel()
        return True

    def answer_now(self) -> None:
        """Closes the thought at the next token."""
        self.wants_answer = True

    def think_more(self) -> None:
        """Replaces the next end of thinking by "Wait"."""
        self._more_wanted += 1

    def peek(self) -> None:
        """Looks at the next token at what the answer would be now."""
        self.peeks_wanted += 1

    @property
    def more_wanted(self) -> int:
        """How often `think_more` was called."""
        return self._more_wanted

    def take_think_more(self) -> bool:
        """Consumes one `think_more`, if there is one; called by the engine's thread alone."""
        if self._more_given >= self._more_wanted:
            return False
        self._more_given += 1
        return True

    def cancel(self) -> None:
        """Stops the reply, in the middle of a prompt's evaluation too."""
        self.cancelled = True
        self.skip()
        # Read once: the engine's thread may take it away in between.
        call = self._on_cancel
        if call is not None:
            call()

    def on_cancel(self, call: Callable[[], None] | None) -> None:
        """Sets what `cancel` calls. For engines; if it is cancelled already, calls it at once."""
        self._on_cancel = call
        if call is not None and self.cancelled:
            call()


class Judge(Protocol):
    """Decides which of several replies are needed; engines ask it on whatever thread they use."""

    @property
    def wanted(self) -> int:
        """How many may be under way at a time."""

    def take(self, number: int, reply: Reply) -> bool:
        """Takes note of the end of one; returns whether the others are not needed any more."""


class ControlGroup:
    """Steers several replies to one question, all of them or one by one.

    Args:
        whole: What is changed in it holds for all.
        count: How many replies there are.
        judge: Decides which of them are needed; by default all are.
    """

    def __init__(self, whole: Control, count: int, judge: Judge | None = None) -> None:
        self.whole = whole
        self.parts = tuple(
            Control(whole.budget, measures=whole.measures, sums_up=whole.sums_up)
            for _ in range(count)
        )
        self._judge = judge
        self._begun = 0
        self._ended = 0
        self._enough = False

    @property
    def wanted(self) -> int:
        """How many replies may be under way at a time."""
        return len(self.parts) if self._judge is None else self._judge.wanted

    def begin(self) -> int | None:
        """The number of the next reply, which is begun now; None where none is to be. For engines.

        They begin them in their order.
        """
        number = self._begun
        if number == len(self.parts) or number - self._ended >= self.wanted or self._enough:
            return None
        self._begun += 1
        return number

    def left_out(self) -> range:
        """The numbers of those that were not begun, and will not be any more. For engines."""
        return range(self._begun, len(self.parts))

    def ended(self, number: int, reply: Reply) -> None:
        """Takes note of the end of one. For engines, before they tell of it.

        Args:
            number: Which.
            reply: All of it.
        """
        self._ended += 1
        self.parts[number].over = True
        if self._judge is not None and self._judge.take(number, reply):
            self._enough = True
            self.stop()

    @classmethod
    def of(cls, whole: Control, parts: tuple[Control, ...]) -> ControlGroup:
        """Some of the replies by themselves.

        Args:
            whole: As for all of them.
            parts: Theirs.
        """
        group = cls(whole, 0)
        group.parts = parts
        return group

    def stop(self) -> None:
        """Stops those that have not ended."""
        for part in self.parts:
            # Of one that has ended it would be told that the user stopped it.
            if not part.over:
                part.cancel()

    def pass_on(self) -> None:
        """Hands what was changed in the whole on to the parts. For engines, at every step."""
        whole = self.whole
        for part in self.parts:
            part.budget = whole.budget
            part.max_waits = whole.max_waits
            part.measures = whole.measures
            # Never written back as they were: another thread may set them meanwhile.
            if whole.wants_answer:
                part.wants_answer = True
            if whole.cancelled:
                part.cancelled = True
            while part.more_wanted < whole.more_wanted:
                part.think_more()
