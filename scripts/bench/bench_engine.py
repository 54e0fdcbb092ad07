#!/usr/bin/env python3
"""Compares r1chat with the least that a C program does to write tokens with llama.cpp.

Both run the same file with the same prompt, threads and context, and write the same number of
tokens at the same places, by turns. The model has random weights and the shape of
R1-Distill-Qwen-1.5B; it is made at the first run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bare
import children
import llama_source
import questions
import report
import speed_model

from r1chat.engine.threads import default_threads, usable_cores

SEED = 1
_SLACK = 512
_ROUND = 1024


@dataclass(frozen=True)
class Case:
    """What is compared."""

    model: Path
    question: questions.Question
    context: int
    threads: int
    tokens: int
    """Of thought."""
    answer: int
    """Tokens of answer."""
    format: str


def ask(case: Case) -> children.Run:
    """Asks through the real command line."""
    command = [*children.r1chat(), "ask", "-", "--model", str(case.model)]
    command += ["--format", case.format, "--budget", str(case.tokens)]
    command += ["--max-answer", str(case.answer), "--ctx", str(case.context)]
    command += ["--seed", str(SEED), "--no-save"]
    if case.threads != default_threads():
        command += ["--threads", str(case.threads)]
    command += ["--temperature", "0.6", "--top-k", "40", "--top-p", "0.95"]
    child = children.run(command, stdin=case.question.text)
    reply = json.loads(child.stdout.splitlines()[-1])
    receipt = reply["receipt"]
    read = receipt["prompt_tokens"]
    assert read == len(case.question.ids), f"a prompt of {read} tokens, not as planned"
    return children.Run(
        tokens_per_s=receipt["tokens_per_s"],
        first_token_s=receipt["first_token_s"],
        load_s=receipt["load_s"],
        peak_mib=child.peak_mib,
        wall_s=child.wall_s,
        cpu_s=child.cpu_s,
        written=(
            receipt["thought_tokens"],
            receipt["injected_tokens"],
            receipt["answer_tokens"],
        ),
    )


def loop(case: Case, written: tuple[int, int, int]) -> children.Run:
    """Does the same in C."""
    return bare.run(
        case.model,
        case.question.ids,
        context=case.context,
        threads=case.threads,
        # Left to itself, r1chat spares a core while it writes, and none while it reads.
        batch_threads=usable_cores() if case.threads == default_threads() else case.threads,
        written=written,
        seed=SEED,
    )


def compare(case: Case, pairs: int) -> list[tuple[children.Run, children.Run]]:
    """Runs both by turns, each first as often as the other, so that a drift hits both."""
    done: list[tuple[children.Run, children.Run]] = []
    for number in range(pairs):
        if done and number % 2:
            written = done[-1][0].written
            second = loop(case, written)
            first = ask(case)
            assert first.written == written, "the same seed wrote another number of tokens"
        else:
            first = ask(case)
            second = loop(case, first.written)
        done.append((first, second))
        llama_source.say(
            f"position {len(case.question.ids)}, threads {case.threads}, pair {number + 1} of "
            f"{pairs}: {first.tokens_per_s:.2f} ÷ {second.tokens_per_s:.2f} tok/s = "
            f"{first.tokens_per_s / second.tokens_per_s:.3f}"
        )
    return done


HEAD = (
    "position",
    "threads",
    "tokens",
    "ask tok/s",
    "bare tok/s",
    "ratio",
    "bar",
    "prompt s ÷ bare",
    "peak ÷ bare",
    "CPU s ÷ bare",
)


def row(case: Case, runs: Sequence[tuple[children.Run, children.Run]]) -> list[str]:
    """One line of the table."""
    ratios = [a.tokens_per_s / b.tokens_per_s for a, b in runs]
    thought, _, answer = runs[0][0].written
    peaks = f"{runs[0][0].peak_mib:.0f} ÷ {runs[0][1].peak_mib:.0f}"
    return [
        str(len(case.question.ids)),
        str(case.threads),
        str(thought + answer),
        f"{median(a.tokens_per_s for a, _ in runs):.2f}",
        f"{median(b.tokens_per_s for _, b in runs):.2f}",
        report.middle(ratios),
        report.verdict(median(ratios), 0.97, at_least=True),
        f"{median(a.first_token_s / b.first_token_s for a, b in runs):.3f}",
        f"{median(a.peak_mib / b.peak_mib for a, b in runs):.3f} ({peaks} MiB)",
        f"{median(a.cpu_s / b.cpu_s for a, b in runs):.3f}",
    ]


def context_for(position: int, tokens: int, answer: int) -> int:
    """Tokens of context with room for all that is written there."""
    wanted = position + tokens + tokens // 10 + 2 * answer + _SLACK
    return -(-wanted // _ROUND) * _ROUND


def inside(model: Path, positions: Sequence[int], tokens: int) -> list[list[str]]:
    """Measures inside the process, in a process of its own."""
    script = Path(__file__).with_name("inside.py")
    command = [sys.executable, str(script), str(model), "--tokens", str(tokens)]
    command += ["--positions", *map(str, positions)]
    # What it says of its progress goes straight to the user.
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=children.environment())
    return json.loads(done.stdout)


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="bench_engine", description=(__doc__ or "").split("\n\n")[0]
    )
    add = parser.add_argument
    add("--model", type=Path, help="another GGUF file; by default the speed model")
    add("--positions", type=int, nargs="+", default=[100, 8000], help="lengths of the prompt")
    add("--threads", type=int, nargs="+", default=[1, 2], help="for single tokens")
    add("--tokens", type=int, default=256, help="tokens of thought to write in each run")
    add("--answer", type=int, default=16, help="tokens of answer after it")
    add("--pairs", type=int, default=3, help="how often each of the two runs")
    add("--format", choices=["json", "jsonl"], default="json", help="of r1chat's output")
    add("--quick", action="store_true", help="a look at position 100 with one thread")
    add("--only", choices=["ratio", "inside"], help="one half of it")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.positions, chosen.threads, chosen.tokens, chosen.pairs = [100], [1], 48, 2
    return chosen


def main() -> None:
    """Runs what was asked for and prints tables."""
    chosen = options()
    model = chosen.model or speed_model.ensure(llama_source.CACHE.parent / "speed-1.5b.gguf")
    asker = questions.Asker(model)
    print(report.machine())
    if chosen.only != "inside":
        # The first run of a new file tries it in a child process; that is not to be measured.
        llama_source.say("warming up")
        ask(Case(model, asker.of_length(32), 1024, 1, 4, 4, chosen.format))
        rows = []
        for threads in chosen.threads:
            for position in chosen.positions:
                context = context_for(position, chosen.tokens, chosen.answer)
                question = asker.of_length(position)
                case = Case(
                    model, question, context, threads, chosen.tokens, chosen.answer, chosen.format
                )
                rows.append(row(case, compare(case, chosen.pairs)))
        print(f"\n{report.table(HEAD, rows)}")
    if chosen.only != "ratio":
        head, *rows = inside(model, chosen.positions, chosen.tokens)
        print(f"\n{report.table(head, rows)}")
    print(f"\n{report.machine()}")


if __name__ == "__main__":
    main()
