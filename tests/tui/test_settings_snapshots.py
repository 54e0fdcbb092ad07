"""Pictures of the settings screen."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from r1chat.settings import Settings
from tests.tui.chat import an_app
from tests.tui.test_settings_screen import opened


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80x24", "120x36"])
def test_the_settings_look_as_they_did(snap_compare, size):
    async def play(pilot):
        screen = await opened(pilot)
        screen.query_one(Input).cursor_blink = False
        await pilot.press(*["down"] * 5)
        await pilot.pause()

    chosen = Settings(pace=0, temperature=0.9, system="Be kind.\nBe brief.")
    assert snap_compare(an_app(settings=chosen), terminal_size=size, run_before=play)
