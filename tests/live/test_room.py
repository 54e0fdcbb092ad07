"""Room for several samples: made when they are wanted, as far as memory allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.many import width
from r1chat.engine.room import cells_wanted
from r1chat.events import Drawing, Reply, Sampled
from r1chat.gguf import read_header
from r1chat.gguf.needs import Shape, needs
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.factory import write_model

CONTEXT = 1 << 16
PROMPT = 100


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose context is so long that the cache of several samples is not cheap."""
    return write_model(tmp_path_factory.mktemp("long") / "long.gguf", context=CONTEXT)


@pytest.fixture
def engine(long_model: Path):
    options = LoadOptions(trusted=True, ctx=CONTEXT)
    engine = LlamaEngine(long_model, options=options)
    yield engine
    engine.close()


def question(budget: Budget | None = None) -> Request:
    return Request(
        messages=(Message("user", "hello"),),
        budget=budget or Budget(),
        sampling=Sampling(seed=3),
        max_answer=4,
    )


def drawn(engine: LlamaEngine, count: int, request: Request, *, tokens: int = 5):
    """What is said before samples begin, and their replies; stopped after some tokens."""
    control = Control(request.budget)
    drawing, replies, seen = None, [], 0
    for event in engine.stream_many(request, ControlGroup(control, count)):
        if isinstance(event, Drawing):
            drawing = event
        elif isinstance(event, Sampled) and isinstance(event.event, Reply):
            replies.append(event.event)
        elif isinstance(event, Sampled):
            seen += 1
            if seen >= tokens * count:
                control.cancel()
    return drawing, replies


def test_a_model_loaded_for_one_reply_makes_room_for_several(engine):
    drawing, replies = drawn(engine, 4, question())
    assert drawing == Drawing(4, 4)
    assert len(replies) == 4
    assert all(reply.thought for reply in replies)


def test_what_was_said_before_is_read_anew_and_the_conversation_goes_on(engine):
    alone = question(Budget(tokens=6))
    (*_, first) = engine.stream(alone, Control(alone.budget))
    drawn(engine, 4, question())
    (*_, after) = engine.stream(alone, Control(alone.budget))
    assert after.thought == first.thought
    assert after.receipt.prompt_reused_tokens > 0


def test_room_that_is_there_is_not_made_again(engine):
    drawn(engine, 4, question())
    machine = engine._loaded().machine
    drawn(engine, 4, question())
    assert engine._loaded().machine is machine


def test_a_budget_that_leaves_room_enough_changes_nothing(engine):
    machine = engine._loaded().machine
    drawing, _ = drawn(engine, 4, question(Budget(tokens=64)))
    assert drawing == Drawing(4, 4)
    assert engine._loaded().machine is machine


@pytest.mark.parametrize("fitting", [1, 2, 3, 8])
def test_as_many_get_room_as_fit_into_the_memory(engine, long_model, fitting):
    header, machine = read_header(long_model), engine._loaded().machine
    shape = Shape.of(header)
    each = machine.capacity - PROMPT
    total = needs(shape, header.size, PROMPT + fitting * each).total
    # What the cache there is holds would be free as well.
    available = int(total / 0.9) + 1 - machine.cells * shape.cache_per_token
    cells = cells_wanted(header, machine, PROMPT, 8, question(), available)
    assert width(cells, machine.capacity, PROMPT, 8, question()) == fitting


def test_where_memory_is_short_they_take_turns_and_that_is_said(engine, monkeypatch):
    monkeypatch.setattr("r1chat.engine.loaded.available_memory", lambda: 1)
    drawing, replies = drawn(engine, 3, question())
    assert drawing == Drawing(3, 1, short=True)
    assert len(replies) == 3
