"""Measures the app in a real pty against a reference run back to back.

- first frame: from the start of the process to the first frame, r1chat ÷ an empty Textual app;
- keys: from a key to its letter on the screen, in an empty conversation and in one of 200 turns;
- speed: tokens a second in the app ÷ `r1chat ask`, on the same model, as the receipts say.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pexpect
from report import machine, middle, verdict

ROOT = Path(__file__).parent.parent.parent
HANGS_S = 120.0
EMPTY = """
from textual.app import App
from textual.widgets import Footer, Header, Input, Markdown, Static
class Empty(App):
    def compose(self):
        yield Header()
        yield Static("first frame")
        yield Markdown("")
        yield Input()
        yield Footer()
Empty().run()
"""
TURNS = """
import sys
from textual import on
from r1chat.attachments import Attachment
from r1chat.conversation import Turn
from r1chat.engine.fake import FakeEngine
from r1chat.events import Receipt, Reply
from r1chat.tui import start
from r1chat.tui.app import R1ChatApp
from r1chat.tui.loader import Loader
LINES = "A line of the thought that is long enough to be read.\\n" * 20
class Filled(R1ChatApp):
    def __init__(self, *, model=None):
        super().__init__(load=lambda ref, **options: FakeEngine(["x", "</think>", "y"]))
    async def fill(self):
        chat = self.chat
        for number in range(int(sys.argv[1])):
            reply = Reply(LINES, "Some **words** of answer.\\n\\n" * 5, Receipt(thought_tokens=300))
            chat.session.conversation.add(Turn(f"question {number}", reply))
        await chat.conversation.show(chat.session.conversation, collapsed=False)
        self.notify("filled")
    @on(Loader.Loaded)
    def fill_soon(self):
        self.call_later(self.fill)
start.R1ChatApp = Filled
sys.exit(start.run())
"""
CODES = re.compile(r"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[ -/]*[0-~]")


class Screen:
    """A program in a pty."""

    def __init__(self, *arguments: str) -> None:
        self._home = tempfile.mkdtemp(prefix="r1chat-bench-")
        environment = os.environ | {
            "R1CHAT_HOME": self._home,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
        }
        self.began = time.perf_counter()
        self._child = pexpect.spawn(
            sys.executable, list(arguments), dimensions=(30, 100), env=environment, cwd=str(ROOT)
        )
        self._child.delaybeforesend = None
        self.raw = b""

    def wait_for(self, words: str, since: int = 0) -> float:
        """Waits until words were written; returns when that was."""
        end = time.perf_counter() + HANGS_S
        while words not in CODES.sub("", self.raw[since:].decode("utf-8", "replace")):
            assert time.perf_counter() < end, f"{words!r} never came"
            try:
                self.raw += self._child.read_nonblocking(65536, 0.5)
            except pexpect.TIMEOUT:
                continue
        return time.perf_counter()

    def cpu_s(self) -> float:
        """Seconds of processor time so far, which a busy machine changes less than the clock."""
        stat = Path(f"/proc/{self._child.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, text: str) -> None:
        """Types."""
        self._child.send(text)

    def close(self) -> None:
        """Ends the program."""
        if self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        self._child.close()
        shutil.rmtree(self._home, ignore_errors=True)


def first_frame(runs: int) -> None:
    """The first frame against that of an empty app."""
    ours, theirs = [], []
    cpu: dict[str, list[float]] = {"first frame": [], "Ask something": []}
    for _ in range(runs):
        for arguments, words, times in (
            (("-c", EMPTY), "first frame", theirs),
            (("-m", "r1chat"), "Ask something", ours),
        ):
            screen = Screen(*arguments)
            times.append(screen.wait_for(words) - screen.began)
            cpu[words].append(screen.cpu_s())
            screen.close()
    ratio = statistics.median(ours) / statistics.median(theirs)
    best = min(ours) / min(theirs)
    print(f"first frame: {middle(ours)} s, an empty Textual app {middle(theirs)} s")
    print(f"  ratio {ratio:.2f} {verdict(ratio, 1.3)}; of the best runs {best:.2f}")
    reference, own = (statistics.median(values) for values in cpu.values())
    print(f"  processor time {own:.2f} s and {reference:.2f} s, ratio {own / reference:.2f}")


def keys(turns: int, presses: int) -> None:
    """From a key to the frame that shows it, p99 in ms."""
    screen = Screen("-c", TURNS, str(turns))
    screen.wait_for("filled")
    time.sleep(1.0)
    times = []
    for number in range(presses):
        since = len(screen.raw)
        letter = "abcdefghij"[number % 10]
        began = time.perf_counter()
        screen.send(letter)
        times.append(1000 * (screen.wait_for(letter, since) - began))
        time.sleep(0.02)
    screen.close()
    times.sort()
    p99 = times[int(0.99 * (len(times) - 1))]
    middle_one = statistics.median(times)
    print(f"keys, {turns} turns: p50 {middle_one:.0f} ms, p99 {p99:.0f} ms {verdict(p99, 50)}")


def speed(model: str, runs: int, tokens: int) -> None:
    """Tokens a second in the app against `r1chat ask`."""
    ours, theirs = [], []
    for _ in range(runs):
        command = [sys.executable, "-m", "r1chat", "ask", "-m", model, "--format", "json"]
        command += ["-b", str(tokens), "--max-answer", "16", "tell me"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env=environment)
        theirs.append(json.loads(done.stdout)["receipt"]["tokens_per_s"])
        ours.append(_speed_in_app(model, tokens))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"speed: {middle(ours, '.0f')} tokens/s in the app, {middle(theirs, '.0f')} in `ask`")
    print(f"  ratio {ratio:.2f} {verdict(ratio, 0.95, at_least=True)}")


def _speed_in_app(model: str, tokens: int) -> float:
    code = (
        "import sys\nfrom r1chat.settings import Settings\nfrom r1chat.tui import start\n"
        "from r1chat.tui.app import R1ChatApp\n"
        f"given = Settings(model={model!r}, budget='{tokens}', max_answer=16, pace=0)\n"
        "start.R1ChatApp = lambda model=None: R1ChatApp(given=given)\nsys.exit(start.run())\n"
    )
    screen = Screen("-c", code)
    screen.wait_for("context")
    screen.send("tell me\r")
    screen.wait_for("tokens/s")
    shown = CODES.sub("", screen.raw.decode("utf-8", "replace"))
    screen.close()
    return float(re.findall(r"([0-9,]+) tokens/s", shown)[-1].replace(",", ""))


def main() -> None:
    """Runs the parts that are asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench_app", description=__doc__)
    parser.add_argument("parts", nargs="*", help="first-frame, keys, speed; all without any")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=600)
    parser.add_argument("--model", default="tiny", help="for the speed; one that thinks long")
    args = parser.parse_args()
    print(machine())
    parts = args.parts or ["first-frame", "keys", "speed"]
    if "first-frame" in parts:
        first_frame(args.runs)
    if "keys" in parts:
        keys(0, args.presses)
        keys(args.turns, args.presses)
    if "speed" in parts:
        speed(args.model, args.runs, args.tokens)


if __name__ == "__main__":
    main()
