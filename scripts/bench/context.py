#!/usr/bin/env python3
"""Measures how long the first token takes to come once the context is full.

A conversation goes on until turns have to be left out, and then for ten turns more. The median time
to the first token before that, in a context with room, is what the others are compared with.

    scripts/bench_context --model FILE --ctx 2048
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from statistics import median

import report

from r1chat import compose
from r1chat.engine import llama
from r1chat.engine.base import Sampling
from r1chat.events import Notice, Reply
from r1chat.reasoning.budget import Budget
from r1chat.session import Session

BAR = 1.3
NEEDED = 8
"""Of the turns in a full context, those that have to reach the bar."""
TURNS = 10
_TOPICS = [
    "rivers",
    "bread",
    "winter",
    "maps",
    "clocks",
    "bees",
    "glass",
    "salt",
    "ships",
    "paper",
    "wool",
    "tea",
]


def main() -> int:
    """Runs the measurement; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", metavar="REF", default="tiny")
    parser.add_argument("--ctx", type=int, default=2048)
    parser.add_argument("--answer", type=int, default=48, help="tokens of each answer")
    parser.add_argument("--no-ahead", action="store_true", help="without reading ahead")
    options = parser.parse_args()
    roomy: list[float] = []
    full: list[float] = []
    with closing(compose.load(options.model, ctx=options.ctx)) as engine:
        assert isinstance(engine, llama.LlamaEngine)
        session = Session(engine, prepare=not options.no_ahead)
        number = 0
        while len(full) < TURNS:
            topic = _TOPICS[number % len(_TOPICS)]
            question = f"Question {number}: tell me something about {topic}, in a sentence or two."
            number += 1
            seconds, left_out = ask(session, question, options.answer)
            # What a user takes to write the next question is longer than that.
            engine.wait_ahead()
            (full if full or left_out else roomy).append(seconds)
            print(f"turn {number}: first token after {seconds:.3f} s{' *' * left_out}", flush=True)
    usual = median(roomy[1:] or roomy)
    ratios = [each / usual for each in full]
    good = sum(each <= BAR for each in ratios)
    print(report.machine())
    print(f"with room: {usual:.3f} s over {len(roomy)} turns; full, as ratios of that:")
    print(", ".join(f"{each:.2f}" for each in ratios))
    print(f"{good} of {TURNS} within {BAR}: {'ok' if good >= NEEDED else 'MISSED'}")
    return 0


def ask(session: Session, question: str, answer: int) -> tuple[float, bool]:
    """Asks; returns the seconds to the first token, and whether turns were left out."""
    left_out = False
    events = session.ask(
        question, budget=Budget(0), sampling=Sampling(temperature=0), max_answer=answer
    )
    for event in events:
        if isinstance(event, Notice):
            left_out = left_out or "left out" in event.text
        if isinstance(event, Reply):
            return event.receipt.first_token_s, left_out
    message = "no reply came"
    raise RuntimeError(message)


if __name__ == "__main__":
    sys.exit(main())
