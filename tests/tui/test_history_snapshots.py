"""Pictures of the panel of conversations, at two sizes and in two themes."""

from __future__ import annotations

import datetime as dt

import pytest

from r1chat.settings import Settings
from r1chat.tui.widgets.composer import Composer
from tests.tui.chat import an_app, ready, until
from tests.tui.test_app_history import conversation, saved, turn

NOON = dt.datetime(2026, 1, 15, 12).astimezone().timestamp()
DAY = 24 * 3600.0
THOUGHT = "Six sevens.\n\nWait, that is 42, not 48.\n"


def several():
    """Conversations of all ages."""
    asked = turn("What is 6 * 7?", "It is **42**.", THOUGHT)
    saved(
        conversation("Primes below one hundred", asked, updated=NOON - 70 * DAY),
        conversation("A poem about the sea", asked, asked, updated=NOON - 5 * DAY),
        conversation("What is 6 * 7?", asked, updated=NOON - DAY),
        conversation("素数とは何ですか", asked, updated=NOON - 2 * 3600),
        conversation("Notes on llamas", asked, updated=NOON - 90 * DAY, pinned=True),
    )


async def show(app, pilot, *keys):
    """Opens the panel, types, and stops what blinks."""
    chat = await ready(pilot)
    chat.query_one(Composer).cursor_blink = False
    await pilot.press("f10")
    await until(pilot, lambda: chat.panel is not None and chat.panel.listing.entries)
    chat.panel.search.cursor_blink = False
    await pilot.press(*keys)
    await pilot.pause()
    return chat


@pytest.mark.parametrize("theme", ["midnight", "paper"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_panel_looks_as_it_did(snap_compare, theme, size):
    several()
    app = an_app(settings=Settings(theme=theme, model="fake", pace=0), clock=lambda: NOON)

    async def play(pilot):
        chat = await show(app, pilot, "down", "down", "enter")
        await until(pilot, lambda: chat.last is not None and chat.composer.has_focus)
        await pilot.press("f10")
        await until(pilot, lambda: chat.panel is None or chat.panel.search.has_focus)
        await until(pilot, lambda: "●" in str(chat.panel.listing.options[5].prompt))

    assert snap_compare(app, terminal_size=size, run_before=play)


@pytest.mark.parametrize("theme", ["midnight", "paper"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_a_search_looks_as_it_did(snap_compare, theme, size):
    several()
    app = an_app(settings=Settings(theme=theme, model="fake", pace=0), clock=lambda: NOON)

    async def play(pilot):
        chat = await show(app, pilot, *"seven")
        await pilot.press("alt+t")
        await until(pilot, lambda: "-hits" in chat.panel.listing.classes)

    assert snap_compare(app, terminal_size=size, run_before=play)
