"""Requests a range of a file and writes it into the part."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from r1chat.errors import NetworkError
from r1chat.hub.download.body import pieces, wire
from r1chat.hub.download.faults import Broken, Worthless, as_broken
from r1chat.hub.download.part import Part, Span
from r1chat.hub.redirects import opened
from r1chat.hub.refusals import wait_asked_for
from r1chat.hub.values import Location, RemoteFile

if TYPE_CHECKING:
    import httpx2

    from r1chat.hub.way import Way

CONNECT_S = 10.0
STALL_S = 30.0
"""Without a byte for so long, it connects again."""
_DISK_S = 0.1
_BUSY = frozenset({408, 425, 429})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Locator(Protocol):
    """What knows where a file's bytes are: `r1chat.hub.remote.Remote`."""

    def locate(self, file: RemoteFile) -> Location:
        """Where they are now; raises NetworkError."""
        ...


class Source:
    """Where a file's bytes are at the moment. For several threads."""

    def __init__(self, remote: Locator, file: RemoteFile) -> None:
        self._remote = remote
        self._file = file
        self._lock = threading.Lock()
        self._location: Location | None = None

    def locate(self) -> Location:
        """Asks the Hub, where that was not done since `forget`."""
        with self._lock:
            if self._location is None:
                self._location = self._remote.locate(self._file)
            return self._location

    def forget(self) -> None:
        """Takes that the place may be no good any more: its address can expire."""
        self._location = None


def new_client() -> httpx2.Client:
    """Makes what speaks HTTP."""
    import httpx2

    from r1chat.hub import network

    return network.new_client(
        httpx2.Timeout(STALL_S, connect=CONNECT_S),
        # One that was left to itself may hold on to its connection for a while.
        httpx2.Limits(max_connections=None),
    )


class Fetch(threading.Thread):
    """Fetches a range of the file into the part, on its own thread.

    Args:
        client: Speaks HTTP.
        source: Where the bytes are.
        part: Where they go.
        span: Which ones; it is moved on as they come.
        wake: Called at the end.
        alone: Whether there is one connection only, which is used up by this.
    """

    def __init__(
        self,
        client: httpx2.Client,
        source: Source,
        part: Part,
        span: Span,
        wake: Callable[[], None],
        *,
        alone: bool,
    ) -> None:
        super().__init__(name="r1chat-hub-fetch", daemon=True)
        self.span = span
        self.ended = False
        self.whole = False
        """Whether the server sends the whole file, whatever it was asked for."""
        self.error: Exception | None = None
        """Why it ended early; a `Broken` where another try is worth it."""
        self._client = client
        self._source = source
        self._part = part
        self._wake = wake
        self._alone = alone
        self._writing = threading.Lock()
        self._stopped = False
        self._socket: socket.socket | None = None

    def run(self) -> None:
        """Fetches it."""
        try:
            self._fetch()
        except Exception as error:  # noqa: BLE001  (the transfer raises it)
            self.error = as_broken(error)
        self.ended = True
        self._wake()

    def stop(self) -> None:
        """Ends it: after this it writes nothing more, whatever it may still be waiting for."""
        self._stopped = True
        # A disk that hangs is not waited for; then it is a write of the right bytes in its place.
        if self._writing.acquire(timeout=_DISK_S):
            self._writing.release()
        # Wakes up who waits for bytes. Who waits for a connection is left to his time-out.
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _fetch(self) -> None:
        location = self._source.locate()
        span = self.span
        headers = {"range": f"bytes={span.at}-{span.end - 1}"}
        if self._stopped:
            return
        way = opened(self._client, location.environment, "GET", location.url, headers=headers)
        with way as (response, came):
            self._socket = wire(response)
            self.whole = response.status_code == HTTPStatus.OK
            check(response.status_code, response.headers, span, self._part.size, came)
            with self._part.path.open("r+b", buffering=0) as file:
                file.seek(span.at)
                chunks = (
                    pieces(response, STALL_S, came.host) if self._alone else response.iter_raw()
                )
                for chunk in chunks:
                    if not self._take(cast("BinaryIO", file), chunk):
                        return
        if span.at == span.start:
            reason = f"{came.host} sent nothing"
            raise Broken(reason)

    def _take(self, file: BinaryIO, chunk: bytes | memoryview) -> bool:
        """Writes what came; whether more is wanted."""
        span = self.span
        # A server that sends more than it was asked for is not listened to any longer.
        rest = memoryview(chunk)[: max(0, span.end - span.at)]
        with self._writing:
            if self._stopped:
                return False
            while rest:
                written = file.write(rest)
                span.at += written
                rest = rest[written:]
        return span.at < span.end


def check(status: int, headers: Mapping[str, str], span: Span, size: int, way: Way) -> None:
    """Sees whether an answer is the range that was asked for.

    Args:
        status: The answer's status.
        headers: Its headers.
        span: The range.
        size: Bytes of the whole file.
        way: The way that the answer came.

    Raises:
        Broken: If it is worth another try.
        Worthless: If the file is another one than before.
    """
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            reason = "the server packed the file"
            raise Broken(reason)
        whole = status == HTTPStatus.OK
        start, total = (0, _number(headers.get("Content-Length"))) if whole else _range(headers)
        if total not in {None, size}:
            reason = "the file's size has changed"
            raise Worthless(reason)
        if start != span.at:
            reason = "the server cannot resume a file"
            raise Worthless(reason)
    elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        reason = "the server's file has another size"
        raise Worthless(reason)
    elif status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason = f"{way.host} answered {_words(status)}{way.via}"
        raise Broken(reason, wait_asked_for(headers))
    elif status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise NetworkError(way.password_wanted)
    else:
        reason = f"{way.host} refused the file: {_words(status)}{way.via}"
        raise Broken(reason)


def _range(headers: Mapping[str, str]) -> tuple[int, int | None]:
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if match is None:
        reason = "the server does not say what it sends"
        raise Broken(reason)
    return int(match[1]), _number(match[3])


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
