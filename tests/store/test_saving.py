"""Conversations that are saved, closed and opened again."""

from __future__ import annotations

import json
import stat
import sys
from typing import get_type_hints

import pytest

from r1chat.attachments import Attachment
from r1chat.conversation import Act
from r1chat.engine.base import Continuation, Sampling
from r1chat.errors import PromptError
from r1chat.events import AnswerText, InjectedText, Injection, Receipt, Reply, ThoughtEnded
from r1chat.events import ThoughtText as Thought
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.store import Store, rows
from tests.store.helpers import SCRIPT, ask, asked, said, session, settle, tree


def test_a_conversation_comes_back_as_it_was(store, reopened):
    talk = session(store, system="Be brief.")
    options = {"sampling": Sampling(temperature=0.1, seed=7), "max_answer": 99}
    ask(talk, "First, please.", budget=Budget(512), **options)
    ask(talk, "And then?", attachments=[Attachment("a.txt", "text\n" * 200)], raw=True)
    loaded = reopened().load(talk.conversation.id)
    assert tree(loaded.conversation.root) == tree(talk.conversation.root)
    assert loaded.system == "Be brief."
    assert loaded.budget == "max"
    assert loaded.summary.title == "First, please"
    assert loaded.summary.model == "fake"
    first = next(loaded.conversation.path()).turn
    assert first.reply.receipt.budget == "512"
    assert first.origin.settings["temperature"] == 0.1
    assert first.origin.settings["max_answer"] == 99


def test_branches_and_the_chosen_way_come_back(store, reopened):
    talk = session(store, SCRIPT, ("</think>", "Other"))
    first = ask(talk, "one")
    ask(talk, "two")
    again = ask(talk, "one", parent=first.parent)
    edited = ask(talk, "one, but better", parent=first.parent)
    ask(talk, "and on", parent=again)
    talk.conversation.choose(first)
    store.choose(first.id)
    loaded = reopened().load(talk.conversation.id)
    assert tree(loaded.conversation.root) == tree(talk.conversation.root)
    assert [node.turn.question for node in loaded.conversation.path()] == ["one", "two"]
    assert edited.version == 3
    assert loaded.summary.turns == 4


def test_samples_come_back_as_versions_of_which_the_winner_is_chosen(store, reopened):
    talk = session(
        store, ("</think>", "7"), ("</think>", "8"), ("</think>", "8"), ("</think>", "9")
    )
    list(talk.consensus("Which?", samples=4))
    (winner,) = talk.conversation.path()
    assert winner.version == 2
    loaded = reopened().load(talk.conversation.id)
    assert tree(loaded.conversation.root) == tree(talk.conversation.root)


def test_a_loaded_conversation_is_gone_on_with(store, reopened):
    talk = session(store)
    ask(talk, "one")
    again = reopened()
    loaded = again.load(talk.conversation.id)
    further = session(again, conversation=loaded.conversation)
    ask(further, "two")
    assert again.flush(10)
    found = again.load(talk.conversation.id)
    assert [node.turn.question for node in found.conversation.path()] == ["one", "two"]
    assert len(again.conversations()) == 1


def test_a_question_and_an_attached_text_are_stored_once(store):
    talk = session(store)
    text = [Attachment("a.txt", "words " * 1000)]
    first = ask(talk, "one", attachments=text)
    ask(talk, "one", attachments=text, parent=first.parent)
    ask(talk, "two", attachments=[Attachment("b.txt", "words " * 1000)])
    assert store.flush(10)
    counts = "SELECT (SELECT count(*) FROM turns), (SELECT count(*) FROM texts)"
    assert tuple(store._read(lambda c: c.execute(counts).fetchone())) == (2, 1)


def test_the_same_question_with_another_text_is_another_turn(store):
    talk = session(store)
    first = ask(talk, "one", attachments=[Attachment("a.txt", "x")])
    other = ask(talk, "one", attachments=[Attachment("a.txt", "y")], parent=first.parent)
    assert store.flush(10)
    loaded = store.load(talk.conversation.id)
    assert loaded.summary.turns == 2
    assert loaded.conversation.last().id == other.id


