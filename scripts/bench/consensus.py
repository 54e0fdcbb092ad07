#!/usr/bin/env python3
"""Compares samples that stop where others would hardly change the majority with all samples.

Each question is asked through a session in each way, with the same seeds: the samples of
`--samples-stop likely` are the first of those that are drawn to the last. The differences are
paired by question, with intervals of 95 % (percentile bootstrap over questions). `r1chat eval -n 8`
says the same of samples that it has drawn, by replaying them; this measures the seconds, too.

    scripts/bench_consensus                                        # the built-in model
    scripts/bench_consensus --budget 48 --limit 100 --kept kept.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from statistics import fmean

import report
import sampling_options

import r1chat
from r1chat.checking import Checker
from r1chat.engine.base import Engine, Sampling
from r1chat.evaluation.drawing import points
from r1chat.evaluation.intervals import difference, ratio
from r1chat.evaluation.plan import drawn_with
from r1chat.evaluation.reading import Question, read
from r1chat.events import Reply, SamplesStop
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control
from r1chat.session import Session
from r1chat.votes import tokens_of, votes_of

BAR = 0.6
"""Of the tokens of all samples."""
POINTS = 1.0
"""That the accuracy may be lower, in percentage points."""
WAYS: tuple[SamplesStop, ...] = ("never", "settled", "likely")


@dataclass(frozen=True)
class Drawn:
    """What one way came to."""

    right: bool
    tokens: int
    samples: int
    """That came to their end."""
    seconds: float
    decided: str


class Bench:
    """Asks questions in each way."""

    def __init__(self, engine: Engine, args: argparse.Namespace) -> None:
        self._engine = engine
        self._args = args
        self._checker = Checker()

    def ask(self, question: Question, way: SamplesStop) -> Drawn:
        """Has a question answered."""
        args = self._args
        began = time.perf_counter()
        *_, reply = Session(self._engine, prepare=False).consensus(
            question.text + args.words,
            samples=args.samples,
            samples_stop=way,
            same=self._checker.same,
            control=Control(Budget.parse(args.budget)),
            think=args.think,
            sampling=Sampling(temperature=args.temperature, seed=drawn_with(0, question.key)),
            max_answer=200,
        )
        seconds = time.perf_counter() - began
        assert isinstance(reply, Reply), "the last event is no reply"
        assert reply.receipt.ended_by != "error", reply.error
        final, votes = reply.final, votes_of(reply)
        return Drawn(
            right=final is not None and self._checker.same(question.answer, final),
            tokens=sum(tokens_of(each.receipt) for each in reply.samples),
            samples=votes.ended,
            seconds=seconds,
            decided=votes.decided or "never",
        )


def show(asked: list[dict[str, Drawn]]) -> bool:
    """Prints a table; returns whether the bar is reached."""
    rows, reached = [], False
    for way in WAYS:
        pairs = [(each[way], each["never"]) for each in asked]
        lead = difference([float(one.right) - float(all_.right) for one, all_ in pairs])
        share = ratio([(one.tokens, all_.tokens) for one, all_ in pairs])
        assert lead is not None
        assert share is not None
        reached = share.value <= BAR and 100 * lead.value >= -POINTS
        whys = [each[way].decided for each in asked]
        rows.append(
            [
                way,
                f"{100 * fmean(one.right for one, _ in pairs):.1f} %",
                points(lead),
                f"{fmean(one.samples for one, _ in pairs):.2f}",
                f"{share.value:.2f} ({share.low:.2f}–{share.high:.2f})",
                f"{sum(one.seconds for one, _ in pairs) / sum(a.seconds for _, a in pairs):.2f}",
                " · ".join(f"{why} {whys.count(why)}" for why in sorted(set(whys))),
            ]
        )
    head = ["stops", "right", "− never, points (95 %)", "samples", "tokens, ratio (95 %)"]
    print(report.table([*head, "seconds, ratio", "decided"], rows))
    return reached


def main() -> int:
    """Measures, prints a table, and says whether the bar is reached."""
    args = sampling_options.parser(__doc__).parse_args()
    print(report.machine())
    known: dict[str, dict[str, Drawn]] = {}
    if args.kept is not None and args.kept.exists():
        for text in args.kept.read_text(encoding="utf-8").splitlines():
            values = json.loads(text)
            known[values["question"]] = {way: Drawn(**values[way]) for way in WAYS}
    with closing(r1chat.load(args.model, samples=args.samples, ctx=args.ctx)) as engine:
        bench = Bench(engine, args)
        for question in read(args.questions, limit=args.limit).questions:
            if question.key in known:
                continue
            known[question.key] = found = {way: bench.ask(question, way) for way in WAYS}
            if args.kept is not None:
                with args.kept.open("a", encoding="utf-8") as file:
                    values = {way: asdict(drawn) for way, drawn in found.items()}
                    file.write(json.dumps({"question": question.key, **values}) + "\n")
    print(f"{len(known)} questions, temperature {args.temperature:g}, budget {args.budget}")
    reached = show(list(known.values()))
    print(f"tokens ≤ {BAR} at an accuracy not lower by more than {POINTS:g} point: ", end="")
    print("reached" if reached else "MISSED")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
