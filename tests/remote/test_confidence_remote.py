"""How sure a server's model is, where the server says so."""

from __future__ import annotations

import math

import pytest

from r1chat.events import Notice, Peeked, Reply, Sampled, TokenScore
from r1chat.reasoning.control import Control, ControlGroup
from tests.remote.helpers import REPLY, asked, events_of, opened
from tests.remote.server import ModelServer


@pytest.mark.parametrize("lists", [False, True])
def test_servers_that_say_it_are_believed_in_either_form(lists):
    with ModelServer(REPLY, lists_logprobs=lists) as server:
        engine = opened(server)
        *events, reply = events_of(engine, asked(), Control(measures=True, peek_every=20))
        assert not [each for each in events if isinstance(each, Notice)]
        told = [each for each in events if isinstance(each, TokenScore)]
        assert set(reply.scores) <= set(told)
        for part, whole in (("thought", reply.thought), ("answer", reply.answer)):
            scores = [each for each in reply.scores if each.part == part]
            assert "".join(each.text for each in scores).startswith(whole)
            assert all(each.logprob == pytest.approx(math.log(0.5)) for each in scores)
            assert all(each.entropy is None for each in scores)
        sure = reply.receipt.confidence
        assert [sure.thought, sure.answer, sure.final] == pytest.approx([0.5] * 3)
        peeks = [each for each in events if isinstance(each, Peeked)]
        assert [each.confidence for each in peeks] == pytest.approx([0.5] * len(peeks))
        assert len(peeks) >= 2
        many = ControlGroup(Control(measures=True), 3)
        replies = [
            each.event
            for each in engine.stream_many(asked(), many)
            if isinstance(each, Sampled) and isinstance(each.event, Reply)
        ]
        assert [each.receipt.confidence.final for each in replies] == pytest.approx([0.5] * 3)
        quiet = events_of(engine, asked())[-1]
        assert quiet.receipt.confidence is None
        assert "logprobs" not in server.completions()[-1].body


@pytest.mark.parametrize(
    "told",
    [
        None,
        7,
        {"content": [7, {}, {"token": "x"}, {"token": "x", "logprob": True}]},
        {"tokens": ["x", 7, "y"], "token_logprobs": ["x", -1.0, float("nan")]},
        {"tokens": ["x"]},
    ],
)
def test_of_the_others_it_is_said_that_they_do_not(told, monkeypatch):
    monkeypatch.setattr(ModelServer, "_logprobs", lambda *_: {"logprobs": told})
    for owner in ("vllm", "somebody"):
        with ModelServer(REPLY, owner=owner, chat=[{"content": "So {42}."}]) as server:
            *events, reply = events_of(opened(server), asked(), Control(measures=True))
            notices = [each.text for each in events if isinstance(each, Notice)]
            assert sum("does not say how sure the model is" in each for each in notices) == 1
            assert (reply.scores, reply.receipt.confidence) == ((), None)
            assert reply.answer.endswith("42}.")
