"""Steering a reply while it is written, and after."""

from __future__ import annotations

import pytest

from r1chat.engine.fake import Pause
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    engine_of,
    rest,
    thought,
    toasts,
    until,
    write,
)

pytestmark = pytest.mark.asyncio


def _reply(chat):
    return chat.last.node.turn.reply


async def test_answer_now_closes_the_thought_and_the_answer_comes():
    app = an_app([*(["hm.\n", Pause(0.01)] * 500), "</think>", "yes"])
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("ctrl+n")
        await rest(pilot)
        assert _reply(chat).receipt.thought_ended_by == "user"
        assert chat.last.answer.source == "yes"
        assert "ended by you" in chat.last.thinking.header.text
        assert _reply(chat).injected


async def test_escape_stops_and_keeps_what_there_is():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 1.")
        await pilot.press("escape")
        await rest(pilot)
        assert _reply(chat).receipt.ended_by == "cancelled"
        assert "stopped" in chat.last.status
        assert "Thought for" in chat.last.thinking.header.text
        assert "thought 1." in chat.last.thinking.view.text
        assert not chat.last.thinking.running


async def test_a_stopped_reply_goes_on_as_the_same_version():
    gate = Gate()
    app = an_app(["one\n", Pause(1), "two\n"], ["three\n", "</think>", "done"], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "one")
        await pilot.press("escape")
        gate.open()
        await rest(pilot)
        assert chat.check_action("go_on", ())
        await pilot.press("ctrl+g")
        await rest(pilot)
        assert _reply(chat).thought == "one\nthree\n"
        assert _reply(chat).answer == "done"
        assert chat.last.node.siblings == [chat.last.node]
        assert not chat.check_action("go_on", ())


async def test_words_are_put_into_a_paused_thought():
    gate = Gate()
    app = an_app(["one", Pause(1), "two"], ["three\n", "</think>", "done"], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "one")
        await pilot.press("ctrl+s")
        gate.open()
        await until(pilot, lambda: chat.last and chat.last.status == "Paused")
        assert chat.composer.border_title.startswith("Add to the thought")
        await write(pilot, "but no", "enter")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert _reply(chat).thought == "one\nbut no\nthree\n"
        assert [injection.text for injection in _reply(chat).injected] == ["\nbut no\n"]
        assert chat.composer.border_title in {"", None}
        assert len(chat.last.node.siblings) == 1
        assert len(chat.conversation.turns) == 1


async def test_steering_that_is_left_leaves_the_reply_stopped():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: chat.last and chat.last.status == "Paused")
        assert "Paused after" in chat.last.thinking.header.text
        await pilot.press("escape")
        assert "stopped" in chat.last.status
        assert "Thought for" in chat.last.thinking.header.text
        await write(pilot, "new", "enter")
        await until(pilot, lambda: chat.last and chat.last.question == "new")
        await thought(pilot)
        await pilot.press("escape")
        await rest(pilot)


async def test_think_more_while_it_thinks_is_promised():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("ctrl+t")
        assert "keep thinking" in toasts(app)
        assert chat.runner.control.take_think_more()
        await pilot.press("escape")
        await rest(pilot)


async def test_think_more_after_an_answer_reopens_the_thought_as_another_version():
    app = an_app(REPLY, ["other.\n", "</think>", "5"])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert _reply(chat).thought == "First a look.\nWait, again.\n\nWait,other.\n"
        assert _reply(chat).answer == "5"
        assert chat.last.answer.source == "5"
        assert chat.last.node.version == 2
        assert chat.last.thinking.view.text.strip().endswith("other.")


async def test_think_more_has_room_where_the_budget_is_spent():
    app = an_app(REPLY, ["other.\n", "</think>", "5"], settings=Settings(budget="2", pace=0))
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert _reply(chat).receipt.thought_ended_by == "budget"
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert engine_of(app).requests[1].budget.tokens > 2 + 200
        assert _reply(chat).receipt.thought_ended_by == "natural"


async def test_the_slider_moved_while_it_thinks_ends_the_thought():
    app = an_app([*ENDLESS[:400], *ENDLESS[-2:]])
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 5.")
        await pilot.press("f5", "home")
        await rest(pilot)
        assert _reply(chat).receipt.thought_ended_by == "budget"
        assert chat.last.answer.source == "The end."


async def test_the_slider_and_the_composer_change_places_by_one_key():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("f5")
        assert chat.slider.has_focus
        await pilot.press("ctrl+b")
        assert chat.composer.has_focus


async def test_escape_leaves_the_minimum_and_does_not_stop_the_reply():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await pilot.press("f5", "alt+n")
        assert chat.slider.editing_minimum
        await pilot.press("escape")
        assert not chat.slider.editing_minimum
        assert chat.running
        await pilot.press("escape")
        await rest(pilot)


async def test_another_reply_is_a_version_and_both_can_be_read():
    app = an_app(REPLY, ["x", "</think>", "other"])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert chat.last.answer.source == "other"
        await pilot.press("alt+left")
        await until(pilot, lambda: chat.last and chat.last.answer.source == "It is **4**.")
        await pilot.press("alt+left")
        assert chat.last.node.version == 1
        await pilot.press("alt+right")
        await until(pilot, lambda: chat.last and chat.last.answer.source == "other")


