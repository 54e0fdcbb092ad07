"""The app as a program of its own, with a fake engine and something that goes wrong."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace

from textual.binding import Binding

from r1chat.engine import fake
from r1chat.engine.fake import FakeEngine, Pause
from r1chat.errors import EngineError, ModelError
from r1chat.events import Notice, Receipt, Reply
from r1chat.tui import start
from r1chat.tui.app import R1ChatApp

EVIL = "\x1b]52;c;RVZJTA==\x07\x1b]0;EVIL\x07\x9b31mEVIL\x1b[2J\u202eEVIL\x1b]8;;http://evil\x07"
LONG = [step for i in range(5000) for step in (f"thought {i}.\n", Pause(0.1))]
LEFT, CAME_BACK = threading.Event(), threading.Event()
"""Set when the terminal has lost the focus, and when it has it again."""


class Broken(R1ChatApp):
    """Breaks on keys."""

    BINDINGS = [  # noqa: RUF012  (as Textual has it)
        Binding("f10", "raise", priority=True),
        Binding("f11", "raise_in_worker", priority=True),
        Binding("f12", "native", priority=True),
    ]

    def watch_app_focus(self, focus: bool) -> None:
        """Lets a reply go on that waits for it."""
        if not focus:
            LEFT.set()
        elif LEFT.is_set():
            CAME_BACK.set()

    def action_raise(self) -> None:
        """Raises with a secret in a variable."""
        secret = "SECRET-of-the-user"
        message = f"what the user said: {secret}"
        raise RuntimeError(message)

    def action_raise_in_worker(self) -> None:
        """Raises in a worker."""

        async def work() -> None:
            self.action_raise()

        self.run_worker(work())

    def action_native(self) -> None:
        """Writes as native code does."""
        os.write(1, b"NATIVE-ONE\n")
        os.write(2, b"NATIVE-TWO\n")
        self.notify("written natively")


def load(ref: str, **options: object) -> FakeEngine:
    """A fake engine, or what else the mode asks for."""
    mode = sys.argv[1]
    if mode == "loading":
        time.sleep(600)
    if mode == "evil":
        info = replace(fake.INFO, ref=EVIL, quant=EVIL)
        answer = (EVIL, "\n\n```", EVIL, "\n```\n")
        return FakeEngine([EVIL, "\n", "Wait, ", EVIL, "</think>", *answer], info=info)
    if mode == "evil-words":
        return FakeEngine([Notice(EVIL), EngineError(EVIL)])
    if mode == "evil-file":
        raise ModelError(EVIL)
    if mode in {"long", "away", "back"}:
        # A reply that took half a minute, as its receipt says.
        reply = Reply("hm.\n", "Done.", Receipt(thought_tokens=9, thought_s=20.0, answer_s=10.0))
        script = ["hm.\n", Pause(1.0), "</think>", "Done.", reply]
        if mode == "long":
            return FakeEngine(script)
        gate = LEFT if mode == "away" else CAME_BACK
        return FakeEngine(script, sleep=lambda seconds: gate.wait(60 if seconds == 1 else seconds))
    return FakeEngine(LONG)


class Chosen(Broken):
    """Loads the fake engine."""

    def __init__(self, **options: object) -> None:
        super().__init__(load=load, **options)


threading.current_thread().name = "app"
start.R1ChatApp = Chosen
sys.exit(start.run())
