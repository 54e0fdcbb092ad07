"""A token that is forbidden is not drawn, and nothing else about a reply changes."""

from __future__ import annotations

import pytest

from r1chat.engine.base import Sampling
from r1chat.engine.lanes import Lane
from r1chat.engine.machine import LANES

QUESTION = "<｜User｜>What is 44 + 41?<｜Assistant｜><think>\n"


def first_tokens(model, count, temperature):
    """The tokens that may come first, each found by forbidding those before it."""
    machine = model.machine
    machine.clear()
    machine.set_sampler(Sampling(temperature=temperature), 1)
    machine.evaluate(machine.vocabulary.tokenize(QUESTION, special=True))
    found = []
    for _ in range(count):
        found.append(machine.sample())
        machine.forbid(found[-1])
    return found


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_forbidden_is_not_drawn_again(tiny, temperature):
    found = tiny.inside(lambda model: first_tokens(model, 30, temperature))
    assert len(set(found)) == 30


def test_the_next_place_forbids_nothing(tiny):
    def draw(model):
        machine = model.machine
        first = first_tokens(model, 1, 0.0)[0]
        second = machine.sample()
        machine.evaluate([second])
        machine.truncate(machine.position - 1)
        machine.evaluate(machine.vocabulary.tokenize("\n", special=False))
        machine.truncate(0)
        return first, first_tokens(model, 1, 0.0)[0]

    first, again = tiny.inside(draw)
    assert first == again


def test_a_lane_forbids_at_its_own_place(tiny):
    def draw(model):
        machine = model.machine
        machine.clear()
        tokens = machine.vocabulary.tokenize(QUESTION, special=True)
        machine.evaluate(tokens)
        lanes = [Lane(machine, LANES + n, 100, Sampling(temperature=0.0), 1) for n in range(2)]
        for lane in lanes:
            lane.reuse(tokens)
        ends = machine.evaluate_together([(lane.sequence, tokens[-1:]) for lane in lanes])
        for lane, end in zip(lanes, ends, strict=True):
            lane.index = end
        first = lanes[0].sample()
        lanes[0].forbid(first)
        found = (first, lanes[0].sample(), lanes[1].sample())
        for lane in lanes:
            lane.close()
        return found

    first, other, beside = tiny.inside(draw)
    assert other != first
    assert beside == first
