"""Named servers in the models screen: real ones on this machine, and some that fail."""

from __future__ import annotations

import json
import socket

import pytest

from r1chat import paths, settings
from r1chat.settings import Settings
from r1chat.tui.models import columns
from r1chat.tui.models import rows as model_rows
from r1chat.tui.models.details import ModelDetails
from r1chat.tui.preferences import Preferences
from r1chat.tui.services.known_models import Served
from tests.servers.api import Api, listed
from tests.tui.chat import REPLY, FakeEngine, an_app, open_models, until
from tests.tui.shelves import TINY, StillHub


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch):
    monkeypatch.setenv("R1CHAT_KEY_LAB", "sk-1")
    for name in ("SLOW", "GONE", "SHUT", "EMPTY"):
        monkeypatch.setenv(f"R1CHAT_KEY_{name}", "")


@pytest.fixture
def lab():
    with Api(listed("deepseek-r1:7b", "org/R1-70B", max_model_len=131_072), key="sk-1") as server:
        yield server


def named(**servers):
    settings.save(Settings(servers=servers))


def served(screen):
    return {row.name: row.state for row in screen.list.rows if row.section == "served"}


def details(screen):
    return str(screen.query_one(ModelDetails).query_one("Static").content)


@pytest.mark.asyncio
async def test_a_servers_models_are_listed_and_one_is_used_on_enter(lab):
    named(lab=lab.origin)
    tried = []

    def load(ref, **_):
        tried.append(ref)
        return FakeEngine(REPLY)

    app = an_app(load=load, hub=StillHub([TINY]))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        await until(pilot, lambda: len(served(screen)) == 2)
        assert served(screen) == {
            "lab#deepseek-r1:7b": "131k ctx",
            "lab#org/R1-70B": "131k ctx",
        }
        assert lab.keys == ["Bearer sk-1"]
        await pilot.press(*"70b")
        await until(pilot, lambda: screen.row and screen.row.ref == "lab#org/R1-70B")
        assert lab.origin in details(screen)
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", "lab#org/R1-70B"])
        assert app.settings.model == "lab#org/R1-70B"


@pytest.mark.asyncio
async def test_servers_that_fail_are_shown_with_their_reason_and_asked_again_on_enter(lab):
    with Api() as gone:
        origin = gone.origin
    with Api(listed("x"), key="other") as shut, Api(listed()) as empty:
        named(gone=origin, shut=shut.origin, empty=empty.origin, lab=lab.origin)
        app = an_app(hub=StillHub([TINY]))
        async with app.run_test(size=(100, 30)) as pilot:
            screen = await open_models(pilot)
            await until(pilot, lambda: len(served(screen)) == 5)
            await until(pilot, lambda: "asking …" not in served(screen).values())
            assert served(screen) == {
                "empty": "no models",
                "gone": "no access",
                "shut": "no access",
                "lab#deepseek-r1:7b": "131k ctx",
                "lab#org/R1-70B": "131k ctx",
            }
            await pilot.press(*"shut")
            await until(pilot, lambda: screen.row and screen.row.ref == "shut")
            assert "wants a key" in details(screen)
            assert not screen.check_action("use", ())
            assert not screen.check_action("download", ())
            assert screen.check_action("ask", ())
            shut.key = None
            await pilot.press("enter")
            await until(pilot, lambda: "shut#x" in served(screen))
            assert app.screen is screen
            assert len(shut.seen) == 2
            assert len(empty.seen) == 1


@pytest.mark.asyncio
async def test_a_server_that_does_not_answer_holds_up_no_other(lab):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named(slow=f"http://127.0.0.1:{silent.getsockname()[1]}", lab=lab.origin)
        app = an_app(hub=StillHub([TINY]))
        async with app.run_test(size=(100, 30)) as pilot:
            screen = await open_models(pilot)
            await until(pilot, lambda: "lab#org/R1-70B" in served(screen))
            assert served(screen)["slow"] == "asking …"


@pytest.mark.asyncio
async def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr("r1chat.tui.services.known_models._ANSWERS_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named(slow=f"http://127.0.0.1:{silent.getsockname()[1]}")
        app = an_app(hub=StillHub([TINY]))
        async with app.run_test(size=(100, 30)) as pilot:
            screen = await open_models(pilot)
            await until(pilot, lambda: served(screen).get("slow") == "no access")
            await pilot.press(*"slow")
            await until(pilot, lambda: screen.row and screen.row.ref == "slow")
            assert "no answer within" in details(screen)


@pytest.mark.asyncio
async def test_a_screen_that_is_left_while_servers_are_asked_is_left():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named(slow=f"http://127.0.0.1:{silent.getsockname()[1]}")
        app = an_app(hub=StillHub([TINY]))
        async with app.run_test(size=(100, 30)) as pilot:
            screen = await open_models(pilot)
            await until(pilot, lambda: served(screen) == {"slow": "asking …"})
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.chat)


@pytest.mark.asyncio
async def test_a_model_of_a_named_server_can_be_typed_whatever_it_is_called():
    named(gone="http://127.0.0.1:9")
    tried = []

    def load(ref, **_):
        tried.append(ref)
        return FakeEngine(REPLY)

    app = an_app(load=load, hub=StillHub([TINY]))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_models(pilot)
        await until(pilot, lambda: served(screen) == {"gone": "no access"})
        await pilot.press(*"gone#a/R1:7b")
        await until(pilot, lambda: screen.typed == "gone#a/R1:7b")
        await pilot.press("enter")
        await until(pilot, lambda: tried == ["tiny", "gone#a/R1:7b"])


def test_a_model_on_a_server_that_is_in_use_stands_among_servers():
    lab = Served("lab", "http://h/v1")
    rows = model_rows.rows(None, [], "lab#r1", servers=[lab])
    assert [(row.section, row.ref, row.in_use) for row in rows] == [
        ("here", "tiny", False),
        ("served", "lab", False),
        ("served", "lab#r1", True),
    ]
    (other,) = [row for row in model_rows.rows(None, [], "http://h/v1#x") if row.in_use]
    assert other.section == "served"
    assert other.usable


@pytest.mark.parametrize("width", [40, 80, 160])
def test_what_cannot_be_used_is_grey_and_says_so(width):
    gone = Served("gone", "http://h/v1", problem="h cannot be reached")
    (row,) = [row for row in model_rows.rows(None, [], "tiny", servers=[gone]) if row.server]
    drawn = columns.row(row, columns.columns(width), width)
    assert "no access" in drawn.plain
    assert "·" not in drawn.plain
    assert any("50%" in str(span.style) for span in drawn.spans)


def test_a_server_that_is_added_while_the_app_runs_is_not_lost_when_the_app_saves():
    settings.save(Settings(theme="paper", ctx=4096))
    preferences = Preferences()
    preferences.change(theme="midnight")
    settings.save(Settings(theme="paper", ctx=8192, servers={"lab": "http://h/v1"}))
    assert preferences.save() is None
    assert json.loads(paths.settings_file().read_text()) == {
        "theme": "midnight",
        "ctx": 8192,
        "servers": {"lab": "http://h/v1"},
    }
    preferences.change(theme="midnight")
    preferences.change(pace=3.0)
    assert preferences.save() is None
    assert settings.load()[0].servers == {"lab": "http://h/v1"}
