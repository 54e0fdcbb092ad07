#!/usr/bin/env python3
"""Measures the answer pane: how soon keys are handled and text is seen while an answer streams.

An app with nothing but the pane runs in a pty. A thread of it writes tokens at a steady rate into
a queue that the app drains 20 times a second, as the real one does. This process presses a key 20
times a second and reads the screen: it finds the marks that stand among the tokens, and when they
came. "idle" is the same app with nothing to show, run back to back: what the machine and Textual
take by themselves. Turns of the event loop are in CPU time, which a busy machine hardly changes:
a key waits no longer than one for the app itself. The longest are the collector of garbage and the
import of a parser.
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
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import report
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.events import Key
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownStream

from r1chat.tui.widgets.answer import AnswerView

Queue: TypeAlias = "SimpleQueue[str | None]"

KEY_BAR_S = 0.05
LAG_BAR_S = 0.3
RATE = 40
DRAIN_S = 0.05
KEY_EVERY_S = 0.05
MARK_EVERY = 10
ROWS, COLUMNS = 30, 100
_MARK = re.compile(rb"q(\d{5})q")
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_TEXT = "the sum of all these numbers is then equal to twice what was asked for"


def tokens(shape: str, count: int) -> Iterator[str]:
    """An answer of a shape, about four characters a token, with a mark now and then."""
    per_line = {"paragraphs": 60, "list": 18, "code": 8}.get(shape, 1)
    words = _TEXT.split()
    if shape == "code":
        yield "```python\n"
    for at in range(count):
        begins = at % per_line == 0
        if begins and at:
            yield "\n\n" if shape == "paragraphs" else "\n"
        if begins and shape == "list":
            yield "- **Item:** "
        word = f"q{at:05}q" if at % MARK_EVERY == 0 else words[at % len(words)]
        if shape == "code":
            yield f"    x = {word}" if begins else f" + {word}"
        else:
            yield f"{word} "
    yield "\n```\n" if shape == "code" else "\n"


def produce(shape: str, count: int, queue: Queue, made: dict[int, float]) -> None:
    """Writes the tokens at their rate; None is the end."""
    time.sleep(0.5)
    began = time.monotonic()
    if shape == "idle":
        time.sleep(count / RATE)
    else:
        for at, token in enumerate(tokens(shape, count)):
            time.sleep(max(0.0, began + at / RATE - time.monotonic()))
            if found := _MARK.search(token.encode()):
                made[int(found[1])] = time.monotonic()
            queue.put(token)
    queue.put(None)


class Bench(App[None]):
    """The pane, or Textual's Markdown, and nothing else."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, shape: str, count: int, kind: str) -> None:
        super().__init__()
        self.made: dict[int, float] = {}
        self.handled: list[float] = []
        self._queue: Queue = SimpleQueue()
        self._produce = partial(produce, shape, count, self._queue, self.made)
        self._textual = Markdown() if kind == "textual" else None
        self._pane = AnswerView()
        self._stream: MarkdownStream | None = None

    def compose(self) -> ComposeResult:
        """One or the other, in what scrolls."""
        with VerticalScroll(can_focus=False):
            yield self._textual or self._pane

    def on_mount(self) -> None:
        """Begins."""
        self.query_one(VerticalScroll).anchor()
        if self._textual:
            self._stream = Markdown.get_stream(self._textual)
        self.set_interval(DRAIN_S, self._drain)
        threading.Thread(target=self._produce, daemon=True).start()

    async def _drain(self) -> None:
        got: list[str | None] = []
        while not self._queue.empty():
            got.append(self._queue.get())
        text = "".join(token or "" for token in got)
        if self._stream:
            await self._stream.write(text)
        elif text:
            self._pane.write(text)
        if None in got:
            if self._stream:
                await self._stream.stop()
            else:
                self._pane.finish()
            self.set_timer(0.5, self.exit)

    def on_key(self, event: Key) -> None:
        """Notes when a key was handled."""
        if event.key == "x":
            self.handled.append(time.monotonic())


def time_turns() -> list[float]:
    """Has asyncio write down how long each turn of its loop keeps the processor."""
    turns: list[float] = []
    run = asyncio.Handle._run  # noqa: SLF001 - there is no other hook

    def timed(self: asyncio.Handle) -> None:
        began = time.thread_time()
        run(self)
        turns.append(time.thread_time() - began)

    asyncio.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001 - as above
    return turns


