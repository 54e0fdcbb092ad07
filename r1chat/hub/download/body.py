"""Reads a response's body in pieces as they arrive."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from r1chat.hub.download.faults import Broken

if TYPE_CHECKING:
    import httpx2

_BLOCK = 1 << 20


def wire(response: httpx2.Response) -> socket.socket | None:
    """The connection that an answer comes by."""
    found = response.extensions["network_stream"].get_extra_info("socket")
    return found if isinstance(found, socket.socket) else None


def pieces(response: httpx2.Response, stall_s: float, party: str) -> Iterator[bytes | memoryview]:
    """Reads a body past the HTTP library, whose small pieces cost more than all the rest.

    The connection is of no use to anybody afterwards.

    Args:
        response: The answer; nothing of its body was read yet.
        stall_s: Seconds without a byte after which it gives up.
        party: Who sends it, to be named in an error.

    Yields:
        The body as it came; a piece is good until the next one is asked for.

    Raises:
        Broken: If the connection breaks or stalls.
        httpx2.HTTPError: Likewise.
    """
    # What came together with the headers is in the library already, all of it in one piece.
    chunks = response.iter_raw()
    first = next(chunks, b"")
    yield first
    connection = wire(response)
    length = response.headers.get("Content-Length", "")
    encrypted = response.url.scheme == "https"
    if (
        connection is None
        or not length.isdecimal()
        or "Transfer-Encoding" in response.headers
        # Encrypted twice, by a proxy: then this is the outer one.
        or isinstance(connection, ssl.SSLSocket) != encrypted
    ):
        yield from chunks
        return
    left = int(length) - len(first)
    block = memoryview(bytearray(_BLOCK))
    while left > 0:
        try:
            connection.settimeout(stall_s)
            read = connection.recv_into(block[: min(left, _BLOCK)])
        except TimeoutError:
            reason = f"nothing came any more from {party}"
            raise Broken(reason) from None
        except OSError:
            read = 0
        if not read:
            reason = f"the connection to {party} broke"
            raise Broken(reason)
        left -= read
        yield block[:read]
