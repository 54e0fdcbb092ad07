"""Quitting while a reply is being written."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import Pause
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from r1chat.tui.screens.pick import Pick
from r1chat.tui.screens.question import Question
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    ready,
    rest,
    toasts,
    until,
    write,
)

pytestmark = pytest.mark.asyncio


def question_of(app):
    screen = app.screen
    return screen if isinstance(screen, Question) else None


def words_of(app):
    return " ".join(str(each.render()) for each in question_of(app).query("Static"))


@pytest.mark.parametrize("again", ["ctrl+q", "ctrl+c"])
async def test_quitting_asks_once_what_becomes_of_the_reply(again):
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "hello", "enter")
        await until(pilot, lambda: chat.runner.heard)
        for answer in ("escape", "up"):
            # An empty line quits by Ctrl+D.
            await pilot.press("ctrl+d" if answer == "up" else "ctrl+q")
            await until(pilot, lambda: question_of(app))
            assert "In the background it goes on" in words_of(app)
            # Above the first stands the last: Stay.
            await pilot.press(answer, *(["enter"] if answer == "up" else []))
            await until(pilot, lambda: question_of(app) is None)
            assert chat.runner.running
            assert app.is_running
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question_of(app))
        await pilot.press(again)
        await until(pilot, lambda: not app.is_running)
    assert app.hand_over() == ""


async def test_what_is_left_running_goes_on_as_it_was_asked_for(monkeypatch):
    made = []
    monkeypatch.setattr("r1chat.jobs.worker_process.start", made.append)
    app = an_app(ENDLESS, settings=Settings(pace=0, temperature=0, budget="4096", ctx=2048))
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "hello", "enter")
        await until(pilot, lambda: chat.runner.heard)
        chat.slider.value = Budget(tokens=8192)
        await until(pilot, lambda: chat.runner.control.budget.tokens == 8192)
        conversation = chat.shown_id
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: not app.is_running)
    from r1chat.jobs import Jobs, start_waiting

    assert "The reply goes on in the background: r1chat jobs attach " in app.hand_over()
    (job,) = Jobs().all()
    assert made == [job.order.model]
    assert (job.order.question, job.order.conversation) == ("hello", conversation)
    assert job.order.options == {
        "resume": True,
        "budget": "8192",
        "think": "auto",
        "temperature": 0,
        "ctx": 2048,
    }
    # Where its process has died, whoever looks has another begin.
    app = an_app()
    async with app.run_test() as pilot:
        await until(pilot, lambda: made == [job.order.model] * 2)
    start_waiting()
    assert made == [job.order.model] * 3


async def test_a_reply_that_ends_meanwhile_takes_the_question_along():
    gate = Gate()
    app = an_app(["hm\n", Pause(1), "</think>", "It is 4."], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot, "hello")
        await until(pilot, lambda: chat.runner.heard)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question_of(app))
        gate.open()
        await until(pilot, lambda: "ended meanwhile, and is kept: Ctrl+Q quits" in toasts(app))
        await until(pilot, lambda: app.screen is chat)
        assert app.is_running
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert app.hand_over() == ""


async def test_where_a_reply_cannot_go_on_alone_that_is_said_and_staying_comes_first():
    app = an_app(ENDLESS, settings=Settings(pace=0, save=False))
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "hello", "enter")
        await until(pilot, lambda: chat.runner.heard)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question_of(app))
        assert "It cannot go on in the background: the conversation is not saved." in words_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: question_of(app) is None)
        assert chat.runner.running
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question_of(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: not app.is_running)
    assert app.hand_over() == ""


async def test_a_reply_for_comparison_cannot_go_on_as_the_conversations_own():
    app = an_app(REPLY, ENDLESS)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "hello")
        await pilot.press("alt+v")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        app.screen.dismiss("temperature=0")
        await until(pilot, lambda: chat.runner.heard)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question_of(app))
        assert "with another model or other settings" in words_of(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not app.is_running)
    assert app.hand_over() == ""


async def test_nothing_is_asked_where_no_reply_is_under_way():
    app = an_app(REPLY)
    async with app.run_test() as pilot:
        await ready(pilot)
        await begin(pilot, "hello")
        await rest(pilot)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
