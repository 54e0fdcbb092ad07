"""The HTTP client for servers: bounded, cancellable, and silent about keys.

Every answer is read on a thread of its own, because neither a look-up of a name nor a read can be
broken off from outside in any other way. Whoever waits for it looks in at short intervals and goes
when it wants to; the thread then finds its connection shut and ends.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any, TypeAlias

from r1chat.engine.remote import refusals
from r1chat.engine.remote.chunks import NOTHING, Chunk, Counts, Reader
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Event, Events, Garbage, parsed
from r1chat.engine.remote.unpacking import unpacked
from r1chat.errors import Cancelled, NetworkError, R1ChatError
from r1chat.hub.route import Route, wants_password
from r1chat.sanitize import line
from r1chat.version import __version__

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

CONNECT_S = 10.0
_MOST_JSON = 8 << 20
_MOST_ERROR = 16 << 10
_MOST_TEXT = 16 << 20
"""Characters of the replies in one stream, where each event counts for one more. A million tokens
have less. Bytes would say little: around each token stand five hundred that count it."""
_MOST_WAITING = 256
"""Reads that wait to be taken: a server that is faster than its reader has to wait."""
LOOK_S = 0.05
"""How often the control is looked at where nothing arrives."""


Prepare: TypeAlias = Callable[[], tuple[str, Mapping[str, Any], Counts]]
"""Makes a request: where it goes, its body, and what is known of its tokens beforehand."""


class Link:
    """Sends requests to a server. Keeps no connection open between them; thread-safe.

    Args:
        server: The server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._lock = threading.Lock()
        self._http: httpx2.Client | None = None

    def get(self, url: str, timeout: float) -> Any:  # noqa: ANN401  (unchecked JSON)
        """Gets a short answer; see `_whole`."""
        return self._whole("GET", url, None, timeout)

    def post(
        self,
        url: str,
        body: Mapping[str, Any],
        timeout: float,
        wants_stop: Callable[[], bool] | None = None,
    ) -> Any:  # noqa: ANN401  (unchecked JSON)
        """Sends something and gets a short answer; see `_whole`."""
        return self._whole("POST", url, body, timeout, wants_stop)

    def _whole(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        timeout: float,
        wants_stop: Callable[[], bool] | None = None,
    ) -> Any:  # noqa: ANN401  (unchecked JSON)
        """Gets a short answer.

        Args:
            method: HTTP's.
            url: Where.
            body: What is sent, as JSON.
            timeout: Seconds for all of it.
            wants_stop: Says whether nobody waits for it any more.

        Returns:
            What it says, unchecked.

        Raises:
            NetworkError: If it does not come, or is no JSON.
            Cancelled: If it was not to be waited for.
        """
        found: list[Any] = []
        wire = Wire()

        def work() -> None:
            try:
                with self.open(wire, method, url, body, timeout) as response:
                    if not response.is_success:
                        found.append(self.refuse(response))
                        return
                    data = self._read(response, _MOST_JSON)
                found.append(json.loads(data))
            except (ValueError, RecursionError):
                host = self.server.host
                found.append(Garbage(f"{host} answers with something else than JSON"))
            except R1ChatError as error:
                found.append(error)
            except Exception as error:
                log.exception("a request failed")
                found.append(NetworkError(f"the request failed ({type(error).__name__})"))

        thread = threading.Thread(target=work, name="r1chat-request", daemon=True)
        thread.start()
        end = time.monotonic() + timeout
        while thread.is_alive():
            thread.join(LOOK_S)
            late = time.monotonic() > end
            if thread.is_alive() and (late or (wants_stop is not None and wants_stop())):
                wire.cut()
                if late:
                    import httpx2

                    raise refusals.failure(httpx2.ReadTimeout(""), self.server, wire.route)
                msg = "stopped"
                raise Cancelled(msg)
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    @contextlib.contextmanager
    def open(
        self,
        wire: Wire,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        timeout: float | None,
    ) -> Iterator[httpx2.Response]:
        """Sends a request, on the thread that reads the answer.

        Raises:
            R1ChatError: In place of whatever goes wrong.
        """
        try:
            import httpx2

            wire.route = self._route(url)
            limits = httpx2.Timeout(timeout, connect=CONNECT_S)
            with self._session().stream(
                method,
                url,
                json=body,
                headers=self._headers(),
                timeout=limits,
                extensions={"trace": wire.watch},
            ) as response:
                yield response
        except R1ChatError:
            raise
        except Exception as error:  # noqa: BLE001  (`failure` raises what it does not know)
            # Without its cause, which may hold headers.
            raise refusals.failure(error, self.server, wire.route) from None

    def _route(self, url: str) -> Route:
        return Route(url, address="the server's address", straight=self.server.is_local)

    def _headers(self) -> dict[str, str]:
        headers = {"user-agent": f"r1chat/{__version__}", "accept-encoding": "identity"}
        if self.server.key is not None:
            headers["authorization"] = f"Bearer {self.server.key}"
        return headers

    def refuse(self, response: httpx2.Response, model: str = "") -> R1ChatError:
        """What an answer means that is no success."""
        status, asked = response.status_code, str(response.request.url)
        if response.has_redirect_location:
            return refusals.redirection(status, response.headers["location"], asked, self.server)
        proxy = self._route(asked).proxy()
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and proxy is not None:
            return NetworkError(wants_password(proxy))
        body = self._read(response, _MOST_ERROR)
        via = self._route(asked).via
        return refusals.refusal(status, response.headers, body, self.server, model, via)

    def bytes_of(self, response: httpx2.Response) -> Iterator[bytes]:
        """The body of an answer as it comes."""
        return unpacked(response.iter_raw(), response.headers, self.server.host)

    def _read(self, response: httpx2.Response, most: int) -> bytes:
        """Reads a body; what is longer is cut off."""
        body = bytearray()
        for data in self.bytes_of(response):
            body += data
            if len(body) > most:
                break
        return bytes(body[:most])

    def _session(self) -> httpx2.Client:
        with self._lock:
            if self._http is None:
                import httpx2

                from r1chat.hub.network import new_client

                self._http = new_client(
                    httpx2.Timeout(CONNECT_S),
                    httpx2.Limits(max_keepalive_connections=0),
                    straight=self.server.is_local,  # To this machine no proxy leads.
                )
            return self._http


