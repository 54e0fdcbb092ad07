"""Proxies on this machine: one that works, and others that do not."""

from __future__ import annotations

import contextlib
import importlib.util
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest

needs_socks = pytest.mark.skipif(
    importlib.util.find_spec("socksio") is None,
    reason="socksio is not here; scripts/test fetches it",
)
Kind = Literal["works", "silent", "closes", "babbles"]


class Proxy:
    """A proxy.

    Args:
        kind: It works; says nothing; closes the connection; says what is no HTTP.
        answer: What it says to every request instead, e.g. "407 Proxy Authentication Required".
        tls: What to encrypt its own side with.
        to: The host and port that it connects to, whatever it is asked for.

    Attributes:
        host: Its address and port.
        asked: The first lines of the requests that came.
        headers: What came with them, in lower case.
    """

    def __init__(
        self,
        kind: Kind = "works",
        answer: str = "",
        tls: ssl.SSLContext | None = None,
        to: str = "",
    ) -> None:
        self.asked: list[str] = []
        self.headers: list[str] = []
        self._kind = kind
        self._answer = answer
        self._tls = tls
        self._to = to
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]

    def __enter__(self) -> Proxy:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(client)
            if self._tls is not None:
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
                self._open.append(client)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(4096)):
                    return
                head += data
            self.asked.append(head.partition(b"\r\n")[0].decode())
            self.headers.append(head.decode().lower())
            if self._kind == "silent":
                self._closing.wait()
            elif self._kind == "babbles":
                client.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            elif self._answer:
                text = f"HTTP/1.1 {self._answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                client.sendall(text.encode())
            elif self._kind == "works":
                self._pass_on(client, head)

    def _pass_on(self, client: socket.socket, head: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
        else:
            parts = urlsplit(target)
            host, port = parts.hostname or "", str(parts.port or 80)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            head = head.replace(f" {target} ".encode(), f" {path} ".encode(), 1)
            head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        if self._to:
            host, _, port = self._to.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            self._open.append(server)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                server.sendall(head)
            self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        """Passes on what the two say until one of them ends."""
        ends = {client: server, server: client}
        while not self._closing.is_set():
            for one in select.select(list(ends), [], [], 0.2)[0]:
                if not (data := one.recv(1 << 16)):
                    return
                ends[one].sendall(data)


class Socks(Proxy):
    """A proxy that speaks SOCKS 5.

    Args:
        *says: What it says to the greeting, and to what follows; behind the last of them it passes
            on, or closes the connection where the client was not let through.
        to: The host and port that it connects to, whatever it is asked for.
    """

    GOOD = (b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6))

    def __init__(self, *says: bytes, to: str = "") -> None:
        super().__init__(to=to)
        self._says = says

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            for answer in self._says:
                self.asked.append(client.recv(4096).decode("latin-1"))
                client.sendall(answer)
            if self._to:
                host, _, port = self._to.rpartition(":")
                with socket.create_connection((host, int(port))) as server:
                    self._open.append(server)
                    self._join(client, server)


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """A host and a port where nobody listens, and nobody else will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
