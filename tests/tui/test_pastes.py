"""Pastes: their lines stay lines in the composer, and words stay apart in fields for one line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from textual import events
from textual.widgets import Input

from r1chat.engine.fake import Pause
from r1chat.tui.terminal_input import Parser
from r1chat.tui.widgets.composer import _LONG_PASTE
from tests.tui.chat import Gate, an_app, begin, engine_of, ready, rest, thought, toasts, until
from tests.unit.test_line_breaks import BREAKS

pytestmark = pytest.mark.asyncio
_PIECES = st.sampled_from(
    [
        "a",
        "\r",
        "\x1b",
        "[",
        "~",
        "\x1b[31m",
        "\x1b[200~",
        "\x1b[20",
        "\x1b]0;t\x07",
        "1~",
        "\x1b[A",
    ]
)
EACH = pytest.mark.parametrize("line_break", BREAKS.values(), ids=BREAKS)
CODE = ("def double(x):", "    return 2 * x", "", "print(double(4))")


async def paste(pilot, text: str) -> None:
    """Pastes as the driver does."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


@EACH
async def test_a_pasted_question_has_its_lines(line_break):
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await paste(pilot, line_break.join(CODE))
        assert chat.composer.text == "\n".join(CODE)
        await pilot.press("enter")
        await until(pilot, lambda: engine_of(app).requests)
        await rest(pilot)
        assert engine_of(app).requests[0].messages[-1].text == "\n".join(CODE)


@EACH
async def test_words_for_a_thought_have_their_lines(line_break):
    gate = Gate()
    app = an_app(["one\n", Pause(1)], ["two", "</think>", "done"], sleep=gate)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "one")
        await pilot.press("ctrl+s")
        gate.open()
        await until(pilot, lambda: chat.last and chat.last.status == "Paused")
        await paste(pilot, f"but{line_break}no")
        await pilot.press("enter")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)
        assert "but\nno\n" in chat.last.node.turn.reply.thought


@EACH
async def test_a_long_paste_has_its_lines_as_an_attachment(line_break):
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        text = line_break.join(["a line of a long text"] * (_LONG_PASTE // 20))
        await paste(pilot, text)
        await until(pilot, lambda: chat.attachments.attachments)
        assert chat.attachments.attachments[0].text == text.replace(line_break, "\n")


@pytest.mark.parametrize("keys", ["f3", "f6", "ctrl+p", "f10"])
@pytest.mark.parametrize("line_break", ["\r", "\r\n", "\u2028"], ids=repr)
async def test_in_a_field_for_one_line_no_words_are_lost_or_glued(keys, line_break):
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await until(pilot, lambda: app.history._store is not None)
        await pilot.press(keys)
        await until(pilot, lambda: app.screen is not chat or chat.panel is not None)
        await until(pilot, lambda: isinstance(app.focused, Input))
        field = app.focused
        field.value = ""
        await paste(pilot, f"one{line_break}two{line_break}")
        await until(pilot, lambda: field.value == "one two")


async def test_the_path_of_a_file_that_cannot_be_attached_is_left_as_a_text(tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG\x00")
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await paste(pilot, str(file))
        await until(pilot, lambda: chat.composer.text == str(file))
        assert "not a text file" in toasts(app)
        assert not chat.attachments.attachments


@EACH
async def test_a_question_of_the_history_is_edited_with_its_lines(line_break):
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await chat.replies.ask(f"one{line_break}two")
        await rest(pilot)
        await pilot.press("f2")
        assert chat.composer.text == "one\ntwo"


@given(st.lists(_PIECES, max_size=12).map("".join), st.lists(st.integers(0, 80), max_size=6))
async def test_a_paste_is_one_event_whatever_stands_in_it_and_however_it_comes(text, cuts):
    assume("\x1b[201~" not in text)
    whole = f"x\x1b[200~{text}\x1b[201~y"
    places = sorted({0, len(whole), *(each for each in cuts if each < len(whole))})
    parser = Parser()
    found = [event for start, end in pairwise(places) for event in parser.feed(whole[start:end])]
    pasted = [event for event in found if isinstance(event, events.Paste)]
    keys = [event.character for event in found if isinstance(event, events.Key)]
    assert keys == ["x", "y"]
    begun = text.replace("\x1b[", "\x9b").replace("\x1b]", "\x9d").replace("\x1b", "")
    assert [event.text for event in pasted] == [begun]
