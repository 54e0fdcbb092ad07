#!/usr/bin/env python3
"""Compares samples that branch off from one thought (`ask --tree`) with samples that begin anew.

The first reply to each question is the same for both. Nothing is stopped early, so that a majority
can be taken over any number of the samples; a tree is compared with as many of those that begin
anew as cost the same tokens, between two whole numbers by linear interpolation. The differences are
paired by question, with intervals of 95 % (percentile bootstrap over questions).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from statistics import fmean

import report
import sampling_options

import r1chat
from r1chat.checking import Checker
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.engine.tree import stream_tree
from r1chat.evaluation.drawing import points
from r1chat.evaluation.intervals import difference
from r1chat.evaluation.plan import drawn_with
from r1chat.evaluation.reading import Question, read
from r1chat.events import Event, Reply, Sampled
from r1chat.reasoning.budget import Budget, Think
from r1chat.reasoning.consensus import Tally
from r1chat.reasoning.control import Control, ControlGroup


@dataclass(frozen=True)
class Drawn:
    """A sample, as far as it counts."""

    final: str | None
    right: bool
    tokens: int
    """That were written for it alone."""


@dataclass(frozen=True)
class Asked:
    """A question's samples, in the order in which they were begun; both have the same first."""

    question: str
    tree: tuple[Drawn, ...]
    anew: tuple[Drawn, ...]


class Bench:
    """Asks questions in both ways."""

    def __init__(self, engine: Engine, args: argparse.Namespace) -> None:
        self._engine = engine
        self._samples: int = args.samples
        self._budget = Budget.parse(args.budget)
        self._think: Think = args.think
        self._words: str = args.words
        self._sampling = Sampling(temperature=args.temperature)
        self.checker = Checker()

    def ask(self, question: Question) -> Asked:
        """Has a question answered."""
        seed = drawn_with(0, question.key)
        request = Request(
            messages=(Message("user", question.text + self._words),),
            budget=self._budget,
            think=self._think,
            sampling=replace(self._sampling, seed=seed),
            max_answer=200,
        )
        group = ControlGroup(Control(self._budget), self._samples)
        tree = self._taken(question, stream_tree(self._engine, request, group))
        request = replace(request, sampling=replace(self._sampling, seed=seed + 1))
        group = ControlGroup(Control(self._budget), self._samples - 1)
        anew = self._taken(question, self._engine.stream_many(request, group))
        return Asked(question.key, tree, (tree[0], *anew))

    def _taken(self, question: Question, events: Sequence[Event]) -> tuple[Drawn, ...]:
        found: dict[int, Drawn] = {}
        for event in events:
            if isinstance(event, Sampled) and isinstance(event.event, Reply):
                reply = event.event
                assert reply.receipt.ended_by != "error", reply.error
                receipt, final = reply.receipt, reply.final
                right = final is not None and self.checker.same(question.answer, final)
                shared = receipt.fork.tokens if receipt.fork else 0
                tokens = receipt.thought_tokens + receipt.answer_tokens - shared
                found[event.sample] = Drawn(final, right, tokens)
        return tuple(found[number] for number in sorted(found))

    def vote(self, samples: Sequence[Drawn]) -> float:
        """Whether the majority of samples is right."""
        tally = Tally(len(samples), self.checker.same)
        for number, sample in enumerate(samples):
            tally.add(number, sample.final)
        return float(tally.winner is not None and samples[tally.winner.samples[0]].right)


def spent(samples: Sequence[Drawn]) -> int:
    """Tokens that were written for them."""
    return sum(sample.tokens for sample in samples)


def at_equal_tokens(
    bench: Bench, asked: Sequence[Asked], tokens: float, most: int
) -> tuple[float, list[float]]:
    """What samples that begin anew come to where they cost so many tokens on average.

    Returns:
        How many samples those are, and the accuracy of each question.
    """
    costs = [fmean(spent(each.anew[:count]) for each in asked) for count in range(1, most + 1)]
    low = max((at for at, cost in enumerate(costs) if cost <= tokens), default=0)
    high = min(low + 1, most - 1)
    part = 0.0 if high == low else (tokens - costs[low]) / (costs[high] - costs[low])
    part = min(1.0, max(0.0, part))
    shares = [
        (1 - part) * bench.vote(each.anew[: low + 1]) + part * bench.vote(each.anew[: high + 1])
        for each in asked
    ]
    return low + 1 + part, shares


def show(bench: Bench, asked: Sequence[Asked], most: int) -> float:
    """Prints the tables; returns the lower end of what the largest tree gains."""
    rows = []
    for count in range(1, most + 1):
        anew = [each.anew[:count] for each in asked]
        share = fmean(bench.vote(each) for each in anew)
        rows.append([str(count), f"{100 * share:.1f} %", f"{fmean(map(spent, anew)):.0f}"])
    print(report.table(["samples anew", "right", "tokens"], rows))
    rows, low = [], 0.0
    for count in sorted({max(2, most // 2), most}):
        trees = [each.tree[:count] for each in asked]
        shares = [bench.vote(each) for each in trees]
        tokens = fmean(map(spent, trees))
        equal, others = at_equal_tokens(bench, asked, tokens, most)
        gain = difference([a - b for a, b in zip(shares, others, strict=True)])
        assert gain is not None
        low = gain.low
        cells = [f"{100 * fmean(shares):.1f} %", f"{tokens:.0f}", f"{equal:.2f}"]
        rows.append([str(count), *cells, f"{100 * fmean(others):.1f} %", points(gain)])
    head = ["tree of", "right", "tokens", "as many anew", "right", "tree − anew, points"]
    print(report.table(head, rows))
    forks = [(each, sample) for each in asked for sample in each.tree[1:]]
    others = sum(sample.final != each.tree[0].final for each, sample in forks)
    if forks:
        print(f"{others} of {len(forks)} branches come to another answer than the first")
    return low


def main() -> int:
    """Measures, prints tables, and says whether a tree pays."""
    args = sampling_options.parser(__doc__).parse_args()
    print(report.machine())
    known: dict[str, Asked] = {}
    if args.kept is not None and args.kept.exists():
        for text in args.kept.read_text(encoding="utf-8").splitlines():
            values = json.loads(text)
            ways = (tuple(Drawn(**each) for each in values[way]) for way in ("tree", "anew"))
            known[values["question"]] = Asked(values["question"], *ways)
    with closing(r1chat.load(args.model, samples=args.samples, ctx=args.ctx)) as engine:
        bench = Bench(engine, args)
        for question in read(args.questions, limit=args.limit).questions:
            if question.key in known:
                continue
            known[question.key] = asked = bench.ask(question)
            if args.kept is not None:
                with args.kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(asked)) + "\n")
    print(f"{len(known)} questions, temperature {args.temperature:g}, budget {args.budget}")
    low = show(bench, list(known.values()), args.samples)
    print(f"pays at equal tokens: {'yes' if low > 0 else 'not shown'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
