"""An app in a child process, whose screen is a page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from r1chat import paths
from r1chat.offload import GpuLayers
from r1chat.web import DRIVER, DRIVER_VARIABLE

_START = (
    "import sys; sys.path = [sys.argv.pop(1), *filter(None, sys.path)]; "
    "from r1chat.__main__ import main; sys.exit(main())"
)
"""Like `-m r1chat`, which would put the working directory first on the path: nobody's own
textual.py may get in, and the app has to run where the user is."""
_QUIT_S = 2.0
"""How long it may take to end when asked to, then when told to."""
_TERM_S = 2.0
_LAST_WORDS_S = 1.0


_LARGEST = 640, 256
"""Columns and rows: more than the smallest letters make of the largest screens. An app draws, and
remembers, every one of them."""


def bounded(width: object, height: object) -> tuple[int, int] | None:
    """The size of a terminal as a page says it, as far as it makes sense; None where it does not.

    Args:
        width: Columns.
        height: Rows.
    """
    found = []
    for size, most in zip((width, height), _LARGEST, strict=True):
        if isinstance(size, bool) or not isinstance(size, (int, float)) or size != size:  # noqa: PLR0124  (no number is other than itself, but NaN)
            return None
        found.append(int(max(1, min(size, most))))
    return found[0], found[1]


def command(
    model: str | None, gpu_layers: GpuLayers | None = None, tensor_split: str | None = None
) -> list[str]:
    """The arguments that start an app. No shell reads them.

    Args:
        model: A model reference; by default what the settings say.
        gpu_layers: Layers to put on the GPU; by default what the settings say.
        tensor_split: How to share them out among several; by default what the settings say.
    """
    start = [sys.executable, "-c", _START, str(paths.package().parent)]
    options = {"model": model, "gpu-layers": gpu_layers, "tensor-split": tensor_split}
    given = {name: value for name, value in options.items() if value is not None}
    return [*start, *(f"--{name}={value}" for name, value in given.items())]


class Child(AppService):
    """One app.

    Args:
        arguments: What `command` says.
        downloads: Knows which files the page may fetch.
    """

    def __init__(self, arguments: list[str], *, downloads: DownloadManager) -> None:
        super().__init__(
            "",
            write_bytes=_nowhere,
            write_str=_nowhere,
            close=self._over,
            download_manager=downloads,
        )
        self.ended = False
        """Whether it has said its last."""
        self.over: Callable[[], None] = _nothing
        """Called when it has."""
        self.told: Callable[[dict[str, object]], Awaitable[None]] = _nowhere
        """Takes what it says of itself: its conversation, and whether it is at work."""
        self._arguments = arguments
        self._ending = asyncio.Lock()

    def show_on(self, page: web.WebSocketResponse | None) -> None:
        """Sends what it draws to a page from now on; to nobody where there is none."""
        self.remote_write_bytes = _nowhere if page is None else _patient(page.send_bytes)
        self.remote_write_str = _nowhere if page is None else _patient(page.send_str)

    async def _over(self) -> None:
        self.ended = True
        self.over()

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        return super()._build_environment(width, height) | {DRIVER_VARIABLE: DRIVER}

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Starts it; textual-serve's own way is through a shell, which reads quotes and dollars."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(width, height),
            # A Ctrl+C in the terminal is the server's, which ends the apps in order.
            start_new_session=True,
        )
        self._stdin = process.stdin
        return process

    async def start(self, width: int, height: int) -> None:
        """Starts it, with a terminal that is not too large."""
        await super().start(*(bounded(width, height) or _LARGEST))

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tells it the size of its terminal, which the page may set to anything."""
        size = bounded(width, height)
        if size is not None:
            await super().set_terminal_size(*size)

    async def run(self) -> None:
        """Passes on what the app draws, until it has ended, however it does."""
        try:
            await super().run()
        finally:
            await self.remote_close()

    async def on_meta(self, data: bytes) -> None:
        """Takes a message of the app. A link may lead to the web, and to nothing else."""
        message = json.loads(data)
        if message["type"] == "state":
            await self.told(message)
            return
        if message["type"] == "open_url" and not _is_web(message["url"]):
            return
        await super().on_meta(data)

    async def stop(self) -> None:
        """Ends the app: asks it to, tells it to, and then kills it with all that it started."""
        async with self._ending:
            process, task, self._task = self._process, self._task, None
            if process is None or task is None:
                return
            await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.send_meta({"type": "quit"}), _LAST_WORDS_S)
            if not await _ends(process, _QUIT_S):
                _terminate(process)
                if not await _ends(process, _TERM_S):
                    _kill(process)
                    await process.wait()
            with contextlib.suppress(asyncio.TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(task, _LAST_WORDS_S)

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None and self._process.returncode is None:
            _kill(self._process)


def _patient(send: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Sends, or drops it where nobody is there any more.

    The app's pipe must be read to its end: an app that writes into a full one cannot end.
    """

    async def sent(data: bytes | str) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            await send(data)

    return sent


def _nothing() -> None:
    """Does nothing."""


async def _nowhere(_: object) -> None:
    """Takes what nobody is there for."""


def _is_web(url: object) -> bool:
    try:
        return isinstance(url, str) and urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


async def _ends(process: Process, patience: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), patience)
    except asyncio.TimeoutError:
        return False
    return True


def _terminate(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
