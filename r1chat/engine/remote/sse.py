"""Splits a stream into server-sent events."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from r1chat.errors import NetworkError

LONGEST = 1 << 20
"""Bytes of one event. Honest ones have some hundred."""
DONE = "[DONE]"
"""What stands in the last event."""
_LINE_BREAK = re.compile(rb"\r\n|\n|\r")
_PASSED_OVER = {b"", b"id", b"retry"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Garbage(NetworkError):  # noqa: N818  (what came)
    """The server sent something that is no stream of a reply."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    name: str
    """What kind of event the server calls it; mostly empty."""
    text: str
    value: object = None
    """The text read as JSON; None where it is none."""

    @property
    def is_last(self) -> bool:
        """Whether the server says with it that nothing more comes."""
        return self.text.strip().strip('"') == DONE


class Events:
    """Takes bytes as they come and gives the events that are complete.

    Comments, which keep connections alive, and numbers of events are passed over. Some servers
    leave the empty line between events out, and some send an error as bare JSON: a line that is a
    JSON value by itself is an event, whatever stands around it.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._begun = False
        self._found_any = False
        self._other = ""

    def feed(self, data: bytes) -> list[Event]:
        """Takes the next bytes and returns the events that are complete now.

        Raises:
            Garbage: If an event is longer than any honest one.
        """
        data = self._rest + data
        if not self._begun and len(data) >= len(_BYTE_ORDER_MARK):
            data = data.removeprefix(_BYTE_ORDER_MARK)
            self._begun = True
        # A line break may have a second half that is still to come.
        end = len(data) - data.endswith(b"\r")
        *lines, rest = _LINE_BREAK.split(data[:end])
        self._rest = rest + data[end:]
        if len(self._rest) > LONGEST or any(len(each) > LONGEST for each in lines):
            raise Garbage(_ENDLESS)
        found = []
        for each in lines:
            found += self._line(each)
        return found

    def close(self) -> list[Event]:
        """Returns what the end of the stream completes; half an event is dropped."""
        found = [*self._line(self._rest.rstrip(b"\r")), *self._dispatch()]
        found = [each for each in found if each.value is not None or each.name or each.is_last]
        self._rest = b""
        return found

    @property
    def other(self) -> str:
        """The first line of what came in place of a stream; empty where events came, or nothing."""
        return "" if self._found_any else self._other

    def _line(self, line: bytes) -> list[Event]:
        if not line.strip():
            found = self._dispatch()
            self._name = ""
            return found
        if line.lstrip().startswith(b"{"):
            return [*self._dispatch(), self._event(_text(line))]
        name, _, value = (part.strip(b" ") for part in line.partition(b":"))
        if name == b"data":
            return self._take(_text(value))
        if name == b"error":
            # llama-server named some of its events so.
            return [*self._dispatch(), self._event(_text(value), "error")]
        found = []
        if name == b"event":
            found = self._dispatch()
            self._name = _text(value)
        elif name not in _PASSED_OVER:
            self._other = self._other or _text(line)
        return found

    def _take(self, text: str) -> list[Event]:
        if not self._data and text.strip():
            event = self._event(text)
            if isinstance(event.value, dict) or event.is_last:
                return [event]
        if text.strip() or self._data:
            self._data.append(text)
            self._size += len(text)
        if self._size > LONGEST:
            raise Garbage(_ENDLESS)
        return []

    def _dispatch(self) -> list[Event]:
        """The event whose lines have been held back, if there is one."""
        lines, self._data, self._size = self._data, [], 0
        if not lines:
            return []
        event = self._event("\n".join(lines))
        alone = [self._event(each) for each in lines] if event.value is None else []
        # Several events without an empty line between them, the first of them garbage.
        return alone if any(isinstance(each.value, dict) for each in alone) else [event]

    def _event(self, text: str, name: str = "") -> Event:
        self._found_any = True
        return Event(name or self._name, text, parsed(text))


_ENDLESS = "the server sends lines without end, which is no stream of a reply"


def parsed(text: str | bytes) -> object:
    """A text read as JSON; None where it is none."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
