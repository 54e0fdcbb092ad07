"""A thought without an answer is no dead end: the screen says why, and which key helps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from r1chat.events import Receipt, Reply
from r1chat.wording import answer_line
from tests.tui.chat import REPLY, an_app, ask, engine_of, rest, screen_text, toasts, until, write

pytestmark = pytest.mark.asyncio

EMPTY = ("2 and 2 are \\boxed{4}.", "</think>")
ENDED = Reply("hm", "", Receipt(thought_tokens=1))


async def test_it_says_that_there_is_none_and_which_keys_help():
    app = an_app(EMPTY, ["Four."])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await until(pilot, lambda: "stopped without answering" in screen_text(app))
        shown = " ".join(screen_text(app).split())
        assert "Ctrl+N to answer now" in shown
        assert "Ctrl+R to regenerate" in shown
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
        assert "without answering" not in chat.last.status
        assert chat.last.hint == ""
        assert not chat.check_action("answer_now", ())
        assert len(chat.last.node.siblings) == 1


async def test_where_the_toy_declines_it_says_once_how_to_get_a_real_model():
    declined = ("</think>", "That is beyond me. I can add small numbers.")
    app = an_app(declined, declined, REPLY)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.offered)
        chat = await ask(pilot, "one")
        assert chat.last.hint == f"For real questions, press Ctrl+F to download {app.offered}"
        await ask(pilot, "two")
        assert [turn.hint for turn in chat.conversation.turns] == ["", ""]


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
        ({}, None, "The model stopped without answering"),
        ({"answer_asked": "again"}, None, "without answering, though it was asked for its answer"),
        ({"answer_asked": "words"}, "110", "asked for its answer · its thought says 110"),
        ({"ended_by": "context"}, None, "No answer: the context was full"),
        ({"answer_ended_by": "context"}, None, "No answer: the context was full"),
        ({"ended_by": "length"}, None, "No answer: the length limit was reached"),
        (
            {"ended_by": "time", "thought_ended_by": "time"},
            None,
            "No answer: the time limit was reached",
        ),
    ],
)
async def test_each_reason_is_said(receipt, final, said):
    reply = replace(ENDED, receipt=replace(ENDED.receipt, **receipt), final=final)
    assert said in answer_line(reply)


@pytest.mark.parametrize("ended_by", ["cancelled", "error"])
async def test_where_it_was_stopped_or_failed_that_is_what_is_said(ended_by):
    reply = replace(ENDED, receipt=replace(ENDED.receipt, ended_by=ended_by))
    assert "nswer" not in answer_line(reply)
