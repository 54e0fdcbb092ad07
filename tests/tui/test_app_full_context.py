"""A full context in the app: the note, the key, the choice, and what is done with summaries."""

from __future__ import annotations

import pytest

from r1chat.conversation import SUMMARY_ASKED
from r1chat.engine.fake import Pause
from r1chat.errors import ContextFull
from r1chat.events import LeftOut
from r1chat.settings import Settings
from r1chat.tui.chat.input_mode import Ask, Revise
from r1chat.tui.screens.pick import Pick
from r1chat.tui.widgets.summary import SummaryView
from tests.tui.chat import (
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    engine_of,
    ready,
    rest,
    screen_text,
    toasts,
    until,
    write,
)

pytestmark = pytest.mark.asyncio

LONG = tuple(f"This is sentence {number} of the answer. " for number in range(8))
ANSWER = ("Hm.\n", "</think>", *LONG)
SUMMARY = ("</think>", "Two and two ", "were asked.")


def read(app, number=-1):
    return [message.text for message in engine_of(app).requests[number].messages]


async def test_a_note_names_the_key_that_has_the_dropped_turns_summed_up():
    gate = Gate()
    app = an_app(
        ANSWER,
        ANSWER,
        (LeftOut(1), *ANSWER),
        ("</think>", "Two ", Pause(1), "and two."),
        ANSWER,
        SUMMARY,
        ANSWER,
        sleep=gate,
    )
    async with app.run_test(size=(100, 40)) as pilot:
        for question in ("one", "two", "three"):
            chat = await ask(pilot, question)
        assert chat.last.before == (
            "The context is full: the model no longer sees the oldest turn · Alt+Z summarises it"
        )
        # While the summary is written, Escape stops it, and nothing else can begin.
        await pilot.press("alt+z")
        await until(pilot, lambda: "Two" in chat.last.before)
        assert "Summing up the oldest turn" in screen_text(app)
        assert chat.running
        chat.composer.load_text("four")
        await pilot.press("enter")
        await pilot.press("escape")
        gate.open()
        await until(pilot, lambda: "Not summarised: it was stopped" in toasts(app))
        # What was asked meanwhile is asked now.
        await until(pilot, lambda: chat.last.question == "four")
        await rest(pilot)
        assert read(app)[-1] == "four"
        assert not chat.query(SummaryView)
        # And to the end: it stands below the turn that it stands for, and in the next prompt.
        await pilot.press("alt+z")
        await until(pilot, lambda: chat.query(SummaryView))
        await rest(pilot)
        (view,) = chat.query(SummaryView)
        assert view.parent is chat.conversation.turns[0]
        assert "the model reads this in place of the turns above" in str(view.visual)
        await ask(pilot, "five")
        assert read(app)[:2] == [SUMMARY_ASKED, "Two and two were asked."]

        # It can be edited; what was being written comes back.
        chat.composer.load_text("a draft")
        chat.action_edit_summary()
        assert isinstance(chat.input.mode, Revise)
        assert chat.composer.text == "Two and two were asked."
        await pilot.press("escape")
        assert isinstance(chat.input.mode, Ask)
        assert chat.composer.text == "a draft"
        chat.action_edit_summary()
        chat.composer.load_text("Only two was asked.")
        await pilot.press("enter")
        await until(pilot, lambda: "edited" in str(view.visual))
        assert chat.session.messages()[1].text == "Only two was asked."
        # And be removed: then the turns are read again.
        chat.action_remove_summary()
        await until(pilot, lambda: not chat.query(SummaryView))
        assert chat.session.messages()[0].text == "one"
        app.history.store.flush(10)
        kept = app.history.store.load(chat.shown_id).conversation
        assert all(node.turn.summary is None for node in kept.path())


@pytest.mark.parametrize(
    ("keys", "made"), [(("down", "enter"), True), (("escape",), False)], ids=["yes", "no"]
)
async def test_the_user_is_asked_once_and_told_what_each_way_costs(keys, made):
    full = (ContextFull(1, 60, missing=10, larger=8192, memory=2**28),)
    scripts = [ANSWER, full, (LeftOut(1), *ANSWER), ANSWER]
    if made:
        scripts = [ANSWER, full, full, SUMMARY, ANSWER, ANSWER]
    app = an_app(*scripts, settings=Settings(pace=0, full_context="ask"))
    async with app.run_test(size=(100, 40)) as pilot:
        await ask(pilot, "one")
        chat = await begin(pilot, "two")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        shown = screen_text(app)
        for words in ("what becomes of the oldest turn?", "Drop  ", "45 tokens", "8,192 tokens"):
            assert words in shown
        # Nobody has asked for it: who is writing meanwhile writes on, and answers nothing.
        await write(pilot, "three", "enter")
        await until(pilot, lambda: chat.composer.text == "three")
        assert isinstance(app.screen, Pick)
        await pilot.press(*keys)
        await rest(pilot)
        assert bool(chat.query(SummaryView)) == made
        assert ("summarised" in chat.last.before) == made
        assert ("no longer sees" in chat.last.before) != made
        await ask(pilot, "three")
        assert (read(app)[0] == SUMMARY_ASKED) == made


async def test_escape_stops_the_summary_alone_and_the_reply_comes_without():
    gate = Gate()
    app = an_app(
        ANSWER,
        (ContextFull(1, 60),),
        ("</think>", "Two ", Pause(1), "and two."),
        (LeftOut(1), *REPLY),
        sleep=gate,
        settings=Settings(pace=0, full_context="summarise"),
    )
    async with app.run_test(size=(100, 40)) as pilot:
        await ask(pilot, "one")
        chat = await begin(pilot, "two")
        await until(pilot, lambda: "Two" in chat.last.before)
        await pilot.press("escape")
        gate.open()
        await rest(pilot)
        assert "It is" in screen_text(app)
        assert "no longer sees the oldest turn" in chat.last.before
        assert "no summary of the oldest" in toasts(app)


async def test_a_choice_that_nobody_needs_any_more_is_closed():
    full = (ContextFull(1, 60, missing=10, larger=8192, memory=2**28),)
    app = an_app(ANSWER, full, ANSWER, settings=Settings(pace=0, full_context="ask"))
    async with app.run_test(size=(100, 40)) as pilot:
        await ask(pilot, "one")
        # Blank lines at the end of a paste are not sent.
        chat = await ready(pilot)
        chat.composer.load_text("two\n  lines \n \n")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        assert chat.last.question == "two\n  lines"
        # No key does that: the app is left, or the page of a browser stops it.
        chat.action_stop()
        await until(pilot, lambda: app.screen is chat and not chat.running)
