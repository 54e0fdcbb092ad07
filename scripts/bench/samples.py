#!/usr/bin/env python3
"""Compares K samples drawn side by side with K replies one after another.

Both through the real command line, on the model of the shape of R1-Distill-Qwen-1.5B; the single
runs take their turn before and after the common one, so that a change of the machine's mood hits
both.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import children
import llama_source
import questions
import report
import speed_model

BAR = 0.5
SEED = 5


def ask(model: Path, question: str, args: argparse.Namespace, *more: str) -> tuple[float, int]:
    """Asks once; returns the seconds that it took, and the tokens that were written."""
    command = [*children.r1chat(), "ask", "-", "--model", str(model), "--format", "json"]
    command += ["--budget", str(args.tokens), "--max-answer", str(args.answer), "--no-save"]
    command += ["--ctx", str(args.ctx), *more]
    if args.threads is not None:
        command += ["--threads", str(args.threads)]
    child = children.run(command, stdin=question)
    reply = json.loads(child.stdout.splitlines()[-1])
    receipts = [each["receipt"] for each in reply.get("samples", [reply])]
    return child.wall_s, sum(r["thought_tokens"] + r["answer_tokens"] for r in receipts)


def main() -> int:
    """Measures, prints a table, and says whether the bar is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64, help="of thought, of each")
    parser.add_argument("--answer", type=int, default=16, help="tokens of answer, of each")
    parser.add_argument("--prompt", type=int, default=120, help="tokens of the prompt")
    parser.add_argument("--ctx", type=int, default=2048)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    print(report.machine())
    model = speed_model.ensure(llama_source.ROOT / ".cache" / "speed-1.5b.gguf")
    question = questions.Asker(model).of_length(args.prompt).text
    half = args.samples // 2
    single, written = 0.0, 0
    together = (0.0, 0)
    for number in range(args.samples):
        if number == half:
            more = ("--samples", str(args.samples), "--seed", str(SEED))
            together = ask(model, question, args, *more)
        seconds, tokens = ask(model, question, args, "--seed", str(SEED + number))
        single, written = single + seconds, written + tokens
    seconds, tokens = together
    rows = [
        [f"{args.samples} one after another", f"{single:.1f} s", f"{written}"],
        [f"{args.samples} side by side", f"{seconds:.1f} s", f"{tokens}"],
    ]
    print(report.table(["samples", "from start to exit", "tokens"], rows))
    print(f"ratio {seconds / single:.2f}: {report.verdict(seconds / single, BAR)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
