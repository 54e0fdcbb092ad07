#!/usr/bin/env python3
"""Measures what a look ahead costs, and that the thought does not notice it.

Each question is asked without looks and with one every so many tokens, greedily and with a seed;
the tokens of the two replies are compared. What a look costs is measured in single-token times,
against the plain tokens around it: the time of the token with the look and of the one after it
(whose evaluation the look might have made slower), less two plain tokens.

    scripts/bench_peek                                        # the built-in model
    scripts/bench_peek --model FILE --questions 4 --budget 512
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import report

import r1chat
from r1chat.engine import llama
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.engine.loop import ThinkingLoop
from r1chat.evaluation.reading import read
from r1chat.events import Peeked, Reply
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control

BAR = 30.0
"""Token-times that a look may cost."""
NEIGHBOURS = 24
"""Plain tokens before and after a look that it is measured against."""
P = 99


@dataclass
class Timed:
    """When the tokens of one thought came."""

    moments: list[float] = field(default_factory=list)
    """When the loop took each token of thought."""
    looks: list[int] = field(default_factory=list)
    """Before which of them it looked ahead."""

    def costs(self) -> tuple[list[float], list[float]]:
        """Of each look what it cost, in token-times; and the times of the plain tokens."""
        spans = [after - at for at, after in zip(self.moments, self.moments[1:], strict=False)]
        touched = {each for at in self.looks for each in (at, at + 1)}
        costs = []
        for at in self.looks:
            near = range(max(0, at - NEIGHBOURS), min(len(spans), at + NEIGHBOURS))
            plain = [spans[each] for each in near if each not in touched]
            if at + 1 < len(spans) and plain:
                usual = median(plain)
                costs.append((spans[at] + spans[at + 1] - 2 * usual) / usual)
        return costs, [span for at, span in enumerate(spans) if at not in touched]


class TimedLoop(ThinkingLoop):
    """Notes when each token of a thought is taken, and where it looks ahead."""

    timed = Timed()
    now = staticmethod(time.perf_counter)

    def _think(self, token: int) -> None:
        self.timed.moments.append(self.now())
        super()._think(token)

    def _peek(self) -> None:
        self.timed.looks.append(len(self.timed.moments) - 1)
        super()._peek()


@contextmanager
def timing() -> Iterator[None]:
    """Has the engine write replies with the timed loop: in this process alone."""
    before = llama.ThinkingLoop
    llama.ThinkingLoop = TimedLoop  # type: ignore[misc]
    try:
        yield
    finally:
        llama.ThinkingLoop = before  # type: ignore[misc]


@dataclass
class Found:
    """What came of all questions in one way of sampling."""

    costs: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    compared: int = 0
    tokens: int = 0
    differing: list[str] = field(default_factory=list)
    """The questions whose replies were not the same."""
    answered: int = 0
    """Looks that found an answer."""


class Bench:
    """Asks questions with looks and without."""

    def __init__(self, engine: Engine, args: argparse.Namespace) -> None:
        self._engine = engine
        self._budget = Budget.parse(args.budget)
        self._every: int = args.every

    def compare(self, question: str, sampling: Sampling, found: Found) -> None:
        """Asks a question both ways, the two back to back."""
        without, _, _ = self._ask(question, sampling, None)
        reply, peeks, timed = self._ask(question, sampling, self._every)
        costs, plain = timed.costs()
        found.costs += costs
        found.plain += plain
        found.answered += sum(peek.final is not None for peek in peeks)
        found.compared += 1
        found.tokens += len(reply.ids)
        if (reply.ids, reply.thought, reply.answer) != (
            without.ids,
            without.thought,
            without.answer,
        ):
            found.differing.append(question)

    def _ask(
        self, question: str, sampling: Sampling, every: int | None
    ) -> tuple[Reply, list[Peeked], Timed]:
        TimedLoop.timed = timed = Timed()
        request = Request(
            messages=(Message("user", question),),
            budget=self._budget,
            sampling=sampling,
            max_answer=60,
            reuse=False,
        )
        events = list(self._engine.stream(request, Control(self._budget, peek_every=every)))
        reply = events[-1]
        assert isinstance(reply, Reply), "the last event is no reply"
        assert reply.receipt.ended_by != "error", reply.error
        return reply, [event for event in events if isinstance(event, Peeked)], timed


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which so many of a hundred lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def row(name: str, found: Found) -> list[str]:
    """One line of the table."""
    return [
        name,
        str(len(found.costs)),
        f"{median(found.costs):.1f}",
        f"{percentile(found.costs, P):.1f}",
        f"{max(found.costs):.1f}",
        f"{1000 * median(found.plain):.2f} ms",
        str(found.answered),
        f"{found.compared - len(found.differing)} of {found.compared}",
        f"{found.tokens:,}",
    ]


def main() -> int:
    """Measures, prints a table, and says whether the bars are reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="tiny")
    parser.add_argument(
        "--questions", type=int, default=40, metavar="N", help="of the built-in set"
    )
    parser.add_argument("--every", type=int, default=16, help="tokens between two looks")
    parser.add_argument("--budget", default="max", help="of the thoughts")
    parser.add_argument("--threads", type=int, help="as for r1chat ask")
    parser.add_argument("--seed", type=int, default=7, help="of the sampled replies")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="measure the processor's time in place of the clock's, for a machine that is busy",
    )
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    if args.cpu:
        TimedLoop.now = staticmethod(time.process_time)
    print(report.machine())
    ways = {
        "greedy": Sampling(temperature=0, seed=0),
        "seeded": Sampling(seed=args.seed),
    }
    all_found = {name: Found() for name in ways}
    with timing(), closing(r1chat.load(args.model, threads=args.threads)) as engine:
        bench = Bench(engine, args)
        for question in read("tiny", limit=args.questions).questions:
            for name, sampling in ways.items():
                bench.compare(question.text, sampling, all_found[name])
    head = ["sampling", "looks", "cost, token-times", f"p{P}", "most", "a token"]
    head += ["with an answer", "the same", "tokens compared"]
    print(report.table(head, [row(name, found) for name, found in all_found.items()]))
    costs = [cost for found in all_found.values() for cost in found.costs]
    differing = [each for found in all_found.values() for each in found.differing]
    print(f"a look costs, in the median: {report.verdict(median(costs), BAR)}")
    print(f"a look costs, p{P}: {report.verdict(percentile(costs, P), BAR)}")
    print(f"thoughts the same with and without: {'ok' if not differing else 'MISSED'}")
    for question in differing:
        print(f"  differs: {question!r}")
    if args.json is not None:
        values = {
            name: {"costs": found.costs, "same": not found.differing}
            for name, found in all_found.items()
        }
        args.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 0 if median(costs) <= BAR and percentile(costs, P) <= BAR and not differing else 1


if __name__ == "__main__":
    sys.exit(main())