async def test_a_click_on_the_versions_turns_over():
    from r1chat.tui.widgets.versions import Versions

    app = an_app(REPLY, ["x", "</think>", "other"])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        await pilot.click(Versions, offset=(1, 0))
        await until(pilot, lambda: chat.last and chat.last.answer.source == "It is **4**.")
        await pilot.click(Versions, offset=(6, 0))
        await until(pilot, lambda: chat.last and chat.last.answer.source == "other")


async def test_an_edited_question_is_a_version_of_it():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await pilot.press("f2")
        assert chat.composer.text == "one"
        await write(pilot, "!", "enter")
        await until(pilot, lambda: chat.last and chat.last.question == "one!")
        await rest(pilot)
        assert len(chat.conversation.turns) == 1
        assert chat.last.node.version == 2
        assert [turn.question for turn in chat.session.turns] == ["one!"]


async def test_the_question_before_is_edited_with_the_same_key_and_what_followed_is_kept_apart():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await ask(pilot, "two")
        await pilot.press("f2", "f2")
        assert chat.composer.text == "one"
        await write(pilot, "!", "enter")
        await until(pilot, lambda: chat.last and chat.last.question == "one!")
        await rest(pilot)
        assert [turn.question for turn in chat.session.turns] == ["one!"]
        await pilot.press("alt+left")
        await until(pilot, lambda: [turn.question for turn in chat.session.turns] == ["one", "two"])
        assert [view.question for view in chat.conversation.turns] == ["one", "two"]


async def test_escape_leaves_the_editing():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await pilot.press("f2", "escape")
        assert chat.composer.text == ""
        await write(pilot, "two", "enter")
        await until(pilot, lambda: len(chat.conversation.turns) == 2)
        await rest(pilot)


@pytest.mark.parametrize(("pick", "closed"), [("enter", True), ("down", False)])
async def test_going_back_to_a_paragraph_answers_or_thinks_again_from_there(pick, closed):
    app = an_app(["first.\n\n", "second.\n\n", "third.\n", "</think>", "4"], ["</think>", "5"])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        chat.last.thinking.view.focus()
        await pilot.press(*["ctrl+up"] * 3, "enter")
        await until(pilot, lambda: app.screen is not chat)
        await pilot.press(pick, *([] if pick == "enter" else ["enter"]))
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        resume = engine_of(app).requests[1].resume
        assert (resume.close, bool(resume.words)) == (closed, not closed)
        assert _reply(chat).thought.startswith("first.\n")
        assert "second" not in _reply(chat).thought
        assert chat.last.node.version == 2


async def test_an_earlier_thought_is_gone_back_into_as_a_version_and_what_followed_is_kept_apart():
    app = an_app(["first.\n\n", "second.\n", "</think>", "4"], REPLY, ["third.\n", "</think>", "5"])
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await ask(pilot, "two")
        chat.conversation.turns[0].thinking.view.focus()
        await pilot.press("ctrl+up", "ctrl+up", "enter")
        await until(pilot, lambda: app.screen is not chat)
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(engine_of(app).requests) == 3)
        await rest(pilot)
        request = engine_of(app).requests[2]
        assert [message.text for message in request.messages] == ["one"]
        assert _reply(chat).thought.startswith("first.\n")
        assert _reply(chat).thought.endswith("third.\n")
        assert [view.question for view in chat.conversation.turns] == ["one"]
        assert chat.last.node.version == 2
        await pilot.press("alt+left")
        await until(pilot, lambda: [turn.question for turn in chat.session.turns] == ["one", "two"])


async def test_a_thought_in_the_making_cannot_be_gone_back_into():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 3.")
        chat.last.thinking.view.focus()
        await pilot.press("ctrl+up", "enter")
        assert "Still replying" in toasts(app)
        await pilot.press("escape")
        await rest(pilot)


async def test_stopping_at_once_after_asking_keeps_the_turn():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await pilot.press("escape")
        await rest(pilot)
        assert chat.last.node is not None
        assert _reply(chat).receipt.ended_by == "cancelled"


async def test_with_the_budget_off_there_is_no_thought_of_its_own():
    app = an_app(settings=Settings(budget="off", pace=0))
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        assert engine_of(app).requests[0].budget == Budget(0)
        assert chat.last.answer.source == "It is **4**."


async def test_the_keys_that_apply_are_those_that_are_shown():
    app = an_app(ENDLESS, REPLY)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        names = ("stop", "answer_now", "steer", "think_more", "go_on", "regenerate", "edit")

        def applying():
            return {name for name in names if chat.check_action(name, ())}

        await thought(pilot)
        assert applying() == {"stop", "answer_now", "steer", "think_more"}
        await pilot.press("escape")
        await rest(pilot)
        assert applying() == {"think_more", "go_on", "regenerate", "edit"}
        await ask(pilot, "again")
        assert applying() == {"think_more", "regenerate", "edit"}


async def test_an_answer_that_was_stopped_goes_on_and_there_is_no_thought_to_steer():
    gate = Gate()
    first = ["one\n", "</think>", "It ", Pause(1), "is"]
    app = an_app(first, ["is", Pause(1), " 4"], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await until(pilot, lambda: chat.last and chat.last.answer.source.startswith("It"))
        await pilot.press("escape")
        gate.open()
        await rest(pilot)
        await pilot.press("ctrl+g")
        assert not chat.thinking
        await rest(pilot)
        assert _reply(chat).answer == "It is 4"
        assert chat.last.answer.source == "It is 4"