def test_what_was_written_so_far_is_there_before_the_end(store):
    question = asked("Well?")
    recording = store.begin(question)
    assert recording.acknowledged(10)
    events = [
        Thought("Let me", 2),
        Thought(" see", 3),
        InjectedText("\n\nTime is up.", 10),
        ThoughtEnded("budget", 3, 1.5),
        AnswerText("It is", 2),
    ]
    for event in events:
        recording.take(event)
    assert store.flush(10)
    (node,) = store.load(question.conversation).conversation.nodes()
    reply = node.turn.reply
    assert (reply.thought, reply.answer) == ("Let me see\n\nTime is up.", "It is")
    assert reply.injected == (Injection(10, "\n\nTime is up."),)
    assert reply.receipt == Receipt(
        ended_by="cancelled",
        thought_ended_by="budget",
        answer_ended_by="cancelled",
        thought_tokens=3,
        answer_tokens=2,
        injected_tokens=1,
    )


def test_streamed_text_is_written_without_being_asked_for(store):
    question = asked("Well?")
    recording = store.begin(question)
    assert recording.acknowledged(10)
    recording.take(Thought("Hm", 1))
    written = ""
    while written != "Hm":
        # A test that hangs fails.
        (node,) = store.load(question.conversation).conversation.nodes()
        written = node.turn.reply.thought


def test_a_reply_that_was_never_ended_is_put_together_by_the_next_start(store, reopened):
    question = asked("Well?")
    recording = store.begin(question)
    recording.take(Thought("unfinishedbusiness", 1))
    again = reopened()
    settle(again)
    assert again._read(lambda c: c.execute("SELECT status FROM replies").fetchone()[0]) == (
        "interrupted"
    )
    assert again._read(lambda c: c.execute("SELECT count(*) FROM parts").fetchone()[0]) == 0
    (hit,) = again.search("unfinishedbusiness", thoughts=True)
    assert hit.node == question.node


def test_a_reply_whose_writer_still_lives_loses_nothing_to_another_start(store):
    question = asked("Well?")
    recording = store.begin(question)
    recording.take(Thought("one", 1))
    assert store.flush(10)
    other = Store.open()
    settle(other)
    recording.take(Thought(" two", 2))
    assert store.flush(10)
    (node,) = other.load(question.conversation).conversation.nodes()
    assert node.turn.reply.thought == "one two"
    recording.take(Reply("one two three", "done", Receipt()))
    settle(store)
    (node,) = other.load(question.conversation).conversation.nodes()
    assert said(node.turn)[4][:3] == ("one two three", "done", Receipt())
    assert [hit.node for hit in other.search("three", thoughts=True)] == [question.node]
    other.close()


def test_a_reply_that_goes_on_from_another_is_saved_whole(store):
    talk = session(store, ("Let", " me", "</think>", "It", " is"), (" so", "."))
    before = ask(talk)
    resume = Continuation(before.turn.reply)
    node = ask(talk, parent=before.parent, resume=resume)
    talk.conversation.remove(before)
    store.remove(before.id)
    assert store.flush(10)
    loaded = store.load(talk.conversation.id)
    assert tree(loaded.conversation.root) == tree(talk.conversation.root)
    assert [each.id for each in loaded.conversation.nodes()] == [node.id]


def test_a_stopped_continuation_has_what_it_went_on_from(store):
    so_far = Reply("Let me", "", Receipt(ended_by="cancelled", thought_tokens=2))
    question = asked(so_far=so_far)
    recording = store.begin(question)
    recording.take(Thought(" see", 3))
    assert store.flush(10)
    (node,) = store.load(question.conversation).conversation.nodes()
    assert node.turn.reply.thought == "Let me see"
    assert node.turn.reply.receipt.thought_tokens == 3


def test_what_the_user_did_is_saved(store):
    talk = session(store)
    control = Control(Budget(100))
    events = talk.ask("Well?", control=control)
    next(events)
    control.think_more()
    next(events)
    control.budget = Budget(200)
    next(events)
    control.answer_now()
    list(events)
    assert store.flush(10)
    (node,) = store.load(talk.conversation.id).conversation.nodes()
    acts = node.turn.origin.acts
    assert [(act.kind, act.value) for act in acts] == [
        ("think_more", ""),
        ("budget", "200"),
        ("answer_now", ""),
    ]
    assert acts == talk.conversation.last().turn.origin.acts


