"""Looks ahead on the built-in model."""

from __future__ import annotations

import json

import pytest

from r1chat import settings
from r1chat.engine.base import Message, Request, Sampling
from r1chat.events import Notice, Peeked, Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.settings import Settings
from tests.program import run

SUM = "What is 44 + 41 + 25?"


def asked(engine, budget="max", every=None, question=SUM):
    request = Request(
        (Message("user", question),), sampling=Sampling(seed=4), budget=Budget.parse(budget)
    )
    events = list(engine.stream(request, Control(request.budget, peek_every=every)))
    assert isinstance(events[-1], Reply)
    return [event for event in events if isinstance(event, Peeked)], events[-1]


def test_a_thought_is_the_same_with_looks_and_without(tiny):
    _, without = asked(tiny)
    peeks, reply = asked(tiny, every=10)
    assert len(peeks) > 10
    assert (reply.thought, reply.answer) == (without.thought, without.answer)
    assert reply.receipt.thought_tokens == without.receipt.thought_tokens


def test_the_last_look_is_the_answer(tiny):
    peeks, reply = asked(tiny, every=32)
    assert peeks[-1].final == reply.final == "110"
    assert peeks[-1].repeats >= 2
    assert [peek.tokens for peek in peeks] == [32 * (at + 1) for at in range(len(peeks))]


def test_the_budget_auto_ends_the_thought_when_the_model_is_sure(tiny):
    question = "What is 444 + 419 + 258?"
    _, long = asked(tiny, question=question)
    peeks, reply = asked(tiny, "auto", question=question)
    assert reply.receipt.thought_ended_by == "sure"
    assert peeks[-1].confidence >= 0.999 > max(each.confidence or 0 for each in peeks[:-1])
    assert reply.receipt.budget == "auto"
    assert reply.receipt.thought_tokens < long.receipt.thought_tokens
    assert reply.final == long.final == "1121"
    assert reply.injected


def test_a_look_on_a_wish_comes_at_the_next_token(tiny):
    control = Control()
    request = Request((Message("user", SUM),), sampling=Sampling(seed=4))
    peeks = []
    for number, event in enumerate(tiny.stream(request, control)):
        if number == 20:
            control.peek()
        if isinstance(event, Peeked):
            peeks.append(event)
    assert len(peeks) == 1


def test_where_the_cache_is_full_nobody_looks(random_r1):
    request = Request(
        (Message("user", "Hi"),), sampling=Sampling(seed=5, temperature=2), max_answer=4
    )
    events = list(random_r1.stream(request, Control(peek_every=8)))
    assert isinstance(events[-1], Reply)
    assert events[-1].error is None


@pytest.fixture
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("R1CHAT_HOME", str(tmp_path))


@pytest.mark.usefixtures("_home")
def test_the_command_line_tells_what_it_sees():
    code, out, err = run("ask", "--peek", "64", "--seed", "4", "--thoughts", "show", SUM)
    assert (code, out) == (0, "44 + 41 + 25 = \\boxed{110}\n")
    assert "[so far: 110 (2 times, > 99 %)]" in err
    lines = run("ask", "-b", "auto", "--seed", "4", "--format", "jsonl", SUM)[1].splitlines()
    peeks = [each for each in map(json.loads, lines) if each["type"] == "peeked"]
    assert peeks[-1]["final"] == "110"


@pytest.mark.usefixtures("_home")
def test_the_setting_is_for_those_who_read_along():
    settings.save(Settings(peek=64))
    ask = ("ask", "--seed", "4")
    shown = run(*ask, "--thoughts", "show", SUM)[2]
    assert "[so far: 110 (2 times, > 99 %)]" in shown
    assert "so far" not in run(*ask, "--thoughts", "show", "--peek", "0", SUM)[2]
    assert "so far" not in run(*ask, "--thoughts", "hide", SUM)[2]
    assert '"peeked"' not in run(*ask, "--format", "jsonl", SUM)[1]


def test_a_minimum_and_the_budget_auto_go_together(tiny):
    request = Request((Message("user", SUM),), sampling=Sampling(seed=4))
    control = Control(Budget.parse("auto", minimum=300))
    events = list(tiny.stream(request, control))
    receipt = events[-1].receipt
    assert receipt.thought_tokens >= 300 or any(isinstance(event, Notice) for event in events)
    assert "Wait," in "".join(injection.text for injection in events[-1].injected)
