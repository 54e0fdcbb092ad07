"""Measures the app in a real pty, against a reference run back to back where there is one.

- first-frame: from the start of the process to the first frame, r1chat ÷ an empty Textual app;
- keys: from a key to its letter on the screen, in an empty conversation and in one of 200 turns;
- speed: tokens a second in the app ÷ `r1chat ask`, on the same model, as the receipts say;
- effects: from a key to what it does on the screen, while a model thinks or answers without end;
- memory: of the process, and its widgets, at 20 turns and at 200;
- paste: the longest stretch that a megabyte keeps the app from answering keys.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import machine, middle, verdict
from screen import HANGS_S, ROOT, Screen

INSIDE = str(Path(__file__).with_name("app_inside.py"))
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
WITH_SETTINGS = """
import sys
from r1chat.settings import Settings
from r1chat.tui import start
from r1chat.tui.app import R1ChatApp
start.R1ChatApp = lambda **given: R1ChatApp(given=Settings(**{settings!r}))
sys.exit(start.run())
"""
ENTER, ESCAPE, HOME, END, LEFT = "\r", "\x1b", "\x1b[H", "\x1b[F", "\x1b[D"
F5, F12 = "\x1b[15~", "\x1b[24~"
ANSWER_NOW, AGAIN = "\x0e", "\x12"
MEGABYTE = 1_000_000


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
    print(f"  ratio {ratio:.2f} {verdict(ratio, 1.25)}; of the best runs {best:.2f}")
    reference, own = (statistics.median(values) for values in cpu.values())
    print(f"  processor time {own:.2f} s and {reference:.2f} s, ratio {own / reference:.2f}")


def keys(turns: int, presses: int) -> None:
    """From a key to the frame that shows it, p99 in ms."""
    screen = Screen(INSIDE, str(turns))
    screen.wait_for("filled")
    screen.look(1.0)
    times = []
    for number in range(presses):
        letter = "abcdefghij"[number % 10]
        times.append(screen.effect_ms(letter, letter))
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


def _with_settings(**settings: object) -> Screen:
    screen = Screen("-c", WITH_SETTINGS.format(settings=settings))
    screen.wait_for("context")
    return screen


def _speed_in_app(model: str, tokens: int) -> float:
    screen = _with_settings(model=model, budget=str(tokens), max_answer=16, pace=0)
    screen.send("tell me" + ENTER)
    screen.wait_for("tokens/s")
    shown = screen.shown
    screen.close()
    return float(re.findall(r"([0-9,]+) tokens/s", shown)[-1].replace(",", ""))


def effects(model: str, rounds: int) -> None:
    """From a key to its effect, in the middle of a thought and of an answer."""
    with tempfile.TemporaryDirectory() as folder:
        if model == "tiny":
            from tests.factory import write_model

            # The built-in one is done with a thought before anybody could press a key.
            model = str(write_model(Path(folder) / "endless.gguf", context=32768))
        screen = _with_settings(model=model, pace=0)
        names = ("answer now", "stop, shown", "stopped", "slider, shown", "slider to off")
        times: dict[str, list[float]] = {name: [] for name in names}
        rng = random.Random(7)
        screen.send("hello" + ENTER)
        for number in range(2 * rounds):
            screen.wait_for("Thinking…")
            screen.look(rng.uniform(0.2, 0.6))
            if number < rounds:
                times["answer now"].append(screen.effect_ms(ANSWER_NOW, "ended by you"))
            else:
                # The first step down from "max" is "auto".
                screen.effect_ms(LEFT, "auto")
                times["slider, shown"].append(screen.effect_ms(LEFT, " of 32,768"))
                times["slider to off"].append(screen.effect_ms(HOME, "ended by budget"))
            screen.look(rng.uniform(0.2, 0.6))
            since, began = len(screen.raw), time.perf_counter()
            # "Stopping…", or at once "stopped".
            times["stop, shown"].append(screen.effect_ms(ESCAPE, "topp"))
            times["stopped"].append(1000 * (screen.wait_for("stopped", since) - began))
            if number >= rounds - 1:
                screen.effect_ms(F5 if number == rounds - 1 else END, "no limit")
            screen.look(0.2)
            screen.raw = b""
            screen.send(AGAIN)
        screen.close()
    for name, found in times.items():
        worst = max(found)
        print(
            f"{name}: p50 {statistics.median(found):.0f} ms, "
            f"worst of {len(found)} {worst:.0f} ms {verdict(worst, 250)}"
        )


def memory(turns: int) -> None:
    """What the app takes at 20 turns and at many; each was asked and answered in it."""
    screen = Screen(INSIDE, str(turns))
    screen.wait_for("filled")
    reports = _reports(screen)
    screen.close()
    for report in reports:
        print(
            f"{report['turns']} turns: {report['mounted']} widgets mounted, {report['alive']} in "
            f"memory, {report['rss_mib']:.1f} MiB"
        )
    first, last = reports[0], reports[-1]
    more = verdict(last["mounted"] / first["mounted"], 1.05)
    each = 1024 * (last["rss_mib"] - first["rss_mib"]) / (last["turns"] - first["turns"])
    print(f"  widgets ÷ those at {first['turns']} turns {more}; {each:.1f} KiB a turn")


def paste(runs: int) -> None:
    """The longest turn of the app's loop while a megabyte is pasted."""
    text = (
        ("All work and no play makes 4 ≠ 5. " * 40_000)
        .encode()[:MEGABYTE]
        .decode("utf-8", "ignore")
    )
    expected = hashlib.sha256(text.encode()).hexdigest()
    stalls, idle, equal = [], [], 0
    for _ in range(runs):
        screen = Screen(INSIDE, "0")
        screen.wait_for("filled")
        screen.look(1.0)
        _report(screen)
        screen.look(1.0)
        idle.append(_report(screen)["stall_ms"])
        screen.look(0.2)
        screen.send(f"\x1b[200~{text}\x1b[201~")
        screen.wait_for("[pasted text 1")
        screen.look(0.2)
        report = _report(screen)
        stalls.append(report["stall_ms"])
        equal += report["attached"] == expected
        screen.close()
    print(f"paste of {len(text.encode()):,} bytes: stall {middle(stalls, '.0f')} ms", end=" ")
    print(f"{verdict(max(stalls), 100)}, at rest {middle(idle, '.0f')} ms; equal {equal} of {runs}")


def _reports(screen: Screen) -> list[dict[str, float]]:
    file = screen.home / "report.jsonl"
    text = file.read_text("utf-8") if file.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def _report(screen: Screen) -> dict[str, float]:
    before = len(_reports(screen))
    screen.send(F12)
    end = time.perf_counter() + HANGS_S
    while len(reports := _reports(screen)) == before:
        assert time.perf_counter() < end, "no report came"
        screen.look(0.05)
    return reports[-1]


def main() -> None:
    """Runs the parts that are asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench_app",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help="some of the above; all without any")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=20, help="of each effect")
    parser.add_argument("--model", default="tiny", help="for speed and effects")
    args = parser.parse_args()
    print(machine())
    parts = {
        "first-frame": lambda: first_frame(args.runs),
        "keys": lambda: [keys(turns, args.presses) for turns in (0, args.turns)],
        "speed": lambda: speed(args.model, args.runs, args.tokens),
        "effects": lambda: effects(args.model, args.rounds),
        "memory": lambda: memory(args.turns),
        "paste": lambda: paste(args.runs),
    }
    for name in args.parts or parts:
        if name not in parts:
            parser.error(f"no part {name!r}; there are {', '.join(parts)}")
        parts[name]()


if __name__ == "__main__":
    main()
