#!/usr/bin/env python3
"""Measures the engine from inside its process; run by bench_engine.py, prints JSON.

Every native call is timed on the thread that makes it. What passes between the end of one call
and the beginning of the next is r1chat's own: the thinking loop, the splitter, the events, and
waiting for the interpreter's lock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import bench_engine
import llama_source
import questions
import report

from r1chat import Session, load
from r1chat.engine.base import Sampling
from r1chat.engine.native import api
from r1chat.engine.threads import default_threads
from r1chat.events import Reply
from r1chat.reasoning.budget import Budget

_SECOND_QUESTION = "And what is the sum of all of them, if each word counts as its length?"
_ANSWER = 16
_ROOM_TO_READ_AHEAD = 512
_IDLE_SHARE = 0.05
_IDLE_WINDOW_S = 0.5


@dataclass
class Calls:
    """When native calls began and ended, by the clock and by their thread's processor time."""

    names: list[str] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    busy_began: list[float] = field(default_factory=list)
    busy_ended: list[float] = field(default_factory=list)

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Times a native function."""
        clock, busy_clock = time.perf_counter, time.thread_time

        def timed(*args: object) -> object:
            start, busy = clock(), busy_clock()
            result = call(*args)
            self.busy_ended.append(busy_clock())
            self.ended.append(clock())
            self.began.append(start)
            self.busy_began.append(busy)
            self.names.append(name)
            return result

        return timed

    def clear(self) -> None:
        """Forgets them."""
        every = (self.names, self.began, self.ended, self.busy_began, self.busy_ended)
        for values in every:
            values.clear()

    def gaps(self) -> list[float]:
        """Seconds outside native calls, for each token from its drawing to the next one's."""
        cycles: list[float] = []
        for i, name in enumerate(self.names):
            if name == "llama_sampler_sample":
                cycles.append(0.0)
            if cycles and i + 1 < len(self.names):
                cycles[-1] += self.began[i + 1] - self.ended[i]
        return cycles[:-1]

    def processor(self) -> tuple[float, float]:
        """Seconds on the processor since the first token, outside native calls and in all."""
        first = self.names.index("llama_sampler_sample")
        total = self.busy_ended[-1] - self.busy_ended[first]
        spent = zip(self.busy_began[first + 1 :], self.busy_ended[first + 1 :], strict=True)
        return total - sum(end - start for start, end in spent), total


def instrument() -> Calls:
    """Times every function of llama.cpp's C API from now on."""
    calls = Calls()
    for name, value in vars(api).items():
        if name.startswith("llama_") and callable(value) and not isinstance(value, type):
            setattr(api, name, calls.wrap(name, value))
    return calls


def ask(session: Session, question: str, tokens: int) -> tuple[Reply, float]:
    """Asks and waits for the end.

    Returns:
        The reply, and the seconds on the processor that reading its events took.
    """
    busy = time.thread_time()
    events = session.ask(
        question,
        budget=Budget(tokens=tokens),
        sampling=Sampling(seed=bench_engine.SEED),
        max_answer=_ANSWER,
    )
    *_, reply = events
    assert isinstance(reply, Reply)
    return reply, time.thread_time() - busy


def wait_until_idle() -> float:
    """Waits for the reading ahead to end, which shows in the processor's time alone.

    Returns:
        The seconds of processor time that passed.
    """
    began = time.process_time()
    while True:
        before = time.process_time()
        time.sleep(_IDLE_WINDOW_S)
        if time.process_time() - before < _IDLE_SHARE * _IDLE_WINDOW_S:
            return time.process_time() - began


HEAD = [
    "position",
    "outside llama.cpp, ms a token",
    "p50",
    "p99",
    "bar",
    "on the processor (share)",
    "next turn evaluates",
    "its question",
    "bar",
    "first token s",
]


def measure(model: Path, position: int, tokens: int, calls: Calls) -> list[str]:
    """One line of the table."""
    asker = questions.Asker(model)
    context = bench_engine.context_for(position, tokens, _ROOM_TO_READ_AHEAD)
    llama_source.say(f"position {position}: inside the process")
    # One thread for single tokens; where that is the default, the prompt may still have more.
    engine = load(str(model), ctx=context, threads=None if default_threads() == 1 else 1)
    session = Session(engine)
    calls.clear()
    reply, reading = ask(session, asker.of_length(position).text, tokens)
    gaps = [1e3 * gap for gap in calls.gaps()]
    outside, total = calls.processor()
    own = 1e3 * (outside + reading) / len(gaps)
    written = reply.receipt.thought_tokens + reply.receipt.answer_tokens
    assert written <= len(gaps) <= written + 2, f"{len(gaps)} gaps for {written} tokens"
    wait_until_idle()
    second = ask(session, _SECOND_QUESTION, 16)[0].receipt
    engine.close()
    evaluated = second.prompt_tokens - second.prompt_reused_tokens
    # Its text and the framing around it; the token that begins every prompt was read before.
    new = len(asker.ids(_SECOND_QUESTION)) - 1
    mean = sum(gaps) / len(gaps)
    llama_source.say(f"{mean:.3f} ms a token outside, {own:.3f} on the processor")
    return [
        str(position),
        f"{mean:.3f}",
        f"{median(gaps):.3f}",
        f"{sorted(gaps)[int(0.99 * (len(gaps) - 1))]:.3f}",
        report.verdict(mean, 0.5),
        f"{own:.3f} ({own / (own + 1e3 * (total - outside) / len(gaps)):.2%})",
        f"{evaluated} of {second.prompt_tokens}",
        str(new),
        report.verdict(abs(evaluated - new), 32),
        f"{second.first_token_s:.2f}",
    ]


def main() -> None:
    """Measures at every position."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--positions", type=int, nargs="+", required=True)
    parser.add_argument("--tokens", type=int, required=True)
    chosen = parser.parse_args()
    calls = instrument()
    rows = [measure(chosen.model, position, chosen.tokens, calls) for position in chosen.positions]
    json.dump([HEAD, *rows], sys.stdout)


if __name__ == "__main__":
    main()
