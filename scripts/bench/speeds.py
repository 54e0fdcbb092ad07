"""How fast models were said to be ÷ how fast they are: before their first reply, and after it.

Each round measures what this machine multiplies, as the estimate does, and right behind it the time
that a short reply takes on the processor, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import children
import report

from r1chat import gguf, load
from r1chat.engine.base import Message, Request, Sampling
from r1chat.events import AnswerText, Reply, ThoughtText
from r1chat.hub import products
from r1chat.hub.fit import fit, shape_of
from r1chat.hub.machine import this_machine
from r1chat.reasoning.control import Control

MODELS = Path.home() / ".cache" / "r1chat-dev" / "real-models"
WRITTEN = 48
AT_ONCE, LEARNED = (0.7, 1.4), (0.9, 1.1)
QUESTION = "Write a long text about the sea."


def inside(model: str, threads: int, rounds: int) -> None:
    """Asks again and again; prints the ratios of each round as JSON."""
    header = gguf.read_header(Path(model))
    shape, size = shape_of(header), header.size
    machine = replace(this_machine(measure=False), threads=threads)
    engine = load(model, ctx=2048, threads=threads)
    learned: float | None = None
    found = []
    number = 0
    while len(found) < rounds:
        number += 1
        rate = products.measured(threads)
        known = {} if learned is None else {size: learned}
        expected = [
            fit(shape, size, replace(machine, products=rate, learned=each)).tokens_per_s
            for each in ({}, known)
        ]
        request = Request(
            (Message("user", QUESTION),),
            sampling=Sampling(seed=number),
            max_answer=WRITTEN,
            raw=True,
            reuse=False,
        )
        began = 0.0
        for event in engine.stream(request, Control(request.budget)):
            if isinstance(event, (ThoughtText, AnswerText)) and not began:
                began = time.process_time()
            reply = event
        spent = time.process_time() - began
        assert isinstance(reply, Reply)
        written = reply.receipt.thought_tokens + reply.receipt.answer_tokens
        if written < WRITTEN // 2:
            # It had no more to say, which says little.
            continue
        real = threads * (written - 1) / spent
        found.append([real, *expected])
        # As `hub.speeds` takes a reply into account.
        learned = size * real if learned is None else learned + 0.5 * (size * real - learned)
    engine.close()
    print(json.dumps(found))


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, help="GGUF files (default: real models)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        inside(str(args.models[0]), args.inside, args.rounds)
        return
    models = args.models or [
        each for each in sorted(MODELS.glob("*.gguf")) if not each.stem.endswith(("head", "ulary"))
    ]
    rows = []
    for model in models:
        for threads in args.threads:
            command = [sys.executable, __file__, str(model), "--inside", str(threads)]
            done = children.run([*command, "--rounds", str(args.rounds)])
            found = json.loads(done.stdout)
            at_once = [expected / real for real, expected, _ in found]
            after = [expected / real for real, _, expected in found[1:]]
            cells = [report.middle([real for real, *_ in found], ".1f")]
            for ratios, (low, high) in ((at_once, AT_ONCE), (after, LEARNED)):
                good = low <= statistics.median(ratios) <= high
                cells += [report.middle(ratios, ".2f"), "ok" if good else "MISSED"]
            rows.append([model.stem, str(threads), *cells])
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    print(report.machine() + "\n")
    heads = "model,threads,tokens/s,expected ÷ measured,0.7–1.4,after a reply,0.9–1.1"
    print(report.table(heads.split(","), rows))


if __name__ == "__main__":
    main()
