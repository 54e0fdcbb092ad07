"""A page that is loaded again in the middle of a reply, for real: server, app, model, browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import signal

import aiohttp
import pytest

from r1chat import settings
from r1chat.settings import Settings
from tests import browser, program
from tests.factory import write_model
from tests.live.test_serve_for_real import (
    children,
    needs_chromium,
    needs_proc,
    serving,
    wait_until_gone,
)

_ANSWER = 40
_CONTEXT = 131_072
_CLIPBOARD = ["clipboardReadWrite", "clipboardSanitizedWrite"]


@pytest.fixture
def endless(tmp_path):
    """Writes a model that thinks until its budget is spent; returns its file."""

    def write(budget):
        settings.save(Settings(max_answer=_ANSWER, budget=str(budget), ctx=_CONTEXT))
        return write_model(tmp_path / "endless.gguf", context=_CONTEXT)

    return write


class Terminal:
    """A page without a browser.

    Args:
        address: The server's.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.conversation = ""
        self.shown = ""

    @contextlib.asynccontextmanager
    async def open(self):
        path = f"ws/{self.conversation}".rstrip("/")
        self.shown = ""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                f"{self._address.replace('http', 'ws')}{path}?width=70&height=30",
                headers={"Origin": self._address.rstrip("/")},
            ) as page,
        ):
            yield page

    async def until(self, page, come):
        """Reads until something has come."""
        async for message in page:
            if message.type == aiohttp.WSMsgType.BINARY:
                self.shown += message.data.decode()
            elif (said := json.loads(message.data))[0] == "conversation":
                self.conversation = said[1]
            if come():
                return
        message = f"the page was closed; so far: {self.shown!r}"
        raise AssertionError(message)

    async def ask(self, page):
        await self.until(page, lambda: "something" in self.shown and "endless" in self.shown)
        await page.send_json(["stdin", "hello"])
        await page.send_json(["stdin", "\r"])
        await self.until(page, lambda: self.conversation and "Thinking" in self.shown)


def the_only_turn(conversation):
    """The one turn of a conversation, as the history has it."""
    code, out, err = program.run("history", "export", conversation, "--format", "json")
    assert code == 0, err
    (turn,) = json.loads(out)["conversations"][0]["turns"]
    return turn


@needs_proc
def test_a_reloaded_page_finds_its_running_reply_and_no_token_is_lost(endless):
    budget = 3000
    model = endless(budget)

    async def reload(address, pid):
        terminal = Terminal(address)
        async with terminal.open() as page:
            await terminal.ask(page)
            apps = children(pid)
        for _ in range(3):
            async with terminal.open() as page:
                await terminal.until(page, lambda: "hello" in terminal.shown)
        async with terminal.open() as page:
            await terminal.until(page, lambda: "Thought for" in terminal.shown)
            await terminal.until(page, lambda: "Regenerate" in terminal.shown)
            assert children(pid) == apps
        return terminal.conversation

    with serving("-m", str(model)) as (server, address):
        conversation = asyncio.run(asyncio.wait_for(reload(address, server.pid), browser.HANGS_S))
        server.send_signal(signal.SIGINT)
        assert program.finish(server)[0] == 130
    assert_whole(conversation, budget)


def assert_whole(conversation, budget):
    """No version was begun anew, and the thought is as long as it was allowed to be."""
    turn = the_only_turn(conversation)
    receipt = turn["receipt"]
    # The answer of such a model ends where it has to.
    assert receipt["ended_by"] == "length"
    assert abs(receipt["thought_tokens"] - budget) <= budget * 0.2
    assert receipt["answer_tokens"] == _ANSWER
    # A token of this model is a byte, and what is no character by itself becomes one sign.
    assert len(turn["thought"].encode()) >= budget * 0.5


