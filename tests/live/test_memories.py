"""What is done to a sequence is exact, or is not done, whatever kind of memory a model has.

Each test compares the logits with those of a fresh evaluation of the same tokens.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from r1chat import prompt
from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.context import ContextOptions
from r1chat.engine.lanes import Lane, run_side_by_side
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.loading import free_model, open_model
from r1chat.engine.machine import AHEAD, LANES, MAIN, TokenMachine
from r1chat.engine.native import AbortByte, api
from r1chat.engine.ways import Ways
from r1chat.errors import Cancelled
from r1chat.events import Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.kinds import KINDS, STATEFUL, write_kind

NOISE = 2e-2
"""What batches of other shapes change at most; a wrong state differs by tenths."""
_SIZES = ContextOptions(512, 1, 1)


class Pair:
    """A machine that things are done to, and a fresh one to compare it with."""

    def __init__(self, path: Path, arch: str) -> None:
        self.path = path
        self.arch = arch
        self.stateful = arch in STATEFUL
        self._model = open_model(path)
        self.abort = AbortByte()
        self.machine = TokenMachine(self._model, _SIZES, self.abort)
        self._fresh = TokenMachine(self._model, _SIZES, AbortByte())

    def close(self) -> None:
        self.machine.close()
        self._fresh.close()
        free_model(self._model)

    def expected(self, tokens: Sequence[int]) -> np.ndarray[Any, Any]:
        self._fresh.clear()
        self._fresh.evaluate(tokens)
        return logits(self._fresh)

    def check(self, tokens: Sequence[int], index: int = -1) -> None:
        """The last batch has ended in what a fresh evaluation of some tokens ends in."""
        assert np.abs(logits(self.machine, index) - self.expected(tokens)).max() < NOISE

    def check_choices(self, messages: tuple[Message, ...], reply: Reply) -> None:
        """Each token that the model chose is the likeliest one by a fresh evaluation."""
        assert reply.error is None
        self._fresh.clear()
        self._fresh.evaluate(prompt.build(self._fresh.vocabulary, messages, template=None).ids)
        # From where the budget may end at the earliest to where the answer begins.
        ours = range(8, len(reply.ids) - len(reply.answer_ids))
        for at, token in enumerate(reply.ids):
            found = logits(self._fresh)
            assert at in ours or found[token] > found.max() - NOISE
            self._fresh.evaluate([token])

    def check_main(self) -> None:
        """The main sequence, with one token more, is what its ledger says."""
        self.machine.evaluate([77])
        self.check(self.machine.tokens(MAIN))


def logits(machine: TokenMachine, index: int = -1) -> np.ndarray[Any, Any]:
    found = api.llama_get_logits_ith(machine.context.handle, index)
    return np.ctypeslib.as_array(found, (machine.vocabulary.size,)).copy()


def text(seed: int, length: int) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(256) for _ in range(length)]


@pytest.fixture(scope="module", params=KINDS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    arch = request.param
    path = write_kind(tmp_path_factory.mktemp("kinds") / f"{arch}.gguf", arch)
    made = Pair(path, arch)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def emptied(pair: Pair) -> None:
    pair.machine.clear()
    pair.machine.checkpoint = 0
    pair.machine.speculates = False


def test_a_fresh_evaluation_is_not_told_apart_by_its_batches(pair: Pair) -> None:
    tokens = text(1, 40)
    for step in (1, 7, 40):
        pair.machine.clear()
        for start in range(0, 40, step):
            pair.machine.evaluate(tokens[start : start + step])
        pair.check(tokens)


def test_a_wrong_state_is_more_than_noise(pair: Pair) -> None:
    one, other = text(1, 40), [*text(1, 25), *text(2, 5), *text(1, 40)[30:]]
    assert np.abs(pair.expected(one) - pair.expected(other)).max() > 10 * NOISE


@pytest.mark.parametrize("length", [0, 1, 9, 20, 39, 40])
def test_a_sequence_that_was_cut_goes_on_as_if_nothing_had_followed(
    pair: Pair, length: int
) -> None:
    pair.machine.checkpoint = 30
    pair.machine.evaluate(text(1, 40))
    pair.machine.truncate(length)
    assert pair.machine.tokens(MAIN) == text(1, 40)[:length]
    pair.machine.evaluate(text(3, 5))
    pair.check(text(1, 40)[:length] + text(3, 5))


@pytest.mark.parametrize("length", [1, 9, 39, 40])
def test_a_fork_is_exact_or_is_not_made(pair: Pair, length: int) -> None:
    machine = pair.machine
    machine.evaluate(text(1, 40))
    made = machine.fork(LANES, length)
    assert made is (length == 40 or not pair.stateful)
    assert machine.tokens(LANES) == (text(1, 40)[:length] if made else [])
    machine.evaluate_together([(LANES, text(4, 6))])
    pair.check(machine.tokens(LANES), 5)
    pair.check_main()
    machine.fork(LANES, 0)


@pytest.mark.parametrize("same", [0, 25, 39, 60])
@pytest.mark.parametrize("checkpoint", [0, 40])
def test_what_is_reused_for_the_next_prompt_is_exact(
    pair: Pair, same: int, checkpoint: int
) -> None:
    machine = pair.machine
    machine.checkpoint = checkpoint
    machine.evaluate(text(1, 40))
    machine.evaluate(text(2, 20))
    written = text(1, 40) + text(2, 20)
    following = written[:same] + text(5, 15)
    reused = machine.reuse(following)
    assert machine.tokens(MAIN) == following[:reused]
    machine.evaluate(following[reused:])
    pair.check(following)
    # The very same prompt again, as for another version of a reply.
    reused = machine.reuse(following)
    machine.evaluate(following[reused:])
    pair.check(following)


def test_a_checkpoint_spares_the_reading_of_the_prompt(pair: Pair) -> None:
    machine = pair.machine
    machine.checkpoint = 40
    machine.evaluate(text(1, 40))
    machine.evaluate(text(2, 20))
    assert machine.reuse(text(1, 40)) >= 30
    machine.evaluate(text(1, 40)[machine.position :])
    machine.evaluate(text(3, 20))
    # The next turn leaves out an opening tag at the end of the last prompt, and the thought.
    turn = text(1, 38) + text(6, 12)
    assert machine.begin_ahead(turn) >= 30
    machine.evaluate(turn[len(machine.tokens(AHEAD)) :], sequence=AHEAD)
    pair.check(turn)
    pair.machine.reuse([*turn, 9, 9])
    assert machine.position == len(turn)
    # And the one after it goes on from there.
    longer = [*turn, *text(7, 9)]
    assert machine.begin_ahead(longer) == len(turn)
    pair.check_main()


def broken_off(pair: Pair, nodes: int) -> Any:
    """Has llama.cpp break the next evaluation off behind some nodes of its graph."""
    left = iter(range(nodes))

    def stop(_: object) -> bool:
        return next(left, None) is None

    callback = api.ggml_abort_callback(stop)
    api.llama_set_abort_callback(pair.machine.context.handle, callback, None)
    return callback


def restored(pair: Pair) -> None:
    api.llama_set_abort_callback(
        pair.machine.context.handle, pair.abort.callback, ctypes.c_void_p(pair.abort.data.value)
    )


@pytest.mark.parametrize("nodes", [0, 7, 40])
@pytest.mark.parametrize("work", ["tokens", "token", "ahead", "peek", "lanes"])
def test_an_evaluation_that_was_broken_off_leaves_nothing_wrong(
    pair: Pair, work: str, nodes: int
) -> None:
    machine = pair.machine
    machine.checkpoint = 30
    machine.evaluate(text(1, 40))
    machine.begin_ahead(text(1, 40))
    for lane in (LANES, LANES + 1):
        machine.fork(lane, 40)
    work_of: dict[str, Callable[[], object]] = {
        "tokens": lambda: machine.evaluate(text(2, 24)),
        "token": lambda: machine.evaluate([9]),
        "ahead": lambda: machine.evaluate(text(2, 24), sequence=AHEAD),
        "peek": lambda: machine.peek(text(2, 9), 4, lambda _: False),
        "lanes": lambda: machine.evaluate_together([(LANES, [1, 2]), (LANES + 1, text(8, 9))]),
    }
    callback = broken_off(pair, nodes)
    try:
        work_of[work]()
    except Cancelled:
        pass
    finally:
        restored(pair)
    del callback
    for sequence in (MAIN, AHEAD, LANES, LANES + 1):
        before = machine.tokens(sequence)
        assert before[:40] == text(1, 40)[: len(before)]
        rows = machine.evaluate_together([(sequence, [50, 51])])
        pair.check([*before, 50, 51], rows[0])
    following = text(1, 40) + text(9, 4)
    machine.evaluate(following[machine.reuse(following) :])
    pair.check(following)


def test_a_peek_changes_nothing(pair: Pair) -> None:
    machine = pair.machine
    machine.evaluate(text(1, 30))
    drawn = machine.peek(text(2, 5), 4, lambda _: False)
    assert len(drawn) == 4
    expected = text(1, 30) + text(2, 5)
    for token, _ in drawn:
        found = pair.expected(expected)
        assert found[token] > found.max() - NOISE
        expected.append(token)
    pair.check_main()


def test_lanes_are_exact_when_they_are_cut_too(pair: Pair) -> None:
    machine = pair.machine
    prompt = text(1, 20)
    machine.evaluate(prompt[:-1])
    machine.set_sampler(Sampling(temperature=0), 0)
    found: list[str] = []

    def write(lane: Lane, number: int) -> None:
        said = text(10 + number, 6 + number)
        lane.evaluate(prompt[lane.reuse(prompt) :])
        for token in said:
            lane.evaluate([token])
        kept = len(prompt) + 3
        lane.truncate(kept)
        more = text(20 + number, 4)
        lane.evaluate(more)
        pair.check([*prompt, *said[:3], *more], lane.index)
        found.append("good")

    left = iter(range(5))

    def begin(sequence: int) -> Lane | None:
        number = next(left, None)
        if number is None:
            return None
        lane = Lane(machine, sequence, 200, Sampling(temperature=0), 0)
        lane.start(lambda: write(lane, number))
        return lane

    run_side_by_side(machine, 3, begin, lambda: None, Ways([(1, 16)]))
    assert found == ["good"] * 5
    pair.check_main()


def test_drafts_are_exact_or_not_made(pair: Pair) -> None:
    machine = pair.machine
    machine.set_sampler(Sampling(temperature=0.6), 1)
    machine.speculation.least_s = 0.0
    machine.speculates = True
    machine.evaluate(text(1, 12) * 4)
    for token in text(1, 12) * 3:
        machine.evaluate([token])
    drafted, _ = machine.speculated
    machine.speculates = False
    assert drafted == 0 or not pair.stateful
    pair.check_main()


def test_anything_done_in_any_order_is_exact(pair: Pair) -> None:  # noqa: C901, PLR0912  (a branch for each thing that can be done)
    machine = pair.machine
    rng = random.Random(pair.arch)
    said: list[int] = []
    for step in range(60):
        act = rng.randrange(7)
        if act == 0 or len(machine.tokens(MAIN)) > 300:
            said = said[: rng.randrange(len(said) + 1)] + text(step, rng.randrange(1, 40))
            machine.checkpoint = rng.randrange(len(said) + 1)
            machine.evaluate(said[machine.reuse(said) :])
        elif act == 1 and machine.position:
            machine.evaluate(text(step, rng.choice((1, 1, 5, 30))))
        elif act == 2:
            machine.truncate(rng.randrange(machine.position + 1))
        elif act == 3 and machine.position:
            machine.peek(text(step, 3), 2, lambda _: False)
        elif act == 4:
            future = said[: rng.randrange(len(said) + 1)] + text(step, 8)
            machine.evaluate(future[machine.begin_ahead(future) :] or [1], sequence=AHEAD)
        elif act == 5 and machine.position:
            lanes = (LANES, LANES + 1)
            for lane in lanes:
                machine.fork(lane, machine.position)
            for length in (1, 20, 3):
                rows = [(lane, text(step + lane, length)) for lane in lanes]
                for lane, row in zip(lanes, machine.evaluate_together(rows), strict=True):
                    pair.check(machine.tokens(lane), row)
            for lane in lanes:
                machine.fork(lane, 0)
        elif machine.position:
            machine.begin_ahead(machine.tokens(MAIN))
            callback = broken_off(pair, rng.randrange(60))
            try:
                machine.evaluate(
                    text(step, rng.choice((1, 12))), sequence=rng.choice((MAIN, AHEAD))
                )
            except Cancelled:
                pass
            finally:
                restored(pair)
            del callback
        said = machine.tokens(MAIN)
        machine.evaluate([step])
        pair.check([*said, step])
        said = machine.tokens(MAIN)


def test_turns_read_ahead_and_samples_are_as_if_they_were_read_at_once(pair: Pair) -> None:
    engine = LlamaEngine(pair.path, options=LoadOptions(trusted=True, ctx=512))
    budget = Budget(tokens=12)
    try:
        messages: tuple[Message, ...] = ()
        for question in ("Hello", "And then?", "Why?"):
            messages = (*messages, Message("user", question))
            request = Request(
                messages, budget=budget, sampling=Sampling(temperature=0), max_answer=9
            )
            # The second is another version of it.
            for _ in range(2):
                *_, reply = engine.stream(request, Control(budget))
                assert isinstance(reply, Reply)
                pair.check_choices(messages, reply)
            for event in engine.stream_many(request, ControlGroup(Control(budget), 3)):
                if isinstance(event, Sampled) and isinstance(event.event, Reply):
                    pair.check_choices(messages, event.event)
            messages = (*messages, Message("assistant", reply.answer or "?"))
            engine.prepare(messages)
            engine.wait_ahead()
    finally:
        engine.close()
