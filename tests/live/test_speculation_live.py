"""Drafts in the real engine: they change no word, and leave the cache as it would be without."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loaded import LoadedModel
from r1chat.engine.machine import MAIN
from r1chat.engine.speculation import Speculation
from r1chat.events import Peeked, Reply, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from tests.factory import write_model

GREEDY = Sampling(temperature=0)


class Eager(Speculation):
    """Drafts wherever something is repeated, whatever it costs."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def draft(
        self,
        text: Sequence[int],
        token: int,
        room: int,
        usable: Callable[[int], bool] | None = None,
    ) -> list[int]:
        del usable
        self._lookup.follow(text, token)
        return self._lookup.draft(text, token, min(self._size - 1, room))


def drafting(engine: LlamaEngine, size: int) -> LlamaEngine:
    def work(model: LoadedModel) -> None:
        model.machine.speculation = Eager(size)

    engine.inside(work)
    return engine


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    """A model that repeats itself: with small weights, each token depends on the last alone."""
    path = write_model(tmp_path_factory.mktemp("model") / "loops.gguf", scale=0.1)
    engine = LlamaEngine(path, options=LoadOptions(trusted=True, ctx=512))
    yield engine
    engine.close()


def ask(
    engine: LlamaEngine,
    text: str = "Hi",
    *,
    budget: Budget | None = None,
    sampling: Sampling = GREEDY,
    reuse: bool = True,
    control: Control | None = None,
    before: tuple[Message, ...] = (),
) -> Reply:
    request = Request(
        (*before, Message("user", text)),
        budget=budget or Budget(tokens=60),
        sampling=sampling,
        max_answer=60,
        reuse=reuse,
    )
    *_, reply = engine.stream(request, control or Control(request.budget))
    assert isinstance(reply, Reply)
    assert reply.error is None
    return reply


@pytest.mark.parametrize("size", [2, 3, 4, 8, 16])
def test_a_text_with_drafts_is_the_text_without(loops, size):
    plain = ask(loops, reuse=False)
    reply = ask(drafting(loops, size))
    assert reply.receipt.accepted_tokens > 20
    assert (reply.thought, reply.answer, reply.ids) == (plain.thought, plain.answer, plain.ids)


@pytest.mark.parametrize("question", ["What is 517 - 268?", "What is 12 + 345 + 86?"])
def test_the_built_in_model_says_the_same_with_drafts(tiny, question):
    plain = ask(tiny, question, budget=Budget(), reuse=False)
    reply = ask(drafting(tiny, 4), question, budget=Budget())
    assert reply.receipt.drafted_tokens > reply.receipt.accepted_tokens > 0
    assert (reply.thought, reply.answer) == (plain.thought, plain.answer)


def test_without_reuse_nothing_is_drafted(loops):
    assert ask(drafting(loops, 4), reuse=False).receipt.drafted_tokens == 0


def test_a_thought_that_is_closed_in_the_middle_of_a_draft_goes_on_as_without(loops):
    drafting(loops, 8)
    for tokens in range(20, 40):
        plain = ask(loops, budget=Budget(tokens=tokens, grace=0), reuse=False)
        reply = ask(loops, budget=Budget(tokens=tokens, grace=0))
        assert reply.ids == plain.ids


def test_the_next_turn_reads_what_really_was_said(loops):
    drafting(loops, 8)
    first = ask(loops)
    said = (Message("user", "Hi"), Message("assistant", first.answer, first.answer_ids))
    after = ask(loops, "And?", before=said)
    assert after.ids == ask(loops, "And?", before=said, reuse=False).ids


def test_looks_ahead_disturb_no_draft(loops):
    drafting(loops, 8)
    plain = ask(loops, reuse=False)
    request = Request((Message("user", "Hi"),), Budget(tokens=60), sampling=GREEDY, max_answer=60)
    *events, reply = loops.stream(request, Control(request.budget, peek_every=7))
    assert sum(isinstance(event, Peeked) for event in events) >= 5
    assert reply.ids == plain.ids
    assert reply.receipt.accepted_tokens


def test_stopped_at_any_token_the_model_stays_as_it_was(loops):
    drafting(loops, 8)
    plain = ask(loops, reuse=False)
    draw = random.Random(4)
    for _ in range(20):
        left = draw.randrange(1, 60)
        request = Request(
            (Message("user", "Hi"),), Budget(tokens=60), sampling=GREEDY, max_answer=60
        )
        control = Control(request.budget)
        for event in loops.stream(request, control):
            left -= isinstance(event, ThoughtText)
            if left == 0:
                control.cancel()
        assert ask(loops).ids == plain.ids


def test_a_context_that_fills_up_ends_the_reply_and_no_more(loops):
    drafting(loops, 16)
    plain = ask(loops, "Hi " * 100, budget=Budget(), reuse=False)
    reply = ask(loops, "Hi " * 100, budget=Budget())
    assert reply.ids == plain.ids


@pytest.mark.parametrize("name", ["loops", "tiny"])
def test_sizes_that_are_called_exact_are_so_to_the_bit(request, name):
    engine = request.getfixturevalue(name)
    ask(engine, "What is 12 + 345?", reuse=False)

    def work(model: LoadedModel) -> list[tuple[int, bool, bool]]:
        machine = model.machine
        machine.speculation = Speculation()
        machine.speculation.cost.single = 1.0
        machine.speculation._account.saved = 0.0
        found, same = [], True
        for size in (2, 3, 4):
            last = machine.tokens(MAIN)[-size:]
            same = same and machine._rows(last, size) == machine._rows(last, 1)
            assert not machine._is_exact(size), "nobody pays"
            machine.speculation._account.saved = 16.0
            found.append((size, machine._is_exact(size), same))
            machine.speculation._account.saved = 0.0
        return found

    for size, exact, same in engine.inside(work):
        assert exact == same, size


def test_a_size_that_rounds_otherwise_is_looked_at_once_and_ends_the_search(tiny, monkeypatch):
    looked: list[int] = []

    def work(model: LoadedModel) -> None:
        machine = model.machine
        machine.speculation = Speculation()
        machine.speculation.cost.single = 1.0
        monkeypatch.setattr(machine, "_inexact_from", 99)
        monkeypatch.setattr(machine, "_exact", set())

        def rows(tokens: list[int], size: int) -> list[bytes]:
            looked.append(size)
            # Of three tokens the last one's are others: the first two alone tell nothing.
            return [b"same"] * (len(tokens) - 1) + [b"other" if size == 3 else b"same"]

        monkeypatch.setattr(machine, "_rows", rows)
        found = []
        for size in (2, 3, 3, 4, 2):
            machine.speculation._account.saved = 16.0
            found.append(machine._is_exact(size))
        assert found == [True, False, False, False, True]

    tiny.inside(work)
    assert looked == [2, 1, 3, 1]


def test_greedy_decoding_drafts_only_in_exact_sizes(tiny):
    sizes: list[int] = []

    class Watched(Speculation):
        def draft(self, text, token, room, usable=None):
            assert usable is not None
            drafted = super().draft(text, token, room, usable)
            if drafted:
                assert usable(1 + len(drafted))
                sizes.append(1 + len(drafted))
            return drafted

    def work(model: LoadedModel) -> None:
        model.machine.speculation = Watched()
        model.machine.speculation.least_s = 0.0

    tiny.inside(work)
    with_drafts = ask(tiny, "What is 517 - 268?", budget=Budget())
    plain = ask(tiny, "What is 517 - 268?", budget=Budget(), reuse=False)
    assert with_drafts.ids == plain.ids
