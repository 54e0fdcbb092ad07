from __future__ import annotations

import re

import pytest

from r1chat.engine.fake import Pause
from r1chat.tui.screens.reader import Reader
from tests.tui.chat import Steps, an_app, ask, begin, ready, rest, thought, until
from tests.tui.test_page_lines import THOUGHT

pytestmark = pytest.mark.asyncio

LONG = "\n\n".join(f"Step {number} of it." for number in range(60))


def spoken(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s?", text)


def screen(app):
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


async def read(pilot) -> Reader:
    await pilot.press("alt+o")
    await until(pilot, lambda: isinstance(pilot.app.screen, Reader))
    reader = pilot.app.screen
    await until(pilot, lambda: reader.view.size.height)
    return reader


async def test_a_thought_is_read_on_the_whole_screen():
    app = an_app((*spoken(THOUGHT), "</think>", "Done."))
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot)
        await rest(pilot)
        reader = await read(pilot)
        assert "▌ It is ▣ 3/2 or 1." in "\n".join(screen(app))
        assert reader.view.size.height == 22
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "\\boxed{\\frac{3}{2}}" in "\n".join(screen(app)))
        await pilot.press("alt+y")
        assert app.clipboard == THOUGHT
        await pilot.press("escape")
        assert app.screen is app.chat


async def test_typing_finds_and_the_arrows_go_on():
    app = an_app((*spoken(LONG), "</think>", "Done."))
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(pilot)
        await rest(pilot)
        reader = await read(pilot)
        await pilot.press("home")
        await pilot.press(*"step", "space", *"5")
        await until(pilot, lambda: len(reader.view.found) == 11)
        assert "1 of 11" in screen(app)[-2]
        await pilot.press("enter", "down")
        await until(pilot, lambda: "3 of 11" in screen(app)[-2])
        assert "  Step 51 of it." in screen(app)
        await pilot.press("up", "up", "up")
        await until(pilot, lambda: "11 of 11" in screen(app)[-2])
        await pilot.press("escape")
        assert app.screen is reader
        assert not reader.view.found


async def test_what_is_written_meanwhile_comes_in_and_moves_nothing():
    steps = Steps()
    script = [
        *spoken(LONG),
        Pause(1),
        *spoken("\n\nand the last of it."),
        Pause(1),
        "</think>",
        "4",
    ]
    app = an_app(script, sleep=steps)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot)
        await thought(pilot, "Step 59")
        reader = await read(pilot)
        await pilot.press("home")
        await pilot.wait_for_animation()
        before = [line[:79].rstrip() for line in screen(app)[1:20]]
        steps.go_on()
        await until(pilot, lambda: "last" in reader.view.text)
        await until(pilot, lambda: any("↓ new" in line for line in screen(app)))
        assert [line[:79].rstrip() for line in screen(app)[1:20]] == before
        await pilot.press("end")
        await until(pilot, lambda: "  and the last of it." in screen(app))
        assert not any("↓ new" in line for line in screen(app))
        steps.go_on()
        await until(pilot, lambda: not chat.running)
        await until(pilot, lambda: "Thought for" in screen(app)[0])


async def test_a_paragraph_that_is_chosen_there_is_gone_back_to():
    app = an_app((*spoken(THOUGHT), "</think>", "Done."))
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        await rest(pilot)
        await read(pilot)
        await pilot.press("ctrl+up", "ctrl+up", "enter")
        await until(pilot, lambda: app.screen.query("Pick, OptionList"))
        await pilot.press("enter")
        await until(pilot, lambda: chat.last.node and chat.last.node.version == 2)
        await rest(pilot)
        assert chat.last.node.turn.reply.thought.endswith("## The end\n")


async def test_without_a_thought_it_says_so():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await pilot.press("alt+o")
        assert app.screen is chat
