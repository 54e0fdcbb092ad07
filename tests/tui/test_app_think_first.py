"""A model that does not think is made to by one key; until then the slider says why it is grey."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r1chat.engine.base import NO_TEMPLATE, Steering, steering_of
from r1chat.engine.fake import INFO, FakeEngine
from r1chat.settings import Settings
from tests.tui.chat import (
    ENDLESS,
    an_app,
    ask,
    begin,
    loading,
    ready,
    rest,
    screen_text,
    thought,
    toasts,
    until,
)

pytestmark = pytest.mark.asyncio

INSTRUCT = replace(INFO, thinks=False, unasked="", steering=steering_of(Steering(), thinks=False))
BASE = replace(INSTRUCT, unasked=NO_TEMPLATE)
SAYS = "This model answers without thinking. Alt+T makes it think first."
PLAIN, THOUGHT = ("It is 4.",), ("Two and two.\n", "</think>", "It is 4.")


def instruct(*scripts, info=INSTRUCT, **settings):
    engine = FakeEngine(*(scripts or (PLAIN,)), info=info)
    # A model that was chosen: whoever has chosen none is shown what there is to download.
    settings = Settings(**{"pace": 0, "model": "fake", **settings})
    return an_app(load=loading(engine), settings=settings), engine


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_grey_slider_says_why_and_which_key_helps(size):
    app, _ = instruct()
    async with app.run_test(size=size) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: SAYS in screen_text(app))
        assert chat.slider.disabled
        assert "Think first" in screen_text(app)
        await until(pilot, lambda: "Alt+T makes it think first, and F3" in screen_text(app))
        await pilot.press("alt+t")
        await until(pilot, lambda: SAYS not in screen_text(app))
        assert not chat.slider.disabled
        assert "Plain answer" in screen_text(app)


@pytest.mark.parametrize("width", [40, 20])
async def test_where_it_is_narrow_it_says_so_shorter(width):
    app, _ = instruct()
    async with app.run_test(size=(width, 24)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.slider.disabled)
        assert "Alt+T" in str(chat.slider.render())


async def test_the_key_makes_the_next_replies_think_and_back():
    app, engine = instruct(PLAIN, THOUGHT, PLAIN)
    async with app.run_test(size=(120, 36)) as pilot:
        chat = await ask(pilot)
        assert not chat.last.thinking.display
        await pilot.press("alt+t")
        await ask(pilot)
        assert "asked to think first" in chat.last.thinking.header.text
        await pilot.press("alt+t")
        await ask(pilot)
        assert not chat.last.thinking.display
        assert [request.think for request in engine.requests] == ["auto", "on", "auto"]


async def test_its_thought_is_steered_like_any_other_also_after_it_was_switched_off():
    app, engine = instruct(ENDLESS, THOUGHT, think="on", budget="max")
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        assert not chat.check_action("think_first", ())
        assert not chat.unable("answer_now")
        await pilot.press("ctrl+n")
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "user"
        await pilot.press("alt+t")
        assert chat.slider.disabled
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(engine.requests) == 2)
        await rest(pilot)
        assert engine.requests[1].think == "on"
        assert not chat.unable("think_more")


async def test_the_choice_is_remembered_and_belongs_to_the_conversation():
    app, engine = instruct(THOUGHT, think="on")
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ask(pilot)
        name = chat.shown_id
        await pilot.press("f9", "alt+t")
        assert app.preferences.think == "auto"
        await until(pilot, lambda: chat.slider.disabled)
        assert await chat.open_conversation(name)
        assert app.preferences.think == "on"
        assert not chat.slider.disabled
        await ask(pilot)
        assert engine.requests[-1].think == "on"


async def test_a_budget_that_is_not_kept_names_the_key():
    app, _ = instruct(budget="512")
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: "Alt+T makes it think first" in toasts(app))
        await pilot.press("f5")
        await until(pilot, lambda: "model: it writes no thoughts; Alt+T" in toasts(app))
        assert chat.focused is chat.composer


async def test_a_model_that_cannot_be_asked_offers_no_key():
    app, _ = instruct(info=BASE)
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: chat.slider.disabled)
        assert not chat.check_action("think_first", ())
        assert "Alt+T" not in screen_text(app)
        assert "This model answers without thinking." in screen_text(app)
        await until(pilot, lambda: "by itself; F3 picks one" in screen_text(app))
        await pilot.press("alt+t")
        assert app.preferences.think == "auto"


async def test_a_model_that_is_kept_from_thinking_is_let_again():
    app, engine = instruct(PLAIN, THOUGHT, info=INFO, think="off")
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ask(pilot)
        assert chat.slider.disabled
        await pilot.press("alt+t")
        assert not chat.slider.disabled
        assert not chat.check_action("think_first", ())
        await ask(pilot)
        assert [request.think for request in engine.requests] == ["off", "auto"]
        assert [request.budget.off for request in engine.requests] == [True, False]
