"""How sure the built-in model is, from its own logits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from r1chat.engine.base import Message, Request, Sampling
from r1chat.events import Peeked, Reply, Sampled
from r1chat.reasoning.control import Control, ControlGroup
from tests.program import run

SUM = "What is 517 - 268?"
"""Nowhere in its thought are two tokens equally likely, so that rounding decides nothing."""
GREEDY = Sampling(temperature=0, seed=1)
REQUEST = Request((Message("user", SUM),), sampling=GREEDY, reuse=False)


def asked(engine, request=REQUEST, **control):
    *events, reply = engine.stream(request, Control(measures=True, **control))
    assert isinstance(reply, Reply)
    return reply, events


def logprobs(reply):
    return [(each.part, each.text, each.logprob) for each in reply.scores]


def test_it_is_the_models_own_distribution_however_tokens_are_drawn(tiny):
    greedy, _ = asked(tiny)
    assert "".join(each.text for each in greedy.scores) == greedy.thought + greedy.answer
    # The likeliest token alone is left to draw from, at another temperature.
    hot, _ = asked(tiny, replace(REQUEST, sampling=Sampling(temperature=2, top_k=1, seed=1)))
    assert logprobs(hot) == logprobs(greedy)
    # Greedy tokens are at least as likely as any other.
    sure = [(each.logprob, each.entropy) for each in greedy.scores if not each.injected]
    assert all(-entropy <= logprob <= 0 <= entropy for logprob, entropy in sure)
    assert any(logprob < -0.01 for logprob, _ in sure)
    assert greedy.receipt.confidence.final > 0.9
    # Drawn freely there are unlikely ones among them.
    free, _ = asked(tiny, replace(REQUEST, sampling=Sampling(temperature=2, top_k=0, seed=1)))
    assert free.receipt.confidence.thought < greedy.receipt.confidence.thought
    # Several tokens in a batch are measured each in its place, and so are samples side by side.
    # What a batch of another size rounds otherwise is far below that.
    drafted, _ = asked(tiny, replace(REQUEST, reuse=True))
    group = ControlGroup(Control(measures=True), 3)
    many = [
        event.event
        for event in tiny.stream_many(REQUEST, group)
        if isinstance(event, Sampled) and isinstance(event.event, Reply)
    ]
    assert len(many) == 3
    for reply in (drafted, *many):
        assert [each.text for each in reply.scores] == [each.text for each in greedy.scores]
        found = [each.logprob for each in reply.scores]
        assert found == pytest.approx([each.logprob for each in greedy.scores], abs=0.02)
    quiet = list(tiny.stream(REQUEST, Control()))[-1]
    assert quiet.scores == ()
    assert quiet.receipt.confidence is None


def test_a_preview_says_how_sure_the_model_is_of_it(tiny):
    reply, events = asked(tiny, peek_every=16)
    peeks = [event for event in events if isinstance(event, Peeked)]
    sure = [each.confidence for each in peeks]
    assert all((each.final is None) == (each.confidence is None) for each in peeks)
    assert all(0 < each <= 1 for each in sure if each is not None)
    assert peeks[-1].final == reply.final
    assert sure[-1] > 0.9 > min(each for each in sure if each is not None)


def test_the_command_line_puts_it_into_json_and_into_the_receipt():
    ask = ("ask", "-m", "tiny", "--temperature", "0", "--logprobs", "--no-save", SUM)
    lines = [
        json.loads(each) for each in run(*ask, "-b", "32", "--format", "jsonl")[1].splitlines()
    ]
    tokens = [each for each in lines if each["type"] == "token_score"]
    assert tokens[0].keys() == {"type", "text", "part", "at", "logprob", "entropy"}
    ours = [each for each in tokens if each.get("injected")]
    assert ours
    assert all(each["logprob"] is each["entropy"] is None for each in ours)
    reply = lines[-1]
    assert reply["tokens"] == [
        {name: each[name] for name in each if name != "type"} for each in tokens
    ]
    assert "".join(each["text"] for each in reply["tokens"]) == reply["thought"] + reply["answer"]
    sure = reply["receipt"]["confidence"]
    assert sure.keys() == {"thought", "thought_least", "answer", "answer_least", "final"}
    assert 0 <= sure["thought_least"] <= sure["thought"] <= 1
    whole = json.loads(run(*ask, "-b", "32", "--format", "json")[1])
    assert (whole["tokens"], whole["receipt"]["confidence"]) == (reply["tokens"], sure)
    assert "sure of its result" in run(*ask, "--thoughts", "show")[2]
