"""A preset holds for the conversation on the screen, and nothing of it is saved."""

from __future__ import annotations

import pytest

from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from r1chat.tui.screens.pick import Pick
from tests.tui.chat import an_app, ask, ready, until, write

pytestmark = pytest.mark.asyncio


async def pick(pilot, *keys):
    app = pilot.app
    await pilot.press("alt+w")
    await until(pilot, lambda: isinstance(app.screen, Pick))
    await write(pilot, *keys)
    await until(pilot, lambda: app.screen is app.chat)


def instructions(app):
    return [m.text for m in app.chat.state.session.messages() if m.role == "system"]


async def test_it_sets_instructions_budget_and_sampling_until_the_next_conversation():
    saved = Settings(pace=0, temperature=0.9, budget="max", system="Be kind.")
    app = an_app(settings=saved)
    async with app.run_test() as pilot:
        await ready(pilot)
        assert instructions(app) == ["Be kind."]
        await pick(pilot, "code", "enter")
        await until(pilot, lambda: app.preferences.settings.temperature == 0.5)
        assert "complete code" in instructions(app)[0]
        await pick(pilot, "short", "enter")
        await until(pilot, lambda: app.chat.slider.value == Budget(512))
        # One takes the place of the other.
        assert app.preferences.settings.temperature == 0.9
        assert app.preferences.settings.max_answer == 400
        assert app.preferences.saved == saved
        await pilot.press("f9")
        await until(pilot, lambda: app.chat.slider.value == Budget())
        assert app.preferences.settings == saved
        assert instructions(app) == ["Be kind."]


async def test_a_conversation_that_has_begun_keeps_its_instructions():
    app = an_app()
    async with app.run_test() as pilot:
        await ready(pilot)
        await ask(pilot, "Hi")
        await pick(pilot, "short", "enter")
        await until(pilot, lambda: app.chat.slider.value == Budget(512))
        assert instructions(app) == []
        assert any("has not begun" in note.message for note in app._notifications)
        # Out of the list, the saved settings hold again.
        await pick(pilot, "as set", "enter")
        await until(pilot, lambda: app.chat.slider.value == Budget())
        assert not app.preferences.holds


async def test_what_is_moved_by_hand_is_saved_and_only_that():
    app = an_app(settings=Settings(pace=0, temperature=0.9))
    async with app.run_test() as pilot:
        await ready(pilot)
        await pick(pilot, "short", "enter")
        await until(pilot, lambda: app.chat.slider.value == Budget(512))
        app.chat.slider.value = Budget(256)
        await until(pilot, lambda: app.preferences.saved.budget == "256")
        assert app.preferences.saved.max_answer is None
        assert app.preferences.settings.max_answer == 400
