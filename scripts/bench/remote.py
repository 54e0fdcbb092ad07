"""The remote engine: the same replies as in this process, budgets kept, overhead, stops.

The servers are real ones with the built-in model; only the overhead a token and the stops are
measured on a server of ours, which costs nothing itself and writes as fast as it is read.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from llama_program import SERVER, build
from report import machine, middle, table, verdict

from r1chat import load
from r1chat.compose import resolve
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.evaluation.reading import read
from r1chat.events import Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

OVERHEAD_MS = 0.5
STOP_MS = 250.0
TOKENS = 4000
CONTEXT = "1024"


def free_port() -> int:
    """A port on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    """A server as a process of its own; gives its address once it listens."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while True:
                assert process.poll() is None, "the server does not start"
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()


def command(server: str, port: int) -> list[str]:
    """How a server is started with the built-in model."""
    here = ["--host", "127.0.0.1", "--port", str(port)]
    model = str(resolve("tiny"))
    if server == "llama-server":
        return [
            str(build(SERVER)),
            "-m",
            model,
            "--alias",
            "tiny",
            "-c",
            CONTEXT,
            "-np",
            "1",
            *here,
        ]
    python = [sys.executable, "-m", "llama_cpp.server", "--model", model, "--model_alias", "tiny"]
    return [*python, "--n_ctx", CONTEXT, "--flash_attn", "true", *here]


def reply_of(engine: Engine, question: str, budget: str) -> Reply:
    """A greedy reply."""
    limit = Budget.parse(budget)
    request = Request(
        (Message("user", question),), limit, Sampling(temperature=0, seed=1), reuse=False
    )
    *_, reply = engine.stream(request, Control(limit))
    assert isinstance(reply, Reply)
    assert reply.error is None, reply.error
    return reply


def compare(remote: Engine, here: Engine, questions: list[str], budget: str) -> list[str]:
    """How many replies are the same: one row of the table."""
    finals = splits = texts = 0
    for question in questions:
        one, other = reply_of(remote, question, budget), reply_of(here, question, budget)
        finals += one.final == other.final
        splits += bool(one.thought) == bool(other.thought) and one.thought == other.thought
        texts += one.answer == other.answer
    count = len(questions)
    return [budget, *(f"{each} of {count}" for each in (finals, splits, texts))]


def obeyed(remote: Engine, here: Engine, questions: list[str]) -> tuple[int, int]:
    """How many thoughts kept to their budget, counted by the model's own vocabulary."""
    rng = random.Random(3)
    vocabulary = here._loaded().machine.vocabulary  # type: ignore[attr-defined]  # noqa: SLF001
    kept = cut = 0
    for question in questions:
        budget = rng.randrange(8, 120)
        reply = reply_of(remote, question, str(budget))
        own, at = "", 0
        for each in reply.injected:
            own += reply.thought[at : each.at]
            at = each.at + len(each.text)
        own += reply.thought[at:]
        kept += len(vocabulary.tokenize(own, special=False)) <= budget + budget // 10
        cut += reply.receipt.thought_ended_by == "budget"
    return kept, cut


# -- a server that costs nothing --


def replay(port: int, tokens: int, rate: float) -> None:
    """Sends the same stream to everybody: run as a process of its own."""
    events = [
        b"data: " + json.dumps({"id": "c", "choices": [{"index": 0, "text": text}]}).encode()
        for text in [*(f" word{n % 977}" for n in range(tokens)), "</think>", "\n\n42"]
    ]
    end = b'data: {"choices": [{"text": "", "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    plain = {
        "/models": {"data": [{"id": "m", "owned_by": "vllm"}]},
        "/version": {"version": "1"},
    }

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError), connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(1 << 16)
            head, _, body = request.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            while length and len(body) < int(length[1]):
                body += connection.recv(1 << 16)
            path = head.split(b" ")[1].decode()
            found = next((value for name, value in plain.items() if path.endswith(name)), None)
            if path.endswith("/tokenize"):
                # Every word is a marker, so that the framing is R1's.
                found = {"tokens": [1] * bool(json.loads(body)["prompt"])}
            if found is not None:
                body = json.dumps(found).encode()
                size = f"Content-Length: {len(body)}\r\n".encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + size + b"\r\n" + body)
                return
            kind = b"Content-Type: text/event-stream\r\nConnection: close\r\n\r\n"
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + kind)
            began = time.monotonic()
            for number, event in enumerate(events):
                connection.sendall(event + b"\n\n")
                if rate:
                    time.sleep(max(0.0, began + number / rate - time.monotonic()))
            connection.sendall(end)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        listening.listen(64)
        while True:
            threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()


