"""Words that a user typed are never lost, whatever comes between them and Enter."""

from __future__ import annotations

import itertools
import stat
import threading
from dataclasses import replace

import pytest
from textual import events

from r1chat import paths
from r1chat.engine.fake import INFO, FakeEngine, Pause
from r1chat.errors import EngineError, ModelError
from r1chat.settings import Settings
from r1chat.tui.chat.input_mode import Ask
from r1chat.tui.download import Download
from r1chat.tui.widgets.composer import _LONG_PASTE
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    Gate,
    an_app,
    ask,
    begin,
    ready,
    rest,
    thought,
    toasts,
    until,
    write,
)

pytestmark = pytest.mark.asyncio

WORDS = "some words"


class Other(FakeEngine):
    info = replace(INFO, ref="other")


def load(ref, **options):
    """Loads either model; there is no third."""
    if ref in {"tiny", "fake"}:
        return FakeEngine(REPLY)
    if ref == "other":
        return Other(REPLY)
    message = f"no such model file: {ref}"
    raise ModelError(message)


async def found(pilot, words: str) -> bool:
    """Whether words are in the composer, or come back into it with the arrows."""
    await pilot.pause()
    composer = pilot.app.chat.composer
    seen = [composer.text]
    for _ in range(10):
        composer.move_cursor(composer.document.end)
        composer.action_later()
        seen.append(composer.text)
    for _ in range(10):
        composer.move_cursor((0, 0))
        composer.action_earlier()
        seen.append(composer.text)
    for _ in range(10):
        composer.move_cursor(composer.document.end)
        composer.action_later()
    return any(words in text for text in seen)


async def other_model(pilot, app):
    app.load_model("other")
    await until(pilot, lambda: app.engine is not None and app.engine.info.ref == "other")


async def wrong_model(pilot, app):
    app.load_model("/not/there.gguf")
    await until(pilot, lambda: any("no such" in note.message for note in app._notifications))


async def picked_model(pilot, app):
    await pilot.press("f3")
    await until(pilot, lambda: app.screen is not app.chat)
    app.screen.dismiss("other")
    await until(pilot, lambda: app.engine is not None and app.engine.info.ref == "other")


def keys(*names):
    async def press(pilot, app):
        await pilot.press(*names)
        await rest(pilot)

    return press


async def other_conversation(pilot, app):
    name = app.chat.shown_id
    await app.chat.action_begin_anew()
    await app.chat.open_conversation(name)


async def deleted(pilot, app):
    await app.chat.action_delete_this()


async def downloaded(pilot, app):
    """The model that was chosen for download has come."""
    app.downloads._chosen = "other"
    app.downloads._end(Download("other", "other", "owner/other", "Other", "", 1, job=None))
    if not app.occupied:
        await until(pilot, lambda: app.engine is not None and app.engine.info.ref == "other")


async def question_asked(pilot, app):
    """Something else was sent: an earlier question that was brought back."""
    await pilot.press("home", "up", "up", "enter")
    await rest(pilot)


CHANGES = {
    "another model": other_model,
    "a model that is not there": wrong_model,
    "a model picked in the list": picked_model,
    "a model that was downloaded": downloaded,
    "a new conversation": keys("f9"),
    "another conversation": other_conversation,
    "the conversation deleted": deleted,
    "escape": keys("escape"),
    "escape twice": keys("escape", "escape"),
    "a question edited and left": keys("f2", "escape"),
    "an earlier question edited and left": keys("f2", "f2", "escape"),
    "an edited question sent": keys("f2", "x", "enter"),
    "a question edited and a new conversation begun": keys("f2", "f9"),
    "asked again": keys("ctrl+r"),
    "another version": keys("ctrl+r", "alt+left"),
    "an earlier question sent": question_asked,
    "the arrows": keys("home", "up", "up", "down", "down"),
    "the thought reopened": keys("ctrl+t"),
    "the reply gone on with": keys("ctrl+g"),
    "several samples": keys("alt+k"),
    "the history": keys("f10", "f10"),
    "the history left by escape": keys("f10", "escape"),
    "the help": keys("f1", "escape"),
    "the palette": keys("ctrl+p", "escape"),
    "the models": keys("f3", "escape"),
    "the themes": keys("f4", "escape"),
    "a file to attach": keys("f6", "escape"),
    "the budget": keys("f5", "left", "f5"),
    "the answer copied": keys("alt+y"),
    "undo and redo": keys("ctrl+z", "ctrl+z", "ctrl+y", "ctrl+y"),
}
EACH = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def every_other(first: int) -> pytest.MarkDecorator:
    """Half of the changes; the others run with the long tests."""
    marks = [() if number % 2 == first else pytest.mark.long for number in range(len(CHANGES))]
    each = zip(CHANGES.items(), marks, strict=True)
    changes = [pytest.param(change, id=name, marks=mark) for (name, change), mark in each]
    return pytest.mark.parametrize("change", changes)


