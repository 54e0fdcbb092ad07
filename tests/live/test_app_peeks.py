"""Looks ahead, the budget "auto" and measured marks: the built-in model in the real app."""

from __future__ import annotations

import pytest

from r1chat.evaluation.curves import flattening
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from tests.program import run
from tests.tui.chat import begin, ready, rest, until
from tests.tui.shelves import StillHub

pytestmark = pytest.mark.asyncio

QUESTION = "What is 444 + 419 + 258?"


async def test_a_look_ahead_and_a_thought_that_ends_by_confidence():
    app = R1ChatApp(given=Settings(budget="auto", peek=24, pace=30), inventory=StillHub())
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot, QUESTION)
        await until(pilot, lambda: chat.thinking)
        header = chat.last.thinking.header
        await pilot.press("alt+p")
        await until(pilot, lambda: "so far: " in header.text and "…" not in header.text[-3:])
        await rest(pilot)
        reply = chat.last.node.turn.reply
        assert reply.receipt.thought_ended_by == "sure"
        assert reply.final == "1121"
        assert "ended by confidence: 1121 (" in header.text
    app.shut_down()


async def test_what_eval_has_measured_is_marked_on_the_slider():
    code, _, err = run("eval", "--limit", "24", "-b", "off,128,max")
    assert code == 0, err
    app = R1ChatApp(given=Settings(), inventory=StillHub())
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.slider.marks)
        assert list(chat.slider.marks) == flattening(app.engine.info)
        await pilot.press("f5")
        await until(pilot, lambda: "flattens at 128 " in chat.composer.border_subtitle)
        await until(pilot, lambda: "┴" in chat.slider.render_line(0).text)
    app.shut_down()