def test_steered_words_are_saved(store):
    talk = session(store, ("Let", " me", " see", "</think>", "No"), ("</think>", "Yes"))
    before = ask(talk)
    resume = Continuation(before.turn.reply, keep=3, words="Wait,", close=False)
    ask(talk, parent=before.parent, resume=resume)
    assert store.flush(10)
    node = store.load(talk.conversation.id).conversation.last()
    assert node.turn.origin.acts == (Act("back", 0.0, "3"), Act("words", 0.0, "Wait,"))
    assert node.turn.reply.injected == (Injection(3, "Wait,"),)


def test_a_closed_stream_is_saved_as_stopped(store):
    talk = session(store)
    events = talk.ask("Well?")
    next(events)
    next(events)
    events.close()
    assert store.flush(10)
    (node,) = store.load(talk.conversation.id).conversation.nodes()
    assert node.turn.reply.receipt.ended_by == "cancelled"
    assert tree(store.load(talk.conversation.id).conversation.root) == tree(talk.conversation.root)


def test_a_question_that_could_not_be_put_leaves_nothing(store):
    talk = session(store, (PromptError("too long"),))
    with pytest.raises(PromptError):
        ask(talk)
    assert store.flush(10)
    assert store.conversations() == []
    assert store.last() is None


def test_a_refused_question_leaves_the_turns_before_it(store):
    talk = session(store, SCRIPT, (PromptError("too long"),))
    ask(talk, "one")
    with pytest.raises(PromptError):
        ask(talk, "two")
    assert store.flush(10)
    assert store.load(talk.conversation.id).summary.turns == 1


@pytest.mark.parametrize(
    "text", ["", "plain", "long " * 5000, "nul \0 here", "\ud800 alone", "😀" * 300, "x" * 300]
)
def test_any_text_comes_back(store, text):
    question = asked(text)
    recording = store.begin(question)
    recording.take(Thought(text, 1))
    recording.take(Reply(text, text, Receipt()))
    assert store.flush(10)
    (node,) = store.load(question.conversation).conversation.nodes()
    assert (node.turn.question, node.turn.reply.thought, node.turn.reply.answer) == (text,) * 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_read_it(store, file):
    ask(session(store))
    assert store.flush(10)
    beside = [each for each in file.parent.iterdir() if each.name.startswith("history")]
    assert len(beside) >= 2
    assert {stat.S_IMODE(each.stat().st_mode) for each in beside} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_a_file_that_others_could_read_is_closed_to_them(store, file):
    store.close()
    file.chmod(0o644)
    Store.open().close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_history_in_memory_works_without_a_file(file):
    store = Store.in_memory()
    talk = session(store)
    ask(talk)
    assert store.flush(10)
    assert tree(store.load(talk.conversation.id).conversation.root) == tree(talk.conversation.root)
    settle(store)
    assert len(store.search("42")) == 1
    assert not store.saves
    store.close()
    assert not file.exists()


def test_the_newest_reply_is_offered_again_if_its_process_died(store, reopened):
    question = asked("Well?")
    recording = store.begin(question)
    recording.take(Thought("so far", 1))
    assert store.flush(10)
    other = Store.open()
    assert other.interrupted() is None, "it is being written"
    other.close()
    # As if the process had been killed: the lock goes with it.
    store._alive.end(question.node)
    again = reopened()
    found = again.interrupted()
    assert found is not None
    assert found.id == question.conversation
    settle(again)
    assert again.interrupted() == found
    later = asked("And now?")
    newer = again.begin(later)
    newer.take(Reply("", "done", Receipt()))
    assert again.flush(10)
    assert again.interrupted() is None
    assert list(again.path.parent.glob("writing/*")) == []


def test_a_reply_of_which_nothing_was_written_is_not_offered(store, reopened):
    question = asked("Well?")
    store.begin(question)
    assert store.flush(10)
    store._alive.end(question.node)
    assert reopened().interrupted() is None


def test_whatever_a_receipt_says_in_words_is_checked_when_it_is_read():
    """A field without a reader of its own is read as a number."""
    kinds = get_type_hints(Receipt)
    words = {name for name, kind in kinds.items() if kind not in {int, float}}
    assert words <= rows._RECEIPT.keys()
    for name in words - {"ended_by", "answer_ended_by", "budget"}:
        assert getattr(rows.receipt_in(json.dumps({name: {"no": 1}})), name) is None
