"""The app shows how sure the model is, where the user wants to see it."""

from __future__ import annotations

import math

import pytest

from r1chat.engine.fake import FakeEngine
from r1chat.events import Peeked, TokenScore
from r1chat.settings import Settings
from r1chat.tui.screens.reader import Reader
from r1chat.tui.sureness import BARS, Sureness
from r1chat.tui.thought_words import so_far
from tests.tui.chat import an_app, ask, loading, until

THOUGHT = (
    *["It is sure. "] * 8, "\n\n",
    *["It may be? "] * 8, "\n\n",
    *["Who knows. "] * 8, "\n\n",
)  # fmt: skip
SURE = {"It is sure. ": 0.99, "It may be? ": 0.8, "Who knows. ": 0.4, "\n\n": 0.99}


def shades(view):
    """The background of each row with words, by its first word."""
    found = {}
    for y in range(view.size.height):
        strip = view.render_line(y)
        if words := strip.text.strip().split():
            found[words[1]] = {segment.style.bgcolor for segment in strip if segment.text.strip()}
    return {word: colours for word, colours in found.items() if len(colours) == 1}


@pytest.mark.asyncio
async def test_thoughts_are_shaded_on_demand_and_the_header_has_bars():
    engine = FakeEngine((*THOUGHT, "</think>", "It is 4."), sure=SURE)
    app = an_app(load=loading(engine), settings=Settings(pace=0))
    async with app.run_test(size=(120, 40)) as pilot:
        chat = await ask(pilot)
        pane = chat.last.thinking
        assert "sure" not in pane.header.text
        assert chat.last.node.turn.reply.scores == ()
        assert len({*map(frozenset, shades(pane.view).values())}) == 1
        await pilot.press("alt+d")
        assert app.preferences.saved.confidence
        # Of what was not measured nothing is shown.
        assert "sure" not in pane.header.text
        chat = await ask(pilot)
        pane = chat.last.thinking
        await until(pilot, lambda: "71 % sure" in pane.header.text)
        bars = "".join(char for char in pane.header.text if char in BARS)
        assert bars == "█▆▁"
        await pilot.pause()
        looks = shades(pane.view)
        assert looks.keys() == {"is", "may", "knows."}
        assert len({*map(frozenset, looks.values())}) == 3
        assert "sure of its result" in chat.last.status
        await pilot.press("alt+o")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        await pilot.pause()
        assert len({*map(frozenset, shades(app.screen.view).values())}) == 3
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is chat)
        await pilot.press("alt+d")
        await pilot.pause()
        assert not app.preferences.saved.confidence
        assert "71 % sure" not in pane.header.text
        assert len({*map(frozenset, shades(pane.view).values())}) == 1
        assert chat.last.node.turn.reply.scores


def test_the_bars_are_the_means_along_the_thought_whatever_comes_between():
    sureness = Sureness()
    assert (bool(sureness), sureness.bars(), sureness.whole, sureness.shade(0, 9)) == (
        False,
        "",
        1,
        0,
    )
    for at in range(960):
        sureness.add(TokenScore("x", "thought", at, math.log(0.5 + at / 1920), 0.0))
        sureness.add(TokenScore("y", "answer", at, math.log(0.01), 0.0))
        sureness.add(TokenScore("z", "thought", at, injected=True))
    assert sureness.bars() == "▁▁▂▃▃▄▅▅▆▇▇█"
    assert 0.7 < sureness.whole < 0.8
    assert [sureness.shade(start, start + 10) for start in (0, 300, 600, 950, 2000)] == [
        2,
        2,
        1,
        0,
        0,
    ]


def test_a_preview_has_its_probability_beside_it():
    assert so_far(Peeked("42", 9, 1, 0.874))[0] == "so far: 42 (87 %)"
    assert so_far(Peeked("42", 9, 3, 0.9999))[:2] == [
        "so far: 42 (3 times, > 99 %)",
        "so far: 42 (3)",
    ]
    assert so_far(Peeked("42", 9, 3, 0.0001))[0] == "so far: 42 (3 times, < 1 %)"
    assert so_far(Peeked(None, 9, 0))[0] == "so far: no answer"
