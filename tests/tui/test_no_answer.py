"""A thought without an answer is no dead end: the screen says why, and which key helps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r1chat.events import Receipt, Reply
from r1chat.tui import words
from tests.tui.chat import REPLY, an_app, ask, engine_of, rest, screen_text, toasts, until, write

pytestmark = pytest.mark.asyncio

EMPTY = ("2 and 2 are \\boxed{4}.", "</think>")
ENDED = Reply("hm", "", Receipt(thought_tokens=1))


async def test_it_says_that_there_is_none_and_which_keys_help():
    app = an_app(EMPTY, ["Four."])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await until(pilot, lambda: "no answer" in screen_text(app))
        shown = " ".join(screen_text(app).split())
        assert "Ctrl+N asks for the answer" in shown
        assert "Ctrl+R asks again" in shown
        assert chat.check_action("answer_now", ())


async def test_the_key_closes_the_thought_and_has_the_answer_written_as_the_same_version():
    app = an_app(EMPTY, ["Four."])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        resume = engine_of(app).requests[1].resume
        assert (resume.keep, resume.close) == (len("2 and 2 are \\boxed{4}."), True)
        assert chat.last.answer.source == "Four."
        assert "no answer" not in chat.last.status
        assert chat.last.hint == ""
        assert not chat.check_action("answer_now", ())
        assert len(chat.last.node.siblings) == 1


async def test_only_the_last_reply_has_a_hint_and_another_conversation_brings_it_again():
    app = an_app(EMPTY, REPLY, EMPTY)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        assert chat.last.hint
        await ask(pilot, "two")
        assert [turn.hint for turn in chat.conversation.turns] == ["", ""]
        await ask(pilot, "three")
        name = chat.shown_id
        await pilot.press("f9")
        await until(pilot, lambda: chat.last is None)
        assert await chat.open_conversation(name)
        assert [bool(turn.hint) for turn in chat.conversation.turns] == [False, False, True]


async def test_the_composer_keeps_its_words_while_the_answer_is_asked_for():
    app = an_app(EMPTY, ["Four."])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await write(pilot, "next")
        await pilot.press("ctrl+n")
        await rest(pilot)
        assert chat.composer.text == "next"
        assert not toasts(app)


@pytest.mark.parametrize(
    ("receipt", "final", "said"),
    [
        ({}, None, "no answer: the model ended its reply without one"),
        ({"answer_asked": "again"}, None, "without one, though it was asked for it"),
        ({"answer_asked": "words"}, "110", "asked for it; its thought says 110"),
        ({"ended_by": "context"}, None, "no answer: the context is full"),
        ({"answer_ended_by": "context"}, None, "no answer: the context is full"),
        ({"ended_by": "length"}, None, "no answer: there was no room for one"),
        ({"ended_by": "time", "thought_ended_by": "time"}, None, "no answer: its time was over"),
    ],
)
async def test_each_reason_is_said(receipt, final, said):
    reply = replace(ENDED, receipt=replace(ENDED.receipt, **receipt), final=final)
    assert said in words.receipt(reply)


@pytest.mark.parametrize("ended_by", ["cancelled", "error"])
async def test_where_it_was_stopped_or_failed_that_is_what_is_said(ended_by):
    reply = replace(ENDED, receipt=replace(ENDED.receipt, ended_by=ended_by))
    assert "no answer" not in words.receipt(reply)
