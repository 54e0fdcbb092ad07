"""What stands around the conversation."""

from __future__ import annotations

import json

import pytest
from textual import events
from textual.command import Command, CommandList
from textual.geometry import Size

from r1chat import paths
from r1chat.engine.fake import Pause
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.screens import help as help_screen
from r1chat.tui.screens.attach import AttachFile
from r1chat.tui.screens.help import Help
from r1chat.tui.widgets.thinking import ThinkingPane
from tests.tui.chat import (
    ENDLESS,
    REPLY,
    FakeEngine,
    an_app,
    ask,
    begin,
    engine_of,
    loading,
    ready,
    rest,
    thought,
    toasts,
    until,
    write,
)

OWN = """
name = "own"
dark = true
primary = "#112233"
foreground = "#eeeeee"
background = "#000000"
[thinking]
text = "#aaaaaa"
injected = "#bbbbbb"
wait = "#cccccc"
"""

pytestmark = pytest.mark.asyncio


async def test_what_is_set_in_the_app_is_remembered(home):
    async with R1ChatApp(load=loading(FakeEngine(REPLY))).run_test() as pilot:
        chat = await ready(pilot)
        await pilot.press("f5", "home", "right", "right", "alt+n", "right", "f5", "ctrl+o")
        await pilot.press("f4")
        await write(pilot, "paper", "enter")
        await until(pilot, lambda: chat.app.theme == "paper")
        chat.app.shut_down()
    again = R1ChatApp(load=loading(FakeEngine(REPLY)))
    assert again.settings.theme == "paper"
    assert again.preferences.thoughts_hidden
    assert again.preferences.budget == Budget(128, minimum=64)
    assert json.loads(paths.settings_file().read_text())["budget"] == "128"
    async with again.run_test() as pilot:
        chat = await ask(pilot)
        assert again.theme == "paper"
        assert chat.slider.value == Budget(128, minimum=64)
        assert chat.last.thinking.collapsed


async def test_a_settings_file_with_a_slip_in_it_is_named_and_never_written_over(home):
    text = '{"theme": "frost", "budgte": "12"}'
    paths.made(paths.settings_file().parent)
    paths.settings_file().write_text(text)
    app = R1ChatApp(load=loading(FakeEngine(REPLY)))
    async with app.run_test() as pilot:
        await ready(pilot)
        assert app.theme == "frost"
        assert "budgte" in toasts(app)
        await pilot.press("f5", "home")
        app.shut_down()
    assert paths.settings_file().read_text() == text


async def test_themes_are_shown_while_the_cursor_is_on_them_and_escape_brings_the_old_one_back():
    app = an_app(settings=Settings(theme="midnight", pace=0))
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("f4", "down")
        assert app.theme == "moss"
        await pilot.press("escape")
        assert app.theme == "midnight"
        assert app.settings.theme == "midnight"


async def test_a_theme_of_ones_own_is_taken_and_a_broken_one_is_named_in_a_toast(home):
    folder = paths.made(paths.user_themes())
    (folder / "bad.toml").write_text("name = 3")
    (folder / "own.toml").write_text(OWN)
    app = an_app(settings=Settings(theme="own", pace=0))
    async with app.run_test() as pilot:
        await ready(pilot)
        assert app.theme == "own"
        await until(pilot, lambda: "bad.toml" in toasts(app))


async def test_keys_can_be_set_and_unknown_names_are_told_once():
    keys = {"chat.answer_now": "f12", "composer.send": "ctrl+e", "chat.nothing": "x"}
    app = an_app(ENDLESS[:400], settings=Settings(keys=keys, pace=0))
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert toasts(app).count("chat.nothing") == 1
        await write(pilot, "a", "enter", "b")
        assert chat.composer.text == "a\nb"
        await pilot.press("ctrl+e")
        await thought(pilot)
        await pilot.press("f12")
        await rest(pilot)
        assert chat.last.node.turn.reply.receipt.thought_ended_by == "user"
        await pilot.press("f1")
        shown = str(app.screen.query("Static").first().content)
        assert "F12" in shown


async def test_the_help_opens_and_closes():
    app = an_app()
    async with app.run_test(size=(40, 12)) as pilot:
        chat = await ready(pilot)
        await pilot.press("f1")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        assert app.screen is chat