class Wire:
    """The connection of one request, which another thread may cut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_cut = False
        self.route: Route | None = None
        """What lies between this machine and the server, once a request is sent."""

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Learns of the connection, as httpx2 reports what it does."""
        if self.route is not None:
            self.route.saw(event, info)
        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        stream = info.get("return_value")
        found = stream.get_extra_info("socket") if stream is not None else None
        with self._lock:
            self._socket = found
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        """Shuts the connection; whoever reads from it is woken."""
        self.is_cut = True
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                # Not the method of a TLS socket, which would take its insides away under a reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Stream:
    """A reply that is read on a thread of its own.

    Args:
        link: To the server.
        prepare: Makes the request, on the same thread: it may have to ask the server something.
        model: For the words of a refusal.
    """

    def __init__(self, link: Link, prepare: Prepare, model: str) -> None:
        self._link = link
        self._prepare = prepare
        self._model = model
        self._wire = Wire()
        self._queue: Queue[list[Chunk] | R1ChatError | None] = Queue(_MOST_WAITING)
        self.ended = False
        """Whether all of it has been taken."""
        self.whole = False
        """Whether the server said that it was all."""
        thread = threading.Thread(target=self._read, name="r1chat-stream", daemon=True)
        thread.start()

    def take(self, wait_s: float) -> list[Chunk] | None:
        """Takes what came, if need be after a wait.

        Returns:
            What came; None if nothing did.

        Raises:
            NetworkError, ModelError: If it failed.
        """
        if self.ended:
            return None
        try:
            found = self._queue.get(timeout=wait_s)
        except Empty:
            return None
        if found is None:
            self.ended = True
            return []
        if isinstance(found, R1ChatError):
            self.ended = True
            raise found
        return found

    def close(self) -> None:
        """Leaves the rest of it. Further calls do nothing."""
        self._wire.cut()

    def _put(self, what: list[Chunk] | R1ChatError | None) -> None:
        while not self._wire.is_cut:
            with contextlib.suppress(Full):
                self._queue.put(what, timeout=LOOK_S)
                return

    def _read(self) -> None:
        try:
            url, body, counts = self._prepare()
            if counts is not NOTHING:
                self._put([Chunk(counts=counts)])
            if self._wire.is_cut:
                return
            with self._link.open(self._wire, "POST", url, body, None) as response:
                if response.is_success:
                    self._read_events(response)
                else:
                    self._put(self._link.refuse(response, self._model))
        except R1ChatError as error:
            self._put(error)
        except Exception as error:
            if not self._wire.is_cut:
                log.exception("a stream could not be read")
            self._put(NetworkError(f"the stream failed ({type(error).__name__})"))
        self._put(None)

    def _read_events(self, response: httpx2.Response) -> None:
        """Reads a reply, whether it is a stream as it was asked for or one JSON value."""
        parts = self._link.bytes_of(response)
        beginning = b""
        for part in parts:
            beginning += part
            if beginning.strip():
                break
        sign = beginning.lstrip().removeprefix(b"\xef\xbb\xbf")[:1]
        if sign == b"<":
            kind = line(response.headers.get("content-type", ""), 40) or "a page"
            host = self._link.server.host
            msg = f"{host} answers with {kind} in place of a stream: check the address"
            raise Garbage(msg)
        parts = itertools.chain([beginning], parts)
        reader = Reader(self._link.server, self._model)
        if sign in {b"{", b"["}:
            self._read_whole(parts, reader)
        else:
            self._read_stream(parts, reader)

    def _read_stream(self, parts: Iterable[bytes], reader: Reader) -> None:
        events = Events()
        size = 0
        for data in parts:
            size += self._take(events.feed(data), reader)
            if self.whole or self._wire.is_cut:
                return
            if size > _MOST_TEXT:
                raise Garbage(self._endless)
        self._take(events.close(), reader)
        if events.other:
            raise reader.no_stream(events.other)

    def _read_whole(self, parts: Iterable[bytes], reader: Reader) -> None:
        """Reads a reply that comes as one JSON value, a list of them, or a line each."""
        body = bytearray()
        for data in parts:
            body += data
            if self._wire.is_cut:
                return
            if len(body) > _MOST_TEXT:
                raise Garbage(self._endless)
        value = parsed(bytes(body))
        if value is None:
            self._read_stream([bytes(body)], reader)
            return
        values = value if isinstance(value, list) else [value]
        self._take([Event("", "", each) for each in values], reader)
        self.whole = True

    def _take(self, events: list[Event], reader: Reader) -> int:
        """Hands over what events hold.

        Returns:
            Characters that came, each event counted as one more.
        """
        chunks: list[Chunk] = []
        try:
            for event in events:
                if event.is_last:
                    self.whole = True
                    break
                # What comes before an error is kept.
                chunks.extend(reader.read(event))
        finally:
            if chunks:
                self._put(chunks)
        return len(events) + sum(len(chunk.text) + len(chunk.thought) for chunk in chunks)

    @property
    def _endless(self) -> str:
        return f"{self._link.server.host} sends without end: stopped"
