"""Leaving out turns until a conversation fits."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Message
from r1chat.engine.fitting import LEAST_REPLY, fit
from r1chat.errors import PromptError
from r1chat.prompt import Prompt


def conversation(turns: int) -> tuple[Message, ...]:
    said = [Message("system", "s" * 5)]
    for number in range(turns):
        said += [Message("user", f"{number:010}"), Message("assistant", "a" * 10)]
    return (*said, Message("user", "last one.."))


def build(messages: tuple[Message, ...]) -> Prompt:
    """A token for a letter."""
    ids = tuple(range(sum(len(message.text) for message in messages)))
    return Prompt(ids=ids, opened=True, thinks=True, framing="r1")


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 7, 20])
@pytest.mark.parametrize("capacity", [80, 100, 120, 135, 200, 500])
def test_as_few_turns_are_left_out_as_will_do(turns: int, capacity: int) -> None:
    fitted = fit(conversation(turns), build, capacity=capacity, wanted=LEAST_REPLY)
    room = (capacity - LEAST_REPLY - 15) // 20
    assert fitted.dropped == max(0, turns - room)
    assert len(fitted.prompt.ids) == 15 + 20 * (turns - fitted.dropped)


def test_the_system_text_and_the_question_always_stay() -> None:
    kept: list[tuple[Message, ...]] = []

    def note(messages: tuple[Message, ...]) -> Prompt:
        kept.append(messages)
        return build(messages)

    fit(conversation(9), note, capacity=80, wanted=1000)
    assert [message.text for message in kept[-1]] == ["sssss", "last one.."]


def test_a_question_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(PromptError, match="too long"):
        fit(conversation(0), build, capacity=70, wanted=10)