@EACH
async def test_a_draft_outlasts_what_happens_at_rest(change):
    app = an_app(load=load)
    async with app.run_test() as pilot:
        await ask(pilot, "one")
        await write(pilot, WORDS)
        await change(pilot, app)
        assert await found(pilot, WORDS)


@every_other(0)
async def test_words_for_a_paused_thought_outlast_what_happens(change):
    gate = Gate()

    def loads(ref, **options):
        return (
            FakeEngine(["hm\n", Pause(1), "</think>"], REPLY, sleep=gate)
            if (ref == "tiny")
            else load(ref, **options)
        )

    app = an_app(load=loads)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "hm")
        await pilot.press("ctrl+s")
        gate.open()
        await until(pilot, lambda: chat.last and chat.last.status == "Paused")
        await write(pilot, WORDS)
        await change(pilot, app)
        assert await found(pilot, WORDS)
        await pilot.press("enter")
        await rest(pilot)
        assert await found(pilot, WORDS)


@pytest.mark.parametrize(
    "change", [other_model, wrong_model, keys("escape")], ids=["other", "wrong", "none"]
)
async def test_words_sent_into_a_thought_whose_model_is_gone_come_back(change):
    gate = Gate()

    def loads(ref, **options):
        return FakeEngine(["hm\n", Pause(1)], REPLY, sleep=gate) if ref == "tiny" else load(ref)

    app = an_app(load=loads)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "hm")
        await pilot.press("ctrl+s")
        gate.open()
        await until(pilot, lambda: chat.last and chat.last.status == "Paused")
        await change(pilot, app)
        await write(pilot, WORDS, "enter")
        await rest(pilot)
        thoughts = [turn.reply.thought for turn in chat.session.turns]
        asked = [turn.question for turn in chat.session.turns]
        assert WORDS in "".join([*thoughts, *asked]) or chat.composer.text == WORDS


@every_other(1)
async def test_what_was_made_of_a_question_outlasts_what_happens(change):
    app = an_app(load=load)
    async with app.run_test() as pilot:
        await ask(pilot, "one")
        await ask(pilot, "two")
        await write(pilot, WORDS)
        await pilot.press("f2")
        await write(pilot, " and three")
        await change(pilot, app)
        assert await found(pilot, WORDS)
        assert await found(pilot, "two and three")


# -- while it runs --


@pytest.mark.parametrize("key", ["escape", "ctrl+s", "ctrl+n", "ctrl+t", "ctrl+o", "f10", "f5"])
async def test_a_draft_outlasts_what_happens_to_a_reply_under_way(key):
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot)
        await write(pilot, WORDS)
        await pilot.press(key)
        await until(pilot, lambda: chat.composer.text == WORDS)
        chat.action_stop()
        await rest(pilot)
        assert chat.composer.text == WORDS


async def test_a_draft_outlasts_the_end_of_the_reply_under_way():
    gate = Gate()
    app = an_app(["hm\n", Pause(1), "</think>", "It is 4."], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "hm")
        await write(pilot, WORDS)
        gate.open()
        await rest(pilot)
        assert chat.composer.text == WORDS


