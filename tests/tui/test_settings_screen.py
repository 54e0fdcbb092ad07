"""All settings are shown and changed in the app, for good or for a conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input, Static

from r1chat.engine.base import Advice
from r1chat.engine.fake import INFO
from r1chat.reasoning.budget import Budget
from r1chat.settings import SETTINGS, Settings
from r1chat.tui.settings.rows import OF_CONVERSATION, TITLES, about, read, rows, typed
from r1chat.tui.settings.screen import SettingsScreen
from tests.tui.chat import an_app, ready, until, write

pytestmark = pytest.mark.asyncio


async def opened(pilot):
    app = pilot.app
    await ready(pilot)
    await pilot.press("alt+g")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.row)
    return app.screen


async def change(pilot, name, value):
    """Filters for a setting, and types a value for it."""
    screen = pilot.app.screen
    await write(pilot, name, "enter")
    await until(pilot, lambda: not screen.filters)
    screen.query_one(Input).value = ""
    await write(pilot, value, "enter")
    await pilot.pause()


def note(screen):
    return str(screen.query_one("#note", Static).content)


async def test_every_setting_is_a_row_and_says_all_that_is_declared():
    found = rows(Settings(), Settings())
    assert [row.name for row in found] == list(SETTINGS)
    assert set(TITLES) == {setting.section for setting in SETTINGS.values()}
    assert set(SETTINGS) > OF_CONVERSATION
    for row in found:
        said = " ".join(about(row))
        assert row.setting.help[1:] in said
        assert f"Allowed: {row.setting.kind.allowed}"[:60] in said
        assert row.source == "default"
        for width in (20, 38, 60, 118):
            assert len(row.cells(width)) >= 20


async def test_a_row_says_where_its_value_comes_from():
    saved = Settings(temperature=0.9, top_p=0.5)
    model = replace(INFO, advice=Advice("card", {"temperature": 0.1, "top_k": 20}))
    found = {
        row.name: (row.value, row.source, row.is_set)
        for row in rows(
            saved, replace(saved, top_p=0.7, budget="64"), model=model, given={"ctx": 512}
        )
    }
    assert found["temperature"] == ("0.9", "saved", True)
    assert found["top_p"] == ("0.7", "this conversation", True)
    assert found["budget"] == ("64", "this conversation", True)
    assert found["top_k"] == ("20", "the model's card", False)
    assert found["ctx"] == ("512", "option", False)
    assert found["min_p"] == ("0", "default", False)
    of_preset = rows(saved, replace(saved, top_p=0.7), preset="code")
    assert next(row for row in of_preset if row.name == "top_p").source == "preset code"


async def test_a_value_of_several_lines_is_typed_on_one():
    assert read(typed("Be kind.\nBe brief.")) == "Be kind.\nBe brief."


async def test_a_change_holds_at_once_and_for_good():
    app = an_app()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await change(pilot, "temperature", "0.3")
        await until(pilot, lambda: app.preferences.saved.temperature == 0.3)
        assert app.preferences.settings.temperature == 0.3
        # The filter is as it was; the row says what holds.
        assert screen.row.value == "0.3"
        assert screen.row.source == "saved"
        await pilot.press("f8")
        await until(pilot, lambda: app.preferences.saved.temperature is None)
        assert screen.row.source == "default"
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_for_this_conversation_nothing_is_saved_and_the_next_begins_as_before():
    app = an_app()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await pilot.press("f2")
        await change(pilot, "budget", "128")
        await until(pilot, lambda: app.chat.slider.value == Budget(128))
        assert app.preferences.saved.budget is None
        assert screen.row.source == "this conversation"
        await pilot.press("escape")
        session = app.chat.state.session
        await change(pilot, "instructions", "Be kind.")
        await until(pilot, lambda: app.chat.state.session is not session)
        assert [m.text for m in app.chat.state.session.messages()] == ["Be kind."]
        # What only all conversations can share is refused here.
        await pilot.press("escape")
        await write(pilot, "theme", "enter")
        await until(pilot, lambda: "theme holds for all conversations" in note(screen))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is app.chat)
        await pilot.press("f9")
        await until(pilot, lambda: app.chat.slider.value == Budget())
        assert app.chat.state.session.messages() == ()


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("temperature", "7", "is not at least 0 and at most 2"),
        ("budget", "soon", "budget: "),
        ("min_think", "500", "min_think: "),
        ("thoughts", "shwo", "did you mean show"),
        ("servers", "{", "not a JSON object"),
    ],
)
async def test_what_a_value_may_not_be_is_said_and_nothing_changes(name, value, fault):
    app = an_app(settings=Settings(pace=0, budget="100"))
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await change(pilot, name, value)
        await until(pilot, lambda: fault in note(screen))
        assert not screen.filters
        assert app.preferences.saved == Settings(pace=0, budget="100")
        # Escape leaves the value as it was.
        await pilot.press("escape")
        await until(pilot, lambda: screen.filters)
        assert screen.query_one(Input).value == name


async def test_of_a_few_words_the_arrows_pick_one_and_an_empty_field_is_the_default():
    app = an_app(settings=Settings(pace=0, theme="paper"))
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await write(pilot, "thoughts", "enter")
        await until(pilot, lambda: not screen.filters)
        await pilot.press("down", "down")
        assert screen.query_one(Input).value == "hide"
        await pilot.press("enter")
        await until(pilot, lambda: app.preferences.saved.thoughts == "hide")
        assert "holds from the next reply" in note(screen)
        await pilot.press("escape")
        await change(pilot, "theme", "")
        await until(pilot, lambda: app.preferences.saved.theme is None)
        assert app.theme == "midnight"


async def test_a_model_that_is_set_is_loaded():
    loaded = []
    app = an_app()
    async with app.run_test() as pilot:
        await opened(pilot)
        app.use_model = loaded.append
        await change(pilot, "model", "r1:7b")
        await until(pilot, lambda: loaded == ["r1:7b"])
