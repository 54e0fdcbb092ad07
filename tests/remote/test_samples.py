"""Several replies to one question, on a server that can be asked for all at once."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import pytest

from r1chat.engine.base import Continuation, Sampling
from r1chat.events import Fork, Forked, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.session import Session
from tests.remote.helpers import asked, opened, reply_of
from tests.remote.server import Fault, ModelServer

REPLY = [*(f" word{n}" for n in range(40)), "\n", "</think>", "\n\n", "It", " is", " 42."]
THOUGHT = "".join(REPLY[:41])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server that can do it."""
    with ModelServer(REPLY) as running:
        yield running


def drawn(server, count, *, budget=None, act=None):
    engine = opened(server)
    group = ControlGroup(Control(budget), count)
    request = asked(sampling=Sampling(seed=7), budget=budget or Budget())
    replies = {}
    for event in engine.stream_many(request, group):
        if isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies[event.sample] = event.event
        if act is not None:
            act(event, group)
    return [replies[number] for number in range(count)]


def test_all_of_them_come_in_one_stream(server):
    replies = drawn(server, 4)
    assert [(each.thought, each.answer) for each in replies] == [(THOUGHT, "It is 42.")] * 4
    assert [each.receipt.seed for each in replies] == [7, 8, 9, 10]
    assert [each.body.get("n") for each in server.completions()] == [4]


def test_more_than_the_server_has_room_for_are_asked_one_by_one(server):
    replies = drawn(server, 12)
    assert all(each.answer == "It is 42." for each in replies)
    assert len(server.completions()) == 12


def test_each_lands_by_itself(server):
    replies = drawn(server, 3, budget=Budget(tokens=20))
    assert {each.receipt.thought_ended_by for each in replies} == {"budget"}
    assert all(each.receipt.thought_tokens <= 22 for each in replies)
    assert all(each.answer == "It is 42." for each in replies)
    assert [each.body.get("n") for each in server.completions()] == [3, None, None, None]


def test_one_can_be_stopped_and_the_others_go_on(server):
    server.pause = 0.01

    def stop_first(event, group):
        inner = event.event if isinstance(event, Sampled) else None
        if isinstance(inner, ThoughtText) and event.sample == 0 and inner.tokens == 5:
            group.parts[0].cancel()

    replies = drawn(server, 3, act=stop_first)
    assert [each.receipt.ended_by for each in replies] == ["cancelled", "natural", "natural"]


def test_the_server_may_rest_when_all_are_stopped(server):
    server.pause = 0.01

    def stop(event, group):
        if isinstance(event, Sampled):
            group.stop()

    replies = drawn(server, 3, act=stop)
    assert {each.receipt.ended_by for each in replies} == {"cancelled"}
    assert server.gone.wait(10)


def test_a_cut_stream_leaves_what_came_of_each(server):
    server.faults = [Fault(after=4000, how="reset")]
    replies = drawn(server, 3)
    assert {each.receipt.ended_by for each in replies} == {"error"}
    assert all(THOUGHT.startswith(each.thought) and each.thought for each in replies)


def test_replies_at_once_run_side_by_side(server):
    """On one engine: none of them waits for the others, and none is cut."""
    server.pause = 0.002
    engine = opened(server)
    found = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda out=out: out.extend(engine.stream(asked(), Control())))
        for out in found
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(e[-1].thought, e[-1].answer) for e in found] == [(THOUGHT, "It is 42.")] * 4
    assert {e[-1].receipt.ended_by for e in found} == {"natural"}


def test_a_majority_is_found_on_a_server(server):
    engine = opened(server)
    *_, reply = Session(engine).consensus("?", samples=5)
    assert reply.votes[0][0] == "42"
    assert reply.votes[0][1] >= 3


def test_no_more_are_asked_for_than_could_decide_it(server):
    engine = opened(server)
    *_, reply = Session(engine).consensus("?", samples=8, samples_stop="likely")
    assert reply.votes == (("42", 2),)
    assert [each.body.get("n") for each in server.completions()] == [None, None]
    assert [each.receipt.ended_by for each in reply.samples[2:]] == ["cancelled"] * 6


def test_those_that_branch_off_go_on_behind_what_they_share(server):
    engine = opened(server)
    trunk = reply_of(engine, asked())
    places = (len(" word0 word1"), len(" word0 word1 word2 word3"))
    forks = tuple(Continuation(trunk, at, fork=Fork(at)) for at in places)
    before = len(server.completions())
    group = ControlGroup(Control(), 2)
    found = {
        event.sample: event.event
        for event in engine.stream_many(asked(forks=forks), group)
        if isinstance(event, Sampled) and isinstance(event.event, Reply)
    }
    for number, at in enumerate(places):
        reply = found[number]
        assert (reply.thought, reply.answer) == (THOUGHT, "It is 42.")
        assert reply.receipt.fork.at == at
        assert 0 < reply.receipt.fork.tokens < reply.receipt.thought_tokens
    # One request each: their prompts differ.
    assert [each.body.get("n") for each in server.completions()[before:]] == [None, None]


def test_a_tree_branches_off_by_how_likely_tokens_were_where_no_more_is_told():
    thought = [" one", " two", " three.\n", " four", " five", " six.\n", "</think>", "\n\n"]
    with ModelServer([*thought, "It", " is", " 42."]) as server:
        session = Session(opened(server))
        *events, reply = session.consensus("?", samples=3, tree=True)
    place = len(" one two three.\n")
    told = [each for each in events if isinstance(each, Sampled) and isinstance(each.event, Forked)]
    assert [(each.sample, each.event.at) for each in told] == [(1, place), (2, place)]
    # The logarithm of one half.
    assert told[0].event.entropy == pytest.approx(math.log(2))
    # Two agree: the third may have been stopped.
    ended = [each for each in reply.samples if each.receipt.ended_by == "natural"]
    assert {each.final for each in ended} == {"42"}
    assert {each.receipt.fork.at for each in ended if each.receipt.fork} == {place}
