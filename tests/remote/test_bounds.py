"""How far a server is followed: servers that say little, limits, ends, and waits."""

from __future__ import annotations

import pytest

from r1chat.engine.remote import RemoteEngine, Server
from r1chat.engine.remote.chunks import NOTHING
from r1chat.engine.remote.link import Link, Stream
from r1chat.engine.remote.refusals import Busy
from r1chat.engine.remote.segment import Patience, trying_again, wait_before
from r1chat.errors import NetworkError
from r1chat.events import Notice
from r1chat.reasoning.budget import Budget
from tests.program import run
from tests.remote.helpers import (
    KEY,
    REPLY,
    THOUGHT,
    WHOLE,
    asked,
    events_of,
    opened,
    quick,
    reply_of,
)
from tests.remote.server import Fault, ModelServer
from tests.remote.server.server import event

# -- servers that say less --


CHAT = [{"role": "assistant"}, {"content": ""}]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_that_the_server_tells_apart_is_one(name):
    deltas = [*CHAT, {name: "hm"}, {name: " yes"}, {"content": "It is"}, {"content": " 42"}]
    with ModelServer(owner="somebody", chat=deltas) as server:
        engine = opened(server)
        reply = reply_of(engine, asked())
    assert (reply.thought, reply.answer) == ("hm yes", "It is 42")
    assert reply.receipt.thought_ended_by == "natural"
    assert "does not say how" in engine.info.steering.go_on


def test_a_thought_in_tags_is_one():
    deltas = [*CHAT, *({"content": each} for each in ("<th", "ink>\nhm", "</think>\n", "\n42"))]
    with ModelServer(owner="somebody", chat=deltas) as server:
        reply = reply_of(opened(server), asked())
    assert (reply.thought, reply.answer) == ("hm", "42")


def test_vllm_limits_a_thought_that_cannot_be_gone_on_with():
    deltas = [*CHAT, *({"reasoning": f" hm{n}"} for n in range(6)), {"content": "42"}]
    with ModelServer(owner="vllm", r1=False, chat=deltas) as server:
        engine = opened(server)
        reply = reply_of(engine, asked(budget=Budget(tokens=6, grace=0)))
        ends = [
            reply_of(engine, asked(budget=Budget(tokens=limit))).receipt.thought_ended_by
            for limit in (7, 8)
        ]
        body = server.completions()[0].body
        # Without a thought, it is asked for none.
        reply_of(engine, asked(budget=Budget(tokens=0)))
        silent = server.completions()[-1].body
    assert body["thinking_token_budget"] == 6
    assert reply.receipt.thought_ended_by == "budget"
    # The line break behind the tag counts for the server.
    assert ends == ["budget", "natural"]
    assert engine.info.steering.budget == ""
    assert "vLLM does not say how" in engine.info.steering.close
    assert body["reasoning_effort"] == "low"
    assert reply.receipt.effort == "low"
    for sent, think in ((body, True), (silent, False)):
        told = sent["chat_template_kwargs"]
        assert (told["enable_thinking"], told["thinking"]) == (think, think)
        assert told["thinking_mode"] == ("enabled" if think else "disabled")


@pytest.mark.parametrize("tokens", [0, 5])
def test_a_budget_that_cannot_be_kept_is_said(tokens):
    with ModelServer(owner="somebody", chat=[*CHAT, {"content": "42"}]) as server:
        events = events_of(opened(server), asked(budget=Budget(tokens=tokens)))
    assert any("the budget is not kept" in e.text for e in events if isinstance(e, Notice))
    assert events[-1].answer == "42"


# -- long replies --


def taken(server, raw):
    """What comes of a stream."""
    server.faults = [Fault(raw=raw)]
    body = {"prompt": "", "stream": True}
    link = Link(Server(server.url))
    stream = Stream(link, lambda: (f"{server.url}/completions", body, NOTHING), "")
    chunks = []
    while not stream.ended:
        chunks += stream.take(1.0) or []
    return chunks


def test_a_long_thought_comes_to_its_end_however_much_stands_around_each_token(server):
    """llama-server sends five hundred bytes for each, so that 32,768 are more than 16 MiB."""
    around = {"timings": {"predicted_n": 1, "predicted_per_token_ms": "9" * 400}}
    one = event({"choices": [{"text": " word", "index": 0}], **around})
    count = (18 << 20) // len(one)
    chunks = taken(server, one * count + b"data: [DONE]\n\n")
    assert "".join(chunk.text for chunk in chunks) == " word" * count


def test_a_stream_of_text_without_end_is_left(server):
    one = event({"choices": [{"text": "x" * 900_000, "index": 0}]})
    with pytest.raises(NetworkError, match="sends without end"):
        taken(server, one * 20)


@pytest.mark.parametrize(("words", "ended_by"), [(2500, "natural"), (3500, "context")])
def test_a_server_that_must_be_given_a_limit_has_the_whole_context(words, ended_by):
    reply = [*(f" word{n}" for n in range(words)), *REPLY[60:]]
    with ModelServer(reply, owner="sglang", context=4096) as server:
        answered = reply_of(opened(server), asked())
    assert answered.receipt.thought_ended_by == ended_by
    assert answered.answer == WHOLE


def test_a_limit_of_the_server_is_not_taken_for_the_budget():
    with ModelServer(REPLY, context=4096, at_a_time=25) as server:
        reply = reply_of(opened(server), asked(budget=Budget(tokens=50, grace=0)))
    assert reply.receipt.thought_ended_by == "budget"
    assert reply.receipt.thought_tokens == 50
    assert reply.answer == WHOLE


