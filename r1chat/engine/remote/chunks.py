"""Reads the events of a stream, and believes nothing that it has not checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from r1chat.engine.remote.refusals import Busy, said
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Garbage

_MOST = 1 << 40
_LONGEST_NAME = 200
_FIRST_HALVES = ("\ud800", "\udbff")
_NO_STREAM = "{} sends something that is no stream of a reply: check the address"


@dataclass(frozen=True, slots=True)
class Counts:
    """What is said about tokens; None where it is not said."""

    written: int | None = None
    """That the model has written in this stream so far."""
    prompt: int | None = None
    """Of the prompt."""
    cached: int | None = None
    """Of them, those that the server had read before."""
    evaluated: int | None = None
    """Of them, those that it has read by now."""


NOTHING = Counts()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a reply. What the server did not say is empty or None."""

    text: str = ""
    thought: str = ""
    """Thought that the server has told apart itself."""
    finish: str | None = None
    """Why it ended, in the server's words."""
    index: int | None = None
    """Of which of several replies; None for all."""
    name: str = ""
    """The completion's own name, by which it can be steered."""
    counts: Counts = NOTHING


def read(text: str, server: Server) -> list[Chunk]:
    """Reads one event.

    Raises:
        Garbage: If it is nothing that a server sends in the middle of a reply.
        Busy: If the server says that it failed.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Garbage(_NO_STREAM.format(server.host))
    if value.get("error"):
        reason = said(text.encode("utf-8", "replace"), server)
        msg = f"{server.host} fails{f' ({reason})' if reason else ''}: see the server's log"
        raise Busy(msg)
    counts = _counts(value)
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        if counts is not NOTHING or choices == []:
            return [Chunk(counts=counts)]
        raise Garbage(_NO_STREAM.format(server.host))
    name = value.get("id")
    return [
        Chunk(
            text=_text(choice, "content", "text"),
            thought=_text(choice, "reasoning_content", "reasoning"),
            finish=finish if isinstance(finish := choice.get("finish_reason"), str) else None,
            index=_number(choice.get("index")) or 0,
            name=name if isinstance(name, str) and len(name) <= _LONGEST_NAME else "",
            counts=counts,
        )
        for choice in choices
        if isinstance(choice, dict)
    ]


class Halves:
    """Puts the halves of characters together; where one is missing, U+FFFD takes its place.

    JSON may spell a character in two halves, and a server may send them one after the other.
    """

    def __init__(self) -> None:
        self._first = ""

    def feed(self, text: str) -> str:
        """Takes the next text and returns what is certain now."""
        text, self._first = self._first + text, ""
        if text.isascii():
            return text
        if _FIRST_HALVES[0] <= text[-1] <= _FIRST_HALVES[1]:
            text, self._first = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(choice: dict[str, Any], *names: str) -> str:
    delta = choice.get("delta")
    for place in (delta, choice):
        for name in names:
            found = place.get(name) if isinstance(place, dict) else None
            if isinstance(found, str) and found:
                return found
    return ""


def _counts(value: dict[str, Any]) -> Counts:
    """What is said about tokens, in one of the forms there are."""
    timings, usage, progress = (
        part if isinstance(part := value.get(name), dict) else {}
        for name in ("timings", "usage", "prompt_progress")
    )
    if progress:
        # While it reads, the timings know only of what it has read.
        prompt, cached = _number(progress.get("total")), _number(progress.get("cache"))
        return Counts(None, prompt, cached, _number(progress.get("processed")))
    if timings:
        cached, read_now = _number(timings.get("cache_n")), _number(timings.get("prompt_n"))
        prompt = None if read_now is None else read_now + (cached or 0)
        return Counts(_number(timings.get("predicted_n")), prompt, cached)
    if usage:
        details = usage.get("prompt_tokens_details")
        cached = _number(details.get("cached_tokens")) if isinstance(details, dict) else None
        return Counts(
            _number(usage.get("completion_tokens")), _number(usage.get("prompt_tokens")), cached
        )
    return NOTHING


def _number(value: object) -> int | None:
    """A count; JSON's true, a negative or a huge number is none."""
    return value if type(value) is int and 0 <= value < _MOST else None
