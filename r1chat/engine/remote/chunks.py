"""Parses and validates the events of a stream."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from r1chat.engine.remote.refusals import clean, trouble
from r1chat.engine.remote.server import Server
from r1chat.engine.remote.sse import Event, Garbage

_MOST = 1 << 40
_LONGEST_NAME = 200
_FIRST_HALVES = ("\ud800", "\udbff")
_DEEPEST = 6
"""Levels of parts in which words are looked for."""
_THOUGHTS = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_text",
    "thought",
    "thoughts",
    "reasoning_details",
    "thinking_blocks",
    "thinking_content",
    "reasoning_summary",
)
"""Where servers put thoughts that they tell apart: DeepSeek's and llama-server's name, OpenRouter's
and Ollama's, and those of gateways."""
_PARTS = ("text", "content", "thinking", "reasoning", "summary", "refusal", "value", "parts")
"""Where the parts of a message have their words."""
_GOES_ON = ("", "null", "None")
_NO_STREAM = "sends something that is no stream of a reply"


@dataclass(frozen=True, slots=True)
class Counts:
    """The token counts that a server reports; None where it does not."""

    written: int | None = None
    """That the model has written in this stream so far."""
    prompt: int | None = None
    """Of the prompt."""
    cached: int | None = None
    """Of them, those that the server had read before."""
    evaluated: int | None = None
    """Of them, those that it has read by now."""
    estimate: int | None = None
    """Of the prompt, roughly: as many as nobody has counted."""


NOTHING = Counts()


Scored: TypeAlias = tuple[str, float]
"""A token's text, and the natural logarithm of its probability."""


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
    scores: tuple[Scored, ...] = ()
    """How sure the model was of its tokens."""


class Reader:
    """Reads the events of one stream.

    Args:
        server: Who sends it.
        model: What was asked for.
    """

    def __init__(self, server: Server, model: str = "") -> None:
        self._server = server
        self._model = model
        self._streamed: dict[int, tuple[list[str], list[str]]] = {}
        """What came of each reply piece by piece: of its answer, and of its thought."""

    def read(self, event: Event) -> Iterator[Chunk]:
        """Reads an event.

        Yields:
            What it holds. Words that came with an error come before it.

        Raises:
            Garbage: If it is nothing that a server sends in the middle of a reply.
            R1ChatError: If the server says that something went wrong.
        """
        value = event.value
        error = trouble(event, self._server, self._model)
        if isinstance(value, dict):
            yield from self._chunks(value, is_error=error is not None)
        if error is not None:
            raise error
        if not isinstance(value, dict):
            raise self.no_stream(event.text)

    def no_stream(self, text: str = "") -> Garbage:
        """The error where something else came than a reply; it may say what is wrong."""
        words = "" if "<" in text or "{" in text else clean(text, self._server)
        detail = f" ({words})" if words else ""
        return Garbage(f"{self._server.host} {_NO_STREAM}{detail}: check the address")

    def _chunks(self, value: dict[str, Any], *, is_error: bool) -> Iterator[Chunk]:
        counts = _counts(value)
        choices = value.get("choices")
        if isinstance(choices, dict):
            choices = [choices]
        elif not choices and isinstance(value.get("message"), dict):
            # As in Ollama's own protocol.
            choices = [value]
        if not isinstance(choices, list) or not choices:
            if counts is not NOTHING:
                yield Chunk(counts=counts)
            elif choices != [] and not is_error and not _says_nothing(value):
                raise self.no_stream()
            return
        name = value.get("id")
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            index = _number(choice.get("index")) or 0
            text, thought = self._words(choice, index)
            yield Chunk(
                text=text,
                thought=thought,
                finish=None if is_error else _finish(choice),
                index=index,
                name=name if isinstance(name, str) and len(name) <= _LONGEST_NAME else "",
                counts=counts,
                scores=tuple(scores_of(choice)),
            )

    def _words(self, choice: dict[str, Any], index: int) -> tuple[str, str]:
        """The words of a choice, and of its thought."""
        said = _Said()
        message = choice.get("message")
        for place in (choice.get("delta"), message, choice):
            if isinstance(place, dict):
                said.take(place)
            if said.text or said.thought:
                break
        streamed = self._streamed.setdefault(index, ([], []))
        if place is message:
            # Some servers say all of it again at the end.
            text, thought = map("".join, streamed)
            return _beyond(text, said.text), _beyond(thought, said.thought)
        streamed[0].append(said.text)
        streamed[1].append(said.thought)
        return said.text, said.thought


def scores_of(choice: Mapping[str, Any]) -> Iterator[Scored]:
    """How sure the model was of the tokens of a choice, in either of the forms that servers use.

    What is no probability is left out.
    """
    found = choice.get("logprobs")
    if not isinstance(found, dict):
        return
    content, tokens = found.get("content"), found.get("tokens")
    pairs: Iterable[tuple[object, object]] = ()
    if isinstance(content, list):
        each_is = (each for each in content if isinstance(each, dict))
        pairs = ((each.get("token"), each.get("logprob")) for each in each_is)
    elif isinstance(tokens, list) and isinstance(found.get("token_logprobs"), list):
        pairs = zip(tokens, found["token_logprobs"], strict=False)
    for text, logprob in pairs:
        if (
            isinstance(text, str)
            and isinstance(logprob, (int, float))
            and not isinstance(logprob, bool)
            and math.isfinite(logprob)
        ):
            yield Halves().feed(text), min(0.0, float(logprob))


def _beyond(before: str, words: str) -> str:
    """What of a whole message has not come yet, where its beginning has."""
    if before and words.startswith(before):
        return words[len(before) :]
    return "" if before and words.strip() == before.strip() else words


class _Said:
    """Collects the words of a message, however they are wrapped."""

    def __init__(self) -> None:
        self.text = ""
        self.thought = ""

    def take(self, message: dict[str, Any]) -> None:
        """Takes the words of a message, or of a piece of one."""
        for name in _THOUGHTS:
            # A server that has several of these says the same in each.
            self.thought = self.thought or _flat(message.get(name))
        for name in ("content", "text", "refusal"):
            before = self.text
            self._take_part(message.get(name))
            if self.text != before:
                break

    def _take_part(self, part: object) -> None:
        if isinstance(part, str):
            self.text += part
        elif isinstance(part, list):
            for each in part:
                self._take_part(each)
        elif isinstance(part, dict):
            kind = part.get("type")
            if isinstance(kind, str) and re.search("think|thought|reason", kind):
                self.thought += _flat(part)
            else:
                self.text += _flat(part)


def _flat(value: object, deepest: int = _DEEPEST) -> str:
    """The words in a value: a text, or parts that hold texts."""
    if isinstance(value, str):
        return value
    if deepest <= 0:
        return ""
    if isinstance(value, list):
        return "".join(_flat(each, deepest - 1) for each in value)
    if not isinstance(value, dict):
        return ""
    return next((w for name in _PARTS if (w := _flat(value.get(name), deepest - 1))), "")


def _finish(choice: dict[str, Any]) -> str | None:
    """The server's finish reason; some send "null" until the reply ends."""
    found = choice.get("finish_reason")
    if isinstance(found, dict):
        found = found.get("type")
    return found if isinstance(found, str) and found not in _GOES_ON else None


def _says_nothing(value: dict[str, Any]) -> bool:
    """Whether an event is one of those with which servers keep a connection alive."""
    return not value or value.get("type") == "ping" or "id" in value or "object" in value


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


def _counts(value: dict[str, Any]) -> Counts:
    """Parses token counts in any of their forms."""
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