async def test_words_for_a_paused_thought_go_into_the_version_that_is_shown():
    gate = Gate()
    app = an_app(["first\n", "</think>", "1"], ["second\n", Pause(1)], REPLY, sleep=gate)
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await pilot.press("ctrl+r")
        await thought(pilot, "second")
        await pilot.press("ctrl+s")
        gate.open()
        await until(pilot, lambda: chat.input.paused)
        await write(pilot, WORDS)
        await pilot.press("alt+left")
        await until(pilot, lambda: chat.last and chat.last.answer.source == "1")
        assert chat.composer.text == WORDS
        await pilot.press("enter")
        await rest(pilot)
        assert chat.last.node.turn.reply.thought.startswith(f"first\n{WORDS}")


async def test_words_for_a_paused_thought_outlast_the_app():
    gate = Gate()
    app = an_app(["hm\n", Pause(1)], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "hm")
        await pilot.press("ctrl+s")
        gate.open()
        await until(pilot, lambda: chat.input.paused)
        await write(pilot, WORDS)
    _stop(app)
    assert await _again() == (WORDS, [])


async def test_no_pair_of_transitions_between_input_modes_drops_what_was_typed():
    app = an_app()
    async with app.run_test() as pilot:
        await ask(pilot, "one")
        chat = await ask(pilot, "two")
        view, node, modes, composer = chat.last, chat.last.node, chat.input, chat.composer
        transitions = {
            "edit": lambda: modes.edit(node, "two"),
            "edit the one before": lambda: modes.edit(node.parent, "one"),
            "be about to pause": lambda: modes.pause(view),
            "pause": lambda: modes.steer(view, node.turn.reply),
            "cancel": modes.leave,
            "leave the conversation": lambda: modes.leave(unless_changed=True),
        }
        for first, second in itertools.product(transitions, repeat=2):
            words, more = f"{first}, then {second}", f"and after {first} {second}"
            composer.load_text(words)
            transitions[first]()
            composer.insert(f" {more}")
            transitions[second]()
            modes.leave()
            assert isinstance(modes.mode, Ask)
            draft, others = composer.unsent
            assert any(words in each for each in (draft, *others)), words
            assert any(more in each for each in (draft, *others)), more
            composer.put_aside()


async def test_what_went_along_with_a_question_goes_along_with_what_is_made_of_it():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.post_message(events.Paste("a line\n" * (_LONG_PASTE // 6)))
        await until(pilot, lambda: chat.attachments.attachments)
        await ask(pilot, "one")
        await pilot.press("f2")
        await write(pilot, "!", "enter")
        await until(pilot, lambda: chat.last and chat.last.question == "one!")
        await rest(pilot)
        (along,) = chat.last.node.turn.attachments
        assert along.text.startswith("a line")


# -- what could not be put --


async def test_a_question_that_failed_comes_back():
    app = an_app([EngineError("the server is gone")])
    async with app.run_test() as pilot:
        chat = await ask(pilot, WORDS)
        assert "the server is gone" in chat.last.status
        assert chat.composer.text == WORDS


async def test_a_question_that_failed_waits_above_what_was_begun_meanwhile():
    gate = Gate()
    app = an_app([Pause(1), EngineError("gone")], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot, WORDS)
        await write(pilot, "next")
        gate.open()
        await rest(pilot)
        assert chat.composer.text == "next"
        assert await found(pilot, WORDS)


async def test_a_question_that_waits_for_a_model_comes_back_with_a_new_conversation():
    gate = threading.Event()

    def slow(ref, **options):
        gate.wait(30)
        return FakeEngine(REPLY)

    app = an_app(load=slow)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running)
        await write(pilot, WORDS, "enter")
        await until(pilot, lambda: app.chat.last is not None)
        await pilot.press("f9")
        await until(pilot, lambda: app.chat.last is None)
        assert app.chat.composer.text == WORDS
        gate.set()
        await ready(pilot)


# -- undo --


async def test_undo_takes_back_a_word_at_a_time_and_redo_brings_it_again():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "one two three")
        seen = []
        for _ in range(3):
            await pilot.press("ctrl+z")
            seen.append(chat.composer.text)
        assert seen == ["one two ", "one ", ""]
        await pilot.press("ctrl+y", "ctrl+shift+z", "ctrl+y")
        assert chat.composer.text == "one two three"


async def test_undo_brings_back_what_another_text_took_the_place_of():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await write(pilot, WORDS, "f2")
        assert chat.composer.text == "one"
        await pilot.press("ctrl+z")
        assert chat.composer.text == WORDS


async def test_deleting_a_line_is_a_step_of_its_own():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, "one two")
        await pilot.press("backspace", "ctrl+u")
        assert chat.composer.text == ""
        await pilot.press("ctrl+z")
        assert chat.composer.text == "one tw"
        await pilot.press("ctrl+z")
        assert chat.composer.text == "one two"


