"""Leaving out turns until a conversation fits."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Message
from r1chat.engine.fitting import LEAST_REPLY, Window, without_oldest_turn
from r1chat.errors import ContextFull, PromptError
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


def text_build(messages: tuple[Message, ...], *, thinks: bool = True) -> Prompt:
    """A token for a letter, the letter itself: prompts that begin alike have the same tokens."""
    ids = tuple(ord(char) for message in messages for char in message.text)
    return Prompt(ids=ids, opened=thinks, thinks=thinks, framing="r1")


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 7, 20])
@pytest.mark.parametrize("capacity", [80, 100, 120, 135, 200, 500])
def test_what_fits_stays_whole_and_what_does_not_leaves_room_for_the_reply(turns, capacity):
    fitted = Window().fit(conversation(turns), build, capacity=capacity, wanted=LEAST_REPLY)
    room = (capacity - LEAST_REPLY - 15) // 20
    assert (fitted.dropped == 0) == (turns <= room)
    assert len(fitted.prompt.ids) == 15 + 20 * (turns - fitted.dropped)
    assert len(fitted.prompt.ids) + LEAST_REPLY <= capacity


def test_the_system_text_and_the_question_always_stay():
    fitted = Window().fit(conversation(9), build, capacity=80, wanted=1000)
    assert [message.text for message in fitted.messages] == ["sssss", "last one.."]


def test_a_question_that_leaves_no_room_is_refused():
    with pytest.raises(PromptError, match="too long"):
        Window().fit(conversation(0), build, capacity=70, wanted=10)


@pytest.mark.parametrize("reads_ahead", [False, True])
@pytest.mark.parametrize("size", [10, 30, 60])
def test_in_a_full_context_eight_of_ten_turns_begin_as_the_one_before(size, reads_ahead):
    window, said, before, again = Window(), [Message("system", "s" * 9)], (), 0
    capacity = 20 * size + 200
    for number in range(60):
        said.append(Message("user", f"{number:0{size}}"))
        fitted = window.fit(tuple(said), text_build, capacity=capacity, wanted=150)
        assert len(fitted.prompt.ids) + 150 <= capacity
        if number >= 50:
            # The last question is new, and so is the answer before it where it was not read ahead.
            again += fitted.prompt.ids[: len(before)] != before
        before = fitted.prompt.ids
        said.append(Message("assistant", "a" * size))
        if reads_ahead:
            kept = window.ahead(tuple(said), text_build, capacity=capacity)
            before = text_build(kept).ids
    assert again == 0 if reads_ahead else again <= 2


def test_what_was_left_out_is_said_once_and_another_conversation_begins_whole():
    window = Window()
    fit = {"capacity": 200, "wanted": LEAST_REPLY}
    assert window.news() == 0
    dropped = window.fit(conversation(20), build, **fit).dropped
    assert window.news() == dropped > 0
    window.fit(conversation(20), build, **fit)
    assert window.news() == 0
    other = (Message("user", "x" * 10), Message("assistant", "y"), Message("user", "z"))
    assert window.fit(other, build, **fit).dropped == 0
    assert window.news() == 0


@pytest.mark.parametrize("capacity", [100, 135, 200, 500])
@pytest.mark.parametrize("turns", [1, 3, 9, 20])
def test_where_nothing_may_be_left_out_it_is_said_how_much_would_have_to_be(turns, capacity):
    fit = {"capacity": capacity, "wanted": LEAST_REPLY}
    window = Window()
    dropped = Window().fit(conversation(turns), build, **fit).dropped
    for _ in range(2):
        # The second time it knows what it had left out before.
        if dropped:
            with pytest.raises(ContextFull) as full:
                window.fit(conversation(turns), build, drops=False, **fit)
            assert (full.value.turns, full.value.tokens) == (dropped, 20 * dropped)
        else:
            assert window.fit(conversation(turns), build, drops=False, **fit).dropped == 0
        window.fit(conversation(turns), build, **fit)


def test_a_summary_is_left_out_after_all_turns():
    said = conversation(3)
    summary = (Message("user", "sum up", summary=True), Message("assistant", "s", summary=True))
    messages = (said[0], *summary, *said[1:])
    left = [len(messages)]
    while (shorter := without_oldest_turn(messages)) != messages:
        messages = shorter
        left.append(len(messages))
        assert (summary[0] in messages) == (len(left) < 5)
    assert left == [10, 8, 6, 4, 2]
    assert messages == (said[0], said[-1])


def test_an_edited_beginning_is_another_conversation():
    window = Window()
    said = list(conversation(20))
    window.fit(tuple(said), build, capacity=200, wanted=LEAST_REPLY)
    said[1] = Message("user", "edited....")
    assert window.fit(tuple(said[:4] + said[-1:]), build, capacity=200, wanted=64).dropped == 0


def test_a_model_that_does_not_think_needs_no_room_for_a_thought():
    def plain(messages: tuple[Message, ...]) -> Prompt:
        return text_build(messages, thinks=False)

    fit = {"capacity": 500, "wanted": 64, "thought": 300}
    assert Window().fit(conversation(10), text_build, **fit).dropped > 0
    assert Window().fit(conversation(10), plain, **fit).dropped == 0


def test_another_process_leaves_out_what_the_first_one_had_left_out():
    window, differs = Window(), 0
    for turns in range(60):
        asked = conversation(turns)
        expected = window.fit(asked, build, capacity=400, wanted=LEAST_REPLY)
        other = Window()
        other.before = window.left_out
        assert other.fit(asked, build, capacity=400, wanted=LEAST_REPLY) == expected
        fresh = Window().fit(asked, build, capacity=400, wanted=LEAST_REPLY)
        differs += fresh.dropped != expected.dropped
    assert differs > 20
    # With a larger context there is no need to.
    roomy = Window()
    roomy.before = 9
    assert roomy.fit(asked, build, capacity=4000, wanted=LEAST_REPLY).dropped == 0
