"""Answers in a shape from servers: a free thought, and a request of its own for the answer."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from r1chat import shapes
from r1chat.engine.base import Continuation, Sampling
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.errors import UsageError
from r1chat.events import Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.program import run
from tests.remote.helpers import THOUGHT, asked, budget, opened, quick, reply_of
from tests.remote.server import ModelServer

NUMBER = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
SHAPE = shapes.json_schema(json.dumps(NUMBER))
YES = shapes.grammar('root ::= "yes" | "no"')
JSON = ['{"sum"', ": ", "110", "}"]


def of_make(owner: str) -> ModelServer:
    return ModelServer([*THOUGHT, "\n", "</think>", "\n\n", *JSON], owner=owner)


@pytest.mark.parametrize("limit", ["max", "off", "8"])
def test_a_server_thinks_freely_and_answers_in_shape(engine, limit):
    shaped = reply_of(engine, asked(shape=SHAPE, **budget(limit)))
    free = reply_of(engine, asked(**budget(limit)))
    assert shaped.thought == free.thought
    assert json.loads(shaped.final or "") == json.loads(shaped.answer)
    assert SHAPE.fault(shaped.answer) is None
    assert shaped.receipt.shape == "json"
    assert not shaped.answer_injected
    assert reply_of(engine, asked(shape=YES, **budget(limit))).final in {"yes", "no"}


def test_what_a_string_spells_is_text_from_a_server_too(engine):
    text = "</think> <think> \\boxed{1} User: "
    reply = reply_of(engine, asked(shape=shapes.json_schema(json.dumps({"const": text}))))
    assert json.loads(reply.final or "") == text


def test_samples_of_a_server_have_the_shape_each(engine):
    request = asked(shape=SHAPE, sampling=Sampling(seed=3), **budget("8"))
    group = ControlGroup(Control(request.budget), 3)
    events = list(engine.stream_many(request, group))
    replies = [e.event for e in events if isinstance(e, Sampled) and isinstance(e.event, Reply)]
    assert len(replies) == 3
    assert all(SHAPE.fault(reply.answer) is None for reply in replies)


@pytest.mark.parametrize(
    ("owner", "shape", "field"),
    [
        ("vllm", SHAPE, "structured_outputs"),
        ("vllm", YES, "structured_outputs"),
        ("sglang", SHAPE, "json_schema"),
        ("sglang", YES, "ebnf"),
    ],
)
def test_a_server_is_told_of_the_shape_behind_the_thought_alone(owner, shape, field):
    with of_make(owner) as server:
        reply = reply_of(opened(server), asked(shape=shape))
        sent = [each for each in server.asked if each.path.endswith("/completions")]
    assert reply.thought == "".join(THOUGHT) + "\n"
    assert reply.answer == "".join(JSON)
    thought, answer = (each.body for each in sent)
    assert field not in thought
    assert "110" in json.dumps(answer[field]) or "sum" in json.dumps(answer[field]) or shape is YES
    if shape is SHAPE:
        assert reply.final == '{"sum": 110}'


def test_a_limit_that_cuts_a_shape_leaves_no_final(engine):
    reply = reply_of(engine, asked(shape=SHAPE, max_answer=2, **budget("off")))
    assert reply.receipt.answer_ended_by == "length"
    assert reply.final is None


def test_where_more_is_thought_a_servers_shape_begins_anew_and_a_cut_one_is_refused(engine):
    whole = reply_of(engine, asked(shape=SHAPE, **budget("12")))
    anew = reply_of(
        engine, asked(shape=YES, resume=Continuation(whole, keep=len(whole.thought), close=True))
    )
    assert anew.final in {"yes", "no"}
    with pytest.raises(UsageError, match="cannot go on with an answer in a shape"):
        reply_of(engine, asked(shape=SHAPE, resume=Continuation(whole)))


def test_a_chat_of_vllm_leaves_the_thought_free_and_is_told_of_the_shape():
    deltas = [{"reasoning_content": "hm"}, *({"content": each} for each in JSON)]
    with ModelServer(owner="vllm", r1=False, chat=deltas) as server:
        reply = reply_of(opened(server), asked(shape=SHAPE))
        body = server.asked[-1].body
    assert (reply.thought, reply.final) == ("hm", '{"sum": 110}')
    grammar = body["structured_outputs"]["grammar"]
    assert "sum" in grammar
    # Its parser takes no empty alternative.
    assert '::= "" | " "' in grammar


@pytest.mark.parametrize(
    ("owner", "said"),
    [("somebody", "frames the conversation itself"), ("library", "frames the conversation itself")],
)
def test_a_server_that_cannot_is_refused_with_the_reason(owner, said):
    with ModelServer(owner=owner, chat=[{"content": "x"}]) as server:
        with pytest.raises(UsageError, match=said):
            reply_of(opened(server), asked(shape=SHAPE))
        assert not any(each.path.endswith("/completions") for each in server.asked)


@pytest.mark.long
def test_llama_server_thinks_freely_and_answers_in_shape(llama_server_url):
    with closing(RemoteEngine(Server(llama_server_url), patience=quick())) as engine:
        for limit in ("max", "off", "30"):
            for shape in (SHAPE, YES):
                request = asked(shape=shape, budget=Budget.parse(limit))
                reply = reply_of(engine, request)
                assert reply.final is not None, reply
                assert reply.thought


@pytest.mark.parametrize("option", ["--grammar", "--json-schema"])
def test_a_broken_shape_is_refused_before_a_server_is_asked_anything(option, tmp_path):
    file = tmp_path / "shape"
    endless = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    file.write_text("root ::= (" if option == "--grammar" else json.dumps(endless), "utf-8")
    with ModelServer(JSON) as server:
        code, out, err = run("ask", "-m", f"{server.url}#m", "--no-save", option, file, "Well?")
        assert server.asked == []
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "cannot be used" in err
