"""One server, many r1chats: what each of them sees, and what r1chat itself costs.

Each client is a process of its own that asks one question after another, as a student's program
does. Nothing is compared with another program: the figures say what a class can expect of a server.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from statistics import median

from report import machine, table, verdict

from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.engine.remote.dialects import VLLM
from r1chat.engine.remote.server import parse
from r1chat.evaluation.reading import read
from r1chat.events import AnswerText, Reply, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

OWN_MS = 0.5
_BARE = 200
"""Tokens that are read without r1chat, about as many as a reply has."""


def client(ref: str, number: int, rounds: int, budget: str) -> None:
    """Asks and prints what came of it, a line a reply; waits for a line before it begins."""
    found = parse(ref)
    assert found is not None
    engine = RemoteEngine(*found)
    questions = random.Random(number).sample([each.text for each in read("tiny").questions], rounds)
    print("ready", flush=True)
    sys.stdin.readline()
    for question in questions:
        limit = Budget.parse(budget)
        request = Request((Message("user", question),), limit, Sampling(temperature=0, seed=1))
        began, first = time.perf_counter(), None
        used = time.process_time()
        for event in engine.stream(request, Control(limit)):
            if first is None and isinstance(event, (ThoughtText, AnswerText)):
                first = time.perf_counter() - began
        assert isinstance(event, Reply)
        receipt = event.receipt
        told = {
            "tokens": receipt.thought_tokens + receipt.answer_tokens,
            "first_s": first,
            "all_s": time.perf_counter() - began,
            "own_s": time.process_time() - used,
            "ended": time.perf_counter(),
            "ended_by": receipt.ended_by,
            "error": event.error,
            "answered": bool(event.answer),
        }
        print(json.dumps(told), flush=True)
    print(json.dumps({"bare_ms": bare_ms(*found, questions[0])}), flush=True)


def bare_ms(server: Server, model: str, question: str) -> float:
    """Processor time a token of httpx2 alone, which reads such a reply and does nothing with it."""
    import httpx2

    prompt = f"<｜User｜>{question}<｜Assistant｜><think>\n"
    body = {"model": model, "prompt": prompt, "max_tokens": _BARE, "temperature": 0}
    body |= {"stream": True, "ignore_eos": True, **VLLM.extra}
    used = time.process_time()
    with (
        httpx2.Client(timeout=600, trust_env=False) as client,
        client.stream("POST", f"{server.url}/completions", json=body) as response,
    ):
        for _ in response.iter_raw():
            pass
    return 1000 * (time.process_time() - used) / _BARE


def together(ref: str, clients: int, rounds: int, budget: str) -> list[str]:
    """Has so many clients ask at once: one row of the table."""
    own = [sys.executable, __file__, ref, "--budget", budget, "--rounds", str(rounds), "--client"]
    running = []
    for number in range(clients):
        # One by one: a class does not open its programs within the same second either.
        each = subprocess.Popen(
            [*own, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(each)
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    told = [json.loads(line) for each in running for line in each.communicate()[0].splitlines()]
    # What is read without r1chat comes when all the others have been read, or nearly all.
    bare = [each.pop("bare_ms") for each in told if "bare_ms" in each]
    told = [each for each in told if each]
    took = max(each["ended"] for each in told) - began
    tokens = sum(each["tokens"] for each in told)
    firsts = sorted(each["first_s"] for each in told if each["first_s"] is not None)
    lost = clients * rounds - sum(each["answered"] and not each["error"] for each in told)
    ms = 1000 * sum(each["own_s"] for each in told) / max(1, tokens)
    return [
        str(clients),
        str(clients * rounds),
        str(lost),
        f"{tokens / took:.1f}",
        f"{firsts[len(firsts) // 2]:.2f}",
        f"{firsts[min(len(firsts) - 1, len(firsts) * 99 // 100)]:.2f}",
        f"{ms:.2f}",
        f"{median(bare):.2f}",
        verdict(ms - median(bare), OWN_MS) if not lost else f"{lost} lost",
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ref", help="a model on a server, as `-m` takes it")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=4, help="questions that each of them asks")
    parser.add_argument("--budget", default="max")
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client is not None:
        client(args.ref, args.client, args.rounds, args.budget)
        return
    print(machine(), "\n")
    rows = [together(args.ref, count, args.rounds, args.budget) for count in args.clients]
    head = ["clients", "replies", "lost", "tokens/s in all", "first token p50, s", "p99, s"]
    print(table([*head, "r1chat, ms a token", "httpx2 alone", "bar"], rows))


if __name__ == "__main__":
    main()
