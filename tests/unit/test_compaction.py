"""What becomes of the oldest turns where the context is full."""

from __future__ import annotations

import pytest

from r1chat.compaction import NotSummarisedError
from r1chat.conversation import SUMMARY_ASKED, Conversation, Turn
from r1chat.engine.fake import FakeEngine, Pause
from r1chat.errors import ContextFull, EngineError, PromptError
from r1chat.events import (
    AnswerText,
    LeftOut,
    Notice,
    Receipt,
    Reply,
    Summarised,
    SummaryText,
)
from r1chat.reasoning.control import Control
from r1chat.session import Session
from r1chat.store import Store

SAID = "The dog is called Biscuit, and the meeting is on 14 March."
SUMMARY = ("</think>", "The dog is Biscuit.")
ANSWER = ("Hm.", "</think>", "Yes.")


def conversation(turns: int = 4) -> Conversation:
    made = Conversation()
    for number in range(turns):
        made.add(Turn(f"{number}: {SAID}", Reply("", f"{number}, noted.", Receipt())))
    return made


def full(turns: int = 2, tokens: int = 60) -> tuple[ContextFull]:
    return (ContextFull(turns, tokens),)


def asked(engine, way="summarise", *, made=None, **options):
    session = Session(engine, conversation=made or conversation(), prepare=False)
    return session, list(session.ask("And now?", full_context=way, **options))


def texts(request):
    return [message.text for message in request.messages]


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_oldest_turns_are_summed_up_and_stay_where_they_are():
    engine = FakeEngine(full(), SUMMARY, ANSWER, ANSWER)
    session, events = asked(engine)
    (done,) = of(events, Summarised)
    assert (done.text, done.turns, done.replaced) == ("The dog is Biscuit.", 2, 60)
    assert "".join(each.text for each in of(events, SummaryText)).endswith(done.text)
    # What was summed up stands in the conversation, and in no prompt.
    assert len(session.turns) == 5
    first, summing, then = engine.requests
    assert texts(summing) == [*texts(first)[:4], SUMMARY_ASKED]
    assert (summing.budget.off, summing.think, summing.state) == (True, "off", "")
    assert 0 < summing.max_answer <= 60
    assert texts(then) == [SUMMARY_ASKED, done.text, *texts(first)[4:]]
    list(session.ask("More?", full_context="summarise"))
    assert texts(engine.requests[3])[:2] == [SUMMARY_ASKED, done.text]
    # A version of a turn that it stands for is read after the turns before it.
    early = next(iter(session.conversation.path()))
    assert [m.text for m in session.conversation.messages(early)] == texts(first)[:2]


def test_the_next_summary_sums_up_the_one_before_and_removing_it_leads_back():
    engine = FakeEngine(full(), SUMMARY, full(), ("</think>", "All of it."), ANSWER)
    session, _ = asked(engine)
    assert texts(engine.requests[3])[:2] == [SUMMARY_ASKED, "The dog is Biscuit."]
    assert texts(engine.requests[4])[:2] == [SUMMARY_ASKED, "All of it."]
    nodes = list(session.conversation.path())
    assert [node.turn.summary is not None for node in nodes] == [0, 1, 0, 1, 0]
    session.keep_summary(nodes[3], None)
    assert session.messages()[1].text == "The dog is Biscuit."
    session.keep_summary(nodes[1], None)
    assert len(session.messages()) == 10


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (("</think>", "  ", "\n"), "empty"),
        (("</think>", "long " * 200), "no shorter"),
        (("</think>", "a", EngineError("no memory")), "no memory"),
        ((PromptError("too long"),), "too long"),
        (full(1), "no room"),
    ],
)
def test_where_there_is_no_summary_turns_are_dropped_and_it_is_said_why(script, why):
    engine = FakeEngine(full(), script, (LeftOut(2), *ANSWER), (LeftOut(3), *ANSWER))
    if isinstance(script[0], ContextFull):
        engine = FakeEngine(full(1), script, (LeftOut(2), *ANSWER))
    session, events = asked(engine)
    (note,) = of(events, Notice)
    assert note.text.startswith("no summary of the oldest ")
    assert why in note.text
    assert session.left_out == 2
    assert events[-1].answer == "Yes."
    assert engine.requests[-1].when_full == "drop"
    # It is not tried before each question from now on.
    list(session.ask("More?", full_context="summarise"))
    assert engine.requests[-1].when_full == "drop"
    assert all(node.turn.summary is None for node in session.conversation.path())


def test_too_many_turns_for_one_summary_are_summed_up_in_parts():
    engine = FakeEngine(full(4, 80), full(4), SUMMARY, ("</think>", "And the rest."), ANSWER)
    session, events = asked(engine, made=conversation(6))
    assert [each.turns for each in of(events, Summarised)] == [2, 2]
    assert texts(engine.requests[3])[:2] == [SUMMARY_ASKED, "The dog is Biscuit."]
    assert session.messages()[1].text == "And the rest."
    assert session.turns_read == 3


