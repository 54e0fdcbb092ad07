"""The remote engine on a real vLLM: one process, two workers, two nodes; budgets, fields, texts."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest

from r1chat import load
from r1chat.engine.base import Continuation, Engine, Request
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.evaluation.reading import read
from r1chat.events import Reply
from r1chat.reasoning.control import Control
from scripts.vllm.catalog import served
from scripts.vllm.serving import LAYOUTS, Vllm
from tests.remote.helpers import SUM, asked, budget, quick, reply_of

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]
QUESTIONS = random.Random(19).sample([each.text for each in read("tiny").questions], 50)
BUDGETS = [16, 24, 32, 40, 48, 64, 80, 96, 104, 112, 128]
CLIENTS = 4


@contextmanager
def on(server: Vllm, **patience: float) -> Iterator[RemoteEngine]:
    """An engine on a server."""
    patient = quick(**{"first": 600.0, "idle": 600.0} | patience)
    with closing(RemoteEngine(Server(server.url), patience=patient)) as opened:
        yield opened


@contextmanager
def in_process(name: str) -> Iterator[Engine]:
    """The same numbers and the same tokens in this process."""
    with closing(load(str(served(name).gguf))) as engine:
        yield engine


def compared(server: Vllm, requests: list[Request]) -> list[tuple[Reply, Reply]]:
    """The replies of a server, several at a time, and those of this process."""
    with on(server) as remote, ThreadPoolExecutor(CLIENTS) as pool:
        theirs = list(pool.map(lambda each: reply_of(remote, each), requests))
    with in_process(server.name) as here:
        return [(each, reply_of(here, request)) for each, request in zip(theirs, requests)]  # noqa: B905


@contextmanager
def resetting(port: int, after: int) -> Iterator[int]:
    """A way to a server on which long answers are broken off after so many bytes."""

    def pass_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)

    def forward(one: socket.socket) -> None:
        with one, socket.create_connection(("127.0.0.1", port)) as other, suppress(OSError):
            threading.Thread(target=pass_on, args=(one, other), daemon=True).start()
            sent = 0
            while data := other.recv(256):
                one.sendall(data)
                sent += len(data)
                if sent > after:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    # The other thread may still read: then closing alone would send nothing.
                    one.shutdown(socket.SHUT_RD)
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=forward, args=(listening.accept()[0],)).start()

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def unlike(pairs: list[tuple[Reply, Reply]], *counts: str) -> list[tuple[str, ...]]:
    """What differs of the replies: their texts, why they ended, and so many of their tokens.

    Under load a server sends several tokens at once, perhaps the last of a thought and the first of
    an answer: then only their sum is known.
    """

    def told(reply: Reply) -> tuple[object, ...]:
        receipt = reply.receipt
        ends = (receipt.thought_ended_by, receipt.ended_by)
        tokens = receipt.thought_tokens + receipt.answer_tokens
        sizes = (receipt.prompt_tokens, tokens, *(getattr(receipt, each) for each in counts))
        return (reply.thought, reply.answer, *ends, *sizes)

    return [(one.thought, other.thought) for one, other in pairs if told(one) != told(other)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_greedy_replies_are_those_of_this_process(vllm, layout):
    pairs = compared(vllm("tiny", layout), [asked(each) for each in QUESTIONS])
    assert unlike(pairs) == []


@pytest.mark.parametrize("name", ["tiny", "tiny-chat", "tiny-special"])
def test_budgets_end_a_thought_at_the_same_token(vllm, name):
    requests = [asked(SUM, **budget(str(each))) for each in BUDGETS]
    pairs = compared(vllm(name), requests)
    assert unlike(pairs, "thought_tokens", "injected_tokens", "answer_tokens") == []
    assert {one.receipt.ended_by for one, _ in pairs} == {"budget"}


@pytest.mark.parametrize("name", ["tiny", "tiny-chat"])
def test_thinking_on_uses_the_whole_context(vllm, name):
    # "Wait," takes the place of every end of the thought.
    ((theirs, ours),) = compared(vllm(name), [asked(**budget("max", minimum=5000))])
    assert theirs.receipt.thought_ended_by == ours.receipt.thought_ended_by
    assert theirs.receipt.thought_tokens >= 0.95 * ours.receipt.thought_tokens
    assert theirs.answer


def test_tokens_are_as_sure_as_in_this_process(vllm):
    def scores(engine):
        *_, reply = engine.stream(asked(), Control(measures=True))
        return [(each.part, each.text, each.logprob) for each in reply.scores]

    with on(vllm()) as remote, in_process("tiny") as here:
        theirs, ours = scores(remote), scores(here)
    assert [each[:2] for each in theirs] == [each[:2] for each in ours]
    assert [each[2] for each in theirs] == pytest.approx([each[2] for each in ours], abs=0.02)


def test_a_reset_connection_leaves_what_came_and_it_goes_on(vllm):
    server = vllm()
    with on(server) as straight:
        whole = reply_of(straight, asked())
        for cut_after in (2_000, 9_000, 30_000):
            with resetting(server.port, cut_after) as port:
                url = f"http://127.0.0.1:{port}/v1"
                with closing(RemoteEngine(Server(url), patience=quick(first=600))) as cut:
                    partial = reply_of(cut, asked())
            assert partial.receipt.ended_by == "error"
            assert "was cut" in partial.error
            assert whole.thought.startswith(partial.thought)
            resumed = reply_of(straight, asked(resume=Continuation(partial)))
            assert (resumed.thought, resumed.answer) == (whole.thought, whole.answer)


def test_a_limit_on_the_thought_of_a_chat_model_is_kept_or_told_of(vllm):
    with on(vllm("qwen2.5-coder-0.5b")) as engine:
        for limit in ("24", "off"):
            request = asked("What is 7 + 8?", max_answer=40, **budget(limit))
            *_, reply = engine.stream(request, Control(request.budget))
            assert reply.error is None
            assert reply.answer
            assert reply.receipt.thought_tokens <= 24
