#!/usr/bin/env python3
"""Measures the loop guard: how late it finds real loops, how often it takes honest text for one.

Real loops: the built-in model off its range, prolonged by "Wait", or completing bare words, at
three temperatures, with nobody to stop it; with --model another model completes the beginnings of
thoughts. A loop begins, by hindsight, where a sequence of at most 512 tokens first stands four
times in a row.

Honest text: thoughts of the built-in model about held-out questions, drawn with the guard in
place; and the repetitive texts of tests/repetitive.py, in the built-in model's tokens and in R1's.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import llama_source
import report
from questions import Asker

import r1chat
from r1chat.compose import resolve
from r1chat.engine import loop
from r1chat.engine.base import Engine, Message, Request, Sampling
from r1chat.engine.llama import LlamaEngine, LoadOptions
from r1chat.events import Reply, Sampled
from r1chat.reasoning.budget import Budget
from r1chat.reasoning.control import Control, ControlGroup
from r1chat.reasoning.loops import LONGEST_PERIOD, SENTENCE, WORDS, LoopGuard, is_word
from scripts.train_tiny.cases import cases
from tests.repetitive import KINDS, texts

TEMPERATURES = (0.0, 0.6, 1.0)
OFF_RANGE = (
    "What is 123456789123456 + 987654321987654?",
    "Why is the sky blue?",
    "Prove that the square root of two is irrational.",
    "How many letters are in supercalifragilisticexpialidocious?",
    "12 * 34 * 56 * 78 - 9 / 3",
    "aaaaaaaaaaaaaaaaaaaa",
    "Is 9.11 larger than 9.9 or than 9.909 or 9.9099?",
    "Sort 5 3 8 1 9 2 7 4 6 0.",
    "Translate to French: good morning",
    "What is 44 + 41 + 25?",
)
BARE = ("The", "1, 2, 3,", "Let me", "0 0 0 0", "Once upon a time")
BEGINNINGS = (
    "Okay, so I need to find the value of x such that 3x + 7 = 31. Let me think step by step.",
    "Okay, let me try to figure out how many primes are between 100 and 150. First,",
    "Hmm, what is 1234 times 5678? Let me do it digit by digit. Wait,",
    "Let's list all the cases.\n\nCase 1:",
    "| n | n^2 | n^3 |\n|---|---|---|\n| 1 | 1 | 1 |\n",
    "Wait, maybe I made a mistake. Let me check again.",
    "So the answer is 42. But wait,",
    "Let me count the letters in 'strawberry': s, t, r,",
)
LONG = 900
"""Tokens that a thought is to go on for."""
FOUR_TIMES = 4
LEAST = 64
"""Tokens of a stretch below which hindsight sees no loop."""
PARTS = ("loops", "thoughts", "texts")

Read = list[tuple[int, bytes]]
"""Tokens and their texts."""


class Onlooker(LoopGuard):
    """A guard that writes everything down and never says anything."""

    all: list[Onlooker] = []  # noqa: RUF012  (a list of all there are, on purpose)

    def __init__(self, patience: int = 1) -> None:
        super().__init__(patience)
        self.read: Read = []
        self.all.append(self)

    def feed(self, token: int, text: bytes) -> bool:
        """Writes a token down."""
        self.read.append((token, text))
        return False


@contextmanager
def nobody_stops_them() -> Iterator[None]:
    """Has thoughts and answers go round as long as they like: in this process alone."""
    loop.LoopGuard = Onlooker  # type: ignore[misc]
    try:
        yield
    finally:
        loop.LoopGuard = LoopGuard  # type: ignore[misc]


def drawn(engine: Engine, request: Request, waits: int = 60) -> Read:
    """What was read in the longer part of a reply: its thought, or where it has none its answer."""
    Onlooker.all.clear()
    control = Control(request.budget)
    control.max_waits = waits
    for _ in engine.stream(request, control):
        pass
    return max((guard.read for guard in Onlooker.all), key=len)


def tiny_loops(engine: Engine) -> Iterator[Read]:
    """Thoughts and completions of the built-in model that may go round in circles."""
    for temperature in TEMPERATURES:
        sampling = Sampling(temperature=temperature, seed=1)
        for text in OFF_RANGE:
            for minimum in (0, LONG):
                budget = Budget(minimum=minimum)
                asked = (Message("user", text),)
                yield drawn(engine, Request(asked, budget, sampling, max_answer=LEAST))
        for text in BARE:
            yield drawn(engine, _bare(text, sampling))


def other_loops(engine: Engine) -> Iterator[Read]:
    """The beginnings of thoughts, completed by another model."""
    for temperature in TEMPERATURES[:2]:
        for text in BEGINNINGS:
            yield drawn(engine, _bare(text, Sampling(temperature=temperature, seed=1)))


def _bare(text: str, sampling: Sampling) -> Request:
    return Request((Message("user", text),), sampling=sampling, max_answer=LONG, raw=True)


@dataclass(frozen=True)
class Round:
    """A loop, by hindsight."""

    start: int
    period: int
    words: int
    """Of one period."""


def hindsight(read: Read) -> Round | None:
    """Finds the first place from which on something stands there four times."""
    ids = [token for token, _ in read]
    found: Round | None = None
    for period in range(1, min(LONGEST_PERIOD, len(ids) // FOUR_TIMES) + 1):
        run = 0
        for at in range(period, len(ids)):
            run = run + 1 if ids[at] == ids[at - period] else 0
            if run >= max((FOUR_TIMES - 1) * period, LEAST):
                start = at + 1 - run - period
                if found is None or start < found.start:
                    words = sum(is_word(text) for _, text in read[start : start + period])
                    found = Round(start, period, words)
                break
    return found


def alarm(read: Read) -> int | None:
    """How many tokens have come when the guard says that they loop."""
    guard = LoopGuard()
    for at, (token, text) in enumerate(read, 1):
        if guard.feed(token, text):
            return at
    return None


def kind_of(found: Round) -> str:
    """In which row a loop is counted."""
    if found.words * 2 >= WORDS:
        return f"sentences of {WORDS // 2} words or more"
    return f"of {SENTENCE} to {WORDS // 2 - 1} words" if found.words >= SENTENCE else "no sentences"


def show_loops(reads: list[Read]) -> None:
    """Prints how late they are found."""
    delays: dict[str, list[tuple[float, int]]] = defaultdict(list)
    missed: dict[str, int] = defaultdict(int)
    early = refrains = none = 0
    for read in reads:
        found, at = hindsight(read), alarm(read)
        if found is None:
            refrains += at is not None
            none += at is None
        elif at is None:
            missed[kind_of(found)] += 1
        elif at <= found.start:
            early += 1
        else:
            delays[kind_of(found)].append(((at - found.start) / found.period, at - found.start))
    rows = []
    for kind in sorted({*delays, *missed}):
        periods = [each for each, _ in delays[kind]] or [float("nan")]
        tokens = [each for _, each in delays[kind]] or [0]
        rows.append(
            [
                kind,
                f"{len(delays[kind])} of {len(delays[kind]) + missed[kind]}",
                f"{median(periods):.1f}, worst {max(periods):.1f}",
                f"{median(tokens):.0f}, worst {max(tokens)}",
            ]
        )
    print(report.table(["loops", "found", "delay in periods", "in tokens"], rows))
    print(
        f"{len(reads)} replies, {none} of them without a loop and without an alarm; {refrains} "
        "alarms where nothing stands four times in a row (three times, or a refrain), "
        f"{early} before it does"
    )


def show_thoughts(engine: Engine, count: int, samples: int = 2) -> None:
    """Prints how many normal thoughts are taken for loops."""
    shares = {"arithmetic": 0.5, "story": 0.2, "comparison": 0.15, "letters": 0.15}
    asked = [
        case.question
        for kind, share in shares.items()
        for case in cases(kind, round(share * count / samples), "loops")
    ]
    rows = []
    for temperature in TEMPERATURES[1:]:
        thoughts = alarms = 0
        for number, text in enumerate(asked):
            request = Request(
                (Message("user", text),), sampling=Sampling(temperature=temperature, seed=number)
            )
            group = ControlGroup(Control(), samples)
            for event in engine.stream_many(request, group):
                if isinstance(event, Sampled) and isinstance(event.event, Reply):
                    thoughts += 1
                    alarms += "loop" in {
                        event.event.receipt.thought_ended_by,
                        event.event.receipt.answer_ended_by,
                    }
        rows.append([f"{temperature:g}", str(thoughts), str(alarms)])
    print(report.table(["temperature", "normal replies", "false alarms"], rows))


def show_texts(seeds: int) -> None:
    """Prints which honest texts are taken for loops."""
    pattern = r"vendor/llama\.cpp/models/ggml-vocab-qwen2\.gguf"
    folder = llama_source.extract(pattern) / "vendor/llama.cpp/models"
    rows = []
    for name, path in (
        ("the built-in model's", resolve("tiny")),
        ("R1-Distill-Qwen's", folder / "ggml-vocab-qwen2.gguf"),
    ):
        vocabulary = Asker(path).vocabulary
        tokens, alarms = 0, []
        for kind, text in texts(seeds):
            ids = vocabulary.tokenize(text, special=False)
            tokens += len(ids)
            if alarm([(each, vocabulary.shown(each)) for each in ids]) is not None:
                alarms.append(kind)
        rows.append([name, f"{len(KINDS)} × {seeds}", f"{tokens:,}", str(len(alarms))])
        for kind in sorted(set(alarms)):
            print(f"taken for a loop: {kind}, {alarms.count(kind)} of {seeds}, in {name} tokens")
    print(report.table(["tokens of", "honest texts", "tokens", "false alarms"], rows))


def main() -> int:
    """Measures and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--thoughts", type=int, default=1000, help="at each temperature")
    parser.add_argument("--seeds", type=int, default=10, help="texts of each kind")
    parser.add_argument("--model", type=Path, help="a GGUF file whose loops are measured as well")
    args = parser.parse_args()
    print(report.machine())
    with closing(r1chat.load("tiny")) as engine:
        if "loops" in args.only:
            with nobody_stops_them():
                print("\nthe built-in model")
                show_loops(list(tiny_loops(engine)))
                if args.model is not None:
                    print(f"\n{args.model.name}")
                    with closing(LlamaEngine(args.model, options=LoadOptions(ctx=2048))) as other:
                        show_loops(list(other_loops(other)))
        if "thoughts" in args.only:
            print()
            show_thoughts(engine, args.thoughts)
    if "texts" in args.only:
        print()
        show_texts(args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
