#!/usr/bin/env python3
"""Compares r1chat with llama.cpp's own llama-completion on real models, by turns.

    scripts/bench_peers speed     # tokens/s over 256 tokens, with one and two threads
    scripts/bench_peers start     # from exec to the first token
    scripts/bench_peers threads   # the threads that r1chat finds by itself against one and two

The models are those of `scripts/real_models`. llama-completion is built once from the source
package of the installed llama-cpp-python. Every figure is the median of ratios of runs made by
turns, with their range.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import children
import llama_program
import report

from scripts.real.models import path_of

SPEED = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
START = ("smollm2-135m", "gemma3-270m", *SPEED)
TOKENS = 256
PROMPT = "Once upon a time there was a small village at the foot of a high mountain, and in it"
_TEXTS = frozenset({"answer_text", "thought_text"})


def main() -> int:
    """Runs what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("speed", "start", "threads"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--models", nargs="*", help="of scripts/real_models")
    options = parser.parse_args()
    print(report.machine(), flush=True)
    if options.what == "speed":
        for model in options.models or SPEED:
            for threads in (1, 2):
                print(speed(model, threads, options.runs), flush=True)
    elif options.what == "start":
        for model in options.models or START:
            print(first_token(model, options.runs), flush=True)
    else:
        for busy in (False, True):
            print(found_threads((options.models or SPEED)[-1], options.runs, busy), flush=True)
    print(report.machine())
    return 0


def speed(model: str, threads: int, runs: int) -> str:
    """Tokens/s of both, as a ratio."""
    pairs = [(ours(model, threads)[1], theirs(model, threads)[1]) for _ in range(runs)]
    ratios = [one / other for one, other in pairs]
    rates = ", ".join(f"{one:.1f}/{other:.1f}" for one, other in pairs)
    verdict = report.verdict(median(ratios), 0.98, at_least=True)
    return f"{model}, {threads} threads: r1chat ÷ it {report.middle(ratios)} {verdict} ({rates})"


def first_token(model: str, runs: int) -> str:
    """Seconds to the first token of both, as a ratio."""
    pairs = [(ours(model, 1, 16)[0], theirs(model, 1, 16)[0]) for _ in range(runs)]
    ratios = [one / other for one, other in pairs]
    seconds = ", ".join(f"{one:.2f}/{other:.2f}" for one, other in pairs)
    return f"{model}: first token, r1chat ÷ it {report.middle(ratios)} ({seconds} s)"


def found_threads(model: str, runs: int, busy: bool) -> str:  # noqa: FBT001  (one of two cases)
    """Tokens/s with the threads that r1chat finds, against the better of one and two."""
    ratios = []
    with other_work(busy):
        for _ in range(runs):
            found, one, two = (ours(model, threads)[1] for threads in (None, 1, 2))
            ratios.append(max(one, two) / found)
            print(f"  found {found:.1f}, one {one:.1f}, two {two:.1f} tokens/s", flush=True)
    where = "beside a busy process" if busy else "quiet"
    verdict = report.verdict(median(ratios), 1.05)
    return f"{model}, {where}: time ÷ the better of two {report.middle(ratios)} {verdict}"


@contextmanager
def other_work(wanted: bool) -> Iterator[None]:  # noqa: FBT001  (one of two cases)
    """Keeps one core busy."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if child is not None:
            child.kill()
            child.wait()


def ours(model: str, threads: int | None, tokens: int = TOKENS) -> tuple[float, float]:
    """Seconds to the first token, and tokens/s behind it."""
    command = [*children.r1chat(), "ask", PROMPT, "--raw", "-m", str(path_of(model))]
    command += ["--format", "jsonl", "--max-answer", str(tokens), "--temperature", "0"]
    command += ["--ctx", "2048", "--no-save"]
    command += ["--threads", str(threads)] if threads else []
    times: list[float] = []
    reply = {}
    for second, line in read(command, lines=True):
        values = json.loads(line)
        if values["type"] in _TEXTS:
            times.append(second)
        elif values["type"] == "reply":
            reply = values
    written = reply["receipt"]["answer_tokens"]
    return times[0], (written - 1) / (times[-1] - times[0])


def theirs(model: str, threads: int, tokens: int = TOKENS) -> tuple[float, float]:
    """The same of llama-completion, which writes as many tokens in any case."""
    program = llama_program.build(llama_program.COMPLETION)
    command = [str(program), "-m", str(path_of(model)), "-p", PROMPT, "-n", str(tokens)]
    command += ["-c", "2048", "-t", str(threads), "-no-cnv", "--no-display-prompt", "--temp", "0"]
    command += ["--ignore-eos"]
    # It ends its output with a line break of its own.
    times = [second for second, chunk in read(command) if chunk.strip(b"\n")]
    return times[0], (tokens - 1) / (times[-1] - times[0])


def read(command: list[str], *, lines: bool = False) -> Iterator[tuple[float, bytes]]:
    """Runs a program to its end; says at which second which output came.

    Both programs write each token as soon as they have it, and both are timed from outside: what a
    program says of its own speed leaves out what it does between two tokens.

    Args:
        command: The program and its arguments.
        lines: Whether to wait for whole lines.
    """
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    assert child.stdout is not None
    rest = b""
    while chunk := os.read(child.stdout.fileno(), 1 << 16):
        now = time.perf_counter() - began
        if not lines:
            yield now, chunk
            continue
        *whole, rest = (rest + chunk).split(b"\n")
        yield from ((now, line) for line in whole)
    child.wait()


if __name__ == "__main__":
    sys.exit(main())
