"""Trims a conversation to the context, oldest turns first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from r1chat.engine.base import Message
from r1chat.errors import ContextFull, PromptError
from r1chat.formatting import counted
from r1chat.prompt import Prompt

Messages = tuple[Message, ...]

LEAST_REPLY = 64
"""Tokens that a reply needs at the very least: a closing sentence and a short answer."""
_TURNS_AHEAD = 5
"""Turns like those so far that should fit behind a conversation that was shortened."""
_LEAST_KEPT = 4
"""A shortened conversation keeps at least one of so many parts of what would fit."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits.

    Attributes:
        prompt: The prompt.
        messages: What it was made of.
        dropped: Turns that were left out, the oldest first.
    """

    prompt: Prompt
    messages: Messages
    dropped: int


def without_oldest_turn(messages: Messages) -> Messages:
    """Leaves out the first question and what was answered to it; the last question always stays.

    A summary of what was before goes only when there is no turn left.
    """
    questions = [i for i, each in enumerate(messages) if _is_question(each)]
    if len(questions) < 2:  # noqa: PLR2004  (the one that is left is the one to answer)
        return tuple(message for message in messages if not message.summary)
    return messages[: questions[0]] + messages[questions[1] :]


def turns_before(messages: Messages) -> int:
    """How many turns there are that could be left out."""
    return max(0, sum(map(_is_question, messages)) - 1)


def _is_question(message: Message) -> bool:
    return message.role == "user" and not message.summary


class Window:
    """Leaves out the oldest turns of a conversation until there is room for a reply.

    It remembers what was left out, and leaves out enough at a time for several turns to come: as
    long as prompts begin alike, what stands in the cache is not read again.
    """

    def __init__(self) -> None:
        self._left_out: Messages = ()
        self._told: Messages = ()
        self._wanted = 0
        self.before = 0
        """Turns that an earlier process had left out of the conversation: what it has saved of it
        begins behind them."""

    @property
    def left_out(self) -> int:
        """Turns that are left out now."""
        return sum(map(_is_question, self._left_out))

    def fit(
        self,
        messages: Messages,
        build: Callable[[Messages], Prompt],
        *,
        capacity: int,
        wanted: int,
        thought: int = 0,
        taken: int = 0,
        drops: bool = True,
    ) -> Fitted:
        """Makes a prompt that leaves room for a reply.

        Args:
            messages: The conversation; the last message is the question.
            build: Makes a prompt of it.
            capacity: Tokens of context.
            wanted: Tokens to keep free for the reply, if leaving out turns can do it.
            thought: Tokens more for its thought, if the model thinks.
            taken: Tokens of a reply that is continued.
            drops: Whether turns may be left out.

        Raises:
            PromptError: If the question alone leaves no room for a reply.
            ContextFull: If turns would have to be left out, and may not be.
        """
        fewer = [messages]
        while (shorter := without_oldest_turn(fewer[-1])) != fewer[-1]:
            fewer.append(shorter)
        dropped = self._dropped_before(messages, len(fewer) - 1)
        prompt = whole = build(fewer[dropped])
        self._wanted = wanted + taken + (thought if prompt.thinks else 0)
        if not drops and dropped:
            whole = build(messages)
            if not self._is_too_long(whole, capacity):
                dropped, prompt = 0, whole
        if self._is_too_long(prompt, capacity) and dropped < self.before < len(fewer):
            dropped, prompt = self.before, build(fewer[self.before])
        if self._is_too_long(prompt, capacity) and dropped < len(fewer) - 1:
            dropped, prompt = self._shorten(fewer, dropped, prompt, build, capacity)
        _check(prompt, capacity, taken)
        if dropped and not drops:
            count = min(dropped, turns_before(messages))
            tokens = len(whole.ids) - len(prompt.ids)
            missing = len(whole.ids) + self._wanted - capacity
            raise ContextFull(count, tokens, missing=missing)
        self._left_out = _said(messages)[: len(_said(messages)) - len(_said(fewer[dropped]))]
        return Fitted(prompt, fewer[dropped], dropped)

    def _is_too_long(self, prompt: Prompt, capacity: int) -> bool:
        return len(prompt.ids) + self._wanted > capacity

    def ahead(
        self,
        messages: Messages,
        build: Callable[[Messages], Prompt],
        *,
        capacity: int,
        drops: bool = True,
    ) -> Messages:
        """What will be left of a conversation when its next question comes.

        That is taken to be at most twice as long as the last one, and its reply to need as much
        room.

        Args:
            messages: The conversation; it ends with an answer.
            build: Makes a prompt of it.
            capacity: Tokens of context.
            drops: Whether turns may be left out.

        Raises:
            PromptError: If a question like the last one leaves no room for a reply.
            ContextFull: If turns would have to be left out, and may not be.
        """
        questions = [message for message in messages if _is_question(message)]
        likely = Message("user", 2 * questions[-1].text if questions else "?")
        wanted = self._wanted or capacity // 2
        fit = self.fit((*messages, likely), build, capacity=capacity, wanted=wanted, drops=drops)
        return fit.messages[:-1]

    def news(self) -> int:
        """How many turns are left out, said once for each change of that; else 0."""
        if self._left_out == self._told:
            return 0
        self._told = self._left_out
        return self.left_out

    def _dropped_before(self, messages: Messages, most: int) -> int:
        """How many turns of this conversation were left out the last time."""
        left_out = self._left_out
        if _said(messages)[: len(left_out)] != left_out:
            return 0
        return min(most, sum(map(_is_question, left_out)))

    def _shorten(
        self,
        fewer: list[Messages],
        dropped: int,
        prompt: Prompt,
        build: Callable[[Messages], Prompt],
        capacity: int,
    ) -> tuple[int, Prompt]:
        """Leaves out so many turns more that several others will fit."""
        last = len(fewer) - 1
        question = len(build(fewer[last]).ids)
        room = capacity - self._wanted - question
        turn = (len(prompt.ids) - question) // (last - dropped)
        kept = max(room // _LEAST_KEPT, room - _TURNS_AHEAD * turn)
        # By halves: a template may cost a child process for every number of turns that is tried.
        low, high = dropped + 1, last
        while low < high:
            middle = (low + high) // 2
            if len(build(fewer[middle]).ids) - question <= kept:
                high = middle
            else:
                low = middle + 1
        return high, build(fewer[high])


def _said(messages: Messages) -> Messages:
    """The turns of a conversation: without its system text, and without a summary."""
    return tuple(each for each in messages if each.role != "system" and not each.summary)


def _check(prompt: Prompt, capacity: int, taken: int) -> None:
    """Raises a `PromptError` where there is no room for a reply."""
    if taken and len(prompt.ids) + taken + LEAST_REPLY > capacity:
        message = f"the context of {capacity:,} tokens has no room to continue; use a larger --ctx"
        raise PromptError(message)
    if len(prompt.ids) + LEAST_REPLY > capacity:
        message = (
            f"the question is too long: {counted(len(prompt.ids), 'token')}, and a context of "
            f"{capacity} has room for {max(0, capacity - LEAST_REPLY)}; shorten it or take a "
            "larger --ctx"
        )
        raise PromptError(message)
