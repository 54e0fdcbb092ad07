"""The app with a model on a named server that wants a key; and what a crash tells of it."""

from __future__ import annotations

import pytest

from r1chat import paths, settings
from r1chat.settings import Settings
from r1chat.tui.models.screen import ModelsScreen
from r1chat.tui.services.model_loader import load_model
from tests.program import run
from tests.servers.secret import KEY, nowhere
from tests.tui.chat import an_app, ask, ready, until
from tests.tui.shelves import TINY, StillHub

CRASH = """
from r1chat.engine.remote.engine import RemoteEngine

def stream(self, *_):
    raise ZeroDivisionError("nobody expected this")

RemoteEngine.stream = stream
"""


@pytest.mark.asyncio
async def test_a_model_is_picked_and_answers_and_no_screen_shows_the_key(keyed, home, monkeypatch):
    monkeypatch.setenv("R1CHAT_KEY_LAB", KEY)
    settings.save(Settings(servers={"lab": keyed}))
    app = an_app(load=load_model, hub=StillHub([TINY]))
    shown = []
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        await until(pilot, lambda: "lab#tiny" in [row.ref for row in app.screen.list.rows])
        shown.append(app.export_screenshot())
        await pilot.press(*"lab#tiny")
        await until(pilot, lambda: app.screen.row and app.screen.row.ref == "lab#tiny")
        shown.append(app.export_screenshot())
        await pilot.press("enter")
        await until(pilot, lambda: app.engine and app.engine.info.host)
        await ask(pilot, "What is 44 + 41 + 25?")
        await until(pilot, lambda: "110" in app.export_screenshot())
        shown.append(app.export_screenshot())
        assert app.settings.model == "lab#tiny"
    assert nowhere(home, *shown)


def test_a_crash_tells_nothing_of_the_key(keyed, home, monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(CRASH)
    run("servers", "add", "lab", keyed)
    monkeypatch.setenv("R1CHAT_KEY_LAB", KEY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, out, err = run("--verbose", "ask", "-m", "lab#tiny", "2 + 3?")
    assert (code, out) == (1, "")
    assert "ZeroDivisionError" in err
    assert "nobody expected this" in paths.log_file().read_text()
    assert nowhere(home, err)
