"""The remote engine on a real vLLM: one process, two workers, two nodes; budgets, fields, texts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from r1chat import load
from r1chat.engine.base import Engine, Request
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.evaluation.reading import read
from r1chat.events import Reply
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


def unlike(pairs: list[tuple[Reply, Reply]], *counts: str) -> list[tuple[str, ...]]:
    """What differs of the replies: their texts, why they ended, and so many of their tokens."""

    def told(reply: Reply) -> tuple[object, ...]:
        receipt = reply.receipt
        ends = (receipt.thought_ended_by, receipt.ended_by)
        return (reply.thought, reply.answer, *ends, *(getattr(receipt, each) for each in counts))

    return [(one.thought, other.thought) for one, other in pairs if told(one) != told(other)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_greedy_replies_are_those_of_this_process(vllm, layout):
    pairs = compared(vllm("tiny", layout), [asked(each) for each in QUESTIONS])
    assert unlike(pairs, "thought_tokens", "prompt_tokens") == []


@pytest.mark.parametrize("name", ["tiny", "tiny-chat", "tiny-special"])
def test_budgets_end_a_thought_at_the_same_token(vllm, name):
    requests = [asked(SUM, **budget(str(each))) for each in BUDGETS]
    pairs = compared(vllm(name), requests)
    assert unlike(pairs, "thought_tokens", "injected_tokens", "answer_tokens") == []
    assert {one.receipt.ended_by for one, _ in pairs} == {"budget"}
