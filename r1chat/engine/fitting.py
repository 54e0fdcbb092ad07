"""Makes a conversation fit into the context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from r1chat.engine.base import Message
from r1chat.errors import PromptError
from r1chat.prompt import Prompt

Messages = tuple[Message, ...]

LEAST_REPLY = 64
"""Tokens that a reply needs at the very least: a closing sentence and a short answer."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits.

    Attributes:
        prompt: The prompt.
        dropped: Turns that were left out, the oldest first.
    """

    prompt: Prompt
    dropped: int


def without_oldest_turn(messages: Messages) -> Messages:
    """Leaves out the first question and what was answered to it; the last question always stays."""
    questions = [i for i, message in enumerate(messages) if message.role == "user"]
    if len(questions) < 2:  # noqa: PLR2004  (the one that is left is the one to answer)
        return messages
    return messages[: questions[0]] + messages[questions[1] :]


def fit(
    messages: Messages,
    build: Callable[[Messages], Prompt],
    *,
    capacity: int,
    wanted: int,
    taken: int = 0,
) -> Fitted:
    """Leaves out the oldest turns until there is room for a reply.

    Args:
        messages: The conversation; the last message is the question.
        build: Makes a prompt of it.
        capacity: Tokens of context.
        wanted: Tokens to keep free for the reply, if leaving out turns can do it.
        taken: Tokens of a reply that is gone on with.

    Raises:
        PromptError: If the question alone leaves no room for a reply.
    """
    fewer = [messages]
    while (shorter := without_oldest_turn(fewer[-1])) != fewer[-1]:
        fewer.append(shorter)
    # By halves: a template may cost a child process for every number of turns that is tried.
    dropped, most = 0, len(fewer) - 1
    prompt = build(messages)
    wanted += taken
    if len(prompt.ids) + wanted > capacity:
        dropped = min(1, most)
        while dropped < most:
            middle = (dropped + most) // 2
            if len(build(fewer[middle]).ids) + wanted <= capacity:
                most = middle
            else:
                dropped = middle + 1
        prompt = build(fewer[dropped])
    if taken and len(prompt.ids) + taken + LEAST_REPLY > capacity:
        message = f"the context of {capacity} tokens has no room to go on; take a larger --ctx"
        raise PromptError(message)
    if len(prompt.ids) + LEAST_REPLY > capacity:
        message = (
            f"the question is too long: {len(prompt.ids)} tokens, and a context of {capacity} has "
            f"room for {max(0, capacity - LEAST_REPLY)}; shorten it or take a larger --ctx"
        )
        raise PromptError(message)
    return Fitted(prompt, dropped)
