"""A session asks several times and lets the majority decide."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import FakeEngine
from r1chat.errors import UsageError
from r1chat.events import Notice, Reply, Sampled, Tallied, TokenScore
from r1chat.output import document, votes_line
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.session import Session
from r1chat.votes import counted, votes_of


def script(answer: str) -> list[str]:
    return ["hm", "</think>", answer]


def consensus(session: Session, samples: int, **options: object):
    events = list(session.consensus("?", samples=samples, **options))
    assert isinstance(events[-1], Reply)
    return events, events[-1]


def test_the_answer_of_the_majority_is_the_reply():
    finals = [r"\boxed{7}", r"\boxed{8}", "It is 8.", r"\boxed{8.0}", "no idea"]
    session = Session(FakeEngine(*map(script, finals)))
    events, reply = consensus(session, 5)
    assert reply.answer == r"\boxed{8}"
    assert reply.votes[0] == ("8", 3)
    assert len(reply.samples) == 5
    tallies = [event for event in events if isinstance(event, Tallied)]
    assert [tally.done for tally in tallies] == [1, 2, 3, 4]  # The last can change nothing.


def test_the_samples_are_versions_of_one_turn_and_the_winner_is_chosen():
    session = Session(FakeEngine(script("7"), script("8"), script("8")))
    consensus(session, 3)
    (turn,) = session.turns
    assert turn.reply.answer == "8"
    (node,) = session.conversation.path()
    assert [each.turn.reply.answer for each in node.siblings] == ["7", "8", "8"]
    assert node.version == 2


def test_samples_that_can_change_nothing_are_stopped_and_not_kept():
    session = Session(FakeEngine(*[script("7")] * 8))
    events, reply = consensus(session, 8)
    assert reply.votes == (("7", 5),)
    stopped = [each for each in reply.samples if each.receipt.ended_by == "cancelled"]
    assert len(stopped) == 3
    (node,) = session.conversation.path()
    assert len(node.siblings) == 5
    assert [event.certain for event in events if isinstance(event, Tallied)].index(True) == 4


def test_where_the_others_would_hardly_change_it_they_are_never_begun():
    engine = FakeEngine(script("7"), script("8"), script("7"), script("7"), lanes=8)
    session = Session(engine)
    events, reply = consensus(session, 8, samples_stop="likely")
    assert reply.votes == (("7", 3), ("8", 1))
    assert len(reply.samples) == 8
    assert [each.receipt.decided for each in reply.samples[:4]] == [None, None, None, "likely"]
    assert {each.receipt.ended_by for each in reply.samples[4:]} == {"cancelled"}
    begun = {
        event.sample
        for event in events
        if isinstance(event, Sampled) and not isinstance(event.event, Reply)
    }
    assert begun == {0, 1, 2, 3}
    tallies = [event for event in events if isinstance(event, Tallied)]
    assert [tally.decided for tally in tallies] == [None, None, None, "likely"]
    (node,) = session.conversation.path()
    assert len(node.siblings) == 4
    # Nobody has stopped those that ended, the one that decided it among them.
    assert [each.turn.origin.acts for each in node.siblings] == [()] * 4
    kept = counted([each.turn.reply.receipt for each in node.siblings])
    assert kept == votes_of(reply)
    assert votes_line(reply) == (
        "3 of 4 agree on 7 · 7 (3), 8 (1) · 4 of 8 drawn: the others would hardly change it"
    )
    assert document(reply, engine.info, "?")["receipt"]["consensus"] == {
        "planned": 8,
        "drawn": 4,
        "stopped": 4,
        "failed": 0,
        "decided": "likely",
        "chosen_by": "votes",
        "tokens": 8,
    }


def test_each_is_drawn_to_its_end_where_that_is_wanted():
    _, reply = consensus(Session(FakeEngine(script("7"), lanes=2)), 5, samples_stop="never")
    assert reply.votes == (("7", 5),)
    assert votes_of(reply).decided is None


def test_where_no_two_agree_the_surest_answer_is_the_reply_in_the_history_too():
    finals = [rf"\boxed{{{number}}}" for number in range(5)]
    engine = FakeEngine(*map(script, finals), sure={finals[2]: 0.99}, lanes=8)
    session = Session(engine)
    _, reply = consensus(session, 8, samples_stop="likely")
    assert reply.final == "2"
    assert votes_line(reply) == (
        "no two of 4 agree · 2 (1), 0 (1), 1 (1), 3 (1) · 4 of 8 drawn: no majority is in sight"
    )
    (node,) = session.conversation.path()
    assert node.turn.reply.final == "2"
    assert counted([each.turn.reply.receipt for each in node.siblings]) == votes_of(reply)


def test_of_prose_the_reply_that_the_model_was_surest_of_is_chosen_and_that_is_said():
    of = "{} is in the water.\nAnd the wind takes it inland, where fields turn white."
    prose = [["hm", "</think>", of.format(word)] for word in ("Salt", "Sand", "Rain")]
    sure = {of.format("Salt"): 0.5, of.format("Sand"): 0.99, of.format("Rain"): 0.6}
    engine = FakeEngine(*prose, sure=sure)
    session = Session(engine)
    events, reply = consensus(session, 3)
    assert reply.answer == of.format("Sand")
    assert votes_line(reply) == "no results to compare: the surest of 3 answers"
    assert document(reply, engine.info, "?")["receipt"]["consensus"]["chosen_by"] == "confidence"
    # Nobody asked for each token.
    assert not [each for each in reply.samples if each.scores]
    assert not [event for event in events if isinstance(event, TokenScore)]
    (node,) = session.conversation.path()
    assert node.turn.reply.answer == of.format("Sand")
    kept = counted([each.turn.reply.receipt for each in node.siblings])
    assert kept == votes_of(reply)


def test_what_is_the_same_can_be_said_from_outside():
    session = Session(FakeEngine(script("a"), script("b"), script("c")))
    _, reply = consensus(session, 3, same=lambda one, other: {one, other} <= {"b", "c"})
    assert reply.votes == (("b", 2), ("a", 1))


def test_giving_up_in_the_middle_keeps_what_has_ended():
    session = Session(FakeEngine(script("7"), script("8"), script("8")))
    events = session.consensus("?", samples=3)
    for event in events:
        if isinstance(event, Tallied) and event.done == 2:
            break
    events.close()
    (node,) = session.conversation.path()
    assert node.turn.reply.answer == "7"
    assert len(node.siblings) == 2


def test_the_next_question_follows_the_winner():
    engine = FakeEngine(script("7"), script("8"), script("8"), script("9"))
    session = Session(engine)
    consensus(session, 3)
    list(session.ask("And now?"))
    assert [message.text for message in engine.requests[-1].messages] == ["?", "8", "And now?"]


def test_each_sample_says_for_which_answer_it_counts():
    session = Session(FakeEngine(script("It is 8."), script(r"\boxed{7}"), script(r"\boxed{8.0}")))
    _, reply = consensus(session, 3)
    assert [each.receipt.vote for each in reply.samples] == ["8", "7", "8"]
    assert {each.receipt.samples for each in reply.samples} == {3}
    (node,) = session.conversation.path()
    assert [each.turn.reply.receipt.vote for each in node.siblings] == ["8", "7", "8"]


def test_the_samples_of_a_draw_were_asked_at_the_same_time_and_no_others():
    session = Session(FakeEngine(script("7")))
    consensus(session, 2)
    list(session.consensus("?", samples=2, parent=session.conversation.root))
    times = [node.turn.origin.created for node in session.conversation.root.children]
    assert times[0] == times[1] != times[2] == times[3]


def test_of_equals_the_lower_number_wins_whichever_ended_first():
    slow, fast = ["hm", "hm", "hm", "</think>", "7"], script("8")
    _, reply = consensus(Session(FakeEngine(slow, fast, lanes=2)), 2)
    assert reply.answer == "7"


def test_what_was_stopped_while_the_question_was_read_is_kept_as_asked():
    session = Session(FakeEngine(script("7")))
    control = Control()
    control.cancel()
    _, reply = consensus(session, 3, control=control)
    assert reply.receipt.ended_by == "cancelled"
    assert len(reply.samples) == 3
    (turn,) = session.turns
    assert turn.question == "?"
    assert turn.reply.receipt.ended_by == "cancelled"


def test_the_winner_is_read_ahead_for_the_next_question():
    engine = FakeEngine(script("7"), script("8"), script("8"))
    consensus(Session(engine), 3)
    assert [message.text for message in engine.prepared[-1]] == ["?", "8"]


def test_events_of_a_sample_carry_its_number():
    session = Session(FakeEngine(script("7"), script("7")))
    events, _ = consensus(session, 2)
    assert {event.sample for event in events if isinstance(event, Sampled)} == {0, 1}


def test_an_empty_question_is_refused():
    with pytest.raises(UsageError):
        list(Session(FakeEngine(script("7"))).consensus(" ", samples=2))


def test_that_samples_do_not_look_ahead_is_said_where_the_budget_asks_for_it():
    session = Session(FakeEngine(script("\\boxed{1}")))
    control = Control(Budget.parse("auto"))
    first, *_ = session.consensus("?", samples=2, control=control)
    assert isinstance(first, Notice)
    assert "no previews" in first.text
