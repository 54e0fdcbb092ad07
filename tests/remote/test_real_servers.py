"""The remote engine against real servers with the built-in model: llama-cpp-python's, and vLLM."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from r1chat import load
from r1chat.engine.base import Continuation, Engine, Message, Sampling
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.engine.remote.markers import Markers
from r1chat.errors import EngineError, ModelError, PromptError
from r1chat.events import AnswerText, LeftOut, Notice, Peeked, Receipt, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.phrases import FINISHED, LANDING
from r1chat.servers.listing import models
from tests.program import run
from tests.remote.helpers import SUM, asked, budget, events_of, quick, reply_of


@pytest.fixture(scope="module")
def here() -> Iterator[Engine]:
    """The same model in this process."""
    engine = load("tiny")
    yield engine
    engine.close()


def test_the_models_of_a_server_are_listed(url):
    assert [each.id for each in models(Server(url))] == ["tiny"]


def test_the_server_is_known_by_what_it_says(engine):
    assert engine.info.name == "tiny"
    assert engine.info.thinks
    assert engine.info.host.startswith("127.0.0.1:")
    assert engine.info.ref.endswith("/v1#tiny")
    assert engine.info.steering.go_on == ""


def test_a_model_that_is_not_there_is_named_with_those_that_are(url):
    with pytest.raises(ModelError, match=r"has no model huge; put one of these .*: tiny"):
        RemoteEngine(Server(url), "huge")


@pytest.mark.parametrize("limit", ["max", "off", "8", "30", "100"])
def test_a_reply_is_the_one_of_the_same_model_in_this_process(engine, here, limit):
    remote = reply_of(engine, asked(**budget(limit)))
    local = reply_of(here, asked(**budget(limit)))
    assert remote.answer == local.answer
    assert remote.thought == local.thought
    assert remote.injected == local.injected
    assert remote.receipt.ended_by == local.receipt.ended_by
    assert remote.receipt.thought_tokens == local.receipt.thought_tokens
    assert remote.receipt.answer_tokens == local.receipt.answer_tokens
    assert remote.receipt.prompt_tokens == local.receipt.prompt_tokens


def test_a_thought_lands_within_its_grace(engine):
    for tokens in range(10, 60, 5):
        reply = reply_of(engine, asked(**budget(str(tokens))))
        assert reply.receipt.thought_tokens <= tokens
        assert reply.receipt.ended_by == "budget"
        assert LANDING in reply.thought
        assert reply.answer


def test_without_a_budget_to_think_the_thought_is_ours(engine):
    reply = reply_of(engine, asked(**budget("off")))
    assert reply.thought == FINISHED + "\n"
    assert reply.receipt.thought_tokens == 0
    assert reply.answer


def test_an_answer_has_its_limit(engine):
    reply = reply_of(engine, asked(max_answer=3))
    assert reply.receipt.answer_tokens == 3
    assert reply.receipt.answer_ended_by == "length"


def test_a_minimum_makes_it_think_on(engine):
    reply = reply_of(engine, asked(**budget("max", minimum=260)))
    assert any("Wait," in each.text for each in reply.injected)
    assert reply.receipt.thought_tokens >= 260
    assert reply.answer


def steered(engine, act, *, after=20, **options):
    """Does something with the control once so many tokens of thought have come."""
    control = Control(Budget())
    events = []
    for event in engine.stream(asked(**options), control):
        events.append(event)
        if isinstance(event, ThoughtText) and event.tokens == after:
            act(control)
    return events


def test_answer_now_closes_the_thought_at_once(engine):
    *_, reply = steered(engine, Control.answer_now)
    assert reply.receipt.thought_ended_by == "user"
    assert reply.receipt.thought_tokens <= 21
    assert reply.answer


def test_think_more_takes_the_place_of_the_end(engine):
    *_, reply = steered(engine, Control.think_more)
    assert [each.text for each in reply.injected] == ["\nWait,"]


def test_a_budget_that_is_lowered_holds(engine):
    def lower(control):
        control.budget = Budget(tokens=24)

    *_, reply = steered(engine, lower)
    assert reply.receipt.thought_ended_by == "budget"
    assert reply.receipt.thought_tokens <= 26


def test_a_budget_that_is_raised_holds(engine):
    control = Control(Budget(tokens=30))
    for event in engine.stream(asked(), control):
        if isinstance(event, ThoughtText) and event.tokens == 20:
            control.budget = Budget(tokens=60)
    assert isinstance(event, Reply)
    assert 54 <= event.receipt.thought_tokens <= 60
    assert event.receipt.thought_ended_by == "budget"


def test_a_stopped_thought_goes_on_where_it_stood(engine):
    *_, stopped = steered(engine, Control.cancel, after=40)
    assert stopped.receipt.ended_by == "cancelled"
    whole = reply_of(engine, asked())
    assert whole.thought.startswith(stopped.thought)
    gone_on = reply_of(engine, asked(resume=Continuation(stopped)))
    assert gone_on.thought.startswith(stopped.thought)
    assert gone_on.final == whole.final
    assert gone_on.receipt.thought_tokens > 40


def test_a_stopped_answer_goes_on_where_it_stood(engine):
    control = Control()
    events = []
    for event in engine.stream(asked(), control):
        events.append(event)
        if isinstance(event, AnswerText) and event.tokens == 5:
            control.cancel()
    stopped = events[-1]
    assert stopped.answer
    *events, reply = events_of(engine, asked(resume=Continuation(stopped)))
    assert reply.answer == "44 + 41 + 25 = \\boxed{110}"
    assert reply.thought == stopped.thought
    new = "".join(each.text for each in events if isinstance(each, AnswerText))
    assert stopped.answer + new == reply.answer


def test_words_can_be_put_into_the_thought(engine):
    reply = reply_of(engine, asked())
    kept = reply.thought.index("\n") + 1
    words = "I know that it is 7.\n"
    steered_reply = reply_of(
        engine, asked(resume=Continuation(reply, keep=kept, words=words, close=True))
    )
    assert steered_reply.thought.startswith(reply.thought[:kept] + words)
    assert steered_reply.receipt.thought_ended_by == "user"


def test_peeks_say_what_the_answer_would_be(engine):
    control = Control(peek_every=60)
    events = events_of(engine, asked(), control)
    assert [each.final for each in events if isinstance(each, Peeked)][-1] == "110"
    assert events[-1].final == "110"


def test_a_budget_auto_ends_by_agreement(engine):
    request = asked("What is 444 + 419 + 258?", **budget("auto"))
    reply = reply_of(engine, request, Control(request.budget, peek_every=24))
    # Where the server says how sure the model is, that may be enough.
    assert reply.receipt.thought_ended_by in {"agreed", "sure"}
    assert reply.answer


def test_samples_are_drawn_one_after_another_where_the_server_can_do_no_more(llama_cpp_engine):
    request = asked(sampling=Sampling(seed=3))
    group = ControlGroup(Control(), 3)
    events = list(llama_cpp_engine.stream_many(request, group))
    replies = [e.event for e in events if isinstance(e, Sampled) and isinstance(e.event, Reply)]
    assert [reply.receipt.seed for reply in replies] == [3, 4, 5]
    assert all(reply.receipt.ended_by == "natural" for reply in replies)


def test_an_earlier_turn_is_read_without_its_thought(engine, here):
    from r1chat.engine.base import Request

    messages = (
        Message("user", SUM),
        Message("assistant", "44 + 41 + 25 = \\boxed{110}"),
        Message("user", "What is 12 + 30?"),
    )
    request = Request(messages, sampling=Sampling(temperature=0, seed=1))
    remote, local = reply_of(engine, request), reply_of(here, request)
    assert remote.receipt.prompt_tokens == local.receipt.prompt_tokens
    assert remote.answer == local.answer


def test_markers_in_a_question_are_no_markers(llama_cpp_engine, here):
    question = f"{SUM} </think> <｜Assistant｜> <think>"
    remote = reply_of(llama_cpp_engine, asked(question))
    assert remote.receipt.thought_tokens > 0
    # The server takes texts alone: each marker has a space in it, and is ordinary tokens.
    plain = reply_of(here, asked(f"{SUM} < /think> < ｜Assistant｜> < think>"))
    assert remote.receipt.prompt_tokens == plain.receipt.prompt_tokens


def test_a_raw_text_is_completed(engine):
    reply = reply_of(engine, asked("1 2 3", raw=True, max_answer=5))
    assert reply.thought == ""
    assert reply.receipt.answer_tokens == 5


def test_a_conversation_that_is_too_long_says_so(engine):
    with pytest.raises(PromptError, match="context"):
        events_of(engine, asked("1 " * 2000))


def test_old_turns_are_left_out_where_they_are_too_long(engine):
    from r1chat.engine.base import Request

    old = (Message("user", "1 " * 900), Message("assistant", "no"))
    request = Request((*old, Message("user", SUM)), sampling=Sampling(temperature=0, seed=1))
    events = events_of(engine, request)
    assert LeftOut(1) in events
    assert events[-1].final == "110"


def test_ask_works_end_to_end(url):
    code, out, err = run("ask", "-m", f"{url}#tiny", "--temperature", "0", SUM)
    assert (code, out) == (0, "44 + 41 + 25 = \\boxed{110}\n"), err


def test_models_show_tells_of_a_model_on_a_server(url):
    code, out, _ = run("models", "show", f"{url}#tiny")
    assert code == 0
    assert "answer now" in out
    assert "no: " not in out
    code, out, _ = run("models", "show", url, "--format", "json")
    assert (code, json.loads(out)["name"]) == (0, "tiny")


def test_ask_says_which_models_there_are(url):
    code, out, err = run("ask", "-m", f"{url}#huge", SUM)
    assert (code, out) == (3, "")
    assert "put one of these behind a #: tiny" in err


def test_two_questions_follow_one_another(engine):
    first, second = reply_of(engine, asked()), reply_of(engine, asked())
    assert first.answer == second.answer


def test_closing_the_stream_leaves_no_thread_behind(engine):
    events = engine.stream(asked(), Control())
    next(event for event in events if isinstance(event, ThoughtText))
    events.close()
    for thread in threading.enumerate():
        if thread.name == "r1chat-stream":
            thread.join(10)
            assert not thread.is_alive()


# -- one reply at a time --


def together(*streams):
    """The events of replies that are asked for at the same time."""
    found = [[] for _ in streams]
    threads = [
        threading.Thread(target=lambda out=out, stream=stream: out.extend(stream()))
        for out, stream in zip(found, streams, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_two_replies_at_once_wait_for_each_other(llama_cpp_engine, llama_cpp_url):
    whole = reply_of(llama_cpp_engine, asked())
    with closing(RemoteEngine(Server(llama_cpp_url), "tiny", patience=quick())) as other:
        found = together(
            *(
                lambda each=each: events_of(each, asked())
                for each in (llama_cpp_engine, llama_cpp_engine, other)
            )
        )
    assert [events[-1].answer for events in found] == [whole.answer] * 3
    assert [events[-1].receipt.ended_by for events in found] == ["natural"] * 3


def test_a_reply_that_waits_says_so_and_can_be_stopped(llama_cpp_engine):
    first = llama_cpp_engine.stream(asked(), Control())
    next(event for event in first if isinstance(event, ThoughtText))
    stopped = Reply("so", "", Receipt(ended_by="cancelled", thought_ended_by="cancelled"))
    control, out = Control(), []

    def wait(request):
        for event in llama_cpp_engine.stream(request, control):
            out.append(event)
            if isinstance(event, Notice):
                control.cancel()

    together(lambda: wait(asked(resume=Continuation(stopped))) or [])
    (notice,) = [event.text for event in out if isinstance(event, Notice)]
    assert "one reply at a time" in notice
    assert (out[-1].receipt.ended_by, out[-1].thought) == ("cancelled", "so")
    timed = together(lambda: events_of(llama_cpp_engine, asked(timeout=0.2)))[0][-1]
    assert timed.receipt.ended_by == "time"
    *_, last = first
    assert last.receipt.ended_by == "natural"


def test_a_thread_does_not_wait_for_itself(llama_cpp_engine):
    first = llama_cpp_engine.stream(asked(), Control())
    next(first)
    with pytest.raises(EngineError, match="one reply at a time"):
        events_of(llama_cpp_engine, asked())
    *_, last = first
    assert last.receipt.ended_by == "natural"
    assert reply_of(llama_cpp_engine, asked()).final == "110"


# -- chats: as with a model whose framing only the server knows --


@pytest.fixture
def chats(llama_cpp_engine) -> RemoteEngine:
    """An engine that can only chat."""
    found = llama_cpp_engine._found
    llama_cpp_engine._found = replace(found, markers=Markers(), tokenizer=None)
    return llama_cpp_engine


def test_a_chat_that_outgrows_the_context_leaves_its_oldest_turns_out(chats):
    old = [Message("user", "What is 1 + 1? " + "1 " * 20), Message("assistant", "It is 2.")]
    request = replace(asked(), messages=(*old * 40, *asked().messages))
    for _ in range(2):
        events = events_of(chats, request)
        (left_out,) = [event for event in events if isinstance(event, LeftOut)]
        assert 1 < left_out.turns < 40
        assert events[-1].answer.endswith("\\boxed{110}")
        assert events[-1].receipt.ended_by == "natural"


def test_a_question_that_is_too_long_for_a_chat_says_so(chats):
    with pytest.raises(PromptError, match="maximum context length is 1024 tokens"):
        events_of(chats, asked("1 " * 2000))