def child(shape: str, count: int, kind: str, out: Path) -> None:
    """Runs the app; writes down when tokens were made and keys were handled."""
    app = Bench(shape, count, kind)
    turns = time_turns()
    app.run()
    times = os.times()
    # The first second is the start of the app.
    settled = sorted(turns[len(turns) // 20 :])
    longest = [at_percent(settled, 99), settled[-1]]
    cpu_s = times.user + times.system
    out.write_text(json.dumps([app.made, app.handled, longest, cpu_s]), "utf-8")


def measure(shape: str, count: int, kind: str) -> list[str]:
    """Runs the app in a pty, and returns a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "times.json")
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            arguments = [__file__, "--child", shape, str(count), kind, str(out)]
            os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - ourselves
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        seen, pressed = watch(terminal, pid, count)
        if not out.exists():
            message = f"the app did not get through: {shape}, {kind}"
            raise SystemExit(message)
        made, handled, longest, cpu_s = json.loads(out.read_text("utf-8"))
    keys = sorted(end - start for start, end in zip(pressed, handled, strict=False))
    lags = sorted(seen[int(mark)] - at for mark, at in made.items() if int(mark) in seen)
    lost = len(made) - len(lags)
    key, lag = at_percent(keys, 99), at_percent(lags, 99) if lags else 0.0
    return [
        f"{shape}, {kind}",
        f"{at_percent(keys, 50) * 1000:.0f} / {key * 1000:.0f} ms",
        report.verdict(round(key, 3), KEY_BAR_S),
        f"{at_percent(lags, 50) * 1000:.0f} / {lag * 1000:.0f} ms" if lags else "",
        report.verdict(round(lag, 3), LAG_BAR_S) if lags else "",
        f"{lost} of {len(made)}",
        f"{longest[0] * 1000:.0f} / {longest[1] * 1000:.0f} ms",
        f"{cpu_s:.1f} s",
    ]


def watch(terminal: int, pid: int, count: int) -> tuple[dict[int, float], list[float]]:
    """Presses keys and reads the screen until the app ends."""
    seen: dict[int, float] = {}
    pressed: list[float] = []
    tail = b""
    begun = time.monotonic()
    ready = 0.0
    due = begun + 1.5
    limit = begun + 30 + 3 * count / RATE
    while time.monotonic() < limit:
        readable, _, _ = select.select([terminal], [], [], max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if readable:
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not data:
                break
            ready = ready or now
            # A mark is at the end of a wrapped line as often as not; never is it split.
            text = _ESCAPE.sub(b"", tail + data)
            for mark in _MARK.findall(text):
                seen.setdefault(int(mark), now)
            tail = (tail + data)[-64:]
        if now >= due:
            due = now + KEY_EVERY_S
            if ready and now - ready > 1:
                os.write(terminal, b"x")
                pressed.append(now)
    else:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return seen, pressed


def at_percent(values: list[float], percent: int) -> float:
    """A percentile of sorted values."""
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else 0.0


def main() -> None:
    """Reads the arguments and prints the table."""
    if sys.argv[1:2] == ["--child"]:
        shape, count, kind, out = sys.argv[2:]
        child(shape, int(count), kind, Path(out))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="400 tokens of each shape")
    parser.add_argument("--tokens", type=int, default=2000, help="of each shape (default: 2000)")
    parser.add_argument("--textual", action="store_true", help="Textual's own Markdown as well")
    options = parser.parse_args()
    count = 400 if options.quick else options.tokens
    print(report.machine())
    print(f"{count} tokens at {RATE}/s, {COLUMNS}×{ROWS}; median / p99")
    rows = [measure("idle", count, "pane")]
    for shape in ("paragraphs", "list", "code"):
        rows.append(measure(shape, count, "pane"))
        if options.textual:
            rows.append(measure(shape, count, "textual"))
    head = [
        "answer",
        "key to handler",
        "bar",
        "lag of the text",
        "bar",
        "not seen",
        "turn: p99 / longest",
        "CPU",
    ]
    print(report.table(head, rows))
    print(f"load afterwards: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
