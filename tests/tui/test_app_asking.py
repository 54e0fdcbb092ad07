"""A question's way through the app."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from r1chat.engine.fake import INFO, FakeEngine
from r1chat.errors import ModelError, PromptError
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from tests.tui.chat import (
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    engine_of,
    ready,
    rest,
    toasts,
    until,
    write,
)

pytestmark = pytest.mark.asyncio


async def test_a_typed_question_is_thought_about_and_answered():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "two and two?", "enter")
        await until(pilot, lambda: chat.last is not None)
        await rest(pilot)
        assert chat.last.question == "two and two?"
        assert chat.last.thinking.view.text.strip() == "First a look.\nWait, again."
        assert chat.last.answer.source == "It is **4**."
        assert chat.composer.text == ""


async def test_the_composer_takes_keys_before_the_model_is_loaded_and_the_question_waits():
    gate = threading.Event()
    engine = FakeEngine(REPLY)

    def load(ref, **options):
        options["on_progress"](0.5)
        gate.wait(30)
        return engine

    app = an_app(load=load)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running)
        await write(pilot, "hello", "enter")
        await until(pilot, lambda: app.chat.last is not None)
        assert app.chat.last.status == "Waiting for the model"
        assert app.chat.topbar.progress == 0.5
        await write(pilot, "more", "enter")
        assert app.chat.composer.text == ""
        assert [each.text for each in app.chat.queue.questions] == ["more"]
        gate.set()
        await until(pilot, lambda: len(engine.requests) == 2)
        await rest(pilot)
        assert [turn.question for turn in app.chat.conversation.turns] == ["hello", "more"]
        assert app.chat.last.answer.source == "It is **4**."


async def test_letters_typed_right_after_enter_belong_to_the_next_question():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        for key in ("a", "b", "enter", "c", "d"):
            pilot.app.post_message(_key(key))
        await until(pilot, lambda: chat.last is not None)
        await rest(pilot)
        assert (chat.last.question, chat.composer.text) == ("ab", "cd")


async def test_two_questions_sent_at_once_are_asked_one_after_the_other():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        for key in ("a", "enter", "b", "enter"):
            pilot.app.post_message(_key(key))
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert [turn.question for turn in chat.conversation.turns] == ["a", "b"]
        assert chat.composer.text == ""


async def test_an_empty_question_is_not_sent():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await pilot.press("space", "enter")
        assert chat.last is None


async def test_a_new_line_is_written_and_sent_along():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "a\nb", "enter")
        await until(pilot, lambda: chat.last is not None)
        await rest(pilot)
        assert chat.last.question == "a\nb"


async def test_earlier_questions_come_back_with_the_arrows_and_the_draft_is_kept():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await ask(pilot, "two")
        await write(pilot, "draft", "up")
        assert chat.composer.text == "two"
        await pilot.press("up")
        assert chat.composer.text == "one"
        await pilot.press("down", "down")
        assert chat.composer.text == "draft"


async def test_the_next_question_carries_the_conversation_without_its_thoughts():
    app = an_app()
    async with app.run_test() as pilot:
        await ask(pilot, "one")
        await ask(pilot, "two")
        texts = [message.text for message in engine_of(app).requests[-1].messages]
        assert texts == ["one", "It is **4**.", "two"]


async def test_a_prompt_that_cannot_be_put_says_why_and_the_next_one_works():
    app = an_app([PromptError("too long for the context")], REPLY)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        assert chat.last.status == "✗ too long for the context"
        await ask(pilot, "two")
        assert chat.last.answer.source == "It is **4**."


async def test_a_reply_that_breaks_is_calm_and_the_next_one_works():
    app = an_app(["hm ", RuntimeError("secret of the user")], REPLY)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        assert "something went wrong (RuntimeError)" in chat.last.status
        assert "secret" not in chat.last.status
        await ask(pilot, "two")
        assert chat.last.answer.source == "It is **4**."


async def test_a_model_that_cannot_be_loaded_leaves_the_app_running_and_another_can_be_picked():
    tried = []

    def load(ref, **options):
        tried.append(ref)
        if len(tried) == 1:
            message = "no such model file: \x1b]52;c;aGk=\x07gone.gguf"
            raise ModelError(message)
        return FakeEngine(REPLY)

    app = an_app(load=load)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and "F3" in app.chat.topbar.label)
        assert "gone.gguf" in toasts(app)
        assert "\x1b" not in toasts(app)
        await write(pilot, "hello", "enter")
        await pilot.press("f3")
        await pilot.press("enter")
        await until(pilot, lambda: app.engine is not None)
        await until(pilot, lambda: app.chat.last is not None and app.chat.last.node)
        assert app.chat.last.answer.source == "It is **4**."


async def test_a_loader_that_breaks_is_reported_in_one_line():
    def load(ref, **options):
        raise ZeroDivisionError

    app = an_app(load=load)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running and "F3" in app.chat.topbar.label)
        assert "ZeroDivisionError" in toasts(app)


async def test_another_model_goes_on_with_the_conversation():
    app = an_app(load=lambda *_, **__: FakeEngine(REPLY))
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        first = app.engine
        app.load_model("other")
        await until(pilot, lambda: app.engine is not first and chat.ready)
        await until(pilot, lambda: first.closed)
        await ask(pilot, "two")
        texts = [message.text for message in engine_of(app).requests[-1].messages]
        assert texts == ["one", "It is **4**.", "two"]


async def test_what_another_model_thought_is_not_gone_on_with():
    class Other(FakeEngine):
        info = replace(INFO, ref="other")

    engines = [FakeEngine(REPLY), Other(REPLY), FakeEngine(REPLY)]
    app = an_app(load=lambda *_, **__: engines.pop(0))
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert chat.check_action("think_more", ())
        app.load_model("other")
        await until(pilot, lambda: app.coming is None)
        assert not chat.check_action("think_more", ())
        assert chat.check_action("regenerate", ())
        # The one that thought it can go on, though its tokens are forgotten.
        app.load_model("fake")
        await until(pilot, lambda: app.coming is None)
        assert chat.check_action("think_more", ())


async def test_a_model_wished_for_later_wins():
    gate = threading.Event()
    engines = {"slow": FakeEngine(REPLY), "quick": FakeEngine(REPLY)}

    def load(ref, **options):
        if ref == "slow":
            gate.wait(30)
        return engines[ref]

    app = an_app(load=load, settings=Settings(model="slow", pace=0))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running)
        await pilot.pause()
        app.load_model("quick")
        gate.set()
        await until(pilot, lambda: app.engine is not None)
        assert app.engine is engines["quick"]
        await until(pilot, lambda: engines["slow"].closed)


async def test_the_budget_of_the_slider_goes_with_the_question():
    app = an_app(settings=Settings(budget="512", min_think=64, pace=0))
    async with app.run_test() as pilot:
        await ask(pilot)
        assert engine_of(app).requests[0].budget == Budget(512, minimum=64)


async def test_a_reading_pace_makes_the_model_wait_so_that_stopping_stops_at_what_is_shown():
    gate = Gate()
    words = [f"word{i} " for i in range(200)]
    app = an_app(words, settings=Settings(pace=1), sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await pilot.press("escape")
        gate.open()
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.ended_by == "cancelled"
        assert "word199" not in chat.last.thinking.view.text


async def test_the_built_in_model_alone_has_a_pace_by_itself():
    app = an_app(settings=Settings())
    async with app.run_test() as pilot:
        await ready(pilot)
        assert app.preferences.pace(app.model_ref) == 60
        app.load_model("other")
        await until(pilot, lambda: app.coming is None)
        assert app.preferences.pace(app.model_ref) is None


async def test_only_the_newest_of_many_turns_are_mounted_and_the_others_come_back():
    app = an_app(["x", "</think>", "y"])
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        for number in range(24):
            await ask(pilot, f"question {number}")
        assert len(chat.conversation.turns) == 20
        assert chat.conversation.turns[0].question == "question 4"
        assert len(chat.session.turns) == 24
        chat.conversation.scroll_home(animate=False)
        await pilot.pause()
        await pilot.press("pageup")
        await until(pilot, lambda: len(chat.conversation.turns) == 21)
        assert chat.conversation.turns[0].question == "question 3"


def _key(name):
    from textual.events import Key

    return Key(name, "\r" if name == "enter" else name)
