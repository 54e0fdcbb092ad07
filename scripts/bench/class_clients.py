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

from report import machine, table, verdict

from r1chat.engine.base import Message, Request, Sampling
from r1chat.engine.remote import RemoteEngine
from r1chat.engine.remote.server import parse
from r1chat.evaluation.reading import read
from r1chat.events import AnswerText, Reply, ThoughtText
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

OWN_MS = 0.5


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
            "ended_by": receipt.ended_by,
            "error": event.error,
            "answered": bool(event.answer),
        }
        print(json.dumps(told), flush=True)


def together(ref: str, clients: int, rounds: int, budget: str) -> list[str]:
    """Has so many clients ask at once: one row of the table."""
    own = [sys.executable, __file__, ref, "--budget", budget, "--rounds", str(rounds), "--client"]
    running = [
        subprocess.Popen(
            [*own, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(clients)
    ]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    told = [json.loads(line) for each in running for line in each.communicate()[0].splitlines()]
    took = time.perf_counter() - began
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
        verdict(ms, OWN_MS) if not lost else f"{lost} lost",
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
    print(table([*head, "r1chat's own ms a token", "bar"], rows))


if __name__ == "__main__":
    main()
