#!/usr/bin/env python3
"""Measures how soon r1chat is there: its version, and the first token of an answer.

Times are taken by reading the pipe: from just before the process is started to the moment when
its first byte, or the line with its first token, arrives.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bare
import children
import llama_source
import questions
import report

QUESTION = "What is 44 + 41 + 25?"
_TEXT_EVENTS = ("thought_text", "answer_text")
_PROFILED = 10
_PROFILES = 5


@dataclass(frozen=True)
class Times:
    """Seconds from the start of a process."""

    first: float
    """To the first byte, or to what was looked for in its output."""
    end: float
    processor: float
    """Spent on the processor in all, which a busy machine changes little."""


def start(command: Sequence[str], wanted: Callable[[bytes], bool] | None = None) -> Times:
    """Runs a process and times its output.

    Args:
        command: The program and its arguments.
        wanted: Tells the line that is waited for; without it the first byte is.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=children.environment(),
    )
    assert process.stdout is not None
    first = None
    pending = b""
    while data := os.read(process.stdout.fileno(), 1 << 16):
        if first is None:
            pending += data
            *lines, pending = pending.split(b"\n")
            if wanted is None or any(wanted(line) for line in lines):
                first = time.perf_counter() - began
    _, status, usage = os.wait4(process.pid, 0)
    end = time.perf_counter() - began
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        message = f"{' '.join(command)} failed with exit code {process.returncode}"
        raise SystemExit(message)
    return Times(end if first is None else first, end, usage.ru_utime + usage.ru_stime)


def by_turns(commands: Sequence[Callable[[], Times]], runs: int) -> list[list[Times]]:
    """Runs each as often as told, one after the other, so that a drift hits all."""
    for command in commands:
        command()
    done: list[list[Times]] = [[] for _ in commands]
    for _ in range(runs):
        for times, command in zip(done, commands, strict=True):
            times.append(command())
    return done


def version(runs: int) -> str:
    """How long `r1chat --version` takes beside a Python that does nothing."""
    named = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "r1chat --version": [*children.r1chat(), "--version"],
        "python -m r1chat --version": [sys.executable, "-m", "r1chat", "--version"],
    }
    done = by_turns([lambda c=command: start(c) for command in named.values()], runs)
    base = median(times.end for times in done[0])
    base_processor = median(times.processor for times in done[0])
    rows = []
    for name, times in zip(named, done, strict=True):
        ends = [1e3 * each.end for each in times]
        ratio = median(ends) / 1e3 / base
        bar = report.verdict(ratio, 2.5) if rows else ""
        processor = median(each.processor for each in times)
        rows.append(
            [
                name,
                report.middle(ends, ".1f"),
                f"{ratio:.2f}",
                bar,
                f"{1e3 * processor:.1f}",
                f"{processor / base_processor:.2f}",
            ]
        )
    head = ("command", "ms to exit, median (range)", "ratio", "bar", "ms of processor", "ratio")
    return report.table(head, rows)


def _is_text(line: bytes) -> bool:
    return json.loads(line)["type"] in _TEXT_EVENTS


def ask_command(model: str, threads: int) -> list[str]:
    """One question through the command line, with every event on a line of its own."""
    command = [*children.r1chat(), "ask", QUESTION, "--model", model, "--format", "jsonl"]
    return [*command, "--budget", "64", "--threads", str(threads), "--seed", "1", "--ctx", "2048"]


def bare_start(model: Path, threads: int) -> Callable[[], Times]:
    """The same in C."""
    ids = questions.Asker(model).ids(QUESTION)
    numbers = [2048, bare.BATCH, threads, threads, 64, 16, 16, 1]
    command = bare.command(model, ids, numbers, repack=bare.can_repack(model))
    return lambda: start(command)


def completion(program: Path, model: Path, threads: int) -> Callable[[], Times]:
    """llama.cpp's own program, which prints nothing before its first token."""
    command = [str(program), "-m", str(model), "-p", QUESTION, "-n", "80", "-c", "2048"]
    command += ["-t", str(threads), "-no-cnv", "--no-display-prompt", "--temp", "0.6", "-s", "1"]
    return lambda: start(command)


def first_token(chosen: argparse.Namespace) -> str:
    """How long the first token takes."""
    from r1chat import compose

    path = compose.resolve(chosen.model)
    threads = chosen.threads
    command = ask_command(chosen.model, threads)
    named = {
        "r1chat ask": lambda: start(command, _is_text),
        "bare C loop": bare_start(path, threads),
    }
    if chosen.llama_completion:
        named["llama-completion"] = completion(chosen.llama_completion, path, threads)
    done = by_turns(list(named.values()), chosen.ask_runs)
    base = median(times.first for times in done[0])
    rows = []
    for name, times in zip(named, done, strict=True):
        first = [each.first for each in times]
        ends = [each.end for each in times]
        ratio = base / median(first)
        bar = report.verdict(ratio, 0.75) if name == "llama-completion" else ""
        processor = f"{median(each.processor for each in times):.2f}"
        seconds = [report.middle(first, ".2f"), report.middle(ends, ".2f")]
        rows.append([name, *seconds, f"{ratio:.2f}", bar, processor])
    head = (
        f"{chosen.model}",
        "s to the first token",
        "s to exit",
        "r1chat ÷ it",
        "bar",
        "s of processor",
    )
    return report.table(head, rows)


def profile(arguments: Sequence[str]) -> str:
    """The imports that cost most, each without those that it causes itself."""
    command = [sys.executable, "-X", "importtime", "-m", "r1chat", *arguments]
    own: dict[str, int] = {}
    for _ in range(_PROFILES):
        log = children.run(command).stderr
        for cost, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)", log):
            # The least of several runs is what it costs on a machine that does nothing else.
            own[name] = min(own.get(name, int(cost)), int(cost))
    packages: dict[str, int] = {}
    for name, cost in own.items():
        package = name.partition(".")[0]
        packages[package] = packages.get(package, 0) + cost
    rows = []
    for (name, cost), (package, whole) in zip(_most(own), _most(packages), strict=False):
        rows.append([name, f"{cost / 1e3:.1f}", package, f"{whole / 1e3:.1f}"])
    rows.append(["all of them", f"{sum(own.values()) / 1e3:.1f}", "", ""])
    head = (f"imports of r1chat {arguments[0]}", "ms", "by package", "ms")
    return report.table(head, rows)


def _most(costs: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(costs.items(), key=lambda item: -item[1])[:_PROFILED]


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="bench_start", description=(__doc__ or "").split("\n\n")[0]
    )
    add = parser.add_argument
    add("--runs", type=int, default=30, help="of each command without a model")
    add("--ask-runs", type=int, default=7, help="of each command with a model")
    add("--model", default="tiny", help="for the first token")
    add("--threads", type=int, default=1)
    add("--llama-completion", type=Path, help="llama.cpp's program, to compare with")
    add("--profile", action="store_true", help="list the most expensive imports instead")
    return parser.parse_args()


def main() -> None:
    """Runs what was asked for and prints tables."""
    chosen = options()
    print(report.machine())
    if chosen.profile:
        whole = ask_command(chosen.model, chosen.threads)
        for arguments in (["--version"], whole[len(children.r1chat()) :]):
            print(f"\n{profile(arguments)}")
        return
    print(f"\n{version(chosen.runs)}")
    llama_source.say("asking")
    print(f"\n{first_token(chosen)}")
    print(f"\n{report.machine()}")


if __name__ == "__main__":
    main()