@needs_proc
def test_an_app_whose_page_stays_away_is_ended_in_time_and_its_words_are_saved(endless):
    model = endless(30_000)

    async def leave(address, pid):
        terminal = Terminal(address)
        async with terminal.open() as page:
            await terminal.ask(page)
            apps = children(pid)
        return terminal, apps

    async def come_back(terminal):
        async with terminal.open() as page:
            await terminal.until(page, lambda: "hello" in terminal.shown)

    with serving("-m", str(model), "--keep", "0") as (server, address):
        terminal, apps = asyncio.run(asyncio.wait_for(leave(address, server.pid), browser.HANGS_S))
        assert len(apps) == 1
        wait_until_gone(apps)
        assert server.poll() is None
        # Its address opens it from the history.
        asyncio.run(asyncio.wait_for(come_back(terminal), browser.HANGS_S))
    turn = the_only_turn(terminal.conversation)
    assert turn["question"] == "hello"
    assert turn["thought"]
    assert turn["receipt"]["ended_by"] == "cancelled"


@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_twenty_reloads_in_a_browser_lose_no_token(endless, tmp_path, width, height):
    model = endless("max")
    chance = random.Random(width)

    async def reload(address):
        async with browser.opened("about:blank", tmp_path / "profile") as tab:
            tab.leaves = True
            await tab.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=0,
                mobile=width < height,
            )
            await tab.call("Page.navigate", url=address)
            await tab.until("endless.gguf · ")
            await tab.type("hello")
            await tab.press("Enter", text="\r", code=13)
            await tab.until("Thinking…")
            counts = []
            for _ in range(20):
                await asyncio.sleep(chance.random())
                await tab.reload()
                counts.append(tokens(await tab.until("Thinking…")))
            await tab.press("a", alt=True)
            shown = await tab.until("Regenerate")
            counts.append(tokens(shown))
            if width < height:
                for key in ("Continue", "Edit", "Budget", "Thoughts", "History", "Model", "Help"):
                    assert key in shown
            return await tab.evaluate("location.pathname"), counts

    with serving("-m", str(model)) as (server, address):
        path, counts = asyncio.run(reload(address))
        server.send_signal(signal.SIGINT)
        assert program.finish(server)[0] == 130
    assert path.startswith("/c/")
    assert counts == sorted(set(counts))
    turn = the_only_turn(path.removeprefix("/c/"))
    assert turn["receipt"]["thought_tokens"] == counts[-1]
    # A token of this model is a byte, and what is no character by itself becomes one sign.
    assert len(turn["thought"].encode()) >= counts[-1] * 0.5


def tokens(shown):
    """How many tokens the header of the thought counts."""
    return int(re.search(r"([\d,]+) tokens(?!/s)", shown)[1].replace(",", ""))


@pytest.mark.long
@needs_chromium
def test_ctrl_v_pastes_the_clipboard_of_the_system_with_its_line_breaks(tmp_path, endless):
    model = endless(100)

    async def paste(address):
        async with browser.opened(address, tmp_path / "profile") as tab:
            await tab.until("endless.gguf · ")
            origin = address.rstrip("/")
            await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
            await tab.call("Browser.grantPermissions", origin=origin, permissions=_CLIPBOARD)
            await tab.evaluate("navigator.clipboard.writeText('first line\\nsecond line')")
            arguments = {"key": "v", "code": "KeyV", "windowsVirtualKeyCode": 86, "modifiers": 2}
            await tab.call(
                "Input.dispatchKeyEvent", type="rawKeyDown", commands=["paste"], **arguments
            )
            await tab.call("Input.dispatchKeyEvent", type="keyUp", **arguments)
            return (await tab.until("second line")).splitlines()

    with serving("-m", str(model)) as (server, address):
        lines = asyncio.run(paste(address))
        server.send_signal(signal.SIGINT)
        assert program.finish(server)[0] == 130
    first = next(number for number, line in enumerate(lines) if "first line" in line)
    assert "second line" in lines[first + 1]
