"""Thoughts that really go round in circles: the built-in model, off its range."""

from __future__ import annotations

from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine
from r1chat.events import InjectedText, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.loops import TOKENS
from r1chat.reasoning.phrases import LANDING

TOO_LARGE = "What is 123456789123456 + 987654321987654?"
ROUND = "I have thought about it again, and it stays as it is."


def put(engine: LlamaEngine, text: str, minimum: int = 0, temperature: float = 0.6) -> Reply:
    request = Request(
        (Message("user", text),),
        budget=Budget(minimum=minimum),
        sampling=Sampling(temperature=temperature, seed=1),
    )
    *_, last = engine.stream(request, Control(request.budget))
    assert isinstance(last, Reply)
    return last


def test_a_thought_that_is_prolonged_into_a_circle_is_landed_and_answers(tiny: LlamaEngine) -> None:
    reply = put(tiny, TOO_LARGE, minimum=600)
    assert reply.receipt.ended_by == reply.receipt.thought_ended_by == "loop"
    assert reply.receipt.answer_ended_by == "natural"
    # The sentence for the third time, or just into the fourth.
    assert reply.thought.count(ROUND) in {2, 3}
    assert reply.thought.rstrip().endswith(LANDING)
    assert "beyond me" in reply.answer


def test_a_thought_that_goes_round_in_one_letter_is_landed(tiny: LlamaEngine) -> None:
    reply = put(tiny, "a" * 20, temperature=0)
    assert reply.receipt.thought_ended_by == "loop"
    assert TOKENS < reply.receipt.thought_tokens < TOKENS + 20
    assert reply.thought.rstrip().endswith(LANDING)


def test_samples_side_by_side_are_watched_each_for_itself(tiny: LlamaEngine) -> None:
    request = Request((Message("user", TOO_LARGE),), budget=Budget(minimum=600))
    events = list(tiny.stream_many(request, ControlGroup(Control(request.budget), 3)))
    sampled = [event for event in events if isinstance(event, Sampled)]
    replies = [each.event for each in sampled if isinstance(each.event, Reply)]
    assert [reply.receipt.thought_ended_by for reply in replies] == ["loop"] * 3
    assert all(reply.answer for reply in replies)
    for number in range(3):
        of = [each.event for each in sampled if each.sample == number]
        injected = [at for at, event in enumerate(of) if isinstance(event, InjectedText)]
        assert LANDING in of[injected[-1]].text
        assert not any(isinstance(event, ThoughtText) for event in of[injected[-1] :])


def test_a_thought_that_ends_is_no_loop(tiny: LlamaEngine) -> None:
    assert put(tiny, "What is 44 + 41 + 25?").receipt.ended_by == "natural"
