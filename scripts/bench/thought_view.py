#!/usr/bin/env python3
"""Measures the thinking pane while a thought streams into it at 100 tokens a second.

An app with nothing but the pane runs in a pty. A thread of it writes tokens at a steady rate; how
many stand there already differs. The app counts the CPU time of its process meanwhile, and this
process presses a key 20 times a second and reads the screen. Two references run back to back:
"idle" is the same app, keys and all, with no text coming: what Textual takes by itself; the CPU a
token is the rest. "bare" is a process that only reads keys from its pty: what the machine takes.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import report

CPU_BAR_MS = 1.0
GROWTH_BAR = 1.2
KEY_BAR_MS = 20.0
RATE = 100
KEY_EVERY_S = 0.05
ROWS, COLUMNS = 30, 100
FEW, MANY = 1_000, 20_000
_SENTENCE = "Wait, the sum of all these numbers is then equal to twice what was asked for."
_WORDS = tuple(_SENTENCE.split())
_FORMULA = r"""Wait, the roots of $2x^2 - 5x + 3 = 0$ are given by the **quadratic formula** as

\[
x = \frac{5 \pm \sqrt{25 - 24}}{2 \cdot 2}
\]

so that $x = \frac{5+1}{4} = 1.5$ is one, `x = 1` the other."""
_FORMULAS = tuple(word.rstrip(" ") for word in re.findall(r"\S+\s+|\S+$", _FORMULA))


class Case(NamedTuple):
    """What is measured at once."""

    name: str
    before: int
    """Tokens in the pane when the measuring begins."""
    count: int
    """Tokens that come meanwhile."""
    rate: int
    """Tokens a second; 0 for none."""
    is_open: bool


def tokens(case: Case, count: int) -> Iterator[str]:
    """A thought, five characters a token, with paragraphs of 80 tokens or fewer."""
    words = _FORMULAS if case.name.startswith("formulas") else _WORDS
    for at in range(count):
        yield words[at % len(words)] + ("\n\n" if at % 80 == 79 else " ")


def child(case: Case, out: Path) -> None:
    """Runs the app; writes down the CPU time and when keys were handled."""
    from textual.app import App, ComposeResult
    from textual.containers import VerticalScroll
    from textual.events import Key

    from r1chat.events import ThoughtEnded
    from r1chat.reasoning.budget import Budget
    from r1chat.tui.widgets.thinking import ThinkingPane

    handled: list[float] = []
    spent: list[float] = []
    longest = 0.0
    run = asyncio.Handle._run  # noqa: SLF001 - there is no other place to time every step

    def timed(handle: asyncio.Handle) -> None:
        nonlocal longest
        before = time.thread_time()
        run(handle)
        if len(spent) == 1:
            longest = max(longest, time.thread_time() - before)

    asyncio.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001

    class Bench(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def compose(self) -> ComposeResult:
            with VerticalScroll(can_focus=False):
                yield ThinkingPane(Budget(tokens=32_768), collapsed=not case.is_open)

        def on_mount(self) -> None:
            self.query_one(VerticalScroll).anchor()
            pane = self.query_one(ThinkingPane)
            pane.start()
            pane.write("".join(tokens(case, case.before)), case.before)
            threading.Thread(target=self.produce, args=(pane,), daemon=True).start()

        def produce(self, pane: ThinkingPane) -> None:
            time.sleep(2)
            began = time.monotonic()
            spent.append(began)
            cpu = time.process_time()
            for at, token in enumerate(tokens(case, case.count)):
                time.sleep(max(0.0, began + at / RATE - time.monotonic()))
                if case.rate:
                    pane.write(token, case.before + at + 1)
            spent.extend((time.monotonic(), time.process_time() - cpu))
            self.call_from_thread(pane.finish, ThoughtEnded("natural", case.count, 1.0))
            self.call_from_thread(self.exit)

        def on_key(self, event: Key) -> None:
            if event.key == "x":
                handled.append(time.monotonic())

    Bench().run()
    out.write_text(json.dumps([[*spent, longest], handled]), "utf-8")


def bare(case: Case, out: Path) -> None:
    """Reads keys and does nothing else."""
    tty.setraw(0)
    os.write(1, b"ready")
    time.sleep(2)
    handled: list[float] = []
    began = time.monotonic()
    while (left := began + case.count / RATE - time.monotonic()) > 0:
        if select.select([0], [], [], left)[0]:
            handled += [time.monotonic()] * len(os.read(0, 64))
    out.write_text(json.dumps([[began, time.monotonic(), 0.0, 0.0], handled]), "utf-8")


class Result(NamedTuple):
    """What one run gave."""

    cpu_ms: float
    """A token, the idle app's included."""
    longest_ms: float
    """CPU of the longest step of the event loop: what a key may have to wait for."""
    keys_ms: list[float]
    slow: float
    """How much longer than planned the producer took; near 1 on a machine that keeps up."""


