"""Ways through a reply: from doubt to doubt, to its code."""

from __future__ import annotations

import pytest

from r1chat import keymap
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from r1chat.tui.widgets.key_bar import KeyBar
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    an_app,
    ask,
    begin,
    engine_of,
    rest,
    thought,
    toasts,
    type_figure,
    until,
)

DOUBTS = (
    *(f"line {i}.\n" for i in range(30)),
    "Wait, the first doubt.\n",
    *(f"line {i}.\n" for i in range(30, 60)),
    "Wait, the second doubt.\n",
    *(f"line {i}.\n" for i in range(60, 90)),
    "</think>",
    "```python\nprint(1)\n```\n\nand\n\n```sh\nls\n```\n",
)

pytestmark = pytest.mark.asyncio


def _chosen(chat):
    passage = chat.last.thinking.view.paragraph_at_cursor
    return passage.text if passage is not None else None


def _in_sight(app, words):
    rows = app.screen._compositor.render_strips()
    return any(words in "".join(segment.text for segment in row) for row in rows)


async def test_f7_and_f8_go_from_doubt_to_doubt_and_bring_it_into_sight():
    app = an_app(DOUBTS)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        for key, words in (
            ("f7", "Wait, the second doubt."),
            ("f7", "Wait, the first doubt."),
            ("f7", "Wait, the first doubt."),
            ("f8", "Wait, the second doubt."),
        ):
            await pilot.press(key)
            await pilot.pause()
            assert _chosen(chat) == words
            assert _in_sight(app, words)


async def test_f7_opens_a_closed_thought_for_its_doubt():
    app = an_app(DOUBTS, settings=Settings(thoughts="hide", pace=0))
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        assert chat.last.thinking.collapsed
        await pilot.press("f7")
        await pilot.pause()
        assert not chat.last.thinking.collapsed
        assert _chosen(chat) == "Wait, the second doubt."
        assert _in_sight(app, "Wait, the second doubt.")


async def test_code_is_copied_by_the_palette_and_by_keys_on_the_answer():
    app = an_app(DOUBTS)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        copy = {each.title: each.callback for each in app.get_system_commands(chat)}["Copy code"]
        await copy()
        await pilot.pause()
        assert app.clipboard.strip() == "ls"
        assert "code 2" in toasts(app)
        chat.last.answer.focus()
        await pilot.press("alt+1")
        assert app.clipboard.strip() == "print(1)"
        await pilot.press("alt+c")
        assert app.clipboard.strip() == "ls"
        await pilot.press("alt+y")
        assert app.clipboard.startswith("```python")


async def test_without_code_the_palette_says_so():
    app = an_app(REPLY)
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await chat.action_copy_code()
        await pilot.pause()
        assert "no code" in toasts(app)


async def test_a_budget_in_seconds_goes_with_the_question_and_is_counted_against():
    app = an_app([*ENDLESS[:2400], *ENDLESS[-2:]])
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 5.")
        await pilot.press("f5", "alt+s", "end", "left", "left")
        assert chat.slider.value == Budget(seconds=1800)
        await type_figure(pilot, "90")
        await pilot.press("right")
        assert chat.slider.value == Budget(seconds=120)
        await pilot.pause()
        assert chat.runner.control.budget == Budget(seconds=120)
        assert "of 2 min" in chat.last.thinking.header.text
        assert app.settings.budget == "120s"
        # Below what is spent: it ends softly, now.
        await type_figure(pilot, "0.01")
        await until(pilot, lambda: not chat.thinking)
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "time"
        await pilot.press("home", "right", "f5")
        await begin(pilot, "again")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        assert engine_of(app).requests[-1].budget == Budget(seconds=5)
        await pilot.press("escape")
        await rest(pilot)


@pytest.mark.parametrize("key", ["ctrl+n", "alt+a"])
async def test_the_answer_comes_on_either_of_two_keys(key):
    app = an_app([*ENDLESS[:400], *ENDLESS[-2:]])
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 3.")
        await pilot.press(key)
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "user"


async def test_more_thought_comes_on_either_of_two_keys():
    for key in ("ctrl+t", "alt+m"):
        app = an_app(REPLY)
        async with app.run_test() as pilot:
            await ask(pilot)
            await pilot.press(key)
            await pilot.pause()
            assert app.chat.running or app.chat.last.node.version == 2
            await rest(pilot)


async def test_a_key_of_two_that_is_set_to_another_pushes_nobody_out():
    chosen = {"chat.answer_now": "f12", "chat.stop": "f10"}
    app = an_app(settings=Settings(keys=chosen, pace=0))
    async with app.run_test() as pilot:
        await ask(pilot)
        assert "leave none" not in toasts(app)


async def test_two_actions_set_to_one_key_are_named():
    chosen = {"chat.answer_now": "f12", "chat.stop": "f12"}
    app = an_app(settings=Settings(keys=chosen, pace=0))
    async with app.run_test() as pilot:
        await ask(pilot)
        assert "leave none" in toasts(app)


async def test_the_line_of_keys_names_what_fits_whole_and_a_click_presses_it():
    app = an_app()
    async with app.run_test(size=(40, 12)) as pilot:
        chat = await ask(pilot)
        await pilot.pause()
        bar = app.screen.query_one(KeyBar)
        assert bar.render_line(0).text.rstrip() == "^t Think more  ^r Regenerate  f2 Edit"
        await pilot.click(KeyBar, offset=(1 + len("^t Think more  ^r Regenerate  f"), 0))
        await until(pilot, lambda: chat.composer.text == "two and two?")
        await until(pilot, lambda: "esc Cancel" in bar.render_line(0).text)


async def test_what_a_browser_keeps_is_named_last():
    assert keymap.in_a_browser("ctrl+n,alt+a") == "alt+a,ctrl+n"
    assert keymap.in_a_browser("f5,ctrl+b") == "f5,ctrl+b"
    assert keymap.in_a_browser("ctrl+w") == "ctrl+w"
