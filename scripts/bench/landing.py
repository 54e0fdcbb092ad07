#!/usr/bin/env python3
"""Compares a soft landing of thoughts with a hard cut, at equal budgets.

Soft is what r1chat does: in the last part of the budget, its grace, it closes a thought at the end
of a sentence, with a sentence of its own. Hard is what others do: at the budget the thought is
closed where it stands. "Hard sooner" is cut hard where the grace begins, so that what the words and
the boundary do can be told from what a few tokens less do.

Each question is asked with the same seeds under all of them. The differences are paired by
question, with intervals of 95 % (percentile bootstrap over questions).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import report

import r1chat
from r1chat.checking import Checker
from r1chat.engine import llama, many
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.engine.loop import ThinkingLoop
from r1chat.evaluation.drawing import percent, points
from r1chat.evaluation.intervals import Estimate, accuracy, difference
from r1chat.evaluation.plan import drawn_with
from r1chat.evaluation.reading import Question, read
from r1chat.events import EndedBy, Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup

GRACE = Budget().grace


class HardCut(ThinkingLoop):
    """Closes a thought where it stands: no words, no line break."""

    def _inject_close(self, words: str, reason: EndedBy) -> None:
        del words
        tokens = [self._close, *self._vocabulary.tokenize("\n\n", special=False)]
        assert self._close is not None, "the model has no token that closes thoughts"
        self._append([token for token in tokens if token is not None])
        self._transcript.inject("", len(tokens))
        self._transcript.close_thought(reason)


@contextmanager
def loops(kind: type[ThinkingLoop]) -> Iterator[None]:
    """Has the engine write replies with loops of another kind: in this process alone."""
    before = (llama.ThinkingLoop, many.ThinkingLoop)
    llama.ThinkingLoop = many.ThinkingLoop = kind  # type: ignore[misc]
    try:
        yield
    finally:
        llama.ThinkingLoop, many.ThinkingLoop = before  # type: ignore[misc]


@dataclass(frozen=True)
class Way:
    """A way to end a thought at a budget."""

    name: str
    loop: type[ThinkingLoop]
    budget: Callable[[int], Budget]


WAYS = (
    Way("soft", ThinkingLoop, lambda tokens: Budget(tokens=tokens)),
    Way("hard", HardCut, lambda tokens: Budget(tokens=tokens, grace=0)),
    Way("hard sooner", HardCut, lambda tokens: Budget(tokens=int(tokens * (1 - GRACE)), grace=0)),
)


@dataclass(frozen=True)
class Measured:
    """What came of one way at one budget."""

    shares: tuple[float, ...]
    """Of right samples, a question each."""
    thought_tokens: float
    cut: float
    """The share of thoughts that reached the budget."""


class Bench:
    """Asks all questions in one way at one budget."""

    def __init__(self, engine: Engine, args: argparse.Namespace) -> None:
        self._engine = engine
        self._questions = read(args.questions, limit=args.limit).questions
        self._samples: int = args.samples
        self._seed: int = args.seed
        self._sampling = Sampling(temperature=args.temperature)
        self._checker = Checker()

    def measure(self, way: Way, budget: int) -> Measured:
        """Asks all questions."""
        shares: list[float] = []
        tokens: list[int] = []
        cut: list[bool] = []
        with loops(way.loop):
            for question in self._questions:
                replies = self._replies(question, way.budget(budget))
                shares.append(fmean(self._right(question, reply) for reply in replies))
                tokens += [reply.receipt.thought_tokens for reply in replies]
                cut += [reply.receipt.thought_ended_by == "budget" for reply in replies]
        return Measured(tuple(shares), fmean(tokens), fmean(cut))

    def _replies(self, question: Question, budget: Budget) -> list[Reply]:
        seed = drawn_with(self._seed, question.key)
        request = Request(
            messages=(Message("user", question.text),),
            budget=budget,
            sampling=replace(self._sampling, seed=seed),
            max_answer=60,
        )
        group = ControlGroup(Control(budget), self._samples)
        replies = [
            event.event
            for event in self._engine.stream_many(request, group)
            if isinstance(event, Sampled) and isinstance(event.event, Reply)
        ]
        for reply in replies:
            assert reply.receipt.ended_by != "error", reply.error
        return replies

    def _right(self, question: Question, reply: Reply) -> bool:
        final = reply.final
        return final is not None and self._checker.same(question.answer, final)


def lead(one: Measured, other: Measured) -> Estimate:
    """By how much the first is better, a question at a time."""
    found = difference([a - b for a, b in zip(one.shares, other.shares, strict=True)])
    assert found is not None
    return found


def row(budget: int, found: dict[str, Measured], samples: int) -> list[str]:
    """One line of the table."""
    cells = [str(budget)]
    for way in WAYS:
        measured = found[way.name]
        share, interval = percent(accuracy(measured.shares, samples))
        cells.append(f"{share} ({interval})")
    cells += [points(lead(found["soft"], found[name])) for name in ("hard", "hard sooner")]
    cells.append(" · ".join(f"{found[way.name].thought_tokens:.0f}" for way in WAYS))
    cells.append(f"{100 * found['hard'].cut:.0f} %")
    return cells


def mean_lead(all_found: list[dict[str, Measured]], other: str) -> Estimate:
    """The mean lead over all budgets, still paired by question."""
    by_question = zip(
        *(
            [a - b for a, b in zip(found["soft"].shares, found[other].shares, strict=True)]
            for found in all_found
        ),
        strict=True,
    )
    estimate = difference([fmean(each) for each in by_question])
    assert estimate is not None
    return estimate


def main() -> int:
    """Measures, prints a table, and says whether the bar is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--questions", default="tiny", help="a file, or a set that comes along")
    parser.add_argument("--budgets", default="16,32,48,64,96,128")
    parser.add_argument("--samples", type=int, default=2, help="of each question")
    parser.add_argument("--temperature", type=float, default=0.6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="ask the first questions only")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    budgets = [int(each) for each in args.budgets.split(",")]
    print(report.machine())
    rows = []
    everything = []
    with closing(r1chat.load(args.model)) as engine:
        bench = Bench(engine, args)
        for budget in budgets:
            found = {way.name: bench.measure(way, budget) for way in WAYS}
            everything.append(found)
            rows.append(row(budget, found, args.samples))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    head = ["budget", *(f"{way.name}, %" for way in WAYS)]
    head += ["soft - hard, points", "soft - hard sooner", "tokens of thought", "cut"]
    print(report.table(head, rows))
    leads = [lead(found["soft"], found["hard"]) for found in everything]
    mean = mean_lead(everything, "hard")
    print(f"mean lead over the hard cut: {points(mean)} points")
    print(f"mean lead over the sooner one: {points(mean_lead(everything, 'hard sooner'))} points")
    print(
        f"not lower at any budget: {report.verdict(min(e.value for e in leads), 0, at_least=True)}"
    )
    print(f"higher on average: {'ok' if mean.value > 0 else 'MISSED'} (> 0)")
    if args.json is not None:
        values = [
            {"budget": budget, **{name: fmean(each.shares) for name, each in found.items()}}
            for budget, found in zip(budgets, everything, strict=True)
        ]
        args.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 0 if mean.value > 0 and min(each.value for each in leads) >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
