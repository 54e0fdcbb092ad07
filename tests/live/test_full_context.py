"""A full context with the built-in model: turns dropped, summed up, and a larger context."""

from __future__ import annotations

import json
import re

import pytest

from r1chat import compose, paths
from r1chat.compaction import NotSummarisedError
from r1chat.conversation import Conversation, Turn
from r1chat.engine.base import Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.errors import PromptError
from r1chat.events import LeftOut, Notice, Receipt, Reply, Summarised, SummaryText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.session import Session
from r1chat.store import Loaded, Store, Summary
from tests.program import run

QUESTION = "What is 44 + 41 + 25?"
LONG = "Please think well about it, and do not forget what I said before. " * 3
TURNS = 6
GREEDY = {"sampling": Sampling(temperature=0, seed=1), "budget": Budget(tokens=40)}


def conversation() -> Conversation:
    made = Conversation()
    for number in range(TURNS):
        made.add(Turn(f"What is {number} + 1? {LONG}", Reply("", "It is that.", Receipt())))
    return made


@pytest.fixture(scope="module")
def engine():
    options = LoadOptions(trusted=True, ctx=512)
    engine = LlamaEngine(compose.resolve("tiny"), ref="tiny", options=options)
    yield engine
    engine.close()


def said(session):
    return [(message.role, message.text) for message in session.messages()]


def asked(engine, way, made=None, **options):
    session = Session(engine, conversation=made or conversation())
    events = list(session.ask(QUESTION, max_answer=40, full_context=way, **GREEDY, **options))
    return session, events


def test_a_summary_takes_less_room_than_its_turns_and_the_rest_is_read_as_before(engine):
    dropped, events = asked(engine, "drop")
    (left_out,) = [event for event in events if isinstance(event, LeftOut)]
    session, events = asked(engine, "summarise")
    done = [event for event in events if isinstance(event, Summarised)]
    assert sum(each.turns for each in done) == left_out.turns
    assert all(0 < each.tokens < each.replaced for each in done)
    assert any(isinstance(event, SummaryText) and event.text for event in events)
    assert not any(isinstance(event, (LeftOut, Notice)) for event in events)
    # The last turns are what they were; in the place of the others stands the summary.
    kept = TURNS - left_out.turns
    assert said(session)[2:] == said(dropped)[-2 * (kept + 1) :]
    assert session.messages()[1].text == done[-1].text
    # What was read ahead is what the next question begins with.
    engine.wait_ahead()
    receipt = list(session.ask("And?", max_answer=8, full_context="summarise", **GREEDY))[
        -1
    ].receipt
    assert receipt.prompt_tokens - receipt.prompt_reused_tokens < 32


def test_nothing_is_left_out_ahead_of_a_question_that_may_have_turns_summed_up(engine):
    session, done = Session(engine), []
    for number in range(12):
        question = f"What is {number} + 1? {LONG}"
        events = list(session.ask(question, max_answer=40, full_context="summarise", **GREEDY))
        engine.wait_ahead()
        assert not any(isinstance(event, (LeftOut, Notice)) for event in events), number
        done += [event for event in events if isinstance(event, Summarised)]
    assert 1 <= len(done) < 12


def test_a_larger_context_keeps_what_was_read_and_answers_as_one_that_was_large(engine):
    made = conversation()
    grown = LlamaEngine(
        compose.resolve("tiny"), ref="tiny", options=LoadOptions(trusted=True, ctx=512)
    )
    large = LlamaEngine(
        compose.resolve("tiny"), ref="tiny", options=LoadOptions(trusted=True, ctx=1024)
    )
    try:
        early = Session(grown, conversation=Conversation(), prepare=False)
        for node in list(made.path())[:3]:
            early.conversation.add(node.turn)
        list(early.ask(QUESTION, max_answer=40, **GREEDY))
        for node in list(made.path())[3:]:
            early.conversation.add(node.turn)
        events = list(early.ask(QUESTION, max_answer=40, full_context="grow", **GREEDY))
        assert not any(isinstance(event, LeftOut) for event in events)
        (note,) = [event.text for event in events if isinstance(event, Notice)]
        assert note.startswith("the context was full: it is 1,024 tokens now, 512 before")
        assert grown.info.context == 1024
        receipt = events[-1].receipt
        # Not read again, where the form of the cache is the same.
        assert (receipt.prompt_reused_tokens > 150) == ("stays" in note)
        same = Session(large, conversation=early.conversation, prepare=False)
        last = early.conversation.last()
        reply = list(same.ask(QUESTION, max_answer=40, parent=last.parent, **GREEDY))[-1]
        assert (reply.thought, reply.answer) == (events[-1].thought, events[-1].answer)
        # It goes on growing, up to what the model was made for; then turns are left out.
        trained = grown.info.context_trained
        long = [Turn("word " * 600, Reply("", "yes", Receipt())) for _ in range(trained // 500)]
        for turn in long:
            early.conversation.add(turn)
        events = list(early.ask(QUESTION, max_answer=40, full_context="grow", **GREEDY))
        assert f"made for {trained:,} tokens" in next(
            event.text for event in events if isinstance(event, Notice)
        )
        assert any(isinstance(event, LeftOut) for event in events)
    finally:
        grown.close()
        large.close()


def test_what_does_not_fit_alone_is_refused_as_ever(engine):
    events = Session(engine, conversation=conversation()).ask("word " * 2000, **GREEDY)
    with pytest.raises(PromptError, match="the question is too long"):
        list(events)
    with pytest.raises(NotSummarisedError, match="no turns"):
        list(Session(engine).summarise(control=Control()))


def test_ask_says_what_became_of_a_full_context(home):
    store = Store.open(paths.history_file())
    for number in range(4):
        made = conversation()
        times = float(number + 1)
        summary = Summary(made.id, f"c{number}", times, times, False, TURNS, "tiny", "question")
        store.add(Loaded(summary, made, None, "max", {}))
    store.close()
    names = json.loads(run("history", "list", "--format", "json")[1])["conversations"]
    said = {}
    for each, way in zip(names, ("drop", "summarise", "grow", "ask"), strict=True):
        options = ("--ctx", "512", "--full-context", way, "--conversation", each["id"])
        code, out, err = run(
            "ask", "-m", "tiny", "-b", "40", "--temperature", "0", *options, QUESTION
        )
        assert code == 0, err
        assert out
        said[way] = err
    left_out = re.search(r"the model no longer sees the oldest (\d) turns", said["drop"])
    assert left_out is not None
    assert "--full-context summarise" in said["drop"]
    assert "nobody can be asked" in said["ask"]
    assert left_out[0] in said["ask"]
    assert "it is 1,024 tokens now" in said["grow"]
    summed_up = re.findall(
        r"oldest (\d )?turns? (?:is|are) summarised to make room · \d+ tokens in place of",
        said["summarise"],
    )
    # With the summary in their place, more turns may have room than without.
    assert 0 < sum(int(turns or 1) for turns in summed_up) <= TURNS
    # All turns are shown still, and the summary with them, marked.
    for form in ("text", "json"):
        shown = run("history", "show", names[1]["id"], "--format", form)[1]
        assert all(f"What is {number} + 1?" in shown for number in range(TURNS))
        mark = "the model reads this in place of the turns above" if form == "text" else '"summary"'
        assert shown.count(mark) == len(summed_up)
