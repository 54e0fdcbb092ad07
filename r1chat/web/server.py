"""The local page."""

from __future__ import annotations

import asyncio
import contextlib
import html
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

from aiohttp import WSCloseCode, web
from aiohttp.typedefs import Handler
from textual_serve.server import Server, to_int

from r1chat.web import guard
from r1chat.web.child import Child

_PAGE = Path(__file__).with_name("page.html")
_SCRIPT = _PAGE.with_name("page.js")
_WEBSOCKET = "/ws"
_STATIC = "/static"
_PATIENCE_S = 2.0
"""How long a browser may take to answer."""
_HEARTBEAT_S = 15.0
_SIZE = 80, 24
_FONT_SIZE = 16
_SHUTDOWN_S = 10.0
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Page(Server):
    """Serves the page, and starts an app for each tab that opens it.

    Args:
        arguments: The command that starts an app.
        names: The names by which a browser may come.
    """

    def __init__(self, arguments: list[str], names: frozenset[str]) -> None:
        super().__init__("", title="r1chat")
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
        scheme = "wss" if request.secure else "ws"
        size = to_int(request.query.get("fontsize", ""), _FONT_SIZE)
        text = self._template.substitute(
            # The name by which the browser came: behind a forwarded port it is not our own.
            websocket=html.escape(f"{scheme}://{request.host}{_WEBSOCKET}"),
            static=_STATIC,
            font_size=size,
        )
        return web.Response(text=text, content_type="text/html")

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Runs an app as long as its page is open."""
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
            await self._process_messages(socket, child)
        finally:
            await child.stop()
            del self._open[socket]
        return socket


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
            return await ended
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