def test_a_server_that_writes_so_many_tokens_at_a_time_is_asked_for_more():
    with ModelServer(REPLY, context=4096, at_a_time=25) as server:
        answered = reply_of(opened(server), asked())
        assert len(server.completions()) == 3
    assert answered.thought == "".join(THOUGHT) + "\n"
    assert (answered.answer, answered.receipt.ended_by) == (WHOLE, "natural")


# -- the end of a reply --


@pytest.mark.parametrize("how", ["stall", "reset", "close"])
def test_a_reply_that_is_whole_ends_though_its_connection_does_not(server, how):
    engine = opened(server, closing=0.2)
    raw = b"".join(server._stream({"prompt": "", "stream": True})).removesuffix(b"data: [DONE]\n\n")
    server.faults = [Fault(raw=raw, after=len(raw), how=how)]
    reply = reply_of(engine, asked())
    assert (reply.answer, reply.receipt.ended_by) == (WHOLE, "natural")


def test_a_wait_that_is_asked_for_is_spread_out_and_never_shortened():
    waits = [wait_before(2, Busy("busy", 20.0), Patience()) for _ in range(200)]
    assert min(waits) >= 20
    assert len({round(wait, 3) for wait in waits}) > 100
    assert trying_again(Busy("busy: later"), 20.4) == "busy; trying again in 21 s"


@pytest.mark.parametrize("owner", ["somebody", "vllm"])
def test_a_limit_of_the_answer_leaves_the_thought_of_a_chat_alone(owner):
    words = [{"content": f" a{n}"} for n in range(9)]
    deltas = [*({"reasoning": f" hm{n}"} for n in range(20)), *words]
    with ModelServer(owner=owner, r1=False, chat=deltas) as server:
        reply = reply_of(opened(server), asked(max_answer=3))
    assert reply.thought == "".join(f" hm{n}" for n in range(20))
    assert reply.answer == "a0 a1 a2"
    assert reply.receipt.answer_ended_by == "length"


def test_a_limit_of_ours_is_never_taken_for_a_full_context():
    """Nor where several tokens come in one piece, so that fewer are counted."""
    deltas = [{"content": f" a{n}"} for n in range(9)]
    with ModelServer(owner="vllm", r1=False, chat=deltas) as server:
        server.faults = [
            Fault(
                raw=event({"choices": [{"delta": {"content": "a b"}, "finish_reason": "length"}]})
            )
        ]
        reply = reply_of(opened(server), asked(max_answer=3, budget=Budget(tokens=0)))
        assert server.completions()[0].body["max_tokens"] == 3
    assert (reply.answer, reply.receipt.answer_ended_by) == ("a b", "length")


# -- while it is found out what a server is --


@pytest.mark.parametrize(
    ("on", "status"), [("/models", 503), ("/version", 503), ("/tokenize", 429), ("/tokenize", 408)]
)
def test_a_server_that_is_busy_at_first_loses_nothing_of_what_it_can_do(server, on, status):
    body = b'{"error": {"message": "Loading model"}}'
    server.faults = [Fault(on, 2, status, body=body)]
    told = []
    engine = RemoteEngine(Server(server.url), "m", patience=quick(), on_notice=told.append)
    assert engine.info.steering.go_on == ""
    assert len(told) == 2
    assert all("(Loading model)" in each and "trying again in 1 s" in each for each in told)


@pytest.mark.parametrize("on", ["/models", "/version", "/tokenize"])
def test_a_server_that_stays_busy_is_not_taken_for_one_that_can_less(server, on):
    server.faults = [Fault(on, 99, 503)]
    with pytest.raises(NetworkError, match="HTTP 503"):
        opened(server, looking=0.3)


def test_a_server_that_does_not_tokenise_says_so_once(server):
    server.faults = [Fault("/tokenize", 1, 404)]
    assert "does not say how" in opened(server).info.steering.go_on
    assert sum(each.path == "/tokenize" for each in server.asked) == 1


def test_that_others_can_read_along_is_said_before_the_key_is_sent(server, monkeypatch):
    monkeypatch.setattr(Server, "is_private", property(lambda _: False))
    asked_before = []
    RemoteEngine(
        Server(server.url, KEY),
        "m",
        on_notice=lambda text: asked_before.append((text, len(server.asked))),
    )
    ((text, count),) = asked_before
    assert "is reached without encryption" in text
    assert count == 0
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_ask_says_that_a_server_is_waited_for(server):
    server.faults = [Fault("/models", 1, 503, body=b'{"error": {"message": "Loading model"}}')]
    code, out, err = run("ask", "-m", f"{server.url}#m", "?")
    assert (code, out) == (0, WHOLE + "\n")
    assert "(Loading model); trying again in 1 s" in err


@pytest.mark.parametrize(
    ("pieces", "count"),
    [
        (("hm", "\n</thi", "nk>\n\n", "42"), 1),
        (("<think>", "hm", "</think>", "42", "</think>"), 0),
        (("4", "2"), 0),
    ],
)
def test_a_thought_that_nobody_saw_begin_is_said(pieces, count):
    with ModelServer(owner="somebody", chat=[{"content": each} for each in pieces]) as server:
        events = events_of(opened(server), asked())
    notices = [e.text for e in events if isinstance(e, Notice)]
    assert sum("before </think> was one" in each for each in notices) == count
    assert events[-1].answer.endswith("42")