async def test_the_help_is_set_once_though_it_needs_a_scrollbar(monkeypatch):
    widths = set()
    text = help_screen.text
    monkeypatch.setattr(help_screen, "text", lambda of, width: widths.add(width) or text(of, width))
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await pilot.pause()
        assert len(widths) == 1


async def test_no_line_of_the_keys_is_broken_at_eighty_columns():
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await pilot.pause()
        shown = app.screen.query("Static").first()
        lines = str(shown.content).splitlines()
        assert [each for each in lines if len(each) > shown.content_size.width] == []


def offered(app):
    """What the palette offers."""
    options = app.screen.query_one(CommandList).options
    return [each.hit.text for each in options if isinstance(each, Command)]


async def test_every_command_of_the_palette_that_applies_is_offered():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        names = [command.title for command in app.get_system_commands(chat)]
        assert {"Think more", "Regenerate", "Edit", "Copy answer", "Model", "Theme", "Quit"} <= {
            *names
        }
        assert "Answer now" not in names
        await pilot.press("ctrl+p")
        await write(pilot, "Regenerate")
        await until(pilot, lambda: offered(app)[:1] == ["Regenerate"])
        await pilot.press("enter")
        await until(pilot, lambda: len(engine_of(app).requests) == 2)
        await rest(pilot)


async def test_all_thoughts_are_closed_and_opened_by_one_key():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("ctrl+o")
        assert all(pane.collapsed for pane in chat.query(ThinkingPane))
        await pilot.press("ctrl+o")
        assert not any(pane.collapsed for pane in chat.query(ThinkingPane))


async def test_the_answer_is_copied_without_its_thought():
    app = an_app()
    async with app.run_test() as pilot:
        await ask(pilot)
        await pilot.press("alt+y")
        assert app.clipboard == "It is **4**."


async def test_the_source_of_the_answer_is_shown_on_a_key():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await pilot.press("ctrl+l")
        assert chat.last.answer.raw


async def test_a_pasted_path_attaches_the_file(tmp_path):
    from textual.events import Paste

    file = tmp_path / "notes.txt"
    file.write_text("the notes")
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.post_message(Paste(str(file)))
        await until(pilot, lambda: chat.attachments.attachments)
        chat = await ask(pilot, "what do they say?")
        assert "the notes" in engine_of(app).requests[0].messages[-1].text
        assert "[file name]: notes.txt" in engine_of(app).requests[0].messages[-1].text
        assert chat.attachments.attachments == ()


