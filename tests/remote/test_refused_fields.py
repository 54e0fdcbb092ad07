"""Servers that refuse a field of a request: it is left out, once, and said."""

from __future__ import annotations

import json

import pytest

from r1chat.engine.base import Sampling
from r1chat.events import Notice, Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.remote.helpers import REPLY, WHOLE, asked, events_of, opened
from tests.remote.server import Fault, ModelServer

OPENAI = "Unsupported parameter: '{}' is not supported with this model."
PYDANTIC = (
    "1 validation error for Request\n{}\n  Extra inputs are not permitted "
    "[type=extra_forbidden, input_value={{'seed': 1, 'top_p': 1, 'min_p': 0}}, input_type=dict]"
)


def error(words, **more):
    return json.dumps({"error": {"message": words, **more}}).encode()


def detail(name):
    one = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs", "input": 40}
    return json.dumps({"detail": [one]}).encode()


FORMS = {
    "OpenAI": lambda name: (400, error(OPENAI.format(name), param=name)),
    "OpenAI's words": lambda name: (400, error(OPENAI.format(name))),
    "Groq": lambda name: (400, error(f"property '{name}' is unsupported")),
    "Mistral": lambda name: (422, detail(name)),
    "vLLM": lambda name: (400, error(f"[{{'loc': ('body', '{name}'), 'input': {{'top_p': 1}}}}]")),
    "pydantic": lambda name: (422, error(PYDANTIC.format(name))),
    "plain": lambda name: (400, f"unknown field `{name}`".encode()),
    "Python": lambda name: (
        500,
        error(f"generate() got an unexpected keyword argument '{name}'", code=500),
    ),
    "LiteLLM": lambda name: (
        400,
        error(f"litellm.UnsupportedParamsError: x does not support parameters: ['{name}']"),
    ),
}


def told(events):
    return [e.text for e in events if isinstance(e, Notice)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["top_k", "min_p", "seed", "temperature", "repetition_penalty"])
def test_a_field_that_is_refused_is_left_out_and_said_once(form, name):
    with ModelServer(REPLY) as server:
        status, body = FORMS[form](name)
        server.faults = [Fault(status=status, body=body)]
        engine = opened(server)
        first, second = events_of(engine, asked()), events_of(engine, asked())
        sent = [name in each.body for each in server.completions()]
    assert sent == [True, False, False]
    assert told(first) == [f"{engine.info.host} does not take {name} as asked: left out"]
    assert told(second) == []
    assert [events[-1].answer for events in (first, second)] == [WHOLE, WHOLE]


def test_a_field_that_is_refused_in_the_stream_is_left_out_too():
    raw = b'data: {"error": {"code": 400, "message": "unknown field top_k"}}\n\n'
    with ModelServer(REPLY) as server:
        server.faults = [Fault(raw=raw)]
        assert events_of(opened(server), asked())[-1].answer == WHOLE
        assert "top_k" not in server.completions()[-1].body


def test_fields_that_are_refused_together_are_left_out_together():
    words = "Unrecognized request arguments supplied: min_p, top_k"
    with ModelServer(REPLY) as server:
        server.faults = [Fault(status=400, body=error(words))]
        events = events_of(opened(server), asked())
    (notice,) = told(events)
    assert "does not take min_p and top_k" in notice
    assert events[-1].answer == WHOLE


def test_a_part_of_a_field_is_left_out_with_the_whole():
    words = "stream_options.continuous_usage_stats: unknown"
    with ModelServer(REPLY) as server:
        server.faults = [Fault(status=400, body=error(words))]
        events = events_of(opened(server), asked())
        assert "stream_options" not in server.completions()[-1].body
    assert events[-1].answer == WHOLE


def test_a_server_that_refuses_one_field_after_another_is_followed_to_the_end():
    names = ("top_k", "min_p", "seed", "temperature", "top_p", "stream_options")
    with ModelServer(REPLY) as server:
        server.faults = [Fault(status=400, body=error(OPENAI.format(name))) for name in names]
        events = events_of(opened(server), asked())
        assert not set(names) & server.completions()[-1].body.keys()
    assert len(told(events)) == len(names)
    assert events[-1].answer == WHOLE


