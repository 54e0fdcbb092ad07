"""Several replies to one question, side by side, on real models."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from r1chat.engine import lanes
from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine
from r1chat.engine.machine import MOST_LANES
from r1chat.engine.many import width
from r1chat.errors import Cancelled, PromptError
from r1chat.events import Evaluating, InjectedText, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.session import Session


def question(text: str = "What is 44 + 41 + 25?", **changes: object) -> Request:
    return dataclasses.replace(
        Request(messages=(Message("user", text),), sampling=Sampling(seed=3)), **changes
    )


def drawn(engine: LlamaEngine, request: Request, count: int, control: Control | None = None):
    group = ControlGroup(control or Control(request.budget), count)
    found: dict[int, Reply] = {}
    for event in engine.stream_many(request, group):
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            assert event.sample not in found
            found[event.sample] = event.event
    assert sorted(found) == list(range(count))
    return [found[number] for number in range(count)]


def alone(engine: LlamaEngine, request: Request) -> Reply:
    *_, last = engine.stream(request, Control(request.budget))
    assert isinstance(last, Reply)
    return last


def test_each_sample_is_what_its_seed_gives_alone(tiny):
    # Where two tokens are equally likely, as at the beginning of some thoughts, rounding decides
    # which comes first; here there are none.
    request = question("What is 517 - 268?")
    together = drawn(tiny, request, 4)
    for number, reply in enumerate(together):
        sampling = dataclasses.replace(request.sampling, seed=3 + number)
        single = alone(tiny, dataclasses.replace(request, sampling=sampling))
        assert (reply.thought, reply.answer) == (single.thought, single.answer)
        assert reply.receipt.seed == 3 + number


def test_samples_differ_from_one_another(tiny):
    assert len({reply.thought for reply in drawn(tiny, question(), 6)}) > 1


def test_no_more_are_begun_than_are_wanted_and_each_is_still_what_its_seed_gives(tiny):
    request = question("What is 517 - 268?")
    together = drawn(tiny, request, 5)
    engine_events = Session(tiny).consensus(
        "What is 517 - 268?", samples=5, samples_stop="likely", sampling=request.sampling
    )
    under_way: set[int] = set()
    most = 0
    for event in engine_events:
        if isinstance(event, Sampled):
            ended = isinstance(event.event, Reply)
            (under_way.discard if ended else under_way.add)(event.sample)
            most = max(most, len(under_way))
    assert isinstance(event, Reply)
    assert most == 3  # Of five, three are needed.
    assert event.receipt.vote == "249"
    assert [each.receipt.ended_by for each in event.samples] == ["natural"] * 3 + ["cancelled"] * 2
    for sample, whole in zip(event.samples[:3], together, strict=False):
        assert (sample.thought, sample.answer) == (whole.thought, whole.answer)
        # How sure the model was is measured of the answer alone.
        assert sample.receipt.confidence.thought is None
        assert sample.receipt.confidence.answer > 0.5
        assert not sample.scores


def test_more_samples_than_lanes_take_turns(tiny):
    replies = drawn(tiny, question(budget=Budget(tokens=8)), MOST_LANES + 5)
    assert all(reply.receipt.thought_tokens <= 16 for reply in replies)


def test_each_sample_keeps_to_its_budget_and_says_so(random_r1):
    replies = drawn(random_r1, question(budget=Budget(tokens=20), max_answer=8), 4)
    assert {reply.receipt.thought_ended_by for reply in replies} == {"budget"}
    # The grace of a tenth, and the rest of a character.
    assert max(reply.receipt.thought_tokens for reply in replies) <= 22 + 3
    assert all(reply.injected for reply in replies)


def test_a_thought_without_a_budget_ends_within_its_share_of_the_context(random_r1):
    replies = drawn(random_r1, question(max_answer=4), 3)
    assert all(reply.receipt.ended_by in {"context", "loop", "length"} for reply in replies)


def test_the_prompt_is_read_once_for_all(tiny):
    request = question()
    group = ControlGroup(Control(request.budget), 5)
    events = list(tiny.stream_many(request, group))
    read = [event for event in events if isinstance(event, Evaluating)]
    assert read
    assert not [e for e in events if isinstance(e, Sampled) and isinstance(e.event, Evaluating)]
    again = next(e for e in tiny.stream_many(request, group) if isinstance(e, Evaluating))
    assert again.reused >= again.total - 1


def test_one_sample_can_be_stopped_and_the_others_go_on(random_r1):
    request = question(budget=Budget(tokens=40), max_answer=4)
    # At full speed all of it may be written before anybody has read the fifth token.
    group = ControlGroup(Control(request.budget, pace=20), 3)
    tokens, replies = 0, {}
    for event in random_r1.stream_many(request, group):
        if (
            isinstance(event, Sampled)
            and event.sample == 1
            and isinstance(event.event, ThoughtText)
        ):
            tokens += 1
            if tokens == 5:
                group.parts[1].cancel()
                group.whole.pace = None
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies[event.sample] = event.event
    assert replies[1].receipt.ended_by == "cancelled"
    assert replies[0].receipt.thought_ended_by == replies[2].receipt.thought_ended_by == "budget"


def test_stopping_the_whole_stops_all_and_keeps_what_there_is(random_r1):
    request = question(max_answer=4)
    control = Control(request.budget)
    group = ControlGroup(control, 3)
    replies = []
    for event in random_r1.stream_many(request, group):
        if isinstance(event, Sampled) and isinstance(event.event, ThoughtText):
            control.cancel()
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies.append(event.event)
    assert [reply.receipt.ended_by for reply in replies] == ["cancelled"] * 3
    assert any(reply.thought for reply in replies)


def test_what_is_cancelled_before_it_begins_is_an_error_and_the_model_stays_usable(tiny):
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        list(tiny.stream_many(question("one " * 300), ControlGroup(control, 3)))
    assert alone(tiny, question()).final == "110"


def test_a_budget_moved_while_they_think_holds_for_all(random_r1):
    request = question(max_answer=4)
    control = Control(request.budget)
    replies = []
    for event in random_r1.stream_many(request, ControlGroup(control, 3)):
        if isinstance(event, Sampled) and isinstance(event.event, ThoughtText):
            control.budget = Budget(tokens=4)
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies.append(event.event)
    assert {reply.receipt.thought_ended_by for reply in replies} == {"budget"}


def test_answer_now_closes_all_thoughts(random_r1):
    request = question(max_answer=4)
    control = Control(request.budget)
    replies, injected = [], 0
    for event in random_r1.stream_many(request, ControlGroup(control, 3)):
        if isinstance(event, Sampled) and isinstance(event.event, ThoughtText):
            control.answer_now()
        injected += isinstance(event, Sampled) and isinstance(event.event, InjectedText)
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies.append(event.event)
    assert {reply.receipt.thought_ended_by for reply in replies} == {"user"}
    assert injected >= 3


def test_a_failure_in_one_sample_leaves_the_others_alone(tiny, monkeypatch):
    sample = lanes.Lane.sample
    left = [30]

    def fails(self: lanes.Lane) -> int:
        left[0] -= 1
        if left[0] == 0:
            message = "provoked"
            raise RuntimeError(message)
        return sample(self)

    monkeypatch.setattr(lanes.Lane, "sample", fails)
    replies = drawn(tiny, question(), 4)
    assert sorted(reply.receipt.ended_by for reply in replies).count("error") == 1
    assert [reply.final for reply in replies].count("110") == 3


def test_giving_up_on_the_stream_stops_the_samples(random_r1):
    stream = random_r1.stream_many(question(max_answer=4), ControlGroup(Control(), 3))
    for event in stream:
        if isinstance(event, Sampled):
            break
    stream.close()
    assert alone(random_r1, question(budget=Budget(tokens=4), max_answer=4)).receipt.prompt_tokens


def test_a_question_that_is_too_long_is_refused_before_anything_is_drawn(tiny):
    with pytest.raises(PromptError):
        list(tiny.stream_many(question("one " * 5000), ControlGroup(Control(), 3)))


@pytest.mark.parametrize(
    ("cells", "capacity", "tokens", "count", "lanes"),
    [
        (16384, 16384, 512, 8, 8),
        (16384, 16384, None, 8, 1),
        (65536, 16384, None, 8, 4),
        (1 << 20, 16384, None, 64, MOST_LANES),
        (1024, 1024, 800, 8, 1),
    ],
)
def test_as_many_are_drawn_at_a_time_as_the_cache_has_room_for(
    cells, capacity, tokens, count, lanes
):
    assert width(cells, capacity, 100, count, question(budget=Budget(tokens=tokens))) == lanes


def test_one_reading_pace_holds_for_all_and_a_stop_does_not_wait_for_it(random_r1):
    request = question(max_answer=4)
    # A token in a quarter of an hour: without it there would be many by the time of the stop.
    control = Control(request.budget, pace=0.001)
    replies, written = [], 0
    for event in random_r1.stream_many(request, ControlGroup(control, 3)):
        if isinstance(event, Sampled) and isinstance(event.event, ThoughtText):
            written += 1
            if written == 3:
                threading.Timer(0.2, control.cancel).start()
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies.append(event.event)
    assert [reply.receipt.ended_by for reply in replies] == ["cancelled"] * 3
    assert all(reply.receipt.thought_tokens <= 2 for reply in replies)
