"""The app's slider, where a server takes no budget: as much of it as the server can keep."""

from __future__ import annotations

import pytest

from r1chat.engine.remote import RemoteEngine, Server
from r1chat.reasoning.budget import Budget
from r1chat.settings import Settings
from r1chat.tui.app import R1ChatApp
from tests.remote.server import Fault, ModelServer
from tests.tui.chat import ask, loading, ready, toasts, until
from tests.tui.shelves import StillHub

pytestmark = pytest.mark.asyncio


@pytest.fixture
def ollama():
    """A server that speaks as Ollama does, and thinks unless it is told not to."""
    with ModelServer(owner="library", chat=[{"content": "42"}]) as server:
        version = b'{"version": "0.12.0"}'
        server.faults = [Fault("/api/version", times=9, status=200, body=version)]
        yield server


def an_app(server, budget=None):
    engine = RemoteEngine(Server(server.url), "m")
    settings = Settings(pace=0, save=False, budget=budget)
    return R1ChatApp(given=settings, load=loading(engine), inventory=StillHub())


async def test_off_and_max_are_chosen_where_a_server_can_do_no_more(ollama):
    app = an_app(ollama)
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert "is not kept" not in toasts(app)
        await pilot.press("f5")
        await until(pilot, lambda: chat.slider.has_focus)
        await pilot.press("left", "alt+u", "alt+s", "pageup")
        assert chat.slider.value == Budget(tokens=0)
        await pilot.press("right")
        assert chat.slider.value == Budget()
        await pilot.press("home")
        await pilot.press("f5")
        await ask(pilot)
        assert ollama.completions()[-1].body["reasoning_effort"] == "none"
        assert "is not kept" not in toasts(app)


async def test_a_remembered_budget_that_a_server_cannot_keep_is_told_and_not_forgotten(ollama):
    app = an_app(ollama, "2048")
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert "The budget (2048) is not kept: Ollama does not say how" in toasts(app)
        assert "Off and max are." in toasts(app)
        assert chat.slider.value == Budget(tokens=2048)


async def test_a_slider_that_can_do_nothing_stays_grey(ollama):
    ollama.owner, ollama.faults = "somebody", []
    app = an_app(ollama, "off")
    async with app.run_test() as pilot:
        chat = await ready(pilot)
        assert chat.slider.disabled
        assert "The budget (off) is not kept" in toasts(app)
        assert "Off and max" not in toasts(app)
