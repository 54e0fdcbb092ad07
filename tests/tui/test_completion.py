from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest

from r1chat.tui.screens.pick import Pick
from tests.tui.chat import ENDLESS, an_app, ask, begin, ready, rest, toasts, until

pytestmark = pytest.mark.asyncio


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "work"
    (place / "notes").mkdir(parents=True)
    (place / "notes" / "to do.txt").write_text("buy milk", "utf-8")
    (place / "Read me.md").write_text("read me", "utf-8")
    monkeypatch.chdir(place)
    return place


def suggested(chat) -> list[str]:
    found = chat.query("Suggestions")
    return [str(each.prompt) for each in found.first().options] if found else []


async def test_a_file_is_completed_and_attached_and_the_words_stay(folder):
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await pilot.press(*"what of ", "@")
        await until(pilot, lambda: suggested(chat) == ["notes/", "Read me.md"])
        await pilot.press("tab")
        await until(pilot, lambda: suggested(chat) == ["to do.txt"])
        assert chat.composer.text == "what of @notes/"
        await pilot.press("enter")
        await until(pilot, lambda: chat.attachments.attachments)
        assert chat.attachments.attachments[0].text == "buy milk"
        assert chat.composer.text == "what of "
        assert not chat.query("Suggestions").first().display
        await pilot.press("@", "r", "down", "up", "enter")
        await until(pilot, lambda: len(chat.attachments.attachments) == 2)


async def test_escape_leaves_the_word_as_it_is_and_stops_no_reply(folder):
    app = an_app(ENDLESS)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await begin(pilot)
        await pilot.press("@")
        await until(pilot, lambda: suggested(chat))
        await pilot.press("escape")
        await pilot.pause()
        assert chat.running
        assert not suggested(chat)
        assert chat.composer.text == "@"
        await pilot.press("escape")
        await until(pilot, lambda: not chat.running)


async def test_a_slash_lists_the_commands_and_runs_one(folder):
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot)
        await rest(pilot)
        await pilot.press("/")
        await until(pilot, lambda: any(each.startswith("/new ") for each in suggested(chat)))
        await pilot.press(*"ne")
        await until(pilot, lambda: len(suggested(chat)) == 2)
        await pilot.press("enter")
        await until(pilot, lambda: not chat.conversation.turns)
        assert chat.composer.text == ""


@pytest.mark.parametrize("text", ["/etc", "a/", "me@", "@nothing"])
async def test_what_is_no_beginning_of_anything_is_a_text(text, folder):
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await pilot.press(*text)
        await pilot.pause()
        assert not suggested(chat)
        await pilot.press("enter")
        await until(pilot, lambda: chat.last and chat.last.question == text)
        await rest(pilot)


async def test_an_earlier_question_is_searched_and_the_draft_waits(folder):
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ask(pilot, "about apples")
        await rest(pilot)
        await ask(pilot, "about pears")
        await rest(pilot)
        await pilot.press(*"draft", "alt+e")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press(*"apple", "enter")
        await until(pilot, lambda: chat.composer.text == "about apples")
        await pilot.press("down", "down")
        assert chat.composer.text == "draft"


@pytest.mark.parametrize(("code", "text"), [(0, "written\nelsewhere"), (3, "begun")])
async def test_the_users_editor_gives_its_text_unless_it_fails(code, text, folder, monkeypatch):
    script = folder / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "file = pathlib.Path(sys.argv[-1])\n"
        "assert file.read_text() == 'begun'\n"
        "file.write_text('written\\nelsewhere\\x1b[2J\\n')\n"
        f"sys.exit({code})\n",
        "utf-8",
    )
    monkeypatch.setenv("VISUAL", f"'{sys.executable}' '{script}'")
    app = an_app()
    monkeypatch.setattr(app, "suspend", nullcontext)
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await pilot.press(*"begun", "alt+x")
        await pilot.pause()
        assert chat.composer.text == text
        assert bool(toasts(app)) is bool(code)
        await pilot.press("ctrl+z")
        assert chat.composer.text != text or code


async def test_an_editor_that_is_not_there_is_named(folder, monkeypatch):
    monkeypatch.setenv("VISUAL", "no-such-editor --wait")
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        chat = await ready(pilot)
        await pilot.press(*"begun", "alt+x")
        await until(pilot, lambda: toasts(app))
        assert "no-such-editor" in toasts(app)
        assert chat.composer.text == "begun"
