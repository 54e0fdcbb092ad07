"""Several who ask one engine at once, and processes that were forked from its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest

import pytest

from r1chat.engine.base import Continuation, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.engine.native import AbortByte
from r1chat.engine.turns import Breaker
from r1chat.errors import Cancelled
from r1chat.events import Receipt, Reply, Sampled, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from tests.conftest import Run

GREEDY = Sampling(temperature=0)


def asked(question: str, timeout: float | None = None) -> Request:
    # Without reuse all batches have the same shapes each time, and no bit differs.
    return Request((Message("user", question),), sampling=GREEDY, timeout=timeout, reuse=False)


def reply_to(engine: LlamaEngine, request: Request, control: Control | None = None) -> Reply:
    *_, last = engine.stream(request, control or Control(request.budget))
    assert isinstance(last, Reply)
    return last


@contextmanager
def busy(engine: LlamaEngine) -> Iterator[None]:
    """Has the engine do something else meanwhile."""
    begun, done = threading.Event(), threading.Event()

    def work(_: object) -> None:
        begun.set()
        done.wait()

    with ThreadPoolExecutor(1) as other:
        other.submit(engine.inside, work)
        begun.wait()
        try:
            yield
        finally:
            done.set()


def test_replies_that_are_asked_for_at_once_wait_their_turn(tiny: LlamaEngine) -> None:
    questions = [f"What is {number} + 41 + 25?" for number in range(40, 46)]
    alone = [reply_to(tiny, asked(question)) for question in questions]
    with ThreadPoolExecutor(len(questions)) as threads:
        together = list(threads.map(lambda each: reply_to(tiny, asked(each)), questions))
    for one, other in zip(alone, together, strict=True):
        assert other.receipt.ended_by == one.receipt.ended_by == "natural"
        assert (other.thought, other.answer) == (one.thought, one.answer)


def test_one_thread_may_read_two_replies_by_turns(tiny: LlamaEngine) -> None:
    streams = [tiny.stream(asked(f"What is {each} + 41?"), Control()) for each in (3, 4)]
    *_, last = zip_longest(*streams)
    assert any(isinstance(each, Reply) for each in last)


def test_what_waits_for_its_turn_can_be_given_up(tiny: LlamaEngine) -> None:
    request = asked("Hi")
    control = Control()
    with busy(tiny):
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(reply_to, tiny, request, control)
            control.cancel()
            reply = waiting.result()
        assert (reply.thought, reply.answer) == ("", "")
        assert reply.receipt.ended_by == "cancelled"
        assert reply_to(tiny, asked("Hi", timeout=0.01)).receipt.ended_by == "time"
        group = ControlGroup(Control(), 2)
        group.whole.cancel()
        with pytest.raises(Cancelled):
            list(tiny.stream_many(request, group))
    assert reply_to(tiny, asked("What is 2 + 2?")).receipt.ended_by == "natural"


def test_a_reply_that_waits_to_be_continued_is_kept_when_it_is_given_up(tiny: LlamaEngine) -> None:
    earlier = Reply("so far", "an answer", Receipt(ended_by="cancelled"), ids=(1, 2))
    control = Control()
    control.cancel()
    for keep, thought, answer in ((None, "so far", "an answer"), (2, "so", "")):
        request = Request((Message("user", "Hi"),), resume=Continuation(earlier, keep=keep))
        with busy(tiny):
            found = reply_to(tiny, request, control)
        assert (found.thought, found.answer) == (thought, answer)


def test_whoever_walks_away_while_waiting_leaves_nothing_behind(tiny: LlamaEngine) -> None:
    with busy(tiny), ThreadPoolExecutor(1) as other:
        stream = tiny.stream(asked("Hi"), control := Control())
        waiting = other.submit(next, stream)
        control.cancel()
        assert isinstance(waiting.result(), Reply)
    assert tiny.inside(lambda _: tiny._jobs.empty())


def test_samples_and_replies_take_turns(tiny: LlamaEngine) -> None:
    request = Request((Message("user", "What is 2 + 2?"),), budget=Budget(tokens=8))

    def samples() -> list[str]:
        events = tiny.stream_many(request, ControlGroup(Control(request.budget), 3))
        replies = (each.event for each in events if isinstance(each, Sampled))
        return [each.receipt.ended_by for each in replies if isinstance(each, Reply)]

    with ThreadPoolExecutor(4) as threads:
        drawn = [threads.submit(samples) for _ in range(2)]
        written = [threads.submit(reply_to, tiny, request) for _ in range(2)]
        ends = {*drawn[0].result(), *drawn[1].result()}
        ends |= {each.result().receipt.ended_by for each in written}
    assert not ends & {"time", "cancelled", "error"}


def test_a_question_does_not_wait_for_what_is_read_ahead(random_r1: LlamaEngine) -> None:
    messages = (Message("user", "word " * 60), Message("assistant", "yes"))
    request = Request((Message("user", "Hi"),), budget=Budget(tokens=1), max_answer=2)
    for _ in range(30):
        random_r1.prepare(messages)
        assert reply_to(random_r1, request).receipt.ended_by in {"budget", "length"}


def test_a_close_in_the_middle_of_a_reply_is_no_lack_of_time() -> None:
    from r1chat.compose import resolve

    engine = LlamaEngine(resolve("tiny"), options=LoadOptions(trusted=True))
    stream = engine.stream(Request((Message("user", "What is 44 + 41 + 25?"),)), Control(pace=20))
    for event in stream:
        if isinstance(event, ThoughtText):
            break
    with ThreadPoolExecutor(1) as other:
        closing = other.submit(engine.close)
        *_, last = stream
        closing.result()
    assert isinstance(last, Reply)
    assert last.receipt.ended_by == "cancelled"


def test_what_breaks_one_evaluation_off_never_meets_the_next() -> None:
    abort = AbortByte()
    breaker = Breaker(abort)
    with breaker.breakable() as first:
        first()
        assert abort
    assert not abort
    with breaker.breakable():
        first()
        assert not abort
        breaker.close()
        assert abort
    with breaker.breakable():
        assert abort
    abort.clear()


FORKED = """
import os, sys, warnings
warnings.simplefilter("ignore")
from r1chat.compose import load
from r1chat.engine.base import Message, Request
from r1chat.errors import EngineError
from r1chat.reasoning.control import Control, ControlGroup

engine = load("tiny")
request = Request((Message("user", "What is 2 + 2?"),))
begun = engine.stream(request, Control())
next(begun)
child = os.fork()
if child == 0:
    calls = (
        lambda: list(engine.stream(request, Control())),
        lambda: list(engine.stream_many(request, ControlGroup(Control(), 2))),
        lambda: engine.prepare(request.messages),
        lambda: engine.wait_ahead(),
        lambda: list(begun),
    )
    for call in calls:
        try:
            call()
        except EngineError as error:
            assert "fork" in str(error), error
        else:
            os._exit(1)
    engine.close()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
*_, last = begun
print(last.receipt.ended_by)
"""


def test_a_fork_after_loading_says_so_and_hangs_nowhere(run_python: Run) -> None:
    done = run_python("-c", FORKED)
    assert (done.stdout.strip(), done.stderr) == ("natural", "")
