"""Pictures of several samples, while they think and afterwards."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import Pause
from r1chat.settings import Settings
from r1chat.tui.widgets.composer import Composer
from tests.tui.chat import Gate, an_app, begin, rest, until

SIZES = [(100, 30), (80, 24), (40, 24), (80, 14)]
NAMES = [f"{columns}x{rows}" for columns, rows in SIZES]
FINALS = ("110", "110", "112", "110", "98", "110", "110", "112")


def _scripts():
    """Three of them end before the others stand still, and only these can be timed."""
    for at, final in enumerate(FINALS):
        thought = [f"Sample {at + 1} adds the tens, then the ones.\n", "Wait, once more.\n"]
        more = [*(f"{step} is carried.\n" for step in range(8)), Pause(1)] if at > 2 else []
        yield [*thought, *more, "</think>", f"The sum is $\\boxed{{{final}}}$."]


def _app(gate: Gate):
    settings = Settings(pace=0, samples=8, theme="midnight")
    # The time stands still, for the sake of the figures in the receipts.
    return an_app(*_scripts(), settings=settings, lanes=6, sleep=gate, model_clock=lambda: 0.0)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_samples_that_think_look_as_they_did(snap_compare, size):
    gate = Gate()
    app = _app(gate)

    async def play(pilot):
        chat = await begin(pilot, "What is 44 + 41 + 25?")
        await until(pilot, lambda: chat.last.draw.votes.ended == 3)
        await until(pilot, lambda: "sample" not in chat.last.status and chat.last.status)
        app.query_one(Composer).cursor_blink = False
        await pilot.pause()

    try:
        assert snap_compare(app, terminal_size=size, run_before=play)
    finally:
        gate.open()


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_samples_that_have_voted_look_as_they_did(snap_compare, size):
    gate = Gate()
    gate.open()
    app = _app(gate)

    async def play(pilot):
        await begin(pilot, "What is 44 + 41 + 25?")
        await rest(pilot)
        app.query_one(Composer).cursor_blink = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=play)
