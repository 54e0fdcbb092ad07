"""The engine of the tests keeps the promises of `Engine`, so that tests on it mean something."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Continuation, Message, Request
from r1chat.engine.fake import FakeEngine, Pause
from r1chat.errors import Cancelled
from r1chat.events import (
    AnswerText,
    Drawing,
    InjectedText,
    Notice,
    Peeked,
    Reply,
    Sampled,
    ThoughtEnded,
    ThoughtText,
)
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.phrases import LANDING

SCRIPT = ("One", " and", " one.", " Two.", "</think>", "\n\n", "It", " is", " 2")
QUESTION = (Message("user", "What is 1 + 1?"),)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def play(*script, control=None, **options):
    return list(FakeEngine(script).stream(Request(QUESTION, **options), control or Control()))


def thought_of(events):
    return "".join(e.text for e in events if isinstance(e, (ThoughtText, InjectedText)))


def answer_of(events):
    return "".join(e.text for e in events if isinstance(e, AnswerText))


def test_a_script_becomes_a_thought_and_an_answer():
    events = play(*SCRIPT)
    assert thought_of(events) == "One and one. Two."
    assert answer_of(events) == "It is 2"
    assert events[-1].thought == "One and one. Two."
    assert events[-1].answer == "It is 2"


def test_the_reply_comes_once_and_last():
    events = play(*SCRIPT)
    assert [i for i, e in enumerate(events) if isinstance(e, Reply)] == [len(events) - 1]


def test_a_budget_lands_at_the_end_of_the_sentence():
    events = play(*SCRIPT, control=Control(Budget(tokens=6, grace=0.5)))
    assert thought_of(events) == f"One and one.\n\n{LANDING}"
    assert answer_of(events) == "It is 2"
    assert events[-1].receipt.ended_by == "budget"
    assert events[-1].injected[0].at == len("One and one.")


def test_budget_off_thinks_nothing():
    events = play(*SCRIPT, control=Control(Budget(tokens=0)))
    assert not any(isinstance(e, ThoughtText) for e in events)
    assert answer_of(events) == "It is 2"


def test_a_thought_that_is_cut_right_at_its_end_still_gets_its_answer():
    control = Control(Budget(tokens=4, grace=0))
    events = play(*SCRIPT, control=control)
    assert answer_of(events) == "It is 2"


def test_answer_now_takes_hold_at_the_next_token():
    control = Control()
    engine = FakeEngine(SCRIPT)
    events = []
    for event in engine.stream(Request(QUESTION), control):
        events.append(event)
        if isinstance(event, ThoughtText):
            control.answer_now()
    assert [e.text for e in events if isinstance(e, ThoughtText)] == ["One"]
    assert events[-1].receipt.ended_by == "user"
    assert answer_of(events) == "It is 2"


def test_cancelling_ends_with_what_there_is():
    control = Control()
    events = []
    for event in FakeEngine(SCRIPT).stream(Request(QUESTION), control):
        events.append(event)
        if isinstance(event, AnswerText):
            control.cancel()
    assert events[-1].answer == "It"
    assert events[-1].receipt.ended_by == "cancelled"


def test_the_answer_stops_at_its_limit():
    reply = play(*SCRIPT, max_answer=2)[-1]
    assert reply.receipt.ended_by == "length"
    assert reply.receipt.answer_tokens == 2


def test_time_passes_in_pauses_only():
    clock = Clock()
    engine = FakeEngine(("a", Pause(5), "b", "</think>", "c"), clock=clock, sleep=clock.sleep)
    events = list(engine.stream(Request(QUESTION), Control(Budget(seconds=3))))
    assert [e.ended_by for e in events if isinstance(e, ThoughtEnded)] == ["time"]
    assert events[-1].answer == "c"


def test_a_timeout_ends_the_answer():
    clock = Clock()
    engine = FakeEngine(("</think>", "a", Pause(5), "b"), clock=clock, sleep=clock.sleep)
    reply = list(engine.stream(Request(QUESTION, timeout=3), Control()))[-1]
    assert (reply.answer, reply.receipt.ended_by) == ("a", "time")


def test_events_of_the_script_come_as_they_are():
    assert Notice("mind the gap") in play("a", Notice("mind the gap"), "</think>", "b")


def test_exceptions_of_the_script_are_raised():
    with pytest.raises(MemoryError):
        play("a", MemoryError())


def test_scripts_are_played_in_order_and_then_again():
    engine = FakeEngine(("</think>", "a"), ("</think>", "b"))
    replies = [list(engine.stream(Request(QUESTION), Control()))[-1] for _ in range(3)]
    assert [reply.answer for reply in replies] == ["a", "b", "a"]


def test_the_final_answer_is_found():
    assert play("</think>", "\\boxed{2}")[-1].final == "2"


def test_looks_ahead_find_what_they_are_told_and_may_end_the_thought():
    words = ["word.\n"] * 200
    control = Control(Budget.parse("auto"), peek_every=10)
    engine = FakeEngine((*words, "</think>", "42"), finals=("7", None, "42"))
    events = list(engine.stream(Request(QUESTION), control))
    peeks = [event for event in events if isinstance(event, Peeked)]
    assert [(peek.final, peek.repeats) for peek in peeks] == [
        ("7", 1),
        (None, 0),
        ("42", 1),
        ("42", 2),
        ("42", 3),
    ]
    assert [peek.tokens for peek in peeks] == [10, 20, 30, 40, 50]
    assert events[-1].receipt.thought_ended_by == "agreed"
    assert events[-1].answer == "42"


def resume(reply, *script, **options):
    continuation = Continuation(reply, **options)
    return play(*script, resume=continuation)


def test_a_reply_goes_on_from_a_point_of_its_thought():
    reply = play(*SCRIPT, control=Control(Budget(tokens=6, grace=0.5)))[-1]
    events = resume(reply, " More.", "</think>", "It", " is", keep=len("One and one."))
    assert events[-1].thought == "One and one. More."
    assert thought_of(events) == " More."
    assert answer_of(events) == "It is"
    assert events[-1].injected == ()


def test_words_can_be_written_into_a_thought_that_goes_on():
    reply = play(*SCRIPT)[-1]
    events = resume(reply, "</think>", "It", keep=3, words=" Wait,", close=False)
    assert events[-1].thought == "One Wait,"
    assert events[-1].injected[0].at == 3


def test_a_thought_can_be_closed_right_there():
    reply = play(*SCRIPT)[-1]
    events = resume(reply, "It", " is", keep=3, close=True)
    assert (events[-1].thought, events[-1].answer) == ("One", "It is")


def test_a_reply_that_was_stopped_goes_on_where_it_stood():
    control = Control()
    for event in FakeEngine(SCRIPT).stream(Request(QUESTION), control):
        if isinstance(event, AnswerText):
            control.cancel()
    stopped = event
    assert stopped.receipt.thought_ended_by == "natural"
    events = resume(stopped, " is", " 2")
    assert events[-1].answer == "It is 2"
    assert events[-1].thought == stopped.thought
    assert (thought_of(events), answer_of(events)) == ("", " is 2")


def many(*scripts, lanes, count, control=None):
    control = control or Control()
    engine = FakeEngine(*scripts, lanes=lanes)
    return engine.stream_many(Request(QUESTION), ControlGroup(control, count))


def test_samples_are_played_side_by_side_and_the_others_wait_their_turn():
    events = list(many(["a", "b", "c", "</think>", "1"], lanes=2, count=3))
    assert events[1] == Drawing(3, 2, short=True)
    order = [each.sample for each in events if isinstance(each, Sampled)]
    assert order[:6] == [0, 1, 0, 1, 0, 1]
    assert order.index(2) > order.index(1, 6)
    ends = [each.sample for each in events if isinstance(getattr(each, "event", None), Reply)]
    assert ends == [0, 1, 2]


def test_one_sample_can_be_stopped_and_all_can():
    control = Control()
    group = ControlGroup(control, 2)
    replies = []
    for event in FakeEngine(["a"] * 9, lanes=2).stream_many(Request(QUESTION), group):
        if isinstance(event, Sampled):
            group.parts[0].cancel()
            if event.sample == 1 and event.event == ThoughtText("a", 3):
                control.cancel()
            if isinstance(event.event, Reply):
                replies.append(event)
    assert [(each.sample, each.event.thought) for each in replies] == [(0, "a"), (1, "aaa")]
    assert {each.event.receipt.ended_by for each in replies} == {"cancelled"}


def test_what_is_stopped_before_it_begins_is_no_reply():
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        list(many(["a"], lanes=2, count=2, control=control))
