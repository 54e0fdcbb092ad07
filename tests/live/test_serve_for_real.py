"""`r1chat serve` for real: a server, the app behind it, and a browser in front."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from r1chat import settings
from r1chat.settings import Settings
from tests import browser, program
from tests.factory import write_model

QUESTION = "What is 44 + 41 + 25?"
needs_chromium = pytest.mark.skipif(
    browser.chromium() is None,
    reason="Chromium is not installed; on Debian and Ubuntu: apt-get install chromium",
)
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for the app's process in /proc"
)


@contextlib.contextmanager
def serving(*options):
    """A running server and its address; whatever happens, it is ended."""
    process = program.start("serve", "--port", "0", *options)
    try:
        yield process, process.stdout.readline().decode().strip()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            program.finish(process)


def children(pid):
    """The processes that a process has started."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = file.read_text("utf-8").rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(file.parent.name))
    return found


def is_alive(pid):
    """Whether a process runs; one that is dead and that nobody collects does not."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


async def drawn(address, then):
    """Opens the WebSocket as a page would, waits until the app draws, and calls `then`."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"{address.replace('http', 'ws')}ws?width=60&height=20",
            headers={"Origin": address.rstrip("/")},
        ) as page,
    ):
        shown = ""
        async for message in page:
            shown += message.data.decode() if message.type == aiohttp.WSMsgType.BINARY else ""
            if "something" in shown:
                return then()
    message = f"the app drew nothing; so far: {shown!r}"
    raise AssertionError(message)


@needs_proc
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_the_app_ends_with_the_server(number, code):
    with serving() as (server, address):

        def end():
            apps = children(server.pid)
            server.send_signal(number)
            return apps

        apps = asyncio.run(asyncio.wait_for(drawn(address, end), browser.HANGS_S))
        assert len(apps) == 1
        ended, out, err = program.finish(server)
        assert (ended, out) == (code, "")
        assert "Traceback" not in err
    wait_until_gone(apps)


@needs_proc
def test_the_app_ends_with_its_page():
    with serving("--keep", "0") as (server, address):
        apps = asyncio.run(
            asyncio.wait_for(drawn(address, lambda: children(server.pid)), browser.HANGS_S)
        )
        assert len(apps) == 1
        wait_until_gone(apps)
        assert server.poll() is None


def wait_until_gone(pids):
    deadline = time.monotonic() + browser.HANGS_S
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "an app goes on alone"
        time.sleep(0.05)


@pytest.mark.long
@needs_chromium
def test_a_question_is_answered_in_a_browser(tmp_path):
    async def ask(address):
        async with browser.opened(address, tmp_path) as tab:
            await tab.until("tiny · ")
            await tab.type(QUESTION)
            await tab.until(QUESTION)
            await tab.press("Enter", text="\r", code=13)
            await tab.until("Thought for")
            shown = await tab.until(" tokens in ")
            (tmp_path / "page.png").write_bytes(await tab.screenshot())
            return shown, tab.requested, tab.complaints

    with serving("-m", "tiny") as (server, address):
        shown, requested, complaints = asyncio.run(ask(address))
        server.send_signal(signal.SIGINT)
        assert program.finish(server)[0] == 130
    assert QUESTION in shown
    assert {url.split("/")[2] for url in requested} == {address.split("/")[2]}
    assert [each for each in complaints if "WebGL" not in each] == []


@pytest.mark.long
@needs_chromium
def test_a_browser_asks_before_a_tab_is_closed_in_which_something_was_typed(tmp_path):
    async def leave(address):
        async with browser.opened(address, tmp_path) as tab:
            await tab.until("tiny · ")
            await tab.type("hello")
            await tab.until("hello")
            await tab.call("Page.close")
            while not tab.questions:  # noqa: ASYNC110  (a list does not tell)
                await asyncio.sleep(0.05)
            await tab.call("Page.handleJavaScriptDialog", accept=False)
            await tab.type(" again")
            shown = await tab.until("hello again")
            return shown, tab.questions

    with serving("-m", "tiny") as (server, address):
        shown, questions = asyncio.run(asyncio.wait_for(leave(address), browser.HANGS_S))
        server.send_signal(signal.SIGINT)
        assert program.finish(server)[0] == 130
    assert "hello again" in shown
    assert questions[0] == "beforeunload"


@pytest.mark.long
@needs_chromium
def test_the_answer_is_called_for_in_a_browser_by_the_key_that_the_footer_names(tmp_path):
    model = write_model(tmp_path / "endless.gguf", context=32768)
    settings.save(Settings(max_answer=40))

    async def steer(address):
        async with browser.opened(address, tmp_path / "profile") as tab:
            await tab.until("endless.gguf · ")
            await tab.type("hello")
            await tab.press("Enter", text="\r", code=13)
            # Ctrl+N would open a window.
            shown = await tab.until("alt+a Answer now")
            assert "alt+m Think more" in shown
            await tab.press("a", alt=True)
            await tab.until("ended by you")
            shown = await tab.until("cut off at the length limit")
            assert "Thinking…" not in shown
            await tab.press("m", alt=True)
            return await tab.until("Thinking…")

    with serving("-m", str(model)) as (server, address):
        shown = asyncio.run(steer(address))
        server.send_signal(signal.SIGINT)
        assert program.finish(server)[0] == 130
    assert "Traceback" not in shown
