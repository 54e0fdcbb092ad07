"""Random streams, valid and not: only errors of ours are raised, and no word that came is lost."""

from __future__ import annotations

import gzip
import json
import random
import string
from collections.abc import Iterator

import pytest

from r1chat.engine.remote.chunks import Reader
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Events
from r1chat.engine.remote.unpacking import unpacked
from r1chat.errors import R1ChatError
from tests.remote.helpers import asked, opened, reply_of
from tests.remote.server import Fault, ModelServer

SERVER = Server("http://127.0.0.1:8080/v1")
ODD = (
    None,
    True,
    False,
    0,
    -1,
    1e400,
    "",
    "x",
    [],
    {},
    [[]],
    {"a": {}},
    [None, 5],
    "\ud800",
    10**30,
)
FIELDS = (
    *("choices", "delta", "message", "content", "text", "reasoning", "reasoning_content", "usage"),
    *("thinking", "reasoning_details", "finish_reason", "index", "id", "timings", "object", "type"),
    *("prompt_progress", "prompt_tokens_details", "prompt_tokens", "cached_tokens", "refusal"),
    *("error", "code", "detail", "metadata", "raw", "param", "loc", "status", "data", "response"),
)


def word(rng: random.Random) -> str:
    letters = string.ascii_letters + ' \n\t\r"\\{}:é思😀\u2028\x1b'
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, 8)))


def anything(rng: random.Random, depth: int = 0) -> object:
    """Any JSON value of names that mean something."""
    kind = rng.random()
    if depth > 4 or kind < 0.3:
        return rng.choice(ODD)
    if kind < 0.5:
        return [anything(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    names = rng.sample(FIELDS, rng.randint(0, 4))
    return {name: anything(rng, depth + 1) for name in names}


def said(rng: random.Random, text: str) -> object:
    """A text as one of the forms of a content."""
    parts = [{"type": "text", "text": text}]
    return rng.choice([text, parts, [text], {"type": "text", "text": text}, [{"text": parts}]])


def good(rng: random.Random) -> tuple[object, str, str]:
    """An event of a reply, and its words: of the answer, and of the thought."""
    text, thought = rng.choice(["", word(rng)]), rng.choice(["", word(rng)])
    message: dict[str, object] = {"role": "assistant"}
    if text or rng.random() < 0.5:
        message["content"] = said(rng, text)
    if thought:
        for name in rng.sample(("reasoning", "reasoning_content", "thinking"), rng.randint(1, 2)):
            message[name] = said(rng, thought)
    choice: dict[str, object] = {"index": 0, rng.choice(["delta", "message"]): message}
    for name in rng.sample(
        ("finish_reason", "logprobs", "native_finish_reason"), rng.randint(0, 2)
    ):
        choice[name] = rng.choice([None, "", {}])
    value: dict[str, object] = {"choices": [choice]}
    for name in rng.sample(("id", "usage", "timings", "created", "x"), rng.randint(0, 3)):
        value[name] = rng.choice(ODD)
    return value, text, thought


def spelled(rng: random.Random, value: object) -> bytes:
    """An event's lines."""
    end = rng.choice(["\n", "\r\n", "\r"])
    before = rng.choice(["", ": ping" + end, "id: 7" + end, "event: message" + end, end, ":" + end])
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    form = rng.random()
    if form < 0.7:
        lines = rng.choice(["data: ", "data:"]) + text + end
    elif form < 0.85:
        lines = "".join(f"data: {each}{end}" for each in json.dumps(value, indent=1).split("\n"))
        before, lines = end + before, lines + end
    else:
        before, lines = end + before, text + end
    return (before + lines + end * rng.randint(0, 2)).encode("utf-8", "replace")


def bad(rng: random.Random) -> bytes:
    """Something that is no event of a reply, or one with anything in it."""
    if rng.random() < 0.3:
        return bytes(rng.randrange(256) for _ in range(rng.randint(1, 40)))
    value = {"choices": anything(rng)} if rng.random() < 0.5 else anything(rng)
    name = rng.choice(["data: ", "", "error: ", "event: error\ndata: ", "DATA: "])
    return f"{name}{json.dumps(value)}\n\n".encode()


def read(parts: Iterator[bytes]) -> tuple[str, str, bool]:
    """The words of a stream, and whether it ended with an error of ours."""
    events, reader, chunks, failed = Events(), Reader(SERVER), [], ""
    try:
        for part in parts:
            for event in events.feed(part):
                chunks.extend([] if event.is_last else reader.read(event))
        for event in events.close():
            chunks.extend([] if event.is_last else reader.read(event))
    except R1ChatError as error:
        failed = str(error)
        assert failed.isprintable()
    return "".join(c.text for c in chunks), "".join(c.thought for c in chunks), bool(failed)


def pieces(rng: random.Random, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = rng.choice([1, 2, 3, 7, 50, 5000])
        yield data[at : at + size]
        at += size


def streams(seed: int, count: int) -> Iterator[tuple[random.Random, bytes, str, str, bool]]:
    """Streams, the words that stand before anything bad, and whether something bad stands there."""
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        events = [good(rng) for _ in range(rng.randint(0, 8))]
        # In a message and in a delta the same words may come twice; the forms are not mixed.
        form = rng.choice(["delta", "message"])
        for value, _, _ in events:
            (choice,) = value["choices"]
            choice[form] = choice.pop("delta", None) or choice.pop("message", None)
        data = b"".join(spelled(rng, value) for value, _, _ in events)
        is_bad = rng.random() < 0.5
        if is_bad:
            data += b"\n\n" + bad(rng) * rng.randint(1, 2)
        text, thought = ("".join(each) for each in list(zip(*events, strict=True))[1:] or ("", ""))
        yield rng, data, clean(text), clean(thought), is_bad


def squeezed(text: str) -> str:
    return "".join(text.split())


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("seed", range(4))
def test_random_streams_lose_no_word(seed):
    for rng, data, text, thought, is_bad in streams(seed, 500):
        parts = pieces(rng, data)
        if rng.random() < 0.2:
            parts = unpacked(
                pieces(rng, gzip.compress(data)), {"content-encoding": "gzip"}, "127.0.0.1"
            )
        found_text, found_thought, failed = read(parts)
        if is_bad:
            assert found_text.startswith(text), data
            assert found_thought.startswith(thought), data
        else:
            assert (found_text, found_thought, failed) == (text, thought, False), data


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_random_streams_lose_no_word(seed):
    test_random_streams_lose_no_word(seed)


@pytest.mark.parametrize("owner", ["somebody", "vllm"])
def test_random_streams_end_a_reply_and_nothing_else(owner):
    with ModelServer(owner=owner, chat=[{"content": "42"}]) as server:
        engine = opened(server, first_wait=0.001, idle=30.0)
        for _, data, text, thought, _ in streams(7, 60):
            server.faults = [Fault(raw=data, times=99)]
            reply = reply_of(engine, asked(timeout=20.0))
            if owner == "somebody":
                # Between blocks of an answer white space is dropped.
                assert squeezed(reply.answer).startswith(squeezed(text))
                assert squeezed(reply.thought).startswith(squeezed(thought))
            assert reply.error is None or "\n" not in reply.error
