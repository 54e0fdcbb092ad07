from __future__ import annotations

import re

import pytest

from r1chat.engine.fake import Pause
from r1chat.tui.screens.reader import Reader
from tests.tui.chat import Steps, an_app, ask, begin, ready, rest, thought, until
from tests.tui.test_page_lines import THOUGHT

pytestmark = pytest.mark.asyncio

LONG = "\n\n".join(f"Step {number} of it." for number in range(60))

COUNTED = """I count them: 6 men, 4 women. Of these 3 are to be chosen, and
the order is of no account.

One approach: choose one woman first, in 4 ways, then any 2 of the rest. That
gives 144, where two women count twice. So this approach is wrong.

Let me use the complement instead. In all 120, without women 20. So 120 - 20 = 100.

Let me verify by cases.
Exactly one: 60. Exactly two: 36. Three: 4.

Both ways give 100."""


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


def rows(app, end: int | None = None) -> list[str]:
    return [row[:end].rstrip() for row in screen(app)]


async def test_the_outline_leads_to_the_parts_and_folds_them():
    app = an_app((*spoken(COUNTED), "</think>", "The answer is 100."))
    async with app.run_test(size=(120, 12)) as pilot:
        await ask(pilot)
        await rest(pilot)
        await pilot.press("alt+i")
        await until(pilot, lambda: isinstance(app.screen, Reader) and "✗" in "".join(screen(app)))
        reader = app.screen
        assert rows(app, 35)[1:10] == [
            " 3 steps · 1 check · 1 dead end · 1",
            " restart",
            "  · I count them: 6 men, 4 women.",
            "  · One approach: choose one wom…",
            "  ✗ This approach is wrong.",
            "  ↺ Let me use the complement in…",
            "  ◆ 100 · first seen",
            "  ✓ Let me verify by cases.",
            "  · Both ways give 100.",
        ]
        # Beside the outline the text goes along.
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "▏Let me use the complement" in "\n".join(screen(app)))
        await pilot.press("shift+left")
        await until(pilot, lambda: reader.view.virtual_size.height == 6)
        assert rows(app)[3].startswith(" ▶· I count them")
        assert "▶ I count them" in rows(app)[1]
        # What is found in a part unfolds it; the others stay folded.
        await pilot.press(*"exactly one")
        await pilot.press("enter")
        await until(pilot, lambda: "Exactly one: 60." in "\n".join(screen(app)))
        assert "▶ I count them" in rows(app)[1]
        await pilot.press("escape", "tab")
        await until(pilot, lambda: reader.outline.has_focus)
        await pilot.press("home", "right", "enter")
        await until(pilot, lambda: reader.view.has_focus and reader.view.cursor == 0)
        await until(pilot, lambda: "the order is" in "\n".join(screen(app)))
        await pilot.press("escape")
        await until(pilot, lambda: not reader.has_outline)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_the_outline_grows_with_the_thought_and_moves_nothing():
    steps = Steps()
    first, last = COUNTED.split("Let me verify")
    script = [
        *spoken(first),
        Pause(1),
        *spoken("Let me verify" + last),
        Pause(1),
        "</think>",
        "100",
    ]
    app = an_app(script, sleep=steps)
    async with app.run_test(size=(80, 8)) as pilot:
        chat = await begin(pilot)
        await thought(pilot, "120 - 20")
        reader = await read(pilot)
        await pilot.press("home", "alt+i")
        # Where there is no room beside the thought it stands in its place.
        await until(pilot, lambda: rows(app)[2:3] == ["  · I count them: 6 men, 4 women."])
        await pilot.press("down", "shift+left")
        top = reader.view.scroll_offset.y
        steps.go_on()
        await until(pilot, lambda: len(reader.outline.parts) == 5)
        steps.go_on()
        await until(pilot, lambda: not chat.running)
        await until(pilot, lambda: "◆" in "\n".join(screen(app)))
        assert reader.outline.cursor == 1
        assert reader.outline.scroll_offset.y == 0
        assert reader.view.scroll_offset.y == top
        await pilot.press("end", "enter")
        await until(pilot, lambda: not reader.has_outline and reader.view.has_focus)
        await until(pilot, lambda: any("▏Both ways give 100." in row for row in screen(app)))
        # What was the last part when it was folded has not swallowed what came after it.
        assert any(row.startswith("▶ Let me use the complement") for row in screen(app))
        assert any("Exactly one: 60." in row for row in screen(app))


async def test_a_folded_part_that_begins_with_a_doubt_shows_both():
    app = an_app((*spoken("It is 3.\n\nWait, let me redo this.\nIt is 4."), "</think>", "4."))
    async with app.run_test(size=(120, 12)) as pilot:
        await ask(pilot)
        reader = await read(pilot)
        await pilot.press("alt+i", "shift+left")
        await until(pilot, lambda: reader.view.virtual_size.height < 4)
        assert any("↺▶Wait, let me" in row for row in screen(app))
