"""Pictures of the app, at two sizes and in two themes."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import Step
from r1chat.events import AnswerText, Receipt, Reply, ThoughtEnded, ThoughtText
from r1chat.settings import Settings
from r1chat.tui.widgets.composer import Composer
from tests.tui.chat import an_app, ask, ready, rest

THOUGHT = "First a look.\n\nWait, that is 4, not 5.\n\nSo it is 4.\n"
ANSWER = (
    "Two and two is $\\boxed{4}$.\n\n```python\nprint(2 + 2)\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |"
)
SCRIPT: tuple[Step, ...] = (
    ThoughtText(THOUGHT, 31),
    ThoughtEnded("budget", 31, 12.0),
    AnswerText(ANSWER, 40),
    Reply(
        THOUGHT,
        ANSWER,
        Receipt(
            "budget",
            "budget",
            thought_tokens=31,
            answer_tokens=40,
            thought_s=12.0,
            answer_s=3.0,
            tokens_per_s=13.0,
        ),
    ),
)


@pytest.mark.parametrize("theme", ["midnight", "paper"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_a_conversation_looks_as_it_did(snap_compare, theme, size):
    app = an_app(SCRIPT, settings=Settings(theme=theme, budget="512", pace=0))

    async def play(pilot):
        await ask(pilot, "What is two and two?")
        app.query_one(Composer).cursor_blink = False
        await pilot.press("f5")

    assert snap_compare(app, terminal_size=size, run_before=play)


def test_the_theme_picker_looks_as_it_did(snap_compare):
    app = an_app(SCRIPT, settings=Settings(model="tiny", pace=0))

    async def play(pilot):
        await ready(pilot)
        await pilot.press("f4", "down")
        app.screen.query_one("Input").cursor_blink = False

    assert snap_compare(app, terminal_size=(80, 24), run_before=play)


def test_a_narrow_screen_looks_as_it_did(snap_compare):
    app = an_app(SCRIPT, settings=Settings(pace=0))

    async def play(pilot):
        await ask(pilot, "What is two and two?")
        await rest(pilot)
        app.query_one(Composer).cursor_blink = False
        await pilot.press("f5")

    assert snap_compare(app, terminal_size=(40, 12), run_before=play)
