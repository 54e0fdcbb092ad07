"""The Hub: two origins on this machine, and a thread for each connection."""

from __future__ import annotations

import secrets
import socket
import ssl
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.hub.server import api, files
from tests.hub.server.answer import Answer, as_error
from tests.hub.server.call import Call, on_cdn, on_hub, read_form
from tests.hub.server.faults import Faults
from tests.hub.server.record import Requests
from tests.hub.server.repos import File, Repo
from tests.hub.server.wire import Wire

MEMBER = "hf_token_of_a_member"
STRANGER = "hf_token_of_a_stranger"

ANSWERS = {
    "file": files.resolve,
    "cdn": files.cdn,
    "info": api.info,
    "search": api.search,
    "tree": api.tree,
    "paths": api.paths,
    "whoami": api.whoami,
}


class Hub:
    """A Hub for tests, with the repositories, tokens and faults that a test gives it.

    Args:
        repos: What it holds; more can be added while it runs.
        host: Where it listens.
        tls: What to encrypt both origins with; by default they are not.

    Attributes:
        url: The Hub's own origin, for HF_ENDPOINT. Known once it runs, and kept when it is
            stopped and started again.
        cdn_url: The origin of large files.
        tokens: Who a token belongs to.
        faults: What goes wrong; may be replaced at any time.
        requests: All that was asked.
        signed_for: Seconds a location of a large file works.
        tree_page: Entries on a page of a tree.
        sends_on: Whether a repository's name in the wrong case leads to the right one; else it is
            as good.
        mistakes: Exceptions of the Hub's own; there should be none.
    """

    def __init__(
        self,
        repos: Iterable[Repo] = (),
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.repos = {repo.name: repo for repo in repos}
        self.tokens = {MEMBER: "member", STRANGER: "stranger"}
        self.faults = Faults()
        self.requests = Requests()
        self.blobs: dict[str, File] = {}
        self.secret = secrets.token_bytes(16)
        self.signed_for = 3600.0
        self.tree_page = 1000
        self.sends_on = False
        self.mistakes: list[BaseException] = []
        self.closing = threading.Event()
        self._addresses = [(host, 0), (host, 0)]
        self._origins: list[Origin] = []

    def add(self, repo: Repo) -> Repo:
        """Adds a repository, or replaces it."""
        self.repos[repo.name] = repo
        return repo

    def expire_links(self) -> None:
        """Makes every location that was given out so far useless."""
        self.secret = secrets.token_bytes(16)

    @property
    def url(self) -> str:
        return self._url(0)

    @property
    def cdn_url(self) -> str:
        return self._url(1)

    def _url(self, number: int) -> str:
        host, port = self._addresses[number]
        return f"{'https' if self.tls else 'http'}://{host}:{port}"

    def start(self) -> Hub:
        """Listens; returns itself."""
        self.closing.clear()
        self._origins = [
            Origin(self, self._addresses[0], HubHandler),
            Origin(self, self._addresses[1], CdnHandler),
        ]
        self._addresses = [origin.server_address[:2] for origin in self._origins]
        for origin in self._origins:
            origin.begin()
        return self

    def stop(self) -> None:
        """Ends all connections; nobody listens any more until it is started again."""
        self.closing.set()
        for origin in self._origins:
            origin.end()
        self._origins = []

    def __enter__(self) -> Hub:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Origin(ThreadingHTTPServer):
    """One of the two; keeps its connections so that it can end them."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, hub: Hub, address: tuple[str, int], handler: type[Handler]) -> None:
        self.hub = hub
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Not the base class's, which looks up the machine's name.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        if self.hub.tls is not None:
            self.socket = self.hub.tls.wrap_socket(self.socket, server_side=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # It has ended by itself.
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(
            error, ConnectionError | TimeoutError | ssl.SSLError
        ):
            self.hub.mistakes.append(error)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Origin

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def take_apart(self) -> Call:
        raise NotImplementedError

    def _answer(self) -> None:
        hub = self.server.hub
        call = self.take_apart()
        request = call.request
        request.range, request.if_range = self.headers["Range"], self.headers["If-Range"]
        token = self.headers["Authorization"]
        request.authorized = token is not None
        request.user = hub.tokens.get((token or "").removeprefix("Bearer "))
        posted = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if posted:
            call.query |= read_form(self.headers["Content-Type"] or "", posted)
        answer = self._choose(call)
        answer.headers["X-Request-Id"] = f"Root={secrets.token_hex(12)}"
        hub.faults.spoil(request, answer)
        request.status = 0 if answer.dropped else answer.status
        hub.requests.append(request)
        wire = Wire(self.connection, request, hub.closing)
        wire.send(answer, body=request.method != "HEAD")
        self.close_connection = self.close_connection or not wire.keep

    def _choose(self, call: Call) -> Answer:
        request = call.request
        if request.route != "cdn" and request.authorized and request.user is None:
            return as_error(401, "Invalid credentials in Authorization header")
        if request.route == "other":
            return as_error(404, "Sorry, we can't find the page you are looking for.")
        return ANSWERS[request.route](call)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Says nothing: the Hub keeps records."""


class HubHandler(Handler):
    def take_apart(self) -> Call:
        return on_hub(self.server.hub, self.command, self.path)


class CdnHandler(Handler):
    def take_apart(self) -> Call:
        return on_cdn(self.server.hub, self.command, self.path)
