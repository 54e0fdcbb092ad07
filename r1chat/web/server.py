"""The local page."""

from __future__ import annotations

import asyncio
import contextlib
import html
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

from aiohttp import WSCloseCode, web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler
from textual_serve.server import Server, to_int

from r1chat.web import guard
from r1chat.web.child import Child

_PAGE = Path(__file__).with_name("page.html")
_SCRIPT = _PAGE.with_name("page.js")
_WEBSOCKET = "/ws"
_STATIC = "/static"
_FULL_PAGE = Template(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>r1chat</title></head>\n'
    "<body><p>r1chat cannot be opened here: $reason</p>"
    '<p><a href="/">Try again</a></p></body></html>\n'
)
_PATIENCE_S = 2.0
"""How long a browser may take to answer."""
_HEARTBEAT_S = 15.0
_SIZE = 80, 24
_FONT_SIZE = 16
_SHUTDOWN_S = 10.0
MOST_APPS = 8
"""Each of them is a process, and may have a model of its own in memory."""
_ROOM_S = 3.0
"""How long a page waits for another one's app to end: where a tab is loaded again, its own."""
_LOOK_S = 0.1
_NONSENSE = (
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError),
    RecursionError,
)
"""What textual-serve raises at a message that it cannot read."""
_SILENT_S = 10.0
"""How long a connection may be open without a request."""
_MOST_SILENT = 64
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Page(Server):
    """Serves the page, and starts an app for each tab that opens it.

    Args:
        arguments: The command that starts an app.
        names: The names by which a browser may come.
        most: How many apps may run at once.
    """

    def __init__(
        self, arguments: list[str], names: frozenset[str], *, most: int = MOST_APPS
    ) -> None:
        super().__init__("", title="r1chat")
        self._most = most
        self._running = 0
        self._spoken: set[RequestHandler] = set()
        self._arguments = arguments
        self._names = names
        self._template = Template(_PAGE.read_text(encoding="utf-8"))
        self._open: dict[web.WebSocketResponse, Child] = {}

    async def application(self) -> web.Application:
        """All that is served, behind the guard."""
        application = await self._make_app()
        application.middlewares.append(self._guard)
        application.router.add_get("/page.js", _script)
        application.on_response_prepare.append(_add_headers)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.protocol is not None:
            self._spoken.add(request.protocol)
        reason = guard.refusal(
            request.headers.get("Host"),
            request.headers.get("Origin"),
            names=self._names,
            needs_origin=request.path == _WEBSOCKET,
        )
        if reason is not None:
            return web.Response(status=403, text=f"r1chat: refused: {reason}\n")
        return await handler(request)

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: who started the server says it."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Ends all apps, and tells their pages."""
        del app
        sockets, children = list(self._open), list(self._open.values())
        closing = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in sockets]
        ending = [child.stop() for child in children]
        await asyncio.gather(*closing, *ending, return_exceptions=True)

    def kill(self) -> None:
        """Ends all apps at once."""
        for child in self._open.values():
            child.kill()

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page itself. All that it needs comes from here; no other host is asked."""
        if not await self._has_room():
            text = _FULL_PAGE.substitute(reason=html.escape(self._full()))
            return web.Response(status=503, text=text, content_type="text/html")
        scheme = "wss" if request.secure else "ws"
        size = to_int(request.query.get("fontsize", ""), _FONT_SIZE)
        text = self._template.substitute(
            # The name by which the browser came: behind a forwarded port it is not our own.
            websocket=html.escape(f"{scheme}://{request.host}{_WEBSOCKET}"),
            static=_STATIC,
            font_size=size,
        )
        return web.Response(text=text, content_type="text/html")

    async def handle_websocket(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
        """Runs an app as long as its page is open."""
        if not await self._has_room():
            return web.Response(status=503, text=f"r1chat: {self._full()}\n")
        self._running += 1
        try:
            return await self._run_app(request)
        finally:
            self._running -= 1

    async def _run_app(self, request: web.Request) -> web.WebSocketResponse:
        width = to_int(request.query.get("width", ""), _SIZE[0])
        height = to_int(request.query.get("height", ""), _SIZE[1])
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, timeout=_PATIENCE_S)
        await socket.prepare(request)
        child = Child(
            self._arguments,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,
            downloads=self.download_manager,
        )
        self._open[socket] = child
        try:
            await child.start(width, height)
            # What a page sends that makes no sense ends its own app and no other.
            with contextlib.suppress(*_NONSENSE):
                await self._process_messages(socket, child)
        finally:
            await child.stop()
            del self._open[socket]
        return socket

    async def _has_room(self) -> bool:
        """Whether one more app may run; waits a moment for one that is just ending."""
        end = time.monotonic() + _ROOM_S
        while self._running >= self._most:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    def _full(self) -> str:
        tabs = "1 tab" if self._most == 1 else f"{self._most} tabs"
        return (
            f"it is open in {tabs} already, as many as it may be. Close one of them and open this "
            "page again, or start the server with a larger --max-apps."
        )

    async def watch(self, connections: Callable[[], list[RequestHandler]]) -> None:
        """Closes connections that ask for nothing, for as long as it runs.

        Args:
            connections: All that are open.
        """
        since: dict[RequestHandler, float] = {}
        while True:
            now = time.monotonic()
            present = connections()
            self._spoken.intersection_update(present)
            since = {each: since.get(each, now) for each in present if each not in self._spoken}
            youngest = sorted(since, key=lambda each: since[each], reverse=True)
            for number, each in enumerate(youngest):
                if number >= _MOST_SILENT or now - since[each] > _SILENT_S:
                    each.force_close()
            await asyncio.sleep(_LOOK_S)


async def _script(request: web.Request) -> web.FileResponse:
    del request
    return web.FileResponse(_SCRIPT)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Forbids what the page has no need of: other hosts, frames around it, scripts in it."""
    host = request.host
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data:; font-src 'self'; connect-src ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"


async def serve(page: Page, host: str, port: int, *, listening: Callable[[int], None]) -> int:
    """Serves the page until a signal comes.

    Args:
        page: The page.
        host: Where to listen.
        port: On which port; 0 takes any that is free.
        listening: Is called with the port once it is open.

    Returns:
        The exit code that the signal asks for.

    Raises:
        OSError: If the port cannot be opened.
    """
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with _signals(ended, page.kill):
        runner = web.AppRunner(
            await page.application(), access_log=None, shutdown_timeout=_SHUTDOWN_S
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            listening(runner.addresses[0][1])
            server = runner.server
            watching = asyncio.create_task(page.watch(lambda: server.connections if server else []))
            try:
                return await ended
            finally:
                watching.cancel()
        finally:
            await runner.cleanup()


@contextlib.contextmanager
def _signals(ended: asyncio.Future[int], hurry: Callable[[], None]) -> Iterator[None]:
    """The first signal ends the server in order, the next ones at once."""

    def handle(number: int) -> None:
        if ended.done():
            hurry()
        else:
            ended.set_result(128 + number)

    loop = asyncio.get_running_loop()
    handled: list[int] = []
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        # What a shell or nohup told us to ignore stays ignored.
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        # Windows has none of this; there asyncio makes an exception of Ctrl+C.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, handle, number)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