@pytest.mark.parametrize("skips", [True, False], ids=["the summary", "all of it"])
def test_a_summary_can_be_stopped_alone_or_with_the_reply(skips):
    control = Control()

    def stop(_: float) -> None:
        assert control.skip() if skips else control.cancel() is None

    engine = FakeEngine(full(), ("</think>", "The", Pause(1), " dog"), ANSWER, sleep=stop)
    _, events = asked(engine, control=control)
    assert "stopped" in of(events, Notice)[0].text
    assert not of(events, Summarised)
    assert events[-1].answer == ("Yes." if skips else "")
    assert events[-1].receipt.ended_by == ("natural" if skips else "cancelled")
    assert not control.skip()


def test_the_user_is_asked_once_and_dropping_is_all_that_nobody_can_choose():
    engine = FakeEngine(full(), (LeftOut(2), *ANSWER), ANSWER)
    _, events = asked(engine, "ask")
    assert "nobody can be asked" in of(events, Notice)[0].text
    for choice, when_full in (("drop", "drop"), ("grow", "grow"), ("summarise", "refuse")):
        engine = FakeEngine(full(), SUMMARY, ANSWER, ANSWER)
        if choice == "summarise":
            engine = FakeEngine(full(), full(), SUMMARY, ANSWER, ANSWER)
        seen = []

        def choose(fault, seen=seen, choice=choice):
            seen.append(fault)
            return choice

        session, _ = asked(engine, "ask", choose=choose)
        list(session.ask("More?", full_context="ask", choose=seen.append))
        assert [(fault.turns, fault.tokens) for fault in seen] == [(2, 60)]
        assert engine.requests[-1].when_full == when_full


def test_samples_are_drawn_after_the_summary():
    engine = FakeEngine(full(), SUMMARY, ANSWER, ANSWER, ANSWER)
    session = Session(engine, conversation=conversation(), prepare=False)
    events = list(session.consensus("And now?", samples=3, full_context="summarise"))
    assert len(of(events, Summarised)) == 1
    assert len(events[-1].samples) == 3
    assert texts(engine.requests[-1])[:2] == [SUMMARY_ASKED, "The dog is Biscuit."]


def test_a_key_sums_up_what_is_left_out_or_all_but_the_last_turn():
    engine = FakeEngine((LeftOut(2), *ANSWER), SUMMARY, SUMMARY)
    session, _ = asked(engine, "drop")
    (done,) = of(session.summarise(control=Control()), Summarised)
    assert (done.turns, session.left_out) == (2, 0)
    (done,) = of(session.summarise(control=Control()), Summarised)
    assert (done.turns, session.turns_read) == (2, 1)
    with pytest.raises(NotSummarisedError):
        list(Session(engine).summarise(control=Control()))


def test_a_question_that_cannot_be_put_after_all_is_not_kept(tmp_path):
    store = Store.open(tmp_path / "history.db")
    first = FakeEngine(ANSWER, (Notice("a note"), PromptError("too long")))
    session = Session(first, recorder=store, prepare=False)
    list(session.ask("One?"))
    with pytest.raises(PromptError):
        list(session.ask("Two?"))
    assert len(session.turns) == 1
    assert store.flush(10)
    assert [turn.question for turn in _turns(store, session)] == ["One?"]
    store.close()


def test_a_summary_comes_back_from_the_history_and_goes_into_copies(tmp_path):
    store = Store.open(tmp_path / "history.db")
    engine = FakeEngine(ANSWER, ANSWER, full(1), SUMMARY, ANSWER)
    session = Session(engine, recorder=store, prepare=False)
    for question in (SAID, SAID, "And?"):
        list(session.ask(question, full_context="summarise"))
    copy = store.duplicate(session.conversation.id)
    assert store.flush(10)
    for name in (session.conversation.id, copy):
        made = store.load(name).conversation
        kept = [node.turn.summary for node in made.path()]
        assert kept == [node.turn.summary for node in session.conversation.path()]
        assert kept[0].text == "The dog is Biscuit."
        assert made.messages()[1].text == kept[0].text
    session.keep_summary(next(session.conversation.path()), None)
    assert store.flush(10)
    assert all(turn.summary is None for turn in _turns(store, session))
    store.close()


def _turns(store, session):
    return [node.turn for node in store.load(session.conversation.id).conversation.path()]


def test_answer_text_is_the_replys_alone():
    _, events = asked(FakeEngine(full(), SUMMARY, ANSWER))
    assert [each.text for each in of(events, AnswerText)] == ["Yes."]
