"""A key goes into one header, and nowhere else."""

from __future__ import annotations

import logging
import traceback

import pytest

from r1chat import logs
from r1chat.engine.remote import RemoteEngine, Server
from r1chat.errors import NetworkError
from r1chat.tui.app import R1ChatApp
from tests.remote.helpers import KEY, SUM, asked, events_of, quick, reply_of
from tests.tui.chat import ask, loading
from tests.tui.shelves import StillHub


def test_a_key_opens_the_door(keyed_url):
    engine = RemoteEngine(Server(keyed_url, KEY), "tiny")
    assert reply_of(engine, asked()).final == "110"


def test_without_a_key_and_with_a_wrong_one_it_stays_shut(keyed_url):
    with pytest.raises(NetworkError, match="wants a key"):
        RemoteEngine(Server(keyed_url), "tiny")
    with pytest.raises(NetworkError, match="does not accept your key") as caught:
        RemoteEngine(Server(keyed_url, "sk-wrong"), "tiny")
    assert "sk-wrong" not in str(caught.value)


def without_key(home, *texts):
    """Whether neither texts nor any file of r1chat's hold the key."""
    assert KEY not in "\n".join(texts)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    return not [path for path in files if KEY.encode() in path.read_bytes()]


def test_a_key_is_in_nothing_that_is_written_out(keyed_url, caplog):
    caplog.set_level(logging.DEBUG)
    server = Server(keyed_url, KEY)
    engine = RemoteEngine(server, "tiny")
    events = events_of(engine, asked())
    assert engine._link._headers()["authorization"] == f"Bearer {KEY}"
    shown = [server, engine, engine.info, engine._found, engine._link, vars(engine), *events]
    assert KEY not in "\n".join(map(repr, shown)) + caplog.text


@pytest.mark.asyncio
async def test_a_key_is_on_no_screen_and_in_no_file_after_a_run_of_the_app(keyed_url, home, caplog):
    caplog.set_level(logging.DEBUG)
    logs.start()
    engine = RemoteEngine(Server(keyed_url, KEY, "class"), "tiny", patience=quick())
    loads = loading(engine)
    app = R1ChatApp(model="class#tiny", load=loads, inventory=StillHub())
    async with app.run_test(size=(100, 30)) as pilot:
        chat = await ask(pilot, SUM)
        assert "110" in chat.last.answer.source
        app.remember(model="class#tiny")
        screens = [app.export_screenshot()]
        app.engine._link.server = Server("http://127.0.0.1:9/v1", KEY)
        object.__setattr__(app.engine._found, "server", app.engine._link.server)
        await ask(pilot, "and now?")
        screens.append(app.export_screenshot())
        assert chat.last.node.turn.reply.error
    app.shut_down()
    assert list(home.rglob("settings.json"))
    assert without_key(home, *screens, caplog.text)


def test_a_key_is_in_no_traceback(keyed_url):
    """Even one that shows all variables of its frames, as debuggers do."""
    server = Server(keyed_url, "sk-wrong-77777")
    with pytest.raises(NetworkError) as caught:
        RemoteEngine(server, "tiny")
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert "sk-wrong-77777" not in "".join(lines)
