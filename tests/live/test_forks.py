"""Several replies that branch off from one thought: what they share is read once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.context import Context
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.events import Fork, Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.factory import write_model
from tests.kinds import write_kind

ASKED = Request((Message("user", "What is 517 - 268?"),), sampling=Sampling(seed=3))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each batch had that was evaluated."""
    sizes: list[int] = []
    decode = Context.decode

    def counted(self: Context, rows, draft=()):
        sizes.append(sum(len(tokens) for _, tokens in rows) + len(draft))
        return decode(self, rows, draft)

    monkeypatch.setattr(Context, "decode", counted)
    return sizes


def written(engine: LlamaEngine, request: Request) -> Reply:
    *_, reply = engine.stream(request, Control(request.budget))
    assert isinstance(reply, Reply)
    return reply


def branched(engine: LlamaEngine, request: Request) -> list[Reply]:
    group = ControlGroup(Control(request.budget), len(request.forks))
    found = {
        event.sample: event.event
        for event in engine.stream_many(request, group)
        if isinstance(event, Sampled) and isinstance(event.event, Reply)
    }
    return [found[number] for number in range(len(request.forks))]


def forks_of(trunk: Reply, *places: int) -> tuple[Continuation, ...]:
    return tuple(Continuation(trunk, keep=at, fork=Fork(at)) for at in places)


def test_forks_share_what_stands_before_them_and_say_how_much(tiny, decoded):
    trunk = written(tiny, ASKED)
    lines = [at + 1 for at, char in enumerate(trunk.thought) if char == "\n"]
    # In the middle of a token too, and at one place twice.
    places = (lines[-2], lines[0], lines[0], lines[1] + 3)
    request = replace(ASKED, forks=forks_of(trunk, *places))
    decoded.clear()
    replies = branched(tiny, request)
    evaluated = sum(decoded)
    for number, (reply, at) in enumerate(zip(replies, places, strict=True)):
        assert reply.thought[:at] == trunk.thought[:at]
        fork = reply.receipt.fork
        assert fork == Fork(at, fork.tokens)
        assert 0 < fork.tokens < trunk.receipt.thought_tokens
        # It is what would be written if it were continued alone from there.
        sampling = replace(ASKED.sampling, seed=3 + number)
        alone = written(tiny, replace(request.of(number), sampling=sampling))
        assert (reply.thought, reply.answer) == (alone.thought, alone.answer)
    new = sum(
        len(reply.ids) - reply.receipt.fork.tokens - reply.receipt.injected_tokens
        for reply in replies
    )
    # Each reads the last token of what it shares again, and one that was cut through, in parts.
    assert evaluated <= new + 2 * len(replies)


def test_a_cache_that_is_made_anew_for_forks_takes_the_thought_along(tmp_path, decoded):
    path = write_model(tmp_path / "long.gguf", context=1 << 16)
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=1 << 16))
    try:
        trunk = written(engine, replace(ASKED, budget=Budget(tokens=150), max_answer=4))
        cells = engine.inside(lambda model: model.machine.cells)
        request = replace(ASKED, forks=forks_of(trunk, *[len(trunk.thought) // 2] * 4))
        decoded.clear()
        control = Control()
        for event in engine.stream_many(request, ControlGroup(control, 4)):
            if isinstance(event, Sampled):
                control.cancel()
        assert engine.inside(lambda model: model.machine.cells) > cells
        # Nothing but what is new of each, a token at a time.
        assert max(decoded) <= len(request.forks)
    finally:
        engine.close()


@pytest.mark.parametrize("arch", ["mamba", "gemma3"])
def test_forks_of_a_memory_that_cannot_be_cut_are_exact_too(tmp_path, arch):
    """A state of all tokens, and a window that has lost what stood before it."""
    asked = Request(
        (Message("user", "hello"),),
        budget=Budget(tokens=48),
        sampling=Sampling(temperature=0),
        max_answer=4,
    )
    path = write_kind(tmp_path / f"{arch}.gguf", arch)
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=512))
    try:
        trunk = written(engine, asked)
        length = len(trunk.thought)
        forks = forks_of(trunk, length, length // 3, length // 2)
        for number, reply in enumerate(branched(engine, replace(asked, forks=forks))):
            alone = written(engine, replace(asked, resume=forks[number]))
            assert reply.thought == alone.thought
    finally:
        engine.close()
