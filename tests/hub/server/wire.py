"""Sends an answer over a socket, with what goes wrong on the way."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
from contextlib import suppress
from http.client import responses
from threading import Event

from tests.hub.server.answer import Answer
from tests.hub.server.content import STEP, OnDisk
from tests.hub.server.record import Request

NO_LINGER = struct.pack("ii", 1, 0)
DRAIN_S = 5.0


class Wire:
    """One connection, for the length of one answer.

    Args:
        connection: To the client.
        request: The record of what was asked; `sent` is counted there while it goes out.
        closing: Set when the Hub ends; every wait ends with it.

    Attributes:
        keep: Whether the connection can be used for another answer.
    """

    def __init__(self, connection: socket.socket, request: Request, closing: Event) -> None:
        self.connection = connection
        self.request = request
        self.closing = closing
        self.keep = True

    def send(self, answer: Answer, *, body: bool) -> None:
        """Sends an answer, all of it or its head alone.

        Raises:
            OSError: The client has gone.
        """
        if answer.dropped:
            self._reset()
            return
        self.keep = answer.states_length
        self._send_head(answer)
        if not body:
            return
        try:
            self._send_body(answer)
        except OSError:
            self._forget_unheard()
            raise

    def _send_head(self, answer: Answer) -> None:
        phrase = responses.get(answer.status, "Unheard Of")
        headers = dict(answer.headers)
        if answer.states_length:
            headers.setdefault("Content-Length", str(answer.length))
        else:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        if not answer.header_pause:
            self.connection.sendall(head)
            return
        for byte in head:
            self.connection.sendall(bytes([byte]))
            if self.closing.wait(answer.header_pause):
                return

    def _send_body(self, answer: Answer) -> None:
        at = answer.start
        for stop in sorted(answer.breaks, key=lambda stop: stop.at):
            until = min(answer.start + stop.at, answer.stop)
            self._send_part(answer, at, until)
            at = until
            if stop.kind == "stall":
                self.closing.wait(stop.seconds)
            elif stop.kind == "reset":
                self._reset()
                return
            else:
                self.keep = False
                return
        self._send_part(answer, at, answer.stop)

    def _send_part(self, answer: Answer, start: int, stop: int) -> None:
        encrypted = isinstance(self.connection, ssl.SSLSocket)
        if isinstance(answer.body, OnDisk) and answer.rate is None and not encrypted:
            self._send_file(answer.body, start, stop)
            return
        step = STEP if answer.rate is None else max(min(int(answer.rate / 50), STEP), 1)
        begun = time.monotonic()
        for at in range(start, stop, step):
            if self.closing.is_set():
                self.keep = False
                return
            data = memoryview(answer.body.read(at, min(at + step, stop)))
            while data:
                count = self.connection.send(data)
                self.request.sent += count
                data = data[count:]
            if answer.rate is not None:
                due = begun + (min(at + step, stop) - start) / answer.rate
                self.closing.wait(max(due - time.monotonic(), 0))

    def _send_file(self, body: OnDisk, start: int, stop: int) -> None:
        with body.path.open("rb") as file:
            while start < stop and not self.closing.is_set():
                count = os.sendfile(
                    self.connection.fileno(), file.fileno(), start, min(stop - start, 1 << 24)
                )
                start += count
                self.request.sent += count

    def _reset(self) -> None:
        """Cuts the connection the hard way, once all that was sent before has arrived."""
        until = time.monotonic() + DRAIN_S
        while waiting(self.connection) and time.monotonic() < until:
            if self.closing.wait(0.001):
                break
        self._forget_unheard()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.connection.close()
        self.keep = False

    def _forget_unheard(self) -> None:
        self.request.sent -= min(waiting(self.connection), self.request.sent)


def waiting(connection: socket.socket) -> int:
    """Bytes that the other side's system has not acknowledged; 0 where nobody can tell."""
    with suppress(ImportError, OSError, ValueError):
        from fcntl import ioctl
        from termios import TIOCOUTQ

        return int(struct.unpack("i", ioctl(connection.fileno(), TIOCOUTQ, b"\0" * 4))[0])
    return 0