async def test_a_file_is_attached_by_its_path_and_escape_takes_it_away(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.txt").write_text("the notes")
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.push_screen(AttachFile(tmp_path), chat.attach_picked)
        await pilot.pause()
        await pilot.press("tab")
        assert app.screen.query_one("Input").value == "sub/"
        await pilot.press("enter")
        await until(pilot, lambda: chat.attachments.attachments)
        assert chat.attachments.attachments[0].name == "notes.txt"
        await pilot.press("escape")
        assert chat.attachments.attachments == ()


async def test_tab_completes_the_letters_that_were_typed_just_before_it(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "readme.md").write_text("read me")
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.push_screen(AttachFile(tmp_path), chat.attach_picked)
        await pilot.pause()
        for key in ("r", "e", "tab"):
            app.post_message(events.Key(key, key if key != "tab" else None))
        await until(pilot, lambda: app.screen.query_one("Input").value == "readme.md")
        assert app.screen.query_one("OptionList").option_count == 1


async def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\x00\x01")
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        await chat.attachments.attach_file(str(tmp_path / "x.bin"))
        await pilot.pause()
        assert "not a text file" in toasts(app)
        assert chat.attachments.attachments == ()


async def test_a_very_long_paste_is_attached_and_a_short_one_written():
    from textual.events import Paste

    app = an_app()
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        app.post_message(Paste("x" * 900_000))
        await until(pilot, lambda: chat.attachments.attachments)
        assert chat.attachments.attachments[0].text == "x" * 900_000
        app.post_message(Paste("x" * 1_100_000))
        await until(pilot, lambda: "larger than" in toasts(app))
        app.post_message(Paste("sh\x1b[31mort\u202e"))
        await until(pilot, lambda: chat.composer.text)
        assert chat.composer.text == "short"


async def test_a_paste_into_a_filter_is_clean():
    from textual.events import Paste

    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        await pilot.press("f3")
        assert isinstance(app.screen, ModelsScreen)
        app.post_message(Paste("a\x1b]52;c;aGk=\x07b"))
        await until(pilot, lambda: app.screen.query_one("Input").value)
        assert app.screen.query_one("Input").value == "ab"


async def test_ctrl_c_copies_a_selection_in_the_composer():
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        await write(pilot, "hello")
        app.chat.composer.select_all()
        await pilot.press("ctrl+c")
        assert app.clipboard == "hello"
        assert "quits" not in toasts(app)


async def test_a_new_conversation_begins_empty():
    app = an_app()
    async with app.run_test() as pilot:
        chat = await ask(pilot, "one")
        await pilot.press("f9")
        await until(pilot, lambda: chat.last is None)
        await ask(pilot, "two")
        assert [message.text for message in engine_of(app).requests[-1].messages] == ["two"]


async def test_a_long_reply_is_announced_where_nobody_looks(monkeypatch):
    from r1chat.tui.chat import screen

    monkeypatch.setattr(screen, "LONG_S", 0.0)
    said = []
    app = an_app()
    monkeypatch.setattr(app, "bell", lambda: said.append("bell"))
    async with app.run_test() as pilot:
        await ask(pilot)
        assert said == []
        app.app_focus = False
        app.announce("done")
        assert said == ["bell"]


async def test_the_meter_counts_while_the_reply_is_written():
    app = an_app(ENDLESS)
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        await thought(pilot, "thought 9.")
        assert chat.topbar.used >= 9
        assert chat.slider.used >= 9
        await pilot.press("escape")
        await rest(pilot)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (300, 100), (20, 5), (1, 1)])
async def test_it_works_at_any_size(size):
    app = an_app()
    async with app.run_test(size=size) as pilot:
        chat = await ask(pilot)
        assert chat.last.answer.source == "It is **4**."
        assert chat.composer.size.height >= (1 if size[1] > 1 else 0)


async def test_the_page_keys_scroll_the_conversation_from_the_composer():
    app = an_app([*("line\n\n" for _ in range(30)), "</think>", *("text\n\n" for _ in range(60))])
    async with app.run_test() as pilot:
        chat = await ask(pilot)
        await until(pilot, lambda: chat.conversation.max_scroll_y > 20)
        bottom = chat.conversation.scroll_y
        await pilot.press("pageup")
        await until(pilot, lambda: chat.conversation.scroll_y < bottom)
        assert chat.composer.has_focus


async def test_the_newest_text_is_followed_through_resizes_until_the_user_scrolls_up():
    lines = [step for i in range(3000) for step in (f"line {i}\n\n", Pause(0.01))]
    app = an_app(["x", "</think>", *lines])
    async with app.run_test() as pilot:
        chat = await begin(pilot)
        view = chat.conversation
        await until(pilot, lambda: view.max_scroll_y > 10)
        for size in ((40, 12), (100, 30), (60, 8), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: view.scroll_y >= view.max_scroll_y - 4)
        await pilot.press("pageup")
        await until(pilot, lambda: view.scroll_y < view.max_scroll_y - 10)
        await pilot.wait_for_scheduled_animations()
        at, height = view.scroll_y, view.max_scroll_y
        await until(pilot, lambda: view.max_scroll_y > height + 10)
        assert view.scroll_y == at
        await pilot.press("escape")
        await rest(pilot)


async def test_the_size_that_counts_is_the_terminals_by_now(monkeypatch):
    app = an_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        monkeypatch.setattr(app._driver, "_get_terminal_size", lambda: (60, 20), raising=False)
        # An older one that was told late, as where a signal has interrupted the telling of another.
        app._take_size()
        app.post_message(events.Resize(Size(70, 22), Size(70, 22)))
        app._take_size()
        await until(pilot, lambda: app.screen.size == Size(60, 20))
        app._driver._in_band_window_resize = True
        monkeypatch.setattr(app._driver, "_get_terminal_size", lambda: (50, 20))
        app._take_size()
        await pilot.pause()
        assert app.screen.size == Size(60, 20)
