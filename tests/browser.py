"""A real Chromium without a window, driven by its own DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

HANGS_S = 90.0
"""A guard against hanging for ever; no test measures time with it."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    # Whoever is not on this machine does not exist.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--window-size=1200,800",
)
_FIND_TERMINAL = """
// textual.js keeps its terminal to itself; what is set on every object passes here.
Object.defineProperty(Object.prototype, "fitAddon", {
  configurable: true,
  set(value) {
    window.shownTerminal = this.terminal;
    Object.defineProperty(this, "fitAddon", {value, writable: true});
  },
});
"""
_READ = """
(() => {
  if (!window.shownTerminal) return "";
  const buffer = window.shownTerminal.buffer.active;
  const rows = [];
  for (let y = 0; y < window.shownTerminal.rows; y++)
    rows.push(buffer.getLine(buffer.viewportY + y)?.translateToString(true) ?? "");
  return rows.join("\\n");
})()
"""


def chromium() -> str | None:
    """Where Chromium is, if it is there."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Tab:
    """A tab of the browser.

    Attributes:
        requested: The addresses that it asked for.
        complaints: What its console had to say.
        questions: What it asked the user.
        leaves: Whether the user says yes when a page asks before it is left.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.questions: list[str] = []
        self.leaves = False
        self._loaded = asyncio.Event()
        self._yes: set[asyncio.Task[dict[str, Any]]] = set()
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=_FIND_TERMINAL)
        await self.call("Page.navigate", url=url)

    async def call(self, method: str, **arguments: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": arguments})
        return await asyncio.wait_for(self._waiting[number], HANGS_S)

    async def reload(self) -> None:
        """Loads the page again."""
        self._loaded.clear()
        await self.call("Page.reload")
        await asyncio.wait_for(self._loaded.wait(), HANGS_S)

    async def evaluate(self, script: str) -> Any:
        done = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def text(self) -> str:
        """What stands in the terminal."""
        return str(await self.evaluate(_READ))

    async def until(self, words: str) -> str:
        """Waits until some words stand in the terminal."""
        shown = ""
        for _ in range(int(HANGS_S * 5)):
            shown = await self.text()
            if words in shown:
                return shown
            await asyncio.sleep(0.2)
        message = f"{words!r} never came; console: {self.complaints}; the page:\n{shown}"
        raise AssertionError(message)

    async def type(self, text: str) -> None:
        """Presses a key for each character, as a keyboard would."""
        for character in text:
            await self.press(character, text=character)

    async def press(self, key: str, *, text: str = "", code: int = 0, alt: bool = False) -> None:
        arguments = {
            "key": key,
            "windowsVirtualKeyCode": code or ord(key[0].upper()),
            "modifiers": 1 if alt else 0,
        }
        kind = "keyDown" if text else "rawKeyDown"
        await self.call("Input.dispatchKeyEvent", type=kind, text=text, **arguments)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **arguments)

    async def screenshot(self) -> bytes:
        """A PNG of the page."""
        picture = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(picture["data"])

    async def _read(self) -> None:
        async for message in self._socket:
            value = message.json()
            if "id" in value:
                failed = {"exceptionDetails": value.get("error")}
                self._waiting.pop(value["id"]).set_result(value.get("result", failed))
            else:
                self._note(value["method"], value["params"])

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requested.append(about["url"])
        elif method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Page.javascriptDialogOpening":
            self.questions.append(about["type"])
            if self.leaves:
                yes = self.call("Page.handleJavaScriptDialog", accept=True)
                self._yes.add(asyncio.create_task(yes))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(str(about["entry"]))


@contextlib.asynccontextmanager
async def opened(url: str, profile: Path) -> AsyncIterator[Tab]:
    """Starts a browser with an empty profile, and opens an address in it."""
    program = chromium()
    assert program is not None
    command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    browser = await asyncio.create_subprocess_exec(*command, **silent)
    try:
        port = await _port(profile)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = await answer.json(content_type=None)
            address = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.open(url)
                yield tab
                with contextlib.suppress(asyncio.TimeoutError, ConnectionError):
                    await asyncio.wait_for(tab.call("Browser.close"), 5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            browser.terminate()
        await browser.wait()


async def _port(profile: Path) -> int:
    for _ in range(int(HANGS_S * 10)):
        port = _written(profile / "DevToolsActivePort")
        if port:
            return port
        await asyncio.sleep(0.1)
    message = "Chromium did not start"
    raise AssertionError(message)


def _written(file: Path) -> int:
    """The port that Chromium wrote down; 0 before it has."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(file.read_text("utf-8").split()[0])
    return 0