# -- the end of the app --


async def _again(settings=None):
    """Starts the app once more; what is in the composer then, and what the arrows bring."""
    app = an_app(settings=settings)
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        text = chat.composer.text
        attached = [each.text for each in chat.attachments.attachments]
    return text, attached


def _stop(app):
    app.shut_down()


async def test_a_draft_is_there_again_after_the_end_and_gone_once_it_was_sent():
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        await write(pilot, WORDS + "\nmore")
    _stop(app)
    (file,) = paths.drafts().glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert chat.composer.text == WORDS + "\nmore"
        await pilot.press("enter")
        await until(pilot, lambda: chat.last is not None)
        await rest(pilot)
    _stop(app)
    assert await _again() == ("", [])
    assert not list(paths.drafts().iterdir())


async def test_a_question_that_waits_for_its_model_is_there_again_after_the_end():
    gate = threading.Event()

    def slow(ref, **options):
        gate.wait(30)
        return FakeEngine(REPLY)

    app = an_app(load=slow)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.is_running)
        await write(pilot, WORDS, "enter")
        await until(pilot, lambda: app.chat.last is not None)
        await write(pilot, "more")
    _stop(app)
    gate.set()
    assert await _again() == (f"{WORDS}\nmore", [])


async def test_a_pasted_text_that_was_attached_is_there_again_after_the_end():
    app = an_app()
    long = "a line\n" * (_LONG_PASTE // 6)
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.post_message(events.Paste(long))
        await until(pilot, lambda: chat.attachments.attachments)
    _stop(app)
    assert await _again() == ("", [long])


async def test_what_was_put_aside_comes_with_the_arrows_after_the_end():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await write(pilot, WORDS)
        chat.composer.put_aside()
        assert chat.composer.text == ""
    _stop(app)
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert chat.composer.text == ""
        await pilot.press("up")
        assert chat.composer.text == WORDS


async def test_the_draft_below_an_edited_question_is_there_again_after_the_end():
    app = an_app()
    async with app.run_test() as pilot:
        await ask(pilot, "one")
        await write(pilot, WORDS, "f2")
        await write(pilot, " more")
    _stop(app)
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert chat.composer.text == WORDS
        assert await found(pilot, "one more")


async def test_two_apps_keep_each_their_own():
    one, two = an_app(), an_app()
    async with one.run_test() as pilot:
        await ready(pilot)
        await write(pilot, "of the first")
        one.drafts.save_soon()
        await until(pilot, lambda: list(paths.drafts().glob("*.json")))
        async with two.run_test() as other:
            chat = await ready(other)
            assert chat.composer.text == ""
            await write(other, "of the second")
        _stop(two)
    _stop(one)
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        assert await found(pilot, "of the first")
        assert await found(pilot, "of the second")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"text": 3, "earlier": [], "attachments": []}']
)
async def test_a_damaged_draft_hinders_nobody_and_stays_where_it_is(content):
    file = paths.made(paths.drafts()) / "damaged.json"
    file.write_text(content)
    assert await _again() == ("", [])
    assert file.read_text() == content


async def test_a_folder_that_cannot_be_written_to_hinders_nobody():
    paths.made(paths.drafts().parent)
    paths.drafts().write_text("a file where the folder should be")
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        await write(pilot, WORDS)
        await until(pilot, lambda: "ends with the app" in toasts(app))
        await write(pilot, " more")
        await until(pilot, lambda: app.drafts._failed and "more" in app.drafts._failed.text)
        assert toasts(app).count("ends with the app") == 1
    _stop(app)


async def test_where_conversations_are_not_to_last_drafts_are_not_either():
    app = an_app(settings=Settings(pace=0, save=False))
    async with app.run_test() as pilot:
        await ready(pilot)
        await write(pilot, WORDS)
    _stop(app)
    assert not paths.drafts().exists()
