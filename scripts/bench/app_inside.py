"""The app with a fake engine, which asks itself questions and tells how it fares.

Arguments: how many turns to begin with. A line of JSON goes to `report.jsonl` in its home once
they are there, for some counts on the way, and whenever F12 is pressed.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from r1chat import paths
from r1chat.engine.fake import FakeEngine
from r1chat.settings import Settings
from r1chat.tui import start
from r1chat.tui.app import R1ChatApp
from r1chat.tui.services.model_loader import Loader

REPORTED = (20, 40, 100, 200, 400)
_THOUGHT = tuple(f"Line {i} of the thought, long enough to be read.\n" for i in range(20))
_ANSWER = ("Some **words** of answer.\n\n",) * 5
_BEAT_S = 0.005


class Measured(R1ChatApp):
    """Counts its widgets and looks how long its loop is busy at a stretch."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f12", "report", priority=True)]

    def __init__(self, **given: Any) -> None:  # noqa: ANN401  (as the app takes it)
        super().__init__(**given, given=Settings(pace=0), load=_load)
        self._stall_s = self._beaten = 0.0

    @on(Loader.Loaded)
    def _begin_measuring(self) -> None:
        self.run_worker(self._beat())
        self.run_worker(self._fill(int(sys.argv[1])))

    async def _beat(self) -> None:
        while True:
            self._beaten = time.perf_counter()
            await asyncio.sleep(_BEAT_S)
            self._stall_s = max(self._stall_s, time.perf_counter() - self._beaten - _BEAT_S)

    async def _fill(self, turns: int) -> None:
        chat = self.chat
        await _until(lambda: chat.ready)
        for number in range(turns):
            await chat.replies.ask(f"question {number}")
            await _until(lambda: not chat.running)
            if number + 1 in REPORTED or number + 1 == turns:
                await asyncio.sleep(0.2)
                self.action_report()
        self.notify("filled")

    def action_report(self) -> None:
        """Writes down how it fares; what it measures begins again."""
        gc.collect()
        widgets = [each for each in gc.get_objects() if isinstance(each, Widget)]
        status = Path("/proc/self/status").read_text("utf-8")
        attached = "".join(each.text for each in self.chat.attachments.attachments)
        session = self.chat.session
        values = {
            "turns": len(session.turns) if session else 0,
            "mounted": len(self.screen.query("*")),
            "alive": len(widgets),
            "rss_mib": int(status.partition("VmRSS:")[2].split()[0]) / 1024,
            "stall_ms": 1000 * self._stall_s,
            "attached": hashlib.sha256(attached.encode()).hexdigest(),
        }
        with (paths.folder("data").parent / "report.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        self.call_later(self._forget)

    def _forget(self) -> None:
        # The report itself took its time.
        self._stall_s, self._beaten = 0.0, time.perf_counter()


def _load(ref: str, **options: object) -> FakeEngine:
    del ref, options
    return FakeEngine([*_THOUGHT, "</think>", *_ANSWER])


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  (the app tells nobody)
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    start.R1ChatApp = Measured  # type: ignore[misc]
    sys.exit(start.run())