def test_a_server_that_refuses_a_field_that_it_was_not_sent_is_left():
    with ModelServer(REPLY) as server:
        server.faults = [Fault(status=400, body=error(OPENAI.format("top_k")), times=9)]
        events = events_of(opened(server), asked())
        assert len(server.completions()) == 2
    assert events[-1].receipt.ended_by == "error"
    assert "'top_k' is not supported" in events[-1].error


@pytest.mark.parametrize("name", ["model", "prompt", "messages", "stream"])
def test_what_no_request_can_do_without_is_never_left_out(name):
    with ModelServer(REPLY) as server:
        server.faults = [Fault(status=400, body=error(f"'{name}' is wrong", param=name), times=9)]
        events = events_of(opened(server), asked())
        assert len(server.completions()) == 1
    assert f"'{name}' is wrong" in events[-1].error


def test_the_limit_goes_by_its_newer_name_where_that_is_wanted():
    words = OPENAI.format("max_tokens") + " Use 'max_completion_tokens' instead."
    deltas = [{"content": f" a{n}"} for n in range(9)]
    with ModelServer(owner="vllm", r1=False, chat=deltas) as server:
        server.faults = [Fault(status=400, body=error(words, param="max_tokens"))]
        engine = opened(server)
        request = asked(max_answer=3, budget=Budget(tokens=0))
        events = events_of(engine, request)
        body = server.completions()[-1].body
    assert (body["max_completion_tokens"], "max_tokens" in body) == (3, False)
    assert any("max_completion_tokens in place of max_tokens" in each for each in told(events))
    # The server of the tests does not know that name; what it sends too much is not taken.
    assert (events[-1].answer, events[-1].receipt.answer_ended_by) == ("a0 a1 a2", "length")


def test_a_limit_that_is_refused_is_kept_here():
    words = "max_tokens is too large: 32768. This model supports at most 8192 completion tokens"
    deltas = [{"content": f" a{n}"} for n in range(9)]
    with ModelServer(owner="vllm", r1=False, chat=deltas) as server:
        server.faults = [Fault(status=400, body=error(words, param="max_tokens"))]
        events = events_of(opened(server), asked(max_answer=3, budget=Budget(tokens=0)))
    assert (events[-1].answer, events[-1].receipt.answer_ended_by) == ("a0 a1 a2", "length")


def test_several_replies_learn_it_together():
    with ModelServer(owner="somebody", chat=[{"content": "42"}]) as server:
        words = error(OPENAI.format("seed"))
        server.faults = [Fault(times=99, status=400, body=words, when="seed")]
        group = ControlGroup(Control(), 4)
        request = asked(sampling=Sampling(seed=3))
        events = list(opened(server).stream_many(request, group))
    replies = [e.event for e in events if isinstance(e, Sampled) and isinstance(e.event, Reply)]
    assert [reply.answer for reply in replies] == ["42"] * 4
    assert sum("does not take seed" in each for each in told(events)) == 1


def test_several_replies_in_one_stream_are_asked_one_by_one_where_n_is_refused():
    with ModelServer(REPLY) as server:
        server.faults = [Fault(status=400, body=error(OPENAI.format("n"), param="n"))]
        group = ControlGroup(Control(), 3)
        events = list(opened(server).stream_many(asked(sampling=Sampling(seed=3)), group))
    replies = [e.event for e in events if isinstance(e, Sampled) and isinstance(e.event, Reply)]
    assert [reply.answer for reply in replies] == [WHOLE] * 3


def test_what_turns_thoughts_off_is_left_out_where_it_is_refused():
    name = "chat_template_kwargs"
    with ModelServer(owner="sglang", r1=False, chat=[{"content": "42"}]) as server:
        words = error("enable_thinking: Extra inputs are not permitted")
        server.faults = [Fault(times=99, status=400, body=words, when=name)]
        events = events_of(opened(server), asked(budget=Budget(tokens=0)))
        sent = [name in each.body for each in server.completions()]
    assert sent == [True, False]
    assert any(f"does not take {name}" in each for each in told(events))
