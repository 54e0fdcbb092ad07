"""Cuts a stream of server-sent events into the texts that they carry."""

from __future__ import annotations

from r1chat.errors import NetworkError

LONGEST = 1 << 20
"""Bytes of one line. Honest ones have some hundred."""
DONE = "[DONE]"
"""What stands in the last event."""


class Garbage(NetworkError):  # noqa: N818  (what came)
    """The server sent something that is no stream of a reply."""


class Lines:
    """Takes bytes as they come and gives what stands behind ``data:``.

    Everything else of the format is passed over: comments, which keep connections alive, names
    and numbers of events. Models' servers put each event into one line.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Takes the next bytes and returns the texts that are complete now.

        Raises:
            Garbage: If a line is longer than any honest one.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST or any(len(each) > LONGEST for each in lines):
            msg = "the server sends lines without end, which is no stream of a reply"
            raise Garbage(msg)
        found = []
        for each in lines:
            name, _, value = each.rstrip(b"\r").partition(b":")
            if name == b"data":
                found.append(value.removeprefix(b" ").decode("utf-8", "replace"))
            elif name == b"error":
                # llama-server names some of its events so.
                found.append(value.strip().decode("utf-8", "replace"))
        return found