def measure(case: Case) -> Result:
    """Runs the app in a pty."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "times.json")
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            arguments = [__file__, "--child", *map(str, (*case[:4], int(case.is_open))), str(out)]
            os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - ourselves
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        pressed = press(terminal, pid, 30 + 3 * case.count / RATE)
        if not out.exists():
            message = f"the app did not get through: {case.name}"
            raise SystemExit(message)
        (began, ended, cpu_s, longest_s), handled = json.loads(out.read_text("utf-8"))
    keys = [
        (end - start) * 1000
        for start, end in zip(pressed, handled, strict=False)
        if began <= start and end <= ended
    ]
    late = (ended - began) * RATE / case.count
    return Result(cpu_s / case.count * 1000, longest_s * 1000, sorted(keys), late)


def press(terminal: int, pid: int, limit_s: float) -> list[float]:
    """Presses keys and reads the screen until the app ends; returns when."""
    pressed: list[float] = []
    begun = time.monotonic()
    ready = 0.0
    due = begun + 1.5
    while time.monotonic() < begun + limit_s:
        readable, _, _ = select.select([terminal], [], [], max(0.0, due - time.monotonic()))
        if readable:
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not data:
                break
            ready = ready or time.monotonic()
        now = time.monotonic()
        if now >= due:
            due = now + KEY_EVERY_S
            if ready and now - ready > 1:
                os.write(terminal, b"x")
                pressed.append(now)
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return pressed


def at_percent(values: list[float], percent: int) -> float:
    """A percentile of sorted values."""
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else 0.0


def main() -> None:
    """Reads the arguments and prints the table."""
    if sys.argv[1:2] == ["--child"]:
        name, before, count, rate, is_open, out = sys.argv[2:]
        case = Case(name, int(before), int(count), int(rate), is_open == "1")
        run = bare if name == "bare" else child
        run(case, Path(out))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of 500 tokens a case")
    parser.add_argument("--rounds", type=int, default=3, help="of all cases in turn (default: 3)")
    parser.add_argument("--whole", action="store_true", help="stream all 20,000 as well: 200 s")
    options = parser.parse_args()
    count, rounds = (500, 1) if options.quick else (1000, options.rounds)
    cases = [
        Case("bare", 0, count, 0, is_open=True),
        Case("idle", FEW, count, 0, is_open=True),
        Case(f"open, {FEW:,}", FEW - count // 2, count, RATE, is_open=True),
        Case(f"open, {MANY:,}", MANY - count // 2, count, RATE, is_open=True),
        Case(f"formulas, {FEW:,}", FEW - count // 2, count, RATE, is_open=True),
        Case(f"formulas, {MANY:,}", MANY - count // 2, count, RATE, is_open=True),
        Case(f"closed, {FEW:,}", FEW - count // 2, count, RATE, is_open=False),
        Case(f"closed, {MANY:,}", MANY - count // 2, count, RATE, is_open=False),
    ]
    if options.whole:
        cases.append(Case("open, 1 to 20,000", 0, MANY, RATE, is_open=True))
    print(report.machine())
    print(f"{count} tokens at {RATE}/s, {COLUMNS}×{ROWS}, {rounds} rounds; CPU less idle's")
    results: dict[str, list[Result]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            if case.count == count or not results[case.name]:
                results[case.name].append(measure(case))
    idle = median(result.cpu_ms for result in results["idle"])
    cpu = {name: median(result.cpu_ms for result in some) - idle for name, some in results.items()}
    rows = []
    for name, some in results.items():
        keys = sorted(key for result in some for key in result.keys_ms)
        own = name not in {"bare", "idle"}
        rows.append(
            [
                name,
                f"{cpu[name]:.2f} ms" if own else f"({cpu[name] + idle:.2f} ms)",
                report.verdict(round(cpu[name], 2), CPU_BAR_MS) if own else "",
                f"{max(result.longest_ms for result in some):.1f} ms",
                f"{at_percent(keys, 50):.1f} / {at_percent(keys, 99):.1f} ms",
                report.verdict(round(at_percent(keys, 99), 1), KEY_BAR_MS) if own else "",
                f"{max(result.slow for result in some):.2f}",
            ]
        )
    head = [
        "thought",
        "CPU a token",
        "bar",
        "longest step",
        "key to handler: median / p99",
        "bar",
        "late",
    ]
    print(report.table(head, rows))
    growth = cpu[f"open, {MANY:,}"] / cpu[f"open, {FEW:,}"]
    print(
        f"CPU a token at {MANY:,} ÷ at {FEW:,}, open: {growth:.2f}"
        f" {report.verdict(round(growth, 2), GROWTH_BAR)}"
    )
    print(f"load afterwards: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