def processor_ms(work: Callable[[], object], tokens: int) -> float:
    """Milliseconds of processor time that some work takes of this process, a token."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000 / tokens


def read_bare(url: str) -> None:
    """Reads the stream with httpx2 and does nothing with it."""
    import httpx2

    body = {"model": "m", "prompt": "?", "stream": True}
    with (
        httpx2.Client(timeout=60, trust_env=False) as client,
        client.stream("POST", f"{url}/completions", json=body) as response,
    ):
        for _ in response.iter_raw():
            pass


def overhead(tokens: int, rate: float, rounds: int) -> list[str]:
    """What r1chat does beside reading: one row of the table."""
    port = free_port()
    own = [sys.executable, __file__, "--replay", str(port), str(tokens), str(rate)]
    bare, ours = [], []
    with running(own, port) as url:
        engine = RemoteEngine(Server(url), "m")
        assert reply_of(engine, "?", "max").receipt.thought_tokens == tokens
        for _ in range(rounds):
            bare.append(processor_ms(lambda: read_bare(url), tokens))
            ours.append(processor_ms(lambda: reply_of(engine, "?", "max"), tokens))
    extra = [mine - theirs for mine, theirs in zip(ours, bare, strict=True)]
    name = f"{rate:,.0f} tokens/s" if rate else "as fast as it is read"
    result = verdict(sorted(extra)[len(extra) // 2], OVERHEAD_MS)
    return [name, middle(bare), middle(ours), middle(extra), result]


def stops(rounds: int) -> list[float]:
    """Milliseconds from the wish to stop to the end of the stream, at random moments."""
    port = free_port()
    own = [sys.executable, __file__, "--replay", str(port), str(TOKENS), "200"]
    rng = random.Random(5)
    found = []
    with running(own, port) as url:
        engine = RemoteEngine(Server(url), "m")
        for _ in range(rounds):
            control = Control()
            wished: list[float] = []

            def wish(control: Control = control, wished: list[float] = wished) -> None:
                wished.append(time.perf_counter())
                control.cancel()

            timer = threading.Timer(rng.uniform(0, 0.4), wish)
            timer.start()
            *_, reply = engine.stream(Request((Message("user", "?"),)), control)
            assert isinstance(reply, Reply)
            assert reply.receipt.ended_by == "cancelled", reply.error
            found.append((time.perf_counter() - wished[0]) * 1000)
    return sorted(found)


def main() -> None:
    """Prints the tables."""
    if sys.argv[1:2] == ["--replay"]:
        replay(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    servers = ("llama_cpp.server", "llama-server")
    parser.add_argument("--server", choices=servers, default=servers[0])
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7, help="of the overhead")
    parser.add_argument("--only", choices=("same", "overhead", "stops"))
    args = parser.parse_args()
    print(machine(), "\n")
    if args.only in {None, "same"}:
        _same(args.server, args.questions)
    if args.only in {None, "overhead"}:
        rows = [overhead(TOKENS, 0, args.rounds), overhead(600, 100, args.rounds)]
        head = ["server writes", "httpx2 alone, ms a token", "r1chat", "difference", "bar"]
        print(table(head, rows), "\n")
    if args.only in {None, "stops"}:
        times = stops(100)
        p99 = times[98]
        print(f"stops: median {times[50]:.0f} ms, p99 {p99:.0f} ms: {verdict(p99, STOP_MS)}")


def _same(server: str, count: int) -> None:
    chosen = random.Random(7).sample([each.text for each in read("tiny").questions], count)
    port = free_port()
    here = load("tiny", ctx=int(CONTEXT))
    with running(command(server, port), port) as url:
        remote = RemoteEngine(Server(url), "tiny")
        rows = [compare(remote, here, chosen, budget) for budget in ("max", "64", "off")]
        head = [f"budget, on {server}", "same final answer", "same thought", "same answer"]
        print(table(head, rows), "\n")
        kept, cut = obeyed(remote, here, chosen)
        print(f"budgets: kept in {kept} of {count}; {cut} thoughts were cut by them\n")
    here.close()


if __name__ == "__main__":
    main()
