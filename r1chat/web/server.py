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

from r1chat.web import apps as running
from r1chat.web import guard
from r1chat.web.child import Child

_PAGE = Path(__file__).with_name("page.html")
_SCRIPT = _PAGE.with_name("page.js")
_WEBSOCKET = "/ws"
_CONVERSATION = "/c/"
_STATIC = "/static"
_FULL_PAGE = Template(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>r1chat</title></head>\n'
    "<body><p>r1chat cannot be opened here: $reason</p>"
    '<p><a href="$address">Try again</a></p></body></html>\n'
)
_PATIENCE_S = 2.0
"""How long a browser may take to answer."""
_HEARTBEAT_S = 15.0
_SIZE = 80, 24
_FONT_SIZE = 16
_SHUTDOWN_S = 10.0
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
        keep: Seconds for which an app that is at work lives on without a page.
    """

    def __init__(
        self,
        arguments: list[str],
        names: frozenset[str],
        *,
        most: int = running.MOST,
        keep: float = running.KEEP_S,
    ) -> None:
        super().__init__("", title="r1chat")
        self._most = most
        self._apps = running.Apps(self._make, most=most, keep=keep)
        self._spoken: set[RequestHandler] = set()
        self._arguments = arguments
        self._names = names
        self._template = Template(_PAGE.read_text(encoding="utf-8"))
        self._open: set[web.WebSocketResponse] = set()

    def _make(self, conversation: str) -> Child:
        opening = [f"--conversation={conversation}"] if conversation else []
        return Child([*self._arguments, *opening], downloads=self.download_manager)

    async def application(self) -> web.Application:
        """All that is served, behind the guard."""
        application = await self._make_app()
        application.middlewares.append(self._guard)
        application.router.add_get("/page.js", _script)
        application.router.add_get(f"{_CONVERSATION}{{conversation}}", self.handle_index)
        application.router.add_get(f"{_WEBSOCKET}/{{conversation}}", self.handle_websocket)
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
            needs_origin=request.path.startswith(_WEBSOCKET),
        )
        if reason is not None:
            return web.Response(status=403, text=f"r1chat: refused: {reason}\n")
        return await handler(request)

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: who started the server says it."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Ends all apps, and tells their pages."""
        del app
        closing = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in self._open]
        await asyncio.gather(*closing, self._apps.end_all(), return_exceptions=True)

    def kill(self) -> None:
        """Ends all apps at once."""
        self._apps.kill()

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page itself. All that it needs comes from here; no other host is asked."""
        conversation = _asked_for(request)
        if not await self._apps.has_room(conversation):
            text = _FULL_PAGE.substitute(
                reason=html.escape(self._full()), address=html.escape(request.path)
            )
            return web.Response(status=503, text=text, content_type="text/html")
        scheme = "wss" if request.secure else "ws"
        path = f"{_WEBSOCKET}/{conversation}" if conversation else _WEBSOCKET
        size = to_int(request.query.get("fontsize", ""), _FONT_SIZE)
        text = self._template.substitute(
            # The name by which the browser came: behind a forwarded port it is not our own.
            websocket=html.escape(f"{scheme}://{request.host}{path}"),
            static=_STATIC,
            font_size=size,
        )
        return web.Response(text=text, content_type="text/html")

    async def handle_websocket(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
        """Shows an app on a page: the one that has the conversation open, or a new one."""
        conversation = _asked_for(request)
        width = to_int(request.query.get("width", ""), _SIZE[0])
        height = to_int(request.query.get("height", ""), _SIZE[1])
        if not await self._apps.has_room(conversation):
            return web.Response(status=503, text=f"r1chat: {self._full()}\n")
        app = self._apps.take(conversation)
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, timeout=_PATIENCE_S)
        self._open.add(socket)
        try:
            await socket.prepare(request)
            await app.show_on(socket, width, height)
            try:
                await self._process_messages(socket, app.child)
            except _NONSENSE:
                # What makes no sense ends its own app and no other.
                await app.child.stop()
        finally:
            app.leave(socket)
            self._open.discard(socket)
        return socket

    def _full(self) -> str:
        apps = "1 app runs" if self._most == 1 else f"{self._most} apps run"
        return (
            f"{apps} already, as many as may: one for each tab, and those that still write a reply "
            "for a page that was closed. Close one and open this page again, or start the server "
            "with a larger --max-apps."
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


def _asked_for(request: web.Request) -> str:
    """The conversation that a page asks for by its address; empty for a new one.

    Raises:
        web.HTTPNotFound: If no conversation is called so.
    """
    conversation = request.match_info.get("conversation", "")
    if conversation and not running.is_id(conversation):
        raise web.HTTPNotFound(text="r1chat: no conversation is called so\n")
    return conversation


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
