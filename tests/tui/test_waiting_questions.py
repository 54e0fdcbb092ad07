"""Questions that are sent while a reply runs."""

from __future__ import annotations

import pytest

from r1chat.attachments import Attachment
from r1chat.engine.fake import Pause
from r1chat.errors import EngineError
from r1chat.tui.widgets.queue import Queue
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    engine_of,
    ready,
    rest,
    thought,
    until,
    write,
)

pytestmark = pytest.mark.asyncio

SLOW = ("Thinking.\n", Pause(1), "</think>", "First.")


def waiting(chat) -> list[str]:
    return [each.text for each in chat.queue.questions]


def questions(chat) -> list[str]:
    return [turn.question for turn in chat.conversation.turns]


async def test_enter_while_a_reply_runs_puts_the_question_behind_it():
    gate = Gate()
    app = an_app(SLOW, REPLY, REPLY, sleep=gate)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot)
        await write(pilot, "two", "enter")
        await write(pilot, "three", "enter")
        await write(pilot, "four")
        shown = [chat.queue.render_line(y).text.strip() for y in range(chat.queue.size.height)]
        assert shown == ["next: two", "then: three  (↑ takes it back)"]
        gate.open()
        await until(pilot, lambda: len(engine_of(app).requests) == 3)
        await rest(pilot)
        assert questions(chat) == ["one", "two", "three"]
        assert (waiting(chat), chat.composer.text) == ([], "four")
        assert not chat.queue.display


async def test_what_is_attached_goes_along_with_its_own_question():
    gate = Gate()
    app = an_app(SLOW, REPLY, sleep=gate)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot)
        chat.attachments.add(Attachment("a.txt", "of the second"))
        await write(pilot, "two", "enter")
        chat.attachments.add(Attachment("b.txt", "of the draft"))
        gate.open()
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert [each.name for each in chat.last.attachments] == ["a.txt"]
        assert [each.name for each in chat.attachments.attachments] == ["b.txt"]


@pytest.mark.parametrize("how", ["up", "click"])
async def test_a_question_that_waits_can_be_taken_back_and_changed(how):
    gate = Gate()
    app = an_app(SLOW, REPLY, sleep=gate)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot)
        await write(pilot, "two", "enter")
        await write(pilot, "three", "enter")
        await (pilot.press("up") if how == "up" else pilot.click(Queue))
        await pilot.pause()
        assert (waiting(chat), chat.composer.text) == (["two"], "three")
        await write(pilot, "!", "enter")
        assert waiting(chat) == ["two", "three!"]
        await pilot.press("up")
        await pilot.press("ctrl+u", "up", "ctrl+u")
        assert waiting(chat) == []
        gate.open()
        await rest(pilot)
        assert questions(chat) == ["one"]


async def test_a_stopped_reply_lets_the_next_question_through_and_a_paused_thought_does_not():
    app = an_app(ENDLESS, REPLY, ENDLESS, REPLY, REPLY)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot)
        await write(pilot, "two", "enter")
        await pilot.press("escape")
        await until(pilot, lambda: questions(chat) == ["one", "two"])
        await rest(pilot)
        await begin(pilot, "three")
        await thought(pilot)
        await write(pilot, "four", "enter")
        await pilot.press("ctrl+s")
        await rest(pilot)
        assert waiting(chat) == ["four"]
        await write(pilot, "words", "enter")
        await until(pilot, lambda: questions(chat)[-1] == "four")
        await rest(pilot)
        assert "words" in chat.conversation.turns[-2].thinking.view.text


async def test_after_a_failure_the_questions_stay_and_enter_asks_on():
    gate = Gate()
    app = an_app((Pause(1), EngineError("broken")), REPLY, sleep=gate)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await until(pilot, lambda: chat.running)
        await write(pilot, "two", "enter")
        gate.open()
        await rest(pilot)
        await pilot.pause()
        assert waiting(chat) == ["two"]
        assert chat.composer.text == "one"
        await pilot.press("ctrl+c", "enter")
        await until(pilot, lambda: questions(chat)[-1] == "two")
        await rest(pilot)


async def test_an_edited_question_that_waits_for_a_model_and_is_taken_back_leaves_what_there_was():
    app = an_app(REPLY, REPLY)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot, "one")
        await ask(pilot, "two")
        chat.model.ask_for("r1:7b")
        await pilot.press("f2", "f2", "end", "!", "enter")
        await until(pilot, lambda: chat.outbox.held is not None)
        assert questions(chat) == ["one!"]
        await pilot.press("escape")
        await until(pilot, lambda: questions(chat) == ["one", "two"])
        assert chat.composer.text == "one!"
        chat.model.ask_for("")


async def test_questions_that_wait_are_kept_where_the_app_ends():
    app = an_app(ENDLESS, REPLY)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot)
        await write(pilot, "two", "enter")
        await write(pilot, "three")
        assert chat.outbox.unsent().text == "two\nthree"
        await pilot.press("escape")
        await rest(pilot)


async def test_a_new_conversation_leaves_what_waited_to_the_arrows():
    app = an_app(ENDLESS, REPLY)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot, "one")
        await thought(pilot)
        await write(pilot, "two", "enter")
        await pilot.press("ctrl+s")
        await rest(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: not chat.conversation.turns)
        assert waiting(chat) == []
        await pilot.press("up")
        assert chat.composer.text == "two"


# -- leaving --


async def test_ctrl_c_puts_the_draft_aside_before_it_quits():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "a draft", "ctrl+c")
        assert chat.composer.text == ""
        assert not app._quit_asked
        await pilot.press("ctrl+z")
        assert chat.composer.text == "a draft"
        await pilot.press("ctrl+c", "up")
        assert chat.composer.text == "a draft"
        await pilot.press("ctrl+c", "ctrl+c")
        assert app._quit_asked
        await pilot.press("ctrl+c")
        assert app._exit


async def test_ctrl_d_quits_where_nothing_is_written_and_deletes_where_there_is():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await write(pilot, "ab")
        await pilot.press("home", "ctrl+d")
        assert chat.composer.text == "b"
        await pilot.press("ctrl+d")
        assert (chat.composer.text, app._exit) == ("", False)
        await pilot.press("delete")
        assert not app._exit
        await pilot.press("ctrl+d")
        assert app._exit


@pytest.mark.parametrize("width", [60, 100])
async def test_escape_closes_the_history_even_while_a_reply_runs(width):
    app = an_app(ENDLESS)
    async with app.run_test(size=(width, 30)) as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("f10")
        await until(pilot, lambda: chat.panel is not None)
        await pilot.press("x", "escape")
        assert chat.panel is not None, "the search is left first"
        await pilot.press("escape")
        await until(pilot, lambda: chat.panel is None)
        assert chat.running
        assert chat.composer.has_focus
        await pilot.press("escape")
        await rest(pilot)
